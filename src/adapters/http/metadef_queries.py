"""What the parameters of requests about metadata definitions mean."""

from enum import StrEnum
from typing import Final, TypeVar

from vitrine.adapters.http.queries import Paging, Pairs, read_limit
from vitrine.core import errors
from vitrine.core.metadefs.namespaces import NamespaceVisibility
from vitrine.core.metadefs.query import NamespaceQuery, NamespaceSort, TagQuery, TagSort
from vitrine.usecases.metadefs import NamespaceListRequest

_E = TypeVar("_E", bound=StrEnum)

_RESOURCE_TYPE: Final = "resource_type"
_UNLIMITED: Final = Paging(default=2**31, most=2**31)


class _ObjectSort(StrEnum):
    """What a list of objects pretends to be sorted by."""

    ID = "id"
    NAME = "name"
    DESCRIPTION = "description"
    REQUIRED = "required"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


class _ObjectVisibility(StrEnum):
    """The visibilities that a list of objects takes, although objects have none."""

    PUBLIC = "public"
    PRIVATE = "private"
    SHARED = "shared"


def _one_of(name: str, kind: type[_E], value: str) -> _E:
    try:
        return kind(value)
    except ValueError:
        raise errors.InvalidValue(name, f"it is not one of {', '.join(kind)}") from None


def _descending(direction: str) -> bool:
    if direction not in ("asc", "desc"):
        raise errors.InvalidValue("sort_dir", "it is neither asc nor desc")
    return direction == "desc"


def namespace_list(pairs: Pairs, paging: Paging) -> NamespaceListRequest:
    """Return what the parameters of a list of namespaces ask for; unknown ones mean nothing.

    Raises:
        InvalidValue: One of them cannot be understood.
    """
    given = dict(pairs)
    visibility = given.get("visibility")
    types = given.get("resource_types")
    return NamespaceListRequest(
        query=NamespaceQuery(
            visibility=(
                None
                if visibility is None
                else _one_of("visibility", NamespaceVisibility, visibility)
            ),
            resource_types=None if types is None else tuple(dict.fromkeys(types.split(","))),
            sort=_one_of(
                "sort_key", NamespaceSort, given.get("sort_key", NamespaceSort.CREATED_AT)
            ),
            descending=_descending(given.get("sort_dir", "desc")),
        ),
        limit=read_limit(given.get("limit"), paging),
        marker=given.get("marker"),
    )


def resource_type(pairs: Pairs) -> str | None:
    """Return the resource type as which something shall be seen, or None.

    Raises:
        InvalidRequest: There are other parameters.
    """
    if any(name != _RESOURCE_TYPE for name, _ in pairs):
        raise errors.InvalidRequest(f"The only parameter here is '{_RESOURCE_TYPE}'.")
    return dict(pairs).get(_RESOURCE_TYPE)


def tag_list(pairs: Pairs) -> TagQuery:
    """Return what the parameters of a list of tags ask for; unknown ones mean nothing.

    Raises:
        InvalidValue: One of them cannot be understood.
    """
    given = dict(pairs)
    limit = given.get("limit")
    return TagQuery(
        sort=_one_of("sort_key", TagSort, given.get("sort_key", TagSort.CREATED_AT)),
        descending=_descending(given.get("sort_dir", "desc")),
        limit=None if limit is None else read_limit(limit, _UNLIMITED),
        marker=given.get("marker"),
    )


def check_object_list(pairs: Pairs) -> None:
    """Refuse parameters of a list of objects that are wrong; the others have no effect.

    Raises:
        InvalidValue: One of them cannot be understood.
    """
    given = dict(pairs)
    limit = given.get("limit")
    if limit is not None and read_limit(limit, _UNLIMITED) == 0:
        raise errors.InvalidValue("limit", "it is not positive")
    _one_of("sort_key", _ObjectSort, given.get("sort_key", _ObjectSort.CREATED_AT))
    _descending(given.get("sort_dir", "desc"))
    if "visibility" in given:
        _one_of("visibility", _ObjectVisibility, given["visibility"])
