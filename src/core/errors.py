"""What can go wrong, in the core's own words.

Few kinds, one per thing a caller can do about it; below them, one class per
fact. `str()` of any of them is fit for the caller's eyes: it names no path, no
SQL, no host and no secret. Which HTTP status a kind becomes is decided in one
table of the HTTP adapter.
"""

import attrs


class VitrineError(Exception):
    """Anything the service can tell whoever asked."""


# --- kinds ---------------------------------------------------------------------------


class Invalid(VitrineError):
    """What was sent is wrong; sending it again changes nothing."""


class Unauthenticated(VitrineError):
    """Nobody vouches for the caller."""


class Forbidden(VitrineError):
    """The caller is known and may not do this."""


class NotFound(VitrineError):
    """There is no such thing, or the caller may not learn that there is."""


class Conflict(VitrineError):
    """The thing is in a state that does not allow this now."""


class Gone(VitrineError):
    """What the request was working on has ended meanwhile, or is never offered here."""


class Outdated(VitrineError):
    """The thing is no longer as the caller said that it must be."""


class TooLarge(VitrineError):
    """A limit or a quota would be passed."""


class Unsupported(VitrineError):
    """The media type, or the format of the bytes, is not the one that is wanted."""


class RangeNotSatisfiable(VitrineError):
    """The bytes asked for do not exist."""


class Unavailable(VitrineError):
    """A part the service depends on is away; the same request may succeed later."""


class Unreachable(VitrineError):
    """Who alone can answer the request could not be reached."""


class Misanswered(VitrineError):
    """Who alone can answer the request was asked, and gave no answer to hand on."""


class Broken(VitrineError):
    """The service is at fault, by its configuration or by a defect."""


# --- facts: a request's own mistakes -------------------------------------------------


@attrs.define(eq=False)
class InvalidValue(Invalid):
    """A field holds a value that it may not hold.

    Attributes:
        field: The name of the field, as the caller wrote it.
        reason: What is wrong with it, a phrase without a full stop.
    """

    field: str
    reason: str

    def __str__(self) -> str:
        return f"The value of '{self.field}' is not acceptable: {self.reason}."


@attrs.define(eq=False)
class InvalidRequest(Invalid):
    """The request as a whole cannot be understood.

    Attributes:
        reason: A whole sentence for the caller.
    """

    reason: str

    def __str__(self) -> str:
        return self.reason


@attrs.define(eq=False)
class InvalidMarker(Invalid):
    """The page is to begin behind an image that is not there."""

    marker: str

    def __str__(self) -> str:
        return f"The marker '{self.marker}' names no image."


@attrs.define(eq=False)
class FormatsMissing(Invalid):
    """Bytes cannot be taken before both formats are set."""

    image_id: str

    def __str__(self) -> str:
        return (
            f"Image {self.image_id} needs values for disk_format and container_format "
            "before it can hold data."
        )


@attrs.define(eq=False)
class UploadCutShort(Invalid):
    """The body ended before its declared length, or in the middle of a chunk."""

    received: int
    expected: int | None

    def __str__(self) -> str:
        whole = "more" if self.expected is None else str(self.expected)
        return f"The data ended after {self.received} bytes; {whole} were announced."


@attrs.define(eq=False)
class UploadTooLong(Invalid):
    """More bytes came than were declared."""

    expected: int

    def __str__(self) -> str:
        return f"More than the announced {self.expected} bytes were sent."


@attrs.define(eq=False)
class DigestMismatch(Invalid):
    """The bytes do not hash to the digest that was promised for them."""

    image_id: str

    def __str__(self) -> str:
        return f"The data sent for image {self.image_id} does not match its recorded digest."


@attrs.define(eq=False)
class SignatureInvalid(Invalid):
    """The bytes are not what was signed, or the signature is none.

    Attributes:
        reason: What is wrong with it, a phrase without a full stop.
    """

    reason: str

    def __str__(self) -> str:
        return f"The signature of the image was not verified: {self.reason}."


@attrs.define(eq=False)
class UnknownStore(Invalid):
    """No store of this name is enabled."""

    store_id: str

    def __str__(self) -> str:
        return f"There is no store named '{self.store_id}'."


@attrs.define(eq=False)
class CopyExists(Invalid):
    """The image's data is to be copied to where it is.

    Attributes:
        store_id: The store; None where stores have no names.
    """

    image_id: str
    store_id: str | None

    def __str__(self) -> str:
        where = "the only store" if self.store_id is None else f"the store '{self.store_id}'"
        return f"The data of image {self.image_id} is in {where} already."


@attrs.define(eq=False)
class UrlRefused(Invalid):
    """The operator does not let users have this URL fetched.

    Attributes:
        reason: What is against it, a phrase without a full stop; never the URL.
    """

    reason: str

    def __str__(self) -> str:
        return f"The URL cannot be used: {self.reason}."


@attrs.define(eq=False)
class InvalidLocation(Invalid):
    """The image's bytes cannot be at this address.

    Attributes:
        reason: Why, a phrase without a full stop; never the address.
    """

    reason: str

    def __str__(self) -> str:
        return f"The location cannot be used: {self.reason}."


