"""The operations that tell of the service itself: what it offers, and its schemas."""

from typing import Final

from vitrine.adapters.http.openapi.operations import Answer, Operation
from vitrine.adapters.http.schemas.metadefs import METADEF_SCHEMAS
from vitrine.core import errors

SCHEMA_NAMES: Final = (
    *("image", "images", "member", "members", "task", "tasks"),
    *(f"metadefs/{name}" for name in METADEF_SCHEMAS),
)


def _schema(name: str) -> Operation:
    words = name.replace("metadefs/", "metadef_")
    return Operation(
        route=f"GET /v2/schemas/{name}",
        id=f"show_schema_of_{words}",
        about=f"Show the JSON schema of {words.replace('_', ' ')}.",
        answers={200: Answer(about="The schema.", content={"type": "object"})},
    )


OPERATIONS: Final = (
    Operation(
        route="GET /v2/info/import",
        id="show_import_methods",
        about="Show how images can be imported.",
        answers={200: Answer(about="The methods.", content="ImportInfo")},
    ),
    Operation(
        route="GET /v2/info/stores",
        id="list_stores",
        about="List the stores that callers can choose from.",
        answers={200: Answer(about="The stores.", content="Stores")},
        errors=(errors.StoresUnnamed,),
    ),
    Operation(
        route="GET /v2/info/stores/detail",
        id="inspect_stores",
        about="List the same stores with everything that is known of them.",
        answers={200: Answer(about="The stores.", content="StoresInDetail")},
        errors=(errors.StoresUnnamed, errors.NotPermitted),
    ),
    Operation(
        route="GET /v2/info/usage",
        id="show_usage",
        about="Show what the caller's project uses of its quotas.",
        answers={200: Answer(about="Each quota, if there are any.", content="Usage")},
    ),
    *(_schema(name) for name in SCHEMA_NAMES),
)
