"""What a namespace defines: properties, objects, tags, and the resource types it is for."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

import attrs

from vitrine.core import errors
from vitrine.core.images.text import storable

LONGEST_NAME: Final = 80  # characters


def text(longest: int, *, empty: bool = True) -> Callable[[Any, Any, Any], None]:
    """Return a validator of text that every database can keep; None passes.

    Args:
        longest: In characters.
        empty: Whether there may be none of them.
    """

    def check(_: object, field: "attrs.Attribute[str | None]", value: str | None) -> None:
        if value is None:
            return
        storable(field.name, value, longest=longest, basic=False)
        if not value and not empty:
            raise errors.InvalidValue(field.name, "it is empty")

    return check


_NAME: Final = text(LONGEST_NAME, empty=False)
_SHORT: Final = text(LONGEST_NAME)


@attrs.frozen(kw_only=True)
class Property:
    """What values of one property mean and may be.

    Attributes:
        name: Not empty.
        schema: A JSON schema, JSON-ready, with ``title`` and ``type`` at least. It
            describes the values to people; nothing here interprets it.
    """

    KIND: ClassVar[str] = "property"

    name: str = attrs.field(validator=_NAME)
    schema: Mapping[str, object]


@attrs.frozen(kw_only=True)
class Object:
    """Properties that belong together.

    Attributes:
        name: Not empty.
        description: For people.
        required: The names of the properties that must be set together with any
            other; None if that was left open.
        properties: The schema of each property; see `Property.schema`.
    """

    KIND: ClassVar[str] = "object"

    name: str = attrs.field(validator=_NAME)
    description: str | None = None
    required: tuple[str, ...] | None = None
    properties: Mapping[str, Mapping[str, object]] = attrs.field(
        factory=dict[str, Mapping[str, object]]
    )


@attrs.frozen(kw_only=True)
class Tag:
    """A word that things can be marked with."""

    KIND: ClassVar[str] = "tag"

    name: str = attrs.field(validator=_NAME)


@attrs.frozen(kw_only=True)
class Association:
    """A resource type that the definitions of a namespace apply to.

    Attributes:
        name: The resource type's, such as ``OS::Glance::Image``.
        prefix: What stands before a property's name on resources of this type.
        properties_target: Which of several sets of properties of a resource is meant.
    """

    KIND: ClassVar[str] = "resource type"

    name: str = attrs.field(validator=_NAME)
    prefix: str | None = attrs.field(default=None, validator=_SHORT)
    properties_target: str | None = attrs.field(default=None, validator=_SHORT)


Definition = Property | Object | Tag | Association
