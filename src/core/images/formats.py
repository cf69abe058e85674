"""Whether the bytes of an image are what the image says, and are safe to hand on.

What the bytes are is found out elsewhere, by inspection; here is what follows.
"""

from typing import Final

import attrs

from vitrine.core.errors import FormatMismatch, FormatUnsafe

RAW: Final = "raw"
"""What bytes are called in which no format is recognised."""

_BARE: Final = "bare"
_ISO: Final = "iso"
_GPT: Final = "gpt"
_MBR_CHECK: Final = "mbr"

# Formats that no inspection recognises.
_UNRECOGNISABLE: Final = frozenset({"ami", "ari", "aki", "ploop"})

# A Linux kernel for PCs begins with a boot sector, and a boot sector without a
# table of partitions looks like a broken partition table.
_BOOT_SECTORS: Final = frozenset({"aki", "ari"})

_LARGEST_VIRTUAL_SIZE: Final = 2**63 - 1  # bytes; no disk is larger, and no catalogue can say so


@attrs.frozen(kw_only=True)
class Recognised:
    """One format that was recognised in the bytes.

    Attributes:
        format: Its name, as disk formats are called, or ``qed``, ``gpt``, ``luks``.
        virtual_size: The size of the disk in bytes, as the format's header has it;
            None when it does not say.
        failed_checks: The names of the safety checks that failed, sorted.
    """

    format: str
    virtual_size: int | None = None
    failed_checks: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Inspection:
    """What a look at all bytes of an image brought to light.

    Attributes:
        size: How many bytes there were.
        recognised: Every format that was recognised, sorted by name; empty when
            the bytes are raw, or a header is cut short.
    """

    size: int
    recognised: tuple[Recognised, ...] = ()


@attrs.frozen(kw_only=True)
class FormatRules:
    """What the operator decided about formats.

    Attributes:
        require_match: Whether bytes that are not what the image says are refused.
        gpt_nonfatal: The names of safety checks that partition tables may fail.
    """

    require_match: bool = True
    gpt_nonfatal: frozenset[str] = frozenset()


@attrs.frozen(kw_only=True)
class Verdict:
    """What to record about bytes that are accepted.

    Attributes:
        virtual_size: The size of the disk in bytes; None when it is not known.
        mismatch: Why the bytes would have been refused, had a match been
            required; worth a line in the log. None when they match.
    """

    virtual_size: int | None = None
    mismatch: FormatMismatch | None = None


def needs_inspection(container_format: str | None) -> bool:
    """Return whether the bytes of an image in this container are looked into."""
    return container_format == _BARE


def judge(inspection: Inspection, disk_format: str, rules: FormatRules) -> Verdict:
    """Return what to record about bytes in a bare container.

    Args:
        inspection: What the bytes are.
        disk_format: What the image says they are.
        rules: What the operator decided.

    Raises:
        FormatMismatch: The bytes are something else, or several things at once,
            and a match is required.
        FormatUnsafe: A safety check failed that is not excepted, or the size of
            the disk is beyond all measure.
    """
    found = relevant(inspection.recognised, disk_format)
    mismatch = _mismatch(found, disk_format)
    if mismatch is not None and rules.require_match:
        raise mismatch
    for each in found:
        failed = _fatal(each, disk_format, rules)
        if failed:
            raise FormatUnsafe(each.format, failed)
    if mismatch is not None:
        return Verdict(mismatch=mismatch)
    return Verdict(virtual_size=_virtual_size(found, disk_format, inspection.size))


def relevant(recognised: tuple[Recognised, ...], disk_format: str) -> tuple[Recognised, ...]:
    """Leave out partition tables that belong to the other thing that was recognised."""
    formats = {each.format for each in recognised}
    # An ISO that boots from a stick carries a partition table, often an odd one.
    if formats == {_ISO, _GPT} or (formats == {_GPT} and disk_format in _BOOT_SECTORS):
        return tuple(each for each in recognised if each.format != _GPT)
    return recognised


def _mismatch(found: tuple[Recognised, ...], disk_format: str) -> FormatMismatch | None:
    names = tuple(sorted(each.format for each in found)) or (RAW,)
    if len(names) == 1:
        name = names[0]
        if disk_format in {name, RAW}:
            return None
        if name == RAW and disk_format in _UNRECOGNISABLE:
            return None
    return FormatMismatch(disk_format, names)


def _fatal(each: Recognised, disk_format: str, rules: FormatRules) -> tuple[str, ...]:
    excepted: frozenset[str] = frozenset()
    if each.format == _GPT:
        excepted = rules.gpt_nonfatal
        if disk_format in _BOOT_SECTORS:
            excepted |= {_MBR_CHECK}
    return tuple(sorted(set(each.failed_checks) - excepted))


def _virtual_size(found: tuple[Recognised, ...], disk_format: str, size: int) -> int | None:
    if disk_format == RAW or (found and found[0].format == _GPT):
        return size or None
    if not found:
        return None
    virtual_size = found[0].virtual_size
    if virtual_size is None or virtual_size <= 0:
        return None
    if virtual_size > _LARGEST_VIRTUAL_SIZE:
        raise FormatUnsafe(found[0].format, ("virtual_size",))
    return virtual_size
