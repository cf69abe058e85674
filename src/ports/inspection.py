"""Looking inside an image: the only way to do so."""

from typing import Protocol

from vitrine.core.images.formats import Inspection


class InspectionStream(Protocol):
    """One image going by. Belongs to one thread at a time."""

    def feed(self, piece: bytes | memoryview) -> None:
        """Look at the next piece. Never raises, whatever the bytes are."""
        ...

    def finish(self) -> Inspection:
        """Return what was recognised in all that went by. Never raises."""
        ...


class Inspector(Protocol):
    """Recognises formats of disk images. Safe to share between threads."""

    def begin(self) -> InspectionStream:
        """Begin to look at an image, in memory that does not grow with it."""
        ...
