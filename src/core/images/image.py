"""The image: what is known of a disk image, and how that may change."""

import enum
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import attrs

from vitrine.core import errors
from vitrine.core.digests import Digest
from vitrine.core.images.status import NEEDS_FORMATS, Status, may_change
from vitrine.core.images.text import storable

_UUID: Final = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
)

LARGEST_MINIMUM: Final = 2_147_483_647  # GB of min_disk, MB of min_ram
LONGEST_NAME: Final = 255  # characters, of a name, an owner or a tag
LONGEST_FORMAT: Final = 20  # characters


class Visibility(enum.StrEnum):
    """Who besides its owner can see an image."""

    PUBLIC = "public"
    COMMUNITY = "community"
    SHARED = "shared"
    PRIVATE = "private"


@attrs.frozen(kw_only=True)
class Location:
    """Where one copy of an image's bytes is kept.

    Attributes:
        url: The address in the store's own form. It may lead to secrets, so it
            is left out of `repr` and belongs in no log and no error.
        metadata: What is known of the copy; ``store`` names the store.
    """

    url: str = attrs.field(repr=False)
    metadata: Mapping[str, object] = attrs.field(factory=dict[str, object])

    @property
    def store_id(self) -> str | None:
        """The store that keeps this copy, None where that was never recorded."""
        store = self.metadata.get("store")
        return store if isinstance(store, str) else None


def whole_seconds(moment: datetime) -> datetime:
    """Return *moment* without its fraction: image times are whole seconds."""
    return moment.replace(microsecond=0)


