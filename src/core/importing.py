"""Imports: what is asked for, and what an image shows of one that is under way."""

import enum
from collections.abc import Collection, Iterable, Mapping
from typing import Final, cast

import attrs

from vitrine.core import errors
from vitrine.core.images.image import Image
from vitrine.core.jobs import Job


class Method(enum.StrEnum):
    """Where the data of an import comes from."""

    GLANCE_DIRECT = "glance-direct"  # it was staged
    WEB_DOWNLOAD = "web-download"  # from a URL
    GLANCE_DOWNLOAD = "glance-download"  # from the image service of another region
    COPY_IMAGE = "copy-image"  # from a store that has it already


PENDING: Final = "os_glance_importing_to_stores"
"""The property that lists the stores which an import has still to fill."""

FAILED: Final = "os_glance_failed_import"
"""The property that lists the stores which the last import could not fill."""

STAGE_HOST: Final = "os_glance_stage_host"
"""The property that names the worker which holds the staged data. Never shown."""


@attrs.frozen(kw_only=True)
class ImportRequest:
    """What a caller asks for.

    Attributes:
        method: Where the data comes from.
        uri: The address of a web-download.
        region: The region of a glance-download.
        remote_id: The image there, a UUID.
        interface: Which of its endpoints is used.
        stores: The stores that were named; None if none was.
        all_stores: Whether every store that takes data is meant.
        all_must_succeed: Whether one store that fails fails the import.
        document: All of it as it was sent, JSON-ready. It may lead to secrets.
    """

    method: Method
    uri: str | None = attrs.field(default=None, repr=False)
    region: str | None = None
    remote_id: str | None = None
    interface: str = "public"
    stores: tuple[str, ...] | None = None
    all_stores: bool = False
    all_must_succeed: bool = True
    document: Mapping[str, object] = attrs.field(factory=dict[str, object], repr=False)


@attrs.frozen(kw_only=True)
class ImportPlan:
    """What a job does.

    Attributes:
        method: Where the data comes from.
        targets: The stores that get it, at least one, in the order of filling.
        named: Whether callers know stores by their names. Where they do not, the lists
            of an image name none.
        all_must_succeed: Whether one store that fails fails the import.
        uri: The address of a web-download.
        region: The region of a glance-download.
        remote_id: The image there.
        interface: Which of its endpoints is used.
    """

    method: Method
    targets: tuple[str, ...]
    named: bool = True
    all_must_succeed: bool = True
    uri: str | None = attrs.field(default=None, repr=False)
    region: str | None = None
    remote_id: str | None = None
    interface: str = "public"


# --- what is asked for, and what is to be done ---------------------------------------


def read_import(document: Mapping[str, object]) -> ImportRequest:
    """Return what a decoded JSON object asks for.

    What a method needs besides its name is not looked for: the state of the image is
    more interesting to callers than that.

    Raises:
        InvalidRequest: It names no known method, or something in it is of another type
            than it has to be.
    """
    method = document.get("method")
    if not isinstance(method, dict):
        raise errors.InvalidRequest("The body must have a 'method', which is an object.")
    given = cast("dict[str, object]", method)
    return ImportRequest(
        method=_method(given.get("name")),
        uri=_text(given, "uri"),
        region=_text(given, "glance_region"),
        remote_id=_text(given, "glance_image_id"),
        interface=_text(given, "glance_service_interface") or "public",
        stores=_names(document.get("stores")),
        all_stores=_flag(document, "all_stores", default=False),
        all_must_succeed=_flag(document, "all_stores_must_succeed", default=True),
        document=document,
    )


def _method(name: object) -> Method:
    if not isinstance(name, str):
        raise errors.InvalidRequest("The method must have a 'name', which is a string.")
    try:
        return Method(name)
    except ValueError:
        raise errors.InvalidRequest("There is no import method of this name.") from None


def _text(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise errors.InvalidRequest(f"The value of '{name}' must be a string.")
    return value or None


def _flag(fields: Mapping[str, object], name: str, *, default: bool) -> bool:
    value = fields.get(name, default)
    if not isinstance(value, bool):
        raise errors.InvalidRequest(f"The value of '{name}' must be true or false.")
    return value


def _names(value: object) -> tuple[str, ...] | None:
    """Return the names in a list, each once; None for an empty one, which names nothing."""
    names = cast("list[object]", value) if isinstance(value, list) else None
    if value is not None and (names is None or not all(isinstance(n, str) for n in names)):
        raise errors.InvalidRequest("The value of 'stores' must be an array of strings.")
    return tuple(dict.fromkeys(cast("list[str]", names or []))) or None


def input_of(
    image_id: str, request: ImportRequest, targets: Iterable[str | None]
) -> dict[str, object]:
    """Return what a job is given; `plan_of` reads it. A target of None has no name."""
    return {
        "image_id": image_id,
        "import_req": dict(request.document),
        "backend": list(targets),
    }


def plan_of(job: Job, default_store: str) -> ImportPlan:
    """Return what a job of `JobKind.API_IMAGE_IMPORT` is to do.

    Args:
        job: The job.
        default_store: The id of the store that has no name, where there is only one.

    Raises:
        InvalidRequest: It was given something else than `input_of` gives.
    """
    document, backend = job.input.get("import_req"), job.input.get("backend")
    if not isinstance(document, dict) or not isinstance(backend, list) or not backend:
        raise errors.InvalidRequest("The task does not say what is to be imported.")
    request = read_import(cast("dict[str, object]", document))
    names = cast("list[str | None]", backend)
    return ImportPlan(
        method=request.method,
        targets=tuple(default_store if name is None else name for name in names),
        named=None not in names,
        all_must_succeed=request.all_must_succeed,
        uri=request.uri,
        region=request.region,
        remote_id=request.remote_id,
        interface=request.interface,
    )


# --- what an image shows -------------------------------------------------------------


def pending_of(image: Image) -> frozenset[str]:
    """Return the stores that an import has still to fill."""
    return _split(image.properties.get(PENDING))


def failed_of(image: Image) -> frozenset[str]:
    """Return the stores that the last import could not fill."""
    return _split(image.properties.get(FAILED))


def with_progress(image: Image, *, pending: Iterable[str], failed: Iterable[str]) -> Image:
    """Return *image* with these stores still to fill, and these that failed."""
    lists = {PENDING: _join(pending), FAILED: _join(failed)}
    return attrs.evolve(image, properties={**image.properties, **lists})


def _split(text: str | None) -> frozenset[str]:
    return frozenset(name for name in (text or "").split(",") if name)


def _join(names: Iterable[str]) -> str:
    return ",".join(sorted(set(names)))


def progress_for_events(image: Image) -> Mapping[str, Collection[str]]:
    """Return what events of data say of an import: stores still to fill, and failed ones."""
    return {PENDING: sorted(pending_of(image)), FAILED: sorted(failed_of(image))}
