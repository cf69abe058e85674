"""What a JSON patch of an image means.

Reading a patch (`read_patch`) needs no image: whatever is wrong with it as
such is found before anybody looks whether the image exists. Applying it
(`apply_changes`) makes a new image or raises; there is nothing in between.
"""

import enum
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, cast

import attrs

from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.images import locations as places
from vitrine.core.images import properties as rules
from vitrine.core.images.image import (
    LONGEST_FORMAT,
    LONGEST_NAME,
    Image,
    Visibility,
    check_minimum,
    check_tags,
    whole_seconds,
)
from vitrine.core.images.status import FORMATS_OPEN
from vitrine.core.images.text import storable
from vitrine.core.policy import DELETE_IMAGE_LOCATION, SET_IMAGE_LOCATION
from vitrine.core.protection import Operation, Protections
from vitrine.core.quota import Quotas, within


class Op(enum.StrEnum):
    """What one entry of a patch does."""

    ADD = "add"
    REPLACE = "replace"
    REMOVE = "remove"


class Dialect(enum.Enum):
    """Which of the two media types a patch is written in.

    In the older one an entry is keyed by its operation and `add` refuses to
    overwrite; in the newer one the operation is a value and `add` overwrites.
    """

    V2_0 = "application/openstack-images-v2.0-json-patch"
    V2_1 = "application/openstack-images-v2.1-json-patch"


@attrs.frozen(kw_only=True)
class Change:
    """One entry of a patch.

    Attributes:
        path: The unescaped segments of the pointer: one, or for ``locations``
            also two.
        value: The new value; None for `Op.REMOVE`.
        overwrites: Whether an `Op.ADD` may replace what is there.
    """

    op: Op
    path: tuple[str, ...]
    value: object = None
    overwrites: bool = True

    @property
    def name(self) -> str:
        """The attribute or property that is changed."""
        return self.path[0]


# --- reading -------------------------------------------------------------------------

_BAD_ESCAPE: Final = re.compile(r"~(?![01])")


def _accept(_change: Change) -> None:
    """Find nothing wrong with a change."""


def read_patch(
    document: object, dialect: Dialect, check: Callable[[Change], None] = _accept
) -> tuple[Change, ...]:
    """Return the changes a decoded JSON document asks for.

    Args:
        document: The document.
        dialect: How it is written.
        check: Raises where a value does not fit the schema; asked for every entry
            before the next one is looked at.

    Raises:
        InvalidRequest: It is not a patch: not an array of objects, an operation,
            path or value is missing or unknown, or a pointer is malformed or
            goes too deep.
        InvalidValue: The name of a property is too long or not storable.
        ReadOnlyAttribute: It touches what only the service sets.
        ReservedName: It touches what belongs to the service.
    """
    if not isinstance(document, list):
        raise errors.InvalidRequest("The body must be an array of operations.")
    changes: list[Change] = []
    for entry in cast("list[object]", document):
        change = _read_entry(entry, dialect)
        check(change)
        changes.append(change)
    return tuple(changes)


def _read_entry(entry: object, dialect: Dialect) -> Change:
    if not isinstance(entry, dict):
        raise errors.InvalidRequest("Every operation of a patch must be an object.")
    fields = cast("dict[str, object]", entry)
    op, pointer = _read_op(fields, dialect)
    if op is not Op.REMOVE and "value" not in fields:
        raise errors.InvalidRequest(f"The operation '{op}' needs a value.")
    path = _read_pointer(pointer)
    _check_depth(op, path)
    name = path[0]
    if name in rules.READ_ONLY:
        raise errors.ReadOnlyAttribute(name)
    if name not in rules.MUTABLE_BASE:
        rules.check_name(name)
    return Change(
        op=op,
        path=path,
        value=None if op is Op.REMOVE else fields["value"],
        overwrites=dialect is Dialect.V2_1,
    )


def _read_op(fields: Mapping[str, object], dialect: Dialect) -> tuple[Op, object]:
    if dialect is Dialect.V2_0:
        present = [op for op in Op if op.value in fields]
        if len(present) != 1:
            raise errors.InvalidRequest(
                "Every operation must have exactly one of 'add', 'replace' and 'remove'."
            )
        return present[0], fields[present[0].value]
    try:
        op = Op(cast("str", fields.get("op")))
    except ValueError:
        raise errors.InvalidRequest(
            "The 'op' of every operation must be 'add', 'replace' or 'remove'."
        ) from None
    if "path" not in fields:
        raise errors.InvalidRequest(f"The operation '{op}' needs a path.")
    return op, fields["path"]


