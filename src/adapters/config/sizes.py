"""Amounts of storage as operators write them."""

import re

from vitrine.core.errors import Misconfigured

_QUOTA = re.compile(r"(?P<number>[0-9]{1,30})(?P<unit>B|KB|MB|GB|TB)?", re.ASCII)
_UNITS = {None: 1, "B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}  # bytes


def storage_quota(text: str) -> int:
    """Return the bytes that *text* means, such as ``0``, ``1048576`` or ``10GB``.

    Raises:
        Misconfigured: It is not a number with one of the units B, KB, MB, GB and
            TB, or none, directly behind it.
    """
    found = _QUOTA.fullmatch(text)
    if found is None:
        raise Misconfigured(
            "[DEFAULT] user_storage_quota must be a whole number, optionally followed by B, KB, "
            "MB, GB or TB without a space."
        )
    return int(found["number"]) * _UNITS[found["unit"]]
