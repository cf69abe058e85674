"""What the parameters of a list mean."""

import re
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

import attrs

from vitrine.core import errors
from vitrine.core.images.image import Visibility
from vitrine.core.images.members import MemberStatus
from vitrine.core.images.properties import is_hidden
from vitrine.core.images.query import (
    Comparison,
    Filter,
    FlagField,
    FlagIs,
    HasTag,
    Nothing,
    NumberField,
    NumberIs,
    NumberWithin,
    PropertyIs,
    Scope,
    SortField,
    SortKey,
    TextField,
    TextIn,
    TimeCompares,
    TimeField,
)
from vitrine.core.images.text import storable
from vitrine.usecases.catalogue import ListRequest

_LARGEST: Final = 2**63 - 1
_WITH_OPERATORS: Final = frozenset(
    {
        TextField.NAME,
        TextField.ID,
        TextField.STATUS,
        TextField.CONTAINER_FORMAT,
        TextField.DISK_FORMAT,
    }
)
_NOT_FILTERS: Final = frozenset(
    {"limit", "marker", "sort", "sort_key", "sort_dir", "visibility", "member_status", "deleted"}
)
_COMPARISONS: Final = frozenset(comparison.value for comparison in Comparison)
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,30}")


@attrs.frozen(kw_only=True)
class Paging:
    """How many images a page has.

    Attributes:
        default: Where the caller does not say.
        most: Whatever it says.
    """

    default: int = 25
    most: int = 1000


Pairs = Sequence[tuple[str, str]]


def parameters(query_string: str) -> Pairs:
    """Return the parameters of a query, in order and with repetitions.

    Raises:
        InvalidRequest: They are not UTF-8, or hold NUL.
    """
    try:
        pairs = urllib.parse.parse_qsl(query_string, keep_blank_values=True, errors="strict")
    except ValueError:
        raise errors.InvalidRequest("The query is not valid UTF-8.") from None
    for name, value in pairs:
        storable(name, value, basic=False)
        storable("name of a parameter", name, basic=False)
    return pairs


def page_link(path: str, pairs: Pairs, marker: str | None = None) -> str:
    """Return a link to a page of the same list: the first, or the one after *marker*."""
    kept = [(name, value) for name, value in pairs if name != "marker"]
    if marker is not None:
        kept.append(("marker", marker))
    return f"{path}?{urllib.parse.urlencode(kept)}" if kept else path


def list_request(pairs: Pairs, paging: Paging) -> ListRequest:
    """Return what the parameters *pairs* of a list of images ask for.

    Raises:
        InvalidRequest, InvalidValue: One of them cannot be understood.
        InvalidMarker: The marker is empty.
    """
    given = dict(pairs)
    keys, ties = _sorting(pairs)
    marker = given.get("marker")
    if marker == "":
        raise errors.InvalidMarker(marker)
    return ListRequest(
        scope=_scope(given),
        filters=_filters(pairs, given),
        sort=keys,
        ties_descending=ties,
        limit=read_limit(given.get("limit"), paging),
        marker=marker,
    )


def read_limit(text: str | None, paging: Paging) -> int:
    """Return how many entries a page shall have.

    Raises:
        InvalidValue: It is not a number from 0 on.
    """
    if text is None:
        return min(paging.default, paging.most)
    limit = _integer("limit", text)
    if limit < 0:
        raise errors.InvalidValue("limit", "it is negative")
    return min(limit, paging.most)


def _integer(name: str, text: str) -> int:
    if not _INTEGER.fullmatch(text.strip()):
        raise errors.InvalidValue(name, "it is not an integer")
    return int(text)


# --- whose ---------------------------------------------------------------------------


def _scope(given: Mapping[str, str]) -> Scope:
    visibility = given.get("visibility")
    member_status = given.get("member_status", MemberStatus.ACCEPTED.value)
    try:
        return Scope(
            visibility=None if visibility in (None, "all") else Visibility(visibility),
            all_visibilities=visibility == "all",
            member_status=None if member_status == "all" else MemberStatus(member_status),
        )
    except ValueError:
        wrong = "visibility" if visibility not in (None, "all", *Visibility) else "member_status"
        allowed = Visibility if wrong == "visibility" else MemberStatus
        raise errors.InvalidValue(wrong, f"it is not one of {', '.join(allowed)}, all") from None


# --- which ---------------------------------------------------------------------------


def _filters(pairs: Pairs, given: Mapping[str, str]) -> tuple[Filter, ...]:
    if "changes-since" in given:
        raise errors.InvalidRequest("Images cannot be filtered by changes-since.")
    filters: list[Filter] = [HasTag(value) for name, value in pairs if name == "tag"]
    for name, value in given.items():
        if name not in _NOT_FILTERS and name != "tag":
            filters.append(_filter(name, value))
    if FlagField.OS_HIDDEN.value not in given:
        filters.append(FlagIs(FlagField.OS_HIDDEN, value=False))
    return tuple(filters)


def _filter(name: str, value: str) -> Filter:
    reader = _READERS.get(name)
    if reader is not None:
        return reader(name, value)
    # Who asks for what nobody is shown must not learn it by trying.
    return Nothing() if is_hidden(name) else PropertyIs(name, value)