@attrs.define(eq=False)
class RangesUnsupported(Invalid):
    """The place that keeps the bytes cannot hand out a part of them."""

    def __str__(self) -> str:
        return "The store of this image cannot serve a part of it."


@attrs.define(eq=False)
class NotCacheable(Invalid):
    """Only the data of active images can be cached."""

    image_id: str
    status: str

    def __str__(self) -> str:
        return f"Image {self.image_id} is {self.status}; only active images can be cached."


# --- facts: permission ---------------------------------------------------------------


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


# --- facts: nothing there ------------------------------------------------------------


@attrs.define(eq=False)
class ImageNotFound(NotFound):
    """No image has this id, or the caller may not learn that one does."""

    image_id: str

    def __str__(self) -> str:
        return f"No image {self.image_id} was found."


@attrs.define(eq=False)
class MemberNotFound(NotFound):
    """The image is not shared with this project, as far as the caller may know."""

    image_id: str
    member_id: str

    def __str__(self) -> str:
        return f"{self.member_id} is not a member of image {self.image_id}."


@attrs.define(eq=False)
class TagNotFound(NotFound):
    """The image does not carry this tag."""

    image_id: str
    tag: str

    def __str__(self) -> str:
        return f"Image {self.image_id} has no tag '{self.tag}'."


@attrs.define(eq=False)
class BlobNotFound(NotFound):
    """The store holds nothing at this location."""

    def __str__(self) -> str:
        return "The image's data was not found in its store."


@attrs.define(eq=False)
class CopyNotFound(NotFound):
    """The image has no data in this store, or none any more."""

    image_id: str
    store_id: str

    def __str__(self) -> str:
        return f"Image {self.image_id} has no data in the store '{self.store_id}'."


@attrs.define(eq=False)
class CacheDisabled(NotFound):
    """This service has no image cache."""

    def __str__(self) -> str:
        return "This service has no image cache."


@attrs.define(eq=False)
class StoresUnnamed(NotFound):
    """There is one store, which has no name, and so there is no list of stores."""

    def __str__(self) -> str:
        return "The stores of this service have no names."


@attrs.define(eq=False)
class StagingDisabled(NotFound):
    """The operator does not let callers import data that they send beforehand."""

    def __str__(self) -> str:
        return "Data cannot be staged here."


@attrs.define(eq=False)
class SourceNotFound(NotFound):
    """The origin has nothing at the URL, or does not give it out."""

    def __str__(self) -> str:
        return "There is nothing to be had at the URL."


@attrs.define(eq=False)
class TaskNotFound(NotFound):
    """No task has this id, or none any more, or the caller may not learn that one does."""

    task_id: str

    def __str__(self) -> str:
        return f"No task {self.task_id} was found."


@attrs.define(eq=False)
class NamespaceNotFound(NotFound):
    """No namespace has this name, or the caller may not learn that one does."""

    namespace: str

    def __str__(self) -> str:
        return f"No namespace '{self.namespace}' was found."


@attrs.define(eq=False)
class MetadefsHidden(NotFound):
    """The caller may not learn of any metadata definitions."""

    def __str__(self) -> str:
        return "No metadata definitions were found."


@attrs.define(eq=False)
class DefinitionNotFound(NotFound):
    """The namespace defines nothing of this kind and name.

    Attributes:
        kind: What was looked for, such as ``tag``.
        name: Its name.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        return f"The namespace has no {self.kind} '{self.name}'."


# --- facts: not now ------------------------------------------------------------------


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


# --- facts: gone, outdated, too large, unsupported, unavailable ----------------------


@attrs.define(eq=False)
class DeletedMeanwhile(Gone):
    """The image was deleted while its data was on the way."""

    image_id: str

    def __str__(self) -> str:
        return f"Image {self.image_id} was deleted while its data was being received."


@attrs.define(eq=False)
class StoreReadOnly(Gone):
    """The store serves data and takes none."""

    store_id: str

    def __str__(self) -> str:
        return f"The store '{self.store_id}' takes no data."


@attrs.define(eq=False)
class ImageChanged(Outdated):
    """The image is in none of the versions that the caller is ready to change."""

    image_id: str

    def __str__(self) -> str:
        return f"Image {self.image_id} was changed since you last saw it."


@attrs.define(eq=False)
class LimitExceeded(TooLarge):
    """A countable limit would be passed.

    Attributes:
        what: What is counted, in the plural, such as ``tags``.
        limit: The greatest allowed count.
        attempted: The count that was wanted.
    """

    what: str
    limit: int
    attempted: int

    def __str__(self) -> str:
        return f"The limit of {self.limit} {self.what} would be passed with {self.attempted}."


@attrs.define(eq=False)
class QuotaExceeded(TooLarge):
    """A project's quota does not have room for this.

    Attributes:
        resource: The name of the quota, such as ``image_count_total``.
        limit: What the project may have, in the unit of the quota.
    """

    resource: str
    limit: int

    def __str__(self) -> str:
        return f"The quota {self.resource} (limit {self.limit}) has no room for this."


@attrs.define(eq=False)
class ImageTooLarge(TooLarge):
    """The data is larger than any image may be here; *limit* is in bytes."""

    limit: int

    def __str__(self) -> str:
        return f"The data is larger than the limit of {self.limit} bytes for one image."


@attrs.define(eq=False)
class StoreFull(TooLarge):
    """The store has no room left for the data."""

    def __str__(self) -> str:
        return "The store has no room for this data."


@attrs.define(eq=False)
class UnsupportedMedia(Unsupported):
    """The request's media type is none that the operation takes."""

    accepted: tuple[str, ...]

    def __str__(self) -> str:
        return f"The content type must be {' or '.join(self.accepted)}."


