"""What becomes of a namespace when definitions from a file meet it."""

import enum
from collections.abc import Sequence
from datetime import datetime

import attrs

from vitrine.core.metadefs.definitions import Association, Definition, Object, Property, Tag
from vitrine.core.metadefs.namespaces import Definitions, NewNamespace


class Existing(enum.Enum):
    """What is done to a namespace that is there already."""

    KEEP = "keep"
    """Nothing."""

    MERGE = "merge"
    """It gets the definitions that it does not have."""

    PREFER_NEW = "prefer new"
    """As `MERGE`, and what is in both becomes as the new one has it."""

    OVERWRITE = "overwrite"
    """It becomes what the new one is; definitions that only the old one had are gone."""


_KINDS = (Association, Property, Object, Tag)


def loaded(
    before: Definitions, new: NewNamespace, existing: Existing, now: datetime
) -> Definitions:
    """Return what *before* becomes, *before* itself if that changes nothing.

    Raises:
        DefinitionExists, LimitExceeded: See `Definitions.plus`.
    """
    if existing is Existing.KEEP:
        return before
    after = before
    if existing is not Existing.MERGE:
        owner = new.fields.owner if new.owner_given else before.namespace.fields.owner
        after = after.described(attrs.evolve(new.fields, owner=owner), now)
    if existing is Existing.OVERWRITE:
        empty = attrs.evolve(after, associations=(), properties=(), objects=(), tags=())
        after = empty.plus(new.definitions, now)
    else:
        after = _merged(after, new.definitions, now, prefer_new=existing is Existing.PREFER_NEW)
    return before if _said(after) == _said(before) else after


def _merged(
    before: Definitions, new: Sequence[Definition], now: datetime, *, prefer_new: bool
) -> Definitions:
    names = {kind: {each.name for each in before.all(kind)} for kind in _KINDS}
    after = before.plus([each for each in new if each.name not in names[type(each)]], now)
    if prefer_new:
        for each in new:
            if each.name in names[type(each)]:
                after = after.replacing(each.name, each, now)
    return after


def _said(definitions: Definitions) -> object:
    """Return everything that is said, without when."""
    return (
        definitions.namespace.fields,
        [[each.definition for each in definitions.all(kind)] for kind in _KINDS],
    )
