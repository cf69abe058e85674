"""Facts: a request's own mistakes."""

import attrs

from vitrine.core.errors.kinds import Invalid


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
