"""Changing the form of an image's bytes: the only way to do so.

What is read here came from users. Nothing of it is taken on trust: neither what its
headers say, nor how much comes out of it.
"""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Protocol, TypeAlias

import attrs

from vitrine.core.images.archives import Archive

Check: TypeAlias = Callable[[], None]
"""Called about every second; what it raises ends the work, and is raised from it."""


@attrs.frozen(kw_only=True)
class DiskFacts:
    """What a program that reads disk images finds in one.

    Attributes:
        virtual_size: Bytes of the disk.
        subtype: The kind of VMDK, as its descriptor has it; None for other formats.
        alone: Whether it needs no file besides itself.
    """

    virtual_size: int
    subtype: str | None
    alone: bool


class Converter(Protocol):
    """Reads disk images as what it is told that they are, and never finds that out by itself.

    Formats are those of `vitrine.core.images.conversion`. Safe to share between threads.
    """

    def examine(self, path: Path, disk_format: str, check: Check) -> DiskFacts:
        """Look into an image that was inspected, and found safe.

        Raises:
            NotConvertible: It cannot be read, or not within reason.
        """
        ...

    def convert(  # noqa: PLR0913 - from where, to where, and how far
        self,
        source: Path,
        source_format: str,
        target: Path,
        target_format: str,
        *,
        virtual_size: int,
        largest: int,
        check: Check,
    ) -> None:
        """Write *source* to *target* in another format.

        If this raises, some of it may be at *target*.

        Args:
            source: The image.
            source_format: Its disk_format.
            target: A file that is not there yet.
            target_format: Its disk_format.
            virtual_size: Of the disk, as `examine` told.
            largest: How many bytes *target* may have; a raw one has *virtual_size*.
            check: As everywhere.

        Raises:
            NotConvertible: It cannot be read, or not within reason.
            ImageTooLarge: *largest* is not enough.
            StoreFull: There is no room.
        """
        ...


class Unpacker(Protocol):
    """Takes images out of archives. Safe to share between threads."""

    def unpack(self, path: Path, archive: Archive, check: Check) -> Generator[bytes, None, None]:
        """Give the bytes of the only file in an archive, at most 1 MiB at a time.

        In memory that does not grow with them. How many there are is the caller's to
        watch. Only what was given to the end was verified. To be closed.

        Raises:
            ArchiveUnusable: There are more files, or none, or it is damaged, encrypted
                or of a kind that cannot be read here; at any piece.
        """
        ...