@attrs.frozen(kw_only=True)
class Image:
    """One image. Changing it makes another; the catalogue keeps the newest.

    Every method that returns a changed image leaves `version` alone: the
    catalogue compares it when the change is saved, and counts on.

    Attributes:
        id: A UUID in the text form in which it was first given.
        created_at: UTC, whole seconds.
        updated_at: UTC, whole seconds.
        owner: The project it belongs to; None for nobody.
        hidden: Whether lists leave it out unless asked (`os_hidden`).
        min_disk: GB of disk that a machine needs to boot it.
        min_ram: MB of memory that a machine needs to boot it.
        size: Bytes of data, None before there are any.
        virtual_size: Bytes of the disk inside the data, None when unknown.
        checksum: MD5 of the data, lower-case hexadecimal, for old clients.
        digest: The hash that is trusted (`os_hash_algo`, `os_hash_value`).
        properties: Custom properties. A value is None only where the operator's
            schema allows null.
        locations: The copies of the data, in the order they were made.
        attempts: How many times writing its data has begun. The first attempt
            writes under the image's id, later ones under ``<id>.<n>``.
        deletion: The session that is deleting the image, None when none is.
        deleted_at: When it was deleted, None while it is not.
        version: Counts the changes of the row, from 1.
    """

    id: str
    created_at: datetime
    updated_at: datetime
    owner: str | None = None
    name: str | None = None
    status: Status = Status.QUEUED
    visibility: Visibility = Visibility.SHARED
    protected: bool = False
    hidden: bool = False
    disk_format: str | None = None
    container_format: str | None = None
    min_disk: int = 0
    min_ram: int = 0
    size: int | None = None
    virtual_size: int | None = None
    checksum: str | None = None
    digest: Digest | None = None
    properties: Mapping[str, str | None] = attrs.field(factory=dict[str, str | None])
    tags: frozenset[str] = frozenset()
    locations: tuple[Location, ...] = ()
    attempts: int = 0
    deletion: str | None = None
    deleted_at: datetime | None = None
    version: int = 1

    # --- states ----------------------------------------------------------------------

    def _become(self, status: Status, now: datetime, **changes: object) -> "Image":
        if not may_change(self.status, status):
            raise errors.NotAllowedNow(self.id, self.status.value, status.value)
        if status in NEEDS_FORMATS and not (self.disk_format and self.container_format):
            raise errors.FormatsMissing(self.id)
        return attrs.evolve(self, status=status, updated_at=whole_seconds(now), **changes)  # type: ignore[arg-type]  # the names are this class's own fields

    def saving(self, now: datetime) -> "Image":
        """Return this image as one whose data is about to arrive.

        Raises:
            NotAllowedNow: It is not queued.
            FormatsMissing: A format is not set.
        """
        return self._become(Status.SAVING, now, attempts=self.attempts + 1)

    def uploading(self, now: datetime) -> "Image":
        """Return this image as one whose data is on its way to the staging place.

        It needs no formats yet.

        Raises:
            NotAllowedNow: It is not queued.
        """
        return self._become(Status.UPLOADING, now, attempts=self.attempts + 1)

    def staged(self, now: datetime, *, size: int) -> "Image":
        """Return this image, which is uploading, with all of its data staged."""
        return attrs.evolve(self, size=size, updated_at=whole_seconds(now))

    def active(  # noqa: PLR0913 - these are what is known of the data, and all of it
        self,
        now: datetime,
        *,
        size: int,
        virtual_size: int | None,
        checksum: str | None,
        digest: Digest | None,
        locations: tuple[Location, ...],
    ) -> "Image":
        """Return this image with its data in place.

        Raises:
            NotAllowedNow: Its status does not lead to active.
            FormatsMissing: A format is not set.
            DigestMismatch: It has a digest, checksum or size already, and the
                data is something else.
        """
        self._check_same(size, checksum, digest)
        return self._become(
            Status.ACTIVE,
            now,
            size=size,
            virtual_size=virtual_size,
            checksum=checksum,
            digest=digest,
            locations=locations,
        )

    def _check_same(self, size: int, checksum: str | None, digest: Digest | None) -> None:
        if (
            (self.digest is not None and self.digest != digest)
            or (self.checksum is not None and self.checksum != checksum)
            or (self.size is not None and self.size != size)
        ):
            raise errors.DigestMismatch(self.id)

    def copied(  # noqa: PLR0913 - these are what is known of the data, and all of it
        self,
        now: datetime,
        *,
        size: int,
        virtual_size: int | None,
        checksum: str | None,
        digest: Digest,
        locations: tuple[Location, ...],
    ) -> "Image":
        """Return this image with more copies of its data, in the status it has.

        What nobody knew of the data before is known from now on.

        Raises:
            DigestMismatch: It has a digest, checksum or size already, and the
                data is something else.
        """
        self._check_same(size, checksum, digest)
        return attrs.evolve(
            self,
            size=size,
            virtual_size=self.virtual_size if virtual_size is None else virtual_size,
            checksum=checksum,
            digest=digest,
            locations=(*self.locations, *locations),
            updated_at=whole_seconds(now),
        )

    def import_begun_again(self, now: datetime) -> "Image":
        """Return this image in the hands of the next who tries to give it its data."""
        return attrs.evolve(self, attempts=self.attempts + 1, updated_at=whole_seconds(now))

    def importing(self, now: datetime, *, size: int, locations: tuple[Location, ...]) -> "Image":
        """Return this image as one whose data is at *locations* and is being verified.

        Raises:
            NotAllowedNow: Its status does not lead to importing.
            FormatsMissing: A format is not set.
        """
        return self._become(Status.IMPORTING, now, size=size, locations=locations)

    def import_begun(self, now: datetime) -> "Image":
        """Return this image as one that is being given its data from elsewhere.

        What was staged was written by the attempt that counts already.

        Raises:
            NotAllowedNow: Its status does not lead to importing.
            FormatsMissing: A format is not set.
        """
        fetched = self.status is not Status.UPLOADING
        return self._become(Status.IMPORTING, now, attempts=self.attempts + fetched)

    def fingerprinted(self, now: datetime, *, checksum: str | None, digest: Digest) -> "Image":
        """Return this image with what its data hashes to, which nobody knew before.

        Raises:
            DigestMismatch: It was known, and is something else.
        """
        if (self.digest is not None and self.digest != digest) or (
            self.checksum is not None and self.checksum != checksum
        ):
            raise errors.DigestMismatch(self.id)
        return attrs.evolve(self, checksum=checksum, digest=digest, updated_at=whole_seconds(now))

    def requeued(self, now: datetime) -> "Image":
        """Return this image without data, ready for another attempt."""
        return self._become(
            Status.QUEUED,
            now,
            size=None,
            virtual_size=None,
            checksum=None,
            digest=None,
            locations=(),
        )

    def deactivated(self, now: datetime) -> "Image":
        """Return this image with its data withheld; a deactivated one unchanged.

        Raises:
            ActionNotAllowed: It is neither active nor deactivated.
        """
        if self.status is Status.DEACTIVATED:
            return self
        if self.status is not Status.ACTIVE:
            raise errors.ActionNotAllowed(self.id, "deactivated", self.status.value)
        return self._become(Status.DEACTIVATED, now)

    def reactivated(self, now: datetime) -> "Image":
        """Return this image with its data given out again; an active one unchanged.

        Raises:
            ActionNotAllowed: It is neither active nor deactivated.
        """
        if self.status is Status.ACTIVE:
            return self
        if self.status is not Status.DEACTIVATED:
            raise errors.ActionNotAllowed(self.id, "reactivated", self.status.value)
        return self._become(Status.ACTIVE, now)

    def deletion_begun(self, session_id: str) -> "Image":
        """Return this image as one whose data is being deleted.

        No new reader gets bytes from now on, and nothing else may change, until
        it is deleted or the deletion is withdrawn.

        Raises:
            ImageProtected: It is protected.
            BeingDeleted: Somebody is at it already.
            NotAllowedNow: Its status does not lead to deleted.
        """
        self.check_deletable()
        return attrs.evolve(self, deletion=session_id)

    def check_deletable(self) -> None:
        """Refuse what must not be deleted; see `deletion_begun` for the errors."""
        if self.protected:
            raise errors.ImageProtected(self.id)
        self.check_not_being_deleted()
        if not may_change(self.status, Status.DELETED):
            raise errors.NotAllowedNow(self.id, self.status.value, Status.DELETED.value)

    def deletion_withdrawn(self) -> "Image":
        """Return this image as it was before its deletion began."""
        return attrs.evolve(self, deletion=None)

    def deleted(self, now: datetime) -> "Image":
        """Return this image as a memory: its id stays taken for ever."""
        return attrs.evolve(
            self._become(Status.DELETED, now),
            deletion=None,
            deleted_at=whole_seconds(now),
        )

    def check_not_being_deleted(self) -> None:
        """Refuse a change of an image that is being deleted.

        Raises:
            BeingDeleted: A deletion has begun and is neither done nor withdrawn.
        """
        if self.deletion is not None:
            raise errors.BeingDeleted(self.id)

    def check_version(self, expected: frozenset[int] | None) -> None:
        """Refuse a change by somebody who has seen another version.

        Args:
            expected: The versions that the caller is ready to change; None for any.

        Raises:
            ImageChanged: This is none of them.
        """
        if expected is not None and self.version not in expected:
            raise errors.ImageChanged(self.id)

    # --- tags ------------------------------------------------------------------------

    def tagged(self, tag: str, now: datetime) -> "Image":
        """Return this image with *tag*; unchanged if it has it.

        Raises:
            InvalidValue: The tag is empty, too long or not storable.
        """
        check_tags([tag])
        if tag in self.tags:
            return self
        return attrs.evolve(self, tags=self.tags | {tag}, updated_at=whole_seconds(now))

    def untagged(self, tag: str, now: datetime) -> "Image":
        """Return this image without *tag*.

        Raises:
            TagNotFound: It does not have it.
        """
        if tag not in self.tags:
            raise errors.TagNotFound(self.id, tag)
        return attrs.evolve(self, tags=self.tags - {tag}, updated_at=whole_seconds(now))


def is_image_id(text: str) -> bool:
    """Return whether *text* has the form of an image id."""
    return _UUID.fullmatch(text) is not None


def check_tags(tags: Iterable[str]) -> None:
    """Refuse tags that no image can carry.

    Raises:
        InvalidValue: One is empty, longer than 255 characters or not storable.
    """
    for tag in tags:
        if not tag:
            raise errors.InvalidValue("tags", "a tag may not be empty")
        storable("tags", tag, longest=LONGEST_NAME, basic=False)


def check_minimum(field: str, value: int) -> None:
    """Refuse a `min_disk` or `min_ram` that cannot be.

    Raises:
        InvalidValue: It is negative, or more than 32 bits with a sign can hold.
    """
    if not 0 <= value <= LARGEST_MINIMUM:
        raise errors.InvalidValue(field, f"it is not between 0 and {LARGEST_MINIMUM}")