def _read_pointer(pointer: object) -> tuple[str, ...]:
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise errors.InvalidRequest("A path must be text that begins with '/'.")
    if pointer.endswith("/"):
        raise errors.InvalidRequest("A path may not end with '/'.")
    if _BAD_ESCAPE.search(pointer):
        raise errors.InvalidRequest("In a path, '~' must be followed by '0' or '1'.")
    segments = tuple(
        segment.strip().replace("~1", "/").replace("~0", "~") for segment in pointer[1:].split("/")
    )
    if not all(segments):
        raise errors.InvalidRequest("No part of a path may be empty.")
    return segments


def _check_depth(op: Op, path: tuple[str, ...]) -> None:
    wanted = 2 if path[0] == "locations" and op is not Op.REPLACE else 1
    if len(path) != wanted:
        raise errors.InvalidRequest(
            f"The path of '{op}' for '{path[0]}' must have {wanted} "
            f"part{'s' if wanted > 1 else ''}."
        )


# --- applying ------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class PatchRules:
    """What the caller of a patch may do, and how much.

    Attributes:
        context: The caller.
        protections: Who may do what to which property.
        holds: Whether a policy rule holds for the caller, for protections that
            name rules.
        permit: Raises `NotPermitted` where the policy denies an action on this
            image to the caller.
        quotas: The limits of every image.
        locations: Whether and how locations may be changed.
    """

    context: Context
    protections: Protections
    holds: Callable[[str], bool]
    permit: Callable[[str], None]
    quotas: Quotas
    locations: places.LocationRules = attrs.field(factory=places.LocationRules)

    def allows(self, operation: Operation, name: str) -> bool:
        """Return whether the protections let the caller do this to a property."""
        roles = self.context.roles | self.context.service_roles
        return self.protections.allows(operation, name, roles, self.holds)

    def check(self, operation: Operation, name: str) -> None:
        """Refuse what the protections do not allow.

        Raises:
            PropertyProtected: They do not.
        """
        if not self.allows(operation, name):
            raise errors.PropertyProtected(name)


def apply_changes(
    image: Image, changes: tuple[Change, ...], patch: PatchRules, now: datetime
) -> Image:
    """Return *image* with all *changes* made, in order.

    Without changes it is returned as it is.

    Raises:
        Forbidden: The policy, a protection or the nature of an attribute is
            against one of them.
        Conflict: One adds what is there, or replaces or removes what is not.
        Invalid: A value is not one the attribute can hold.
        LimitExceeded: There would be too many properties or tags.
    """
    if not changes:
        return image
    changed = image
    for change in changes:
        if change.name == "locations":
            changed = _change_locations(changed, change, patch, now)
        elif change.name in rules.MUTABLE_BASE:
            changed = _change_base(changed, change, patch)
        else:
            changed = _change_property(changed, change, patch)
    if not set(changed.properties) <= set(image.properties):
        within("properties", patch.quotas.properties, rules.countable(changed.properties))
    return attrs.evolve(changed, updated_at=whole_seconds(now))


def _change_property(image: Image, change: Change, patch: PatchRules) -> Image:
    name, before = change.name, dict(image.properties)
    present = name in before and patch.allows(Operation.READ, name)
    if change.op is Op.ADD and present and not change.overwrites:
        raise errors.PropertyPresent(name)
    if change.op is not Op.ADD and not present:
        raise errors.PropertyMissing(name)
    if change.op is Op.REMOVE:
        patch.check(Operation.DELETE, name)
        del before[name]
    else:
        patch.check(Operation.UPDATE if present else Operation.CREATE, name)
        value = property_value(name, change.value)
        rules.check_characters({name: value})
        before[name] = value
    return attrs.evolve(image, properties=before)


def property_value(name: str, value: object) -> str | None:
    """Return *value* as a property holds it.

    None passes here: whether a property may be null is for the operator's schema.

    Raises:
        InvalidValue: It is neither text nor None.
    """
    if value is not None and not isinstance(value, str):
        raise errors.InvalidValue(name, "it is not a string")
    return value


def _change_base(image: Image, change: Change, patch: PatchRules) -> Image:
    if change.op is Op.REMOVE:
        raise errors.BaseAttributeKept(change.name)
    if change.op is Op.ADD and not change.overwrites:
        raise errors.PropertyPresent(change.name)
    field, setter = _SETTERS[change.name]
    changes: dict[str, Any] = {field: setter(image, change, patch)}
    return attrs.evolve(image, **changes)


