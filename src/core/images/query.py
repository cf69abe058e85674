"""What a list of images asks for: whose, which, in what order, from where.

A query is plain data. The in-memory catalogue answers it with the functions
here; a database translates it, and must agree with them.
"""

import enum
import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

import attrs

from vitrine.core.images.access import ImageRecord
from vitrine.core.images.image import Image, Visibility
from vitrine.core.images.members import MemberStatus
from vitrine.core.images.status import LISTED

# --- which ---------------------------------------------------------------------------


class TextField(enum.StrEnum):
    """A field that is compared as text, by its API name."""

    ID = "id"
    NAME = "name"
    STATUS = "status"
    OWNER = "owner"
    CHECKSUM = "checksum"
    DISK_FORMAT = "disk_format"
    CONTAINER_FORMAT = "container_format"
    OS_HASH_ALGO = "os_hash_algo"
    OS_HASH_VALUE = "os_hash_value"


class NumberField(enum.StrEnum):
    """A field that is compared as a number, by its API name."""

    SIZE = "size"
    VIRTUAL_SIZE = "virtual_size"
    MIN_DISK = "min_disk"
    MIN_RAM = "min_ram"


class TimeField(enum.StrEnum):
    """A field that is compared as a moment, by its API name."""

    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


class FlagField(enum.StrEnum):
    """A field that is true or false, by its API name."""

    PROTECTED = "protected"
    OS_HIDDEN = "os_hidden"


class Comparison(enum.StrEnum):
    """How a moment is compared, by the name it has in a query."""

    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    EQ = "eq"
    NEQ = "neq"


_COMPARE: Final[Mapping[Comparison, Callable[[datetime, datetime], bool]]] = MappingProxyType(
    {
        Comparison.GT: operator.gt,
        Comparison.GTE: operator.ge,
        Comparison.LT: operator.lt,
        Comparison.LTE: operator.le,
        Comparison.EQ: operator.eq,
        Comparison.NEQ: operator.ne,
    }
)


@attrs.frozen
class TextIn:
    """The field is one of some values; a null field is none of them."""

    field: TextField
    values: tuple[str, ...]

    def matches(self, image: Image) -> bool:
        """Return whether *image* passes."""
        return text_of(image, self.field) in self.values


@attrs.frozen
class NumberIs:
    """The field has exactly this value."""

    field: NumberField
    value: int

    def matches(self, image: Image) -> bool:
        """Return whether *image* passes."""
        return number_of(image, self.field) == self.value


@attrs.frozen
class NumberWithin:
    """The field is within bounds, both inclusive; a null field is not."""

    field: NumberField
    least: int | None = None
    most: int | None = None

    def matches(self, image: Image) -> bool:
        """Return whether *image* passes."""
        value = number_of(image, self.field)
        return (
            value is not None
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
        )


@attrs.frozen
class TimeCompares:
    """The field compares so with a moment (UTC; an image's is in whole seconds)."""

    field: TimeField
    comparison: Comparison
    value: datetime

    def matches(self, image: Image) -> bool:
        """Return whether *image* passes."""
        return _COMPARE[self.comparison](time_of(image, self.field), self.value)


@attrs.frozen
class FlagIs:
    """The field is true, or is false."""

    field: FlagField
    value: bool

    def matches(self, image: Image) -> bool:
        """Return whether *image* passes."""
        flag = image.hidden if self.field is FlagField.OS_HIDDEN else image.protected
        return flag is self.value


@attrs.frozen
class HasTag:
    """The image carries a tag."""

    tag: str

    def matches(self, image: Image) -> bool:
        """Return whether *image* passes."""
        return self.tag in image.tags


@attrs.frozen
class PropertyIs:
    """The image has a custom property of exactly this value."""

    name: str
    value: str

    def matches(self, image: Image) -> bool:
        """Return whether *image* passes."""
        return image.properties.get(self.name) == self.value


@attrs.frozen
class Nothing:
    """No image passes: something was asked for that none can be."""

    def matches(self, image: Image) -> bool:  # noqa: ARG002 - every filter has this signature
        """Return False."""
        return False


Filter = TextIn | NumberIs | NumberWithin | TimeCompares | FlagIs | HasTag | PropertyIs | Nothing


_TEXT: Final[Mapping[TextField, Callable[[Image], str | None]]] = MappingProxyType(
    {
        TextField.ID: lambda image: image.id,
        TextField.NAME: lambda image: image.name,
        TextField.STATUS: lambda image: image.status.value,
        TextField.OWNER: lambda image: image.owner,
        TextField.CHECKSUM: lambda image: image.checksum,
        TextField.DISK_FORMAT: lambda image: image.disk_format,
        TextField.CONTAINER_FORMAT: lambda image: image.container_format,
        TextField.OS_HASH_ALGO: lambda image: image.digest.algorithm if image.digest else None,
        TextField.OS_HASH_VALUE: lambda image: image.digest.value if image.digest else None,
    }
)


def text_of(image: Image, field: TextField) -> str | None:
    """Return the value of a text field of *image*."""
    return _TEXT[field](image)


