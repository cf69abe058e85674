"""The filters of a list, as SQL that agrees with `Filter.matches`."""

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs
import sqlalchemy as sa

from vitrine.adapters.persistence.sql.database import storable
from vitrine.adapters.persistence.sql.facets import of_property, of_tag
from vitrine.adapters.persistence.sql.rows import BLANKS
from vitrine.adapters.persistence.sql.tables import images
from vitrine.adapters.persistence.sql.types import to_moment
from vitrine.core.images.query import (
    Comparison,
    Filter,
    FlagField,
    FlagIs,
    HasTag,
    Nothing,
    NumberIs,
    NumberWithin,
    PropertyIs,
    TextIn,
    TimeCompares,
)

_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1  # what a column and a parameter can hold

_OPERATORS: Final[Mapping[Comparison, Callable[[Any, Any], Any]]] = MappingProxyType(
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
class Condition:
    """What one column must be, compared with parameters, without their values.

    Attributes:
        name: What the parameters' names begin with.
        column: The column.
        comparisons: All of them must hold, each with a parameter of its own.
            None at all: the column must be one of the parameters.
        count: How many parameters there are.
        skips_blanks: Whether null, which is stored as the text or number that is
            asked for, is to be left out.
    """

    name: str
    column: str
    comparisons: tuple[Comparison, ...] = ()
    count: int = 1
    skips_blanks: bool = False

    def clause(self) -> sa.ColumnElement[bool]:
        """Return the condition as SQL."""
        column = images.c[self.column]
        # Any number may be asked for, also one that the column could not hold.
        wide = isinstance(column.type, sa.Integer)
        kind = sa.BigInteger() if wide else column.type
        parameters = [
            sa.bindparam(f"{self.name}_{number}", type_=kind) for number in range(self.count)
        ]
        clause: sa.ColumnElement[bool]
        if self.comparisons:
            pairs = zip(self.comparisons, parameters, strict=True)
            clause = sa.and_(*(_OPERATORS[how](column, value) for how, value in pairs))
        elif self.count > 1:
            clause = column.in_(parameters)
        else:
            # Written as what it is, so that every engine sees an equality.
            clause = column == parameters[0]
        if self.skips_blanks:
            bit = sa.literal_column(str(BLANKS[self.column]), sa.SmallInteger)
            clause = sa.and_(clause, images.c.blanks.bitwise_and(bit) == sa.literal_column("0"))
        return clause


class NoMatch:
    """A filter that nothing passes."""


_NO_MATCH: Final = NoMatch()

_Values = dict[str, Any]
_Translation = tuple[Condition | bytes | NoMatch | None, _Values]


def translate(  # noqa: C901, PLR0911 - a table
    each: Filter, name: str
) -> _Translation:
    """Return what *each* demands, and the values of its parameters, which *name* begins.

    A condition; a facet that the image must have; that nothing matches; or None, where
    the choice of shelves has seen to it.
    """
    match each:
        case TextIn():
            return _text(each, name)
        case NumberIs(field, value):
            if not _LEAST <= value <= _MOST:
                return _NO_MATCH, {}
            blank = value == 0 and field.value in BLANKS
            return Condition(name, field.value, skips_blanks=blank), {f"{name}_0": value}
        case NumberWithin():
            return _within(each, name)
        case TimeCompares(field, comparison, value):
            return Condition(name, field.value, (comparison,)), {f"{name}_0": to_moment(value)}
        case FlagIs(FlagField.PROTECTED, value):
            return Condition(name, "protected"), {f"{name}_0": int(value)}
        case FlagIs():
            return None, {}
        case HasTag(tag):
            return of_tag(tag), {}
        case PropertyIs(property_name, value):
            return of_property(property_name, value), {}
        case Nothing():
            return _NO_MATCH, {}


def _text(each: TextIn, name: str) -> _Translation:
    wanted = sorted({value for value in each.values if storable(value)})
    if not wanted:
        return _NO_MATCH, {}
    values = {f"{name}_{number}": value for number, value in enumerate(wanted)}
    blank = "" in wanted and each.field.value in BLANKS
    return Condition(name, each.field.value, (), len(wanted), skips_blanks=blank), values


def _within(each: NumberWithin, name: str) -> _Translation:
    # Both bounds always: a column that is null is within none.
    least = _LEAST if each.least is None else max(each.least, _LEAST)
    most = _MOST if each.most is None else min(each.most, _MOST)
    if least > most:
        return _NO_MATCH, {}
    blank = least <= 0 <= most and each.field.value in BLANKS
    comparisons = (Comparison.GTE, Comparison.LTE)
    return (
        Condition(name, each.field.value, comparisons, 2, skips_blanks=blank),
        {f"{name}_0": least, f"{name}_1": most},
    )