def _change_locations(image: Image, change: Change, patch: PatchRules, now: datetime) -> Image:
    if change.op is Op.REPLACE and change.value == []:
        raise errors.LastLocation(image.id)
    patch.permit(DELETE_IMAGE_LOCATION if change.op is Op.REMOVE else SET_IMAGE_LOCATION)
    if not patch.locations.enabled:
        raise errors.LocationsClosed
    match change.op:
        case Op.ADD:
            position = change.path[1]
            return places.add(image, position, change.value, patch.locations, now)
        case Op.REPLACE:
            return places.replace(image, change.value, patch.locations, now)
        case Op.REMOVE:
            return places.remove(image, change.path[1])


def _text(change: Change, longest: int) -> str | None:
    value = change.value
    if value is None:
        return None
    if not isinstance(value, str):
        raise errors.InvalidValue(change.name, "it is neither a string nor null")
    return storable(change.name, value, longest=longest)


def _set_name(_image: Image, change: Change, _patch: PatchRules) -> str | None:
    return _text(change, LONGEST_NAME)


def _set_format(image: Image, change: Change, _patch: PatchRules) -> str | None:
    if image.status not in FORMATS_OPEN:
        raise errors.FormatFixed(change.name)
    return _text(change, LONGEST_FORMAT)


def _set_owner(image: Image, change: Change, patch: PatchRules) -> str | None:
    owner = _text(change, LONGEST_NAME)
    # An owner may not even replace the owner by itself; adding itself is let pass.
    may = change.op is Op.ADD and owner is not None and owner == patch.context.project_id
    if not patch.context.is_admin and not (may and image.owner == owner):
        raise errors.ForeignOwner
    return owner


def _set_visibility(_image: Image, change: Change, patch: PatchRules) -> Visibility:
    try:
        visibility = Visibility(cast("str", change.value))
    except ValueError:
        raise errors.InvalidValue(
            change.name, f"it is not one of {', '.join(Visibility)}"
        ) from None
    check_visibility(visibility, patch.permit)
    return visibility


def check_visibility(visibility: Visibility, permit: Callable[[str], None]) -> None:
    """Ask for the permission that some visibilities need.

    Raises:
        NotPermitted: *permit* raises it.
    """
    action = _VISIBILITY_ACTIONS.get(visibility)
    if action is not None:
        permit(action)


_VISIBILITY_ACTIONS: Final = MappingProxyType(
    {Visibility.PUBLIC: "publicize_image", Visibility.COMMUNITY: "communitize_image"}
)


def _set_flag(_image: Image, change: Change, _patch: PatchRules) -> bool:
    if not isinstance(change.value, bool):
        raise errors.InvalidValue(change.name, "it is neither true nor false")
    return change.value


def _set_minimum(_image: Image, change: Change, _patch: PatchRules) -> int:
    value = whole_number(change.name, change.value)
    check_minimum(change.name, value)
    return value


def whole_number(field: str, value: object) -> int:
    """Return *value* as an integer; JSON may write one as ``1.0``.

    Raises:
        InvalidValue: It is no whole number.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise errors.InvalidValue(field, "it is not an integer")
    return value


def _set_tags(_image: Image, change: Change, patch: PatchRules) -> frozenset[str]:
    return tag_set(change.value, patch.quotas)


def tag_set(value: object, quotas: Quotas) -> frozenset[str]:
    """Return the tags in a decoded JSON array, each once.

    Raises:
        InvalidValue: It is not an array of text, or holds an impossible tag.
        LimitExceeded: There are more than the quota.
    """
    if not isinstance(value, list):
        raise errors.InvalidValue("tags", "it is not an array")
    tags: set[str] = set()
    for tag in cast("list[object]", value):
        if not isinstance(tag, str):
            raise errors.InvalidValue("tags", "a tag is not a string")
        tags.add(tag)
    check_tags(tags)
    within("tags", quotas.tags, len(tags))
    return frozenset(tags)


_Setter = Callable[[Image, Change, PatchRules], object]
_SETTERS: Final[Mapping[str, tuple[str, _Setter]]] = MappingProxyType(
    {
        "name": ("name", _set_name),
        "disk_format": ("disk_format", _set_format),
        "container_format": ("container_format", _set_format),
        "visibility": ("visibility", _set_visibility),
        "protected": ("protected", _set_flag),
        "os_hidden": ("hidden", _set_flag),
        "owner": ("owner", _set_owner),
        "min_disk": ("min_disk", _set_minimum),
        "min_ram": ("min_ram", _set_minimum),
        "tags": ("tags", _set_tags),
    }
)
