"""Facts: what the caller may not do."""

import attrs

from vitrine.core.errors.kinds import Forbidden


@attrs.define(eq=False)
class NotPermitted(Forbidden):
    """The operator's policy denies an action to this caller.

    Attributes:
        action: The name of the policy rule, such as ``modify_image``.
    """

    action: str

    def __str__(self) -> str:
        return f"You are not permitted to perform {self.action}."


@attrs.define(eq=False)
class ReadOnlyCaller(Forbidden):
    """An anonymous caller may look, and change nothing."""

    def __str__(self) -> str:
        return "Changing anything needs an authenticated caller."


@attrs.define(eq=False)
class ReservedName(Forbidden):
    """The name belongs to the service; callers cannot set or remove it."""

    name: str

    def __str__(self) -> str:
        return f"The attribute '{self.name}' is reserved."


@attrs.define(eq=False)
class ReadOnlyAttribute(Forbidden):
    """The attribute is shown and never set by callers."""

    name: str

    def __str__(self) -> str:
        return f"The attribute '{self.name}' is read-only."


@attrs.define(eq=False)
class BaseAttributeKept(Forbidden):
    """A base attribute can be changed and not removed."""

    name: str

    def __str__(self) -> str:
        return f"The attribute '{self.name}' may not be removed."


@attrs.define(eq=False)
class ForeignOwner(Forbidden):
    """Only an administrator can give an image or a namespace to another project."""

    def __str__(self) -> str:
        return "You are not permitted to set the owner to another project."


@attrs.define(eq=False)
class FormatFixed(Forbidden):
    """The formats describe bytes that are there already."""

    name: str

    def __str__(self) -> str:
        return f"The attribute '{self.name}' can be changed only before the data is there."


@attrs.define(eq=False)
class PropertyProtected(Forbidden):
    """A property protection denies an operation on one property."""

    name: str

    def __str__(self) -> str:
        return f"The property '{self.name}' is protected."


@attrs.define(eq=False)
class ImageProtected(Forbidden):
    """The image is marked as protected and cannot be deleted by anybody."""

    image_id: str

    def __str__(self) -> str:
        return f"Image {self.image_id} is protected and cannot be deleted."


@attrs.define(eq=False)
class ImageDeactivated(Forbidden):
    """The bytes of a deactivated image are for administrators only."""

    image_id: str

    def __str__(self) -> str:
        return f"Image {self.image_id} is deactivated; its data cannot be read."


@attrs.define(eq=False)
class SignatureRequired(Forbidden):
    """This service takes no data that is not signed."""

    image_id: str

    def __str__(self) -> str:
        return f"Image {self.image_id} must have all properties of a signature first."


@attrs.define(eq=False)
class LocationsClosed(Forbidden):
    """This service does not let locations be changed by patches."""

    def __str__(self) -> str:
        return "The locations of images cannot be changed here."


@attrs.define(eq=False)
class LastLocation(Forbidden):
    """The image would be left without its data."""

    image_id: str

    def __str__(self) -> str:
        return f"The last location of image {self.image_id} cannot be removed."


@attrs.define(eq=False)
class LocationReserved(Forbidden):
    """Callers that are no service may only name what anybody could fetch."""

    def __str__(self) -> str:
        return "You may only add http locations, and only where an http store is enabled."


@attrs.define(eq=False)
class ActionNotAllowed(Forbidden):
    """The image is in a state from which this action leads nowhere."""

    image_id: str
    action: str
    status: str

    def __str__(self) -> str:
        return f"Image {self.image_id} is {self.status}; it cannot be {self.action}."


@attrs.define(eq=False)
class NamespaceProtected(Forbidden):
    """The namespace is marked as protected: it and what is in it cannot be deleted."""

    namespace: str

    def __str__(self) -> str:
        return f"The namespace '{self.namespace}' is protected; nothing of it can be deleted."


@attrs.define(eq=False)
class NotShared(Forbidden):
    """Only an image whose visibility is shared has members."""

    image_id: str

    def __str__(self) -> str:
        return f"Only shared images have members, and image {self.image_id} is not shared."


@attrs.define(eq=False)
class HiddenMarker(Forbidden):
    """The page is to begin behind an image that the caller may not see."""

    marker: str

    def __str__(self) -> str:
        return f"You may not use image {self.marker} as a marker."