def number_of(image: Image, field: NumberField) -> int | None:
    """Return the value of a number field of *image*."""
    match field:
        case NumberField.SIZE:
            return image.size
        case NumberField.VIRTUAL_SIZE:
            return image.virtual_size
        case NumberField.MIN_DISK:
            return image.min_disk
        case NumberField.MIN_RAM:
            return image.min_ram


def time_of(image: Image, field: TimeField) -> datetime:
    """Return the value of a time field of *image*."""
    return image.created_at if field is TimeField.CREATED_AT else image.updated_at


# --- whose ---------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Scope:
    """Whose images a list is about, before any filter.

    Attributes:
        project: The caller's project, None if it has none.
        everything: Whether the images of all projects are in it (administrators).
        visibility: Only images of this visibility; None for the default, which is
            everything but the community images of others; see `all_visibilities`.
        all_visibilities: Whether the community images of others are in it too.
        member_status: Which answer of the caller's project makes a shared image
            of others part of it; None for any. It means nothing to administrators.
    """

    project: str | None = None
    everything: bool = False
    visibility: Visibility | None = None
    all_visibilities: bool = False
    member_status: MemberStatus | None = MemberStatus.ACCEPTED

    def admits(self, record: ImageRecord) -> bool:
        """Return whether *record* is in this scope."""
        image = record.image
        if image.status not in LISTED:
            return False
        own = self.project is not None and image.owner == self.project
        if self.visibility is not None:
            if image.visibility is not self.visibility:
                return False
        elif not self.all_visibilities and image.visibility is Visibility.COMMUNITY and not own:
            return False
        return (
            self.everything
            or own
            or image.visibility in (Visibility.PUBLIC, Visibility.COMMUNITY)
            or (
                image.visibility is Visibility.SHARED
                and record.membership is not None
                and self.member_status in (None, record.membership)
            )
        )


# --- in what order, from where -------------------------------------------------------


class SortField(enum.StrEnum):
    """A field that a list can be sorted by, by its API name."""

    NAME = "name"
    STATUS = "status"
    CONTAINER_FORMAT = "container_format"
    DISK_FORMAT = "disk_format"
    SIZE = "size"
    ID = "id"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


@attrs.frozen
class SortKey:
    """One field and its direction."""

    field: SortField
    descending: bool = True


SortValue = str | int | datetime


def total_order(
    keys: Sequence[SortKey], *, ties_descending: bool | None = None
) -> tuple[SortKey, ...]:
    """Return *keys* with what is missing to tell any two images apart.

    ``created_at`` and ``id`` are appended, in the direction of *ties_descending*;
    None for that of the only key, or descending where there are several or none.
    A field named again is dropped.
    """
    seen: dict[SortField, SortKey] = {}
    for key in keys:
        seen.setdefault(key.field, key)
    if ties_descending is None:
        ties_descending = keys[0].descending if len(keys) == 1 else True
    for field in (SortField.CREATED_AT, SortField.ID):
        seen.setdefault(field, SortKey(field, ties_descending))
    return tuple(seen.values())


def sort_value(image: Image, field: SortField) -> SortValue:
    """Return what *image* is sorted by; null counts as the empty text or as zero."""
    match field:
        case SortField.SIZE:
            return image.size or 0
        case SortField.CREATED_AT:
            return image.created_at
        case SortField.UPDATED_AT:
            return image.updated_at
        case _:
            return text_of(image, TextField(field.value)) or ""


@attrs.frozen(kw_only=True)
class ImageQuery:
    """One page of a list of images.

    Attributes:
        scope: Whose images.
        filters: All of them must match.
        sort: A total order (`total_order`). Text is compared by code points.
        limit: The greatest number of images on the page, at least 1.
        after: The sort values, one per key of *sort*, of the last image of the
            page before; None for the first page.
    """

    scope: Scope
    filters: tuple[Filter, ...] = ()
    sort: tuple[SortKey, ...] = total_order(())
    limit: int = 25
    after: tuple[SortValue, ...] | None = None

    def position(self, image: Image) -> tuple[SortValue, ...]:
        """Return where *image* stands in the order of this query."""
        return tuple(sort_value(image, key.field) for key in self.sort)

    def admits(self, record: ImageRecord) -> bool:
        """Return whether *record* is in scope and passes every filter."""
        return self.scope.admits(record) and all(
            each.matches(record.image) for each in self.filters
        )

    def is_behind(self, image: Image) -> bool:
        """Return whether *image* comes after the place where this page begins."""
        if self.after is None:
            return True
        for key, value, mark in zip(self.sort, self.position(image), self.after, strict=True):
            if value != mark:
                return (value < mark) is key.descending  # type: ignore[operator]  # one key's values are of one type
        return False


def in_order(records: Sequence[ImageRecord], sort: Sequence[SortKey]) -> list[ImageRecord]:
    """Return *records* in the order of *sort*."""
    ordered = list(records)
    for key in reversed(sort):
        field = key.field

        def value(record: ImageRecord, field: SortField = field) -> SortValue:
            return sort_value(record.image, field)

        ordered.sort(key=value, reverse=key.descending)
    return ordered
