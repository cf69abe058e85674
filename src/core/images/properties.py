"""Custom properties: which names callers may use, and what they may hold."""

from collections.abc import Iterable, Mapping
from typing import Final

from vitrine.core import errors
from vitrine.core.images.text import storable

LONGEST_NAME: Final = 255  # characters
LONGEST_VALUE: Final = 65_535  # characters

RESERVED: Final = frozenset({"location", "deleted", "deleted_at"})
RESERVED_PREFIX: Final = "os_glance"
_SHOWN: Final = frozenset(
    {"os_glance_import_task", "os_glance_importing_to_stores", "os_glance_failed_import"}
)

READ_ONLY: Final = frozenset(
    {
        "created_at",
        "updated_at",
        "status",
        "checksum",
        "size",
        "virtual_size",
        "direct_url",
        "self",
        "file",
        "schema",
        "stores",
        "id",
        "os_hash_algo",
        "os_hash_value",
    }
)
"""Shown on an image and set by the service alone."""

MUTABLE_BASE: Final = frozenset(
    {
        "name",
        "disk_format",
        "container_format",
        "visibility",
        "protected",
        "os_hidden",
        "owner",
        "min_disk",
        "min_ram",
        "tags",
        "locations",
    }
)
"""Base attributes that callers may change, each under rules of its own."""


def is_internal(name: str) -> bool:
    """Return whether *name* is one the service keeps for itself."""
    return name.startswith(RESERVED_PREFIX)


def is_hidden(name: str) -> bool:
    """Return whether *name* is one that the service keeps for itself and shows to nobody."""
    return is_internal(name) and name not in _SHOWN


def check_name(name: str) -> None:
    """Refuse a property name that callers may not use.

    Raises:
        InvalidValue: It is empty, longer than `LONGEST_NAME`, or not storable.
        ReservedName: It belongs to the service.
    """
    if not name:
        raise errors.InvalidRequest("The name of a property may not be empty.")
    storable("property name", name, longest=LONGEST_NAME, basic=False)
    if name in RESERVED or is_internal(name):
        raise errors.ReservedName(name)


def check_characters(properties: Mapping[str, str | None]) -> None:
    """Refuse names and values with characters the catalogue does not take.

    Raises:
        InvalidValue: A name or a value is not storable.
    """
    for name, value in properties.items():
        storable("property name", name, longest=LONGEST_NAME)
        if value is not None:
            storable(name, value, longest=LONGEST_VALUE)


def countable(names: Iterable[str]) -> int:
    """Return how many of *names* count against the property quota."""
    return sum(not is_internal(name) for name in names)
