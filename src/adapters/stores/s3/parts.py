"""How long the parts of an upload are.

An object has ten thousand parts at most, and five tebibytes.
"""

from typing import Final

MIB: Final = 1024 * 1024

_MOST: Final = 10_000
# Parts of 10 MiB up to 12 GiB, and from there on each a 1250th of all before it: with ten
# thousand of these, even if they begin with 5 MiB, five tebibytes are reached.
_GROWTH: Final = 1250


def part_size(*, written: int, size: int | None, least: int) -> int:
    """Return the length of the next part in bytes.

    Args:
        written: How many bytes went into the parts before it.
        size: The length of the whole, None if nobody knows.
        least: The length of a part where no greater one is needed.
    """
    wanted = written // _GROWTH if size is None else -(-size // _MOST)
    return max(least, -(-wanted // MIB) * MIB)