def _text(name: str, value: str) -> Filter:
    field = TextField(name)
    if field not in _WITH_OPERATORS or ":" not in value:
        return TextIn(field, (value,))
    operator, _, operand = value.partition(":")
    match operator:
        case "eq":
            return TextIn(field, (operand,))
        case "in":
            return TextIn(field, split_quoted(name, operand))
        case _:
            raise errors.InvalidValue(name, "it has an operator that is neither 'in' nor 'eq'")


def split_quoted(name: str, text: str) -> tuple[str, ...]:
    """Return the values in a list with commas; quotes hold values with commas together.

    Raises:
        InvalidValue: A quote is missing, or stands in the middle of a value.
    """
    values: list[str] = []
    rest = text
    while True:
        if rest.startswith('"'):
            end = rest.find('"', 1)
            if end < 0:
                raise errors.InvalidValue(name, "a quote is not closed")
            value, rest = rest[1:end], rest[end + 1 :]
            if rest and not rest.startswith(","):
                raise errors.InvalidValue(name, "there is text behind a quoted value")
        else:
            value, comma, behind = rest.partition(",")
            if '"' in value:
                raise errors.InvalidValue(name, "a quote stands inside of a value")
            rest = comma + behind
        values.append(value)
        if not rest:
            return tuple(values)
        rest = rest[1:]


def _time(name: str, value: str) -> Filter:
    operator, colon, operand = value.partition(":")
    if colon and operator in _COMPARISONS:
        return TimeCompares(TimeField(name), Comparison(operator), _moment(name, operand))
    return TimeCompares(TimeField(name), Comparison.EQ, _moment(name, value))


def _moment(name: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise errors.InvalidValue(name, "it is not a time in ISO 8601 form") from None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise errors.InvalidValue(name, "it is a time that no calendar has") from None


def _number(name: str, value: str) -> Filter:
    text = value.strip()
    if not _INTEGER.fullmatch(text) or abs(int(text)) > _LARGEST:
        return Nothing()
    return NumberIs(NumberField(name), int(text))


def _least(name: str, value: str) -> Filter:
    least = _integer(name, value)
    field = NumberField(name.removesuffix("_min"))
    return Nothing() if least > _LARGEST else NumberWithin(field, least=max(least, -_LARGEST))


def _most(name: str, value: str) -> Filter:
    most = _integer(name, value)
    field = NumberField(name.removesuffix("_max"))
    return Nothing() if most < 0 else NumberWithin(field, most=min(most, _LARGEST))


def _flag(name: str, value: str) -> Filter:
    if value not in ("true", "false"):
        raise errors.InvalidValue(name, "it is neither 'true' nor 'false'")
    return FlagIs(FlagField(name), value == "true")


def _flag_in_any_case(name: str, value: str) -> Filter:
    return _flag(name, value.lower())


_Reader = Callable[[str, str], Filter]
_READERS: Final[Mapping[str, _Reader]] = MappingProxyType(
    {
        **dict.fromkeys(TextField, _text),
        **dict.fromkeys(TimeField, _time),
        **dict.fromkeys(NumberField, _number),
        **{f"{field}_min": _least for field in NumberField},
        **{f"{field}_max": _most for field in NumberField},
        FlagField.PROTECTED.value: _flag,
        FlagField.OS_HIDDEN.value: _flag_in_any_case,
    }
)


# --- in what order -------------------------------------------------------------------


def _sorting(pairs: Pairs) -> tuple[tuple[SortKey, ...], bool | None]:
    modern = [value for name, value in pairs if name == "sort"]
    keys = [value for name, value in pairs if name == "sort_key"]
    directions = [value for name, value in pairs if name == "sort_dir"]
    if not modern:
        return _classic_sorting(keys, directions)
    if keys or directions:
        raise errors.InvalidRequest("'sort' cannot be used with 'sort_key' or 'sort_dir'.")
    return tuple(_sort_key(item) for item in ",".join(modern).split(",")), None


def _sort_key(item: str) -> SortKey:
    name, colon, direction = item.strip().partition(":")
    return SortKey(_sort_field(name), _descending(direction) if colon else True)


def _sort_field(name: str) -> SortField:
    try:
        return SortField(name)
    except ValueError:
        raise errors.InvalidValue("sort", f"it names no key of {', '.join(SortField)}") from None


def _descending(direction: str) -> bool:
    if direction not in ("asc", "desc"):
        raise errors.InvalidValue("sort", "a direction is neither 'asc' nor 'desc'")
    return direction == "desc"


def _classic_sorting(
    keys: Sequence[str], directions: Sequence[str]
) -> tuple[tuple[SortKey, ...], bool | None]:
    fields = [_sort_field(name) for name in keys] or [SortField.CREATED_AT]
    descending = [_descending(direction) for direction in directions]
    if len(descending) <= 1:
        each = descending[0] if descending else True
        return tuple(SortKey(field, each) for field in fields), each
    if len(descending) != len(fields):
        raise errors.InvalidRequest("There must be as many 'sort_dir' as 'sort_key', or one.")
    return tuple(map(SortKey, fields, descending)), None
