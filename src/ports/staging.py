"""Where bytes wait on this machine until they are imported.

A place of the service's own: not one of its stores, and nothing that callers could
choose. What lies there belongs to an image that is being imported, or to nobody.

All methods are safe to call from many threads, and may raise `StoreUnavailable`.
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import attrs

from vitrine.ports.stores import BlobReader, BlobTarget, BlobWriter


@attrs.frozen(kw_only=True)
class Staged:
    """Something that lies in the staging place.

    Attributes:
        key: Its name; None for what no writer has finished.
        name: The name of the file, for `Staging.sweep_away`.
        age: Since it was last written.
        session_id: Of what no writer has finished, the session that the writer is for.
    """

    key: str | None
    name: str
    age: timedelta
    session_id: str | None = None


class Staging(Protocol):
    """Keeps bytes until they are imported."""

    def begin(self, target: BlobTarget) -> BlobWriter:
        """Begin to write. Nothing is there under the key before `BlobWriter.commit`.

        Raises:
            BlobExists: The key is taken.
            StoreFull: A known size does not fit.
        """
        ...

    def discard(self, target: BlobTarget) -> None:
        """Remove whatever the writer for *target* left. Nothing to remove is fine."""
        ...

    def open(self, key: str, *, offset: int = 0, length: int | None = None) -> BlobReader:
        """Open what is there for reading.

        Raises:
            BlobNotFound: There is nothing under this key on this machine.
        """
        ...

    def size(self, key: str) -> int:
        """Return how many bytes are there.

        Raises:
            BlobNotFound: There is nothing under this key on this machine.
        """
        ...

    def delete(self, key: str) -> None:
        """Delete what is there. Nothing there is fine."""
        ...

    def path(self, key: str) -> Path:
        """Return where a program finds what is there, or may put it; it need not be there.

        What a program puts there, a directory too, is one of what `listed` returns.
        """
        ...

    def listed(self) -> Sequence[Staged]:
        """Return all that lies there, in no order, finished or not."""
        ...

    def sweep_away(self, staged: Staged) -> None:
        """Remove one thing that `listed` returned. That it is gone is fine."""
        ...
