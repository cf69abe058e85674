"""Facts: what cannot be done now."""

import attrs

from vitrine.core.errors.kinds import Conflict


@attrs.define(eq=False)
class ImageExists(Conflict):
    """This id was issued before, perhaps to an image that is deleted by now."""

    image_id: str

    def __str__(self) -> str:
        return f"An image with the id {self.image_id} exists, or existed."


@attrs.define(eq=False)
class NotAllowedNow(Conflict):
    """The image's status does not lead where the operation wants to go."""

    image_id: str
    status: str
    wanted: str

    def __str__(self) -> str:
        return f"Image {self.image_id} is {self.status}; a change to {self.wanted} is not allowed."


@attrs.define(eq=False)
class BeingDeleted(Conflict):
    """Somebody is deleting the image at this moment."""

    image_id: str

    def __str__(self) -> str:
        return f"Image {self.image_id} is being deleted."


@attrs.define(eq=False)
class LocationsFixed(Conflict):
    """In this status an image's locations stay as they are."""

    image_id: str
    status: str

    def __str__(self) -> str:
        return f"Image {self.image_id} is {self.status}; its locations cannot be changed."


@attrs.define(eq=False)
class ValidationConflict(Conflict):
    """What a caller says of the bytes does not go with what is known of them.

    Attributes:
        reason: What is wrong, a phrase without a full stop.
    """

    reason: str

    def __str__(self) -> str:
        return f"The validation data is not acceptable: {self.reason}."


@attrs.define(eq=False)
class ImportRunning(Conflict):
    """Another import of this image has not ended."""

    image_id: str

    def __str__(self) -> str:
        return f"An import of image {self.image_id} is going on."


@attrs.define(eq=False)
class MemberExists(Conflict):
    """The image is shared with this project already."""

    image_id: str
    member_id: str

    def __str__(self) -> str:
        return f"{self.member_id} is already a member of image {self.image_id}."


@attrs.define(eq=False)
class PropertyMissing(Conflict):
    """A property that is to be replaced or removed is not there."""

    name: str

    def __str__(self) -> str:
        return f"The property '{self.name}' does not exist."


@attrs.define(eq=False)
class PropertyPresent(Conflict):
    """A property that is to be added is there already."""

    name: str

    def __str__(self) -> str:
        return f"The property '{self.name}' already exists."


@attrs.define(eq=False)
class NodesUnknown(Conflict):
    """The cache of each node is kept by itself, so that none knows of another."""

    def __str__(self) -> str:
        return "Which nodes have an image cached is not known here."


@attrs.define(eq=False)
class BlobInUse(Conflict):
    """The store refuses to delete bytes that something else depends on."""

    def __str__(self) -> str:
        return "The image's data is in use and cannot be deleted now."


@attrs.define(eq=False)
class LocationBusy(Conflict):
    """The bytes at this address are being given to an image, or deleted, by somebody else."""

    def __str__(self) -> str:
        return "The data at this location is in the hands of another request; please try again."


@attrs.define(eq=False)
class BlobExists(Conflict):
    """Something is stored under this key; it stays as it was."""

    def __str__(self) -> str:
        return "The store already holds data under this key."


@attrs.define(eq=False)
class Stale(Conflict):
    """Somebody else changed the image between reading and writing it.

    A use case that meets this runs again from its first read, a bounded number
    of times; callers see it only when that bound is reached.
    """

    image_id: str

    def __str__(self) -> str:
        return f"Image {self.image_id} is being changed by many at once; please try again."


@attrs.define(eq=False)
class StaleNamespace(Stale):
    """As `Stale`, of a namespace; *image_id* is the namespace's id, which nobody sees."""

    def __str__(self) -> str:
        return "The namespace is being changed by many at once; please try again."


@attrs.define(eq=False)
class StaleJob(Stale):
    """As `Stale`, of a job; *image_id* is the job's id."""

    def __str__(self) -> str:
        return "The task is being worked on by somebody else."


@attrs.define(eq=False)
class NamespaceExists(Conflict):
    """There is a namespace with this name, perhaps one that the caller may not see."""

    namespace: str

    def __str__(self) -> str:
        return f"A namespace '{self.namespace}' exists already."


@attrs.define(eq=False)
class DefinitionExists(Conflict):
    """The namespace defines something of this kind and name already.

    Attributes:
        kind: What it is, such as ``tag``.
        name: Its name.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        return f"The namespace already has the {self.kind} '{self.name}'."


@attrs.define(eq=False)
class LeaseLost(Conflict):
    """The work went on past its lease, and somebody else may have taken over."""

    def __str__(self) -> str:
        return "The operation took too long to report progress and was given up."
