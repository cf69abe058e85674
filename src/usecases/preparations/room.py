"""How large the data of an image may grow on its way."""

import attrs

from vitrine.core import errors
from vitrine.core.images.image import Image
from vitrine.core.quota import Resource
from vitrine.ports.limits import Limits
from vitrine.ports.persistence import Ledger


@attrs.frozen(kw_only=True)
class Room:
    """How much there is.

    Attributes:
        bytes: So many.
        refusal: What to say to more.
    """

    bytes: int
    refusal: errors.TooLarge


class Rooms:
    """Knows it of every image.

    What an archive or a sparse disk grows to is in nobody's account while it grows; so
    it stops at what the project could keep. Whether the project still can is counted
    exactly when the data goes to the stores.
    """

    def __init__(self, *, limits: Limits, ledger: Ledger, largest: int) -> None:
        """Take the quotas of projects, and how many bytes any image may have."""
        self._limits = limits
        self._ledger = ledger
        self._largest = largest

    def of(self, image: Image) -> Room:
        """Return how many bytes *image* may come to."""
        owner, resource = image.owner or "", Resource.SIZE_TOTAL
        limit = self._limits.of(owner, resource)
        if limit is not None:
            left = max(limit - self._ledger.usage(owner)[resource].used, 0)
            if left < self._largest:
                return Room(bytes=left, refusal=errors.QuotaExceeded(resource.value, limit))
        return Room(bytes=self._largest, refusal=errors.ImageTooLarge(self._largest))
