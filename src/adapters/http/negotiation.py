"""Which of our media types a client would rather have."""

import re
from collections.abc import Sequence

_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")
_RANGE = re.compile(r"(\*/\*|[!#$%&'+.^_`|~0-9a-z-]+/(\*|[!#$%&'+.^_`|~0-9a-z-]+))")


def preferred(accept: str | None, offers: Sequence[str]) -> str | None:
    """Return the offer that *accept* ranks highest, or None when it takes none.

    Args:
        accept: The value of an ``Accept`` header; None and empty accept nothing,
            because the API answers those with plain text.
        offers: Media types without parameters, in lower case. Of two that the
            client likes equally the earlier one wins.
    """
    ranges = _ranges(accept or "")
    best: str | None = None
    best_quality = 0.0
    for offer in offers:
        quality = _quality_of(offer, ranges)
        if quality > best_quality:
            best, best_quality = offer, quality
    return best


def _ranges(accept: str) -> dict[str, float]:
    """Map each well-formed range of *accept* to its quality; the rest says nothing."""
    found: dict[str, float] = {}
    for part in accept.split(","):
        name, *parameters = (field.strip().lower() for field in part.split(";"))
        if not _RANGE.fullmatch(name):
            continue
        weights = [text.removeprefix("q=") for text in parameters if text.startswith("q=")]
        weight = weights[0] if weights else "1"
        if _QUALITY.fullmatch(weight):
            found[name] = max(float(weight), found.get(name, 0.0))
    return found


def _quality_of(offer: str, ranges: dict[str, float]) -> float:
    family = offer.partition("/")[0]
    # The most specific range decides, even when it says 0.
    for name in (offer, f"{family}/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0
