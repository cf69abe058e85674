"""Facts: what is gone, outdated, too large, unsupported, away or broken."""

import attrs

from vitrine.core.errors.kinds import (
    Broken,
    Gone,
    Misanswered,
    Outdated,
    RangeNotSatisfiable,
    TooLarge,
    Unavailable,
    Unreachable,
    Unsupported,
)


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
class BlobUnreadable(StoreUnavailable):
    """The store is there, but does not give out the data of this one image."""

    def __str__(self) -> str:
        return "The store of this image does not give out its data."


@attrs.define(eq=False)
class BlobDamaged(BlobUnreadable):
    """What the store gave is not what was stored, and some of it may have been used."""

    def __str__(self) -> str:
        return "The data of this image is damaged in its store."


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