@attrs.define(eq=False)
class FormatMismatch(Unsupported):
    """The bytes are not what the image's disk_format says they are.

    Attributes:
        claimed: The disk_format of the image.
        found: The names of the formats that were recognised, sorted.
    """

    claimed: str
    found: tuple[str, ...]

    def __str__(self) -> str:
        return f"The data is {' and '.join(self.found)}, and the image says {self.claimed}."


@attrs.define(eq=False)
class FormatUnsafe(Unsupported):
    """The bytes use a feature of their format that could harm who opens them.

    Attributes:
        format: The recognised format.
        checks: The names of the checks that failed, sorted.
    """

    format: str
    checks: tuple[str, ...]

    def __str__(self) -> str:
        return f"The {self.format} data failed these safety checks: {', '.join(self.checks)}."


@attrs.define(eq=False)
class ArchiveUnusable(Unsupported):
    """The bytes are an archive, and an image cannot be taken out of it.

    Attributes:
        reason: Why, a phrase without a full stop.
    """

    reason: str

    def __str__(self) -> str:
        return f"The data is an archive that cannot be unpacked: {self.reason}."


@attrs.define(eq=False)
class NotConvertible(Unsupported):
    """The bytes cannot be brought into the format that the operator wants.

    Attributes:
        reason: Why, a phrase without a full stop.
    """

    reason: str

    def __str__(self) -> str:
        return f"The data cannot be converted: {self.reason}."


@attrs.define(eq=False)
class UnsatisfiableRange(RangeNotSatisfiable):
    """The range names no byte of the image; *size* is in bytes, None when unknown."""

    size: int | None

    def __str__(self) -> str:
        return "The requested range has no bytes in this image."


@attrs.define(eq=False)
class CacheUnavailable(Unavailable):
    """The image cache cannot be read or written."""

    def __str__(self) -> str:
        return "The image cache cannot be used now."


@attrs.define(eq=False)
class StoreUnavailable(Unavailable):
    """The store does not answer, or does not accept data."""

    def __str__(self) -> str:
        return "The store of this image is not available."


@attrs.define(eq=False)
class CallerNotAdmitted(StoreUnavailable):
    """The store, or who vouches for its callers, lets this caller in no more; others may be."""

    def __str__(self) -> str:
        return "The store of this image does not take your credentials."


@attrs.define(eq=False)
class SourceUnavailable(Unavailable):
    """The origin of a URL does not answer, or broke off."""

    def __str__(self) -> str:
        return "The URL cannot be fetched at the moment."


@attrs.define(eq=False)
class WorkerUnreachable(Unreachable):
    """The worker that has the image's staged data cannot be reached."""

    def __str__(self) -> str:
        return "The part of the service that holds the staged data cannot be reached."


@attrs.define(eq=False)
class WorkerFailed(Misanswered):
    """The worker that has the image's staged data does not answer sensibly."""

    def __str__(self) -> str:
        return "The part of the service that holds the staged data does not answer as it should."


@attrs.define(eq=False)
class RemoteRefused(Unavailable):
    """The image service of another region does not give out what an import asks it for.

    Attributes:
        reason: Why, a phrase without a full stop; names no host and no address.
    """

    reason: str

    def __str__(self) -> str:
        return f"The image cannot be had from the other region: {self.reason}."


@attrs.define(eq=False)
class PersistenceUnavailable(Unavailable):
    """The catalogue's database does not answer."""

    def __str__(self) -> str:
        return "The image catalogue is not available."


@attrs.define(eq=False)
class IdentityUnavailable(Unavailable):
    """The identity service does not answer, so nobody can be recognised."""

    def __str__(self) -> str:
        return "The identity service is not available."


@attrs.define(eq=False)
class KeyManagerUnavailable(Unavailable):
    """Who keeps the certificates of signers does not answer."""

    def __str__(self) -> str:
        return "The key manager is not available."


@attrs.define(eq=False)
class NotifierUnavailable(Unavailable):
    """The message bus does not take events at the moment."""

    def __str__(self) -> str:
        return "The message bus is not available."


@attrs.define(eq=False)
class LocationKept(Broken):
    """A location was not removed, because its store does not delete the bytes."""

    def __str__(self) -> str:
        return "The location is still there: its store did not delete the data."


@attrs.define(eq=False)
class Misconfigured(Broken):
    """A setting makes this impossible; *reason* is for the operator's eyes."""

    reason: str

    def __str__(self) -> str:
        return self.reason
