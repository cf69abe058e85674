"""Which disk images may be converted, and from what.

A program that converts reads whatever an image refers to. So nothing is given to it
that was not recognised, alone, as what the image says, and found safe.
"""

from typing import Final

import attrs

from vitrine.core.errors import FormatMismatch, FormatUnsafe, NotConvertible
from vitrine.core.images.formats import RAW, Inspection, Recognised, relevant

ISO: Final = "iso"
"""The format that is never converted: it is no disk."""

BARE: Final = "bare"
"""The container of what was converted."""

# Of these the program knows the form, and inspection knows what is unsafe.
_CONVERTIBLE: Final = frozenset({RAW, "qcow2", "vmdk", "vhd", "vhdx", "vdi"})

# Containers whose bytes are never a disk, whatever disk_format says of what is inside.
_PACKED: Final = frozenset({"compressed", "docker", "ova"})

_GPT: Final = "gpt"

# What a disk may hold besides file systems; none of them refers to other files.
_CONTENTS: Final = frozenset({_GPT, ISO, "luks"})

_SECTOR: Final = 512  # bytes, to which programs round the size of a disk

# Who made the file decides how its size is counted.
_COUNTED_DIFFERENTLY: Final = "vhd"


@attrs.frozen(kw_only=True)
class ConversionRules:
    """What the operator decided about conversion.

    Attributes:
        output_format: The disk_format to convert to.
        vmdk_types: Subtypes of VMDK that may be converted, in any case of letters.
        gpt_nonfatal: The names of safety checks that partition tables may fail.
    """

    output_format: str = RAW
    vmdk_types: frozenset[str] = frozenset({"streamOptimized", "monolithicSparse"})
    gpt_nonfatal: frozenset[str] = frozenset()


def source_format(
    inspection: Inspection, disk_format: str, container_format: str, rules: ConversionRules
) -> str:
    """Return as what the bytes of an image are read, if they may be read at all.

    Args:
        inspection: What the bytes are.
        disk_format: What the image says they are.
        container_format: In what.
        rules: What the operator decided.

    Raises:
        FormatMismatch: They are something else, or several things at once.
        FormatUnsafe: A safety check failed.
        NotConvertible: They are none of the formats that can be converted, or packed.
    """
    if container_format in _PACKED:
        raise NotConvertible(f"it is packed as {container_format}")
    found = relevant(inspection.recognised, disk_format)
    names = tuple(sorted(each.format for each in found)) or (RAW,)
    detected = RAW if names == (_GPT,) else names[0]
    if len(names) > 1 or detected != disk_format:
        raise FormatMismatch(disk_format, names)
    for each in found:
        _check_safe(each, rules)
    if detected != ISO and detected not in _CONVERTIBLE:
        raise NotConvertible(f"nothing here can read {detected}")
    return detected


def _check_safe(found: Recognised, rules: ConversionRules) -> None:
    excepted = rules.gpt_nonfatal if found.format == _GPT else frozenset[str]()
    failed = tuple(sorted(set(found.failed_checks) - excepted))
    if failed:
        raise FormatUnsafe(found.format, failed)


def virtual_size_of(inspection: Inspection, detected: str) -> int:
    """Return how large the disk is that was recognised as *detected*.

    Raises:
        FormatUnsafe: Its header does not say, so that no program could be checked by it.
    """
    if detected == RAW:
        return inspection.size
    size = next(
        (each.virtual_size for each in inspection.recognised if each.format == detected), None
    )
    if size is None:
        raise FormatUnsafe(detected, ("virtual_size",))
    return size


def check_agreement(detected: str, expected: int, told: int) -> None:
    """Refuse bytes in which the program finds another disk than inspection did.

    Args:
        detected: As what they were recognised.
        expected: How large the disk is according to inspection.
        told: How large it is according to the program.

    Raises:
        FormatUnsafe: The two do not read the same.
    """
    if detected != _COUNTED_DIFFERENTLY and abs(told - expected) >= _SECTOR:
        raise FormatUnsafe(detected, ("virtual_size",))


def check_subtype(detected: str, subtype: str | None, rules: ConversionRules) -> None:
    """Refuse subtypes of VMDK that may not be converted.

    Raises:
        NotConvertible: This one may not.
    """
    allowed = {name.casefold() for name in rules.vmdk_types}
    if detected == "vmdk" and (subtype or "").casefold() not in allowed:
        raise NotConvertible("VMDK of this type is not allowed")


def check_output(head: Inspection, output_format: str) -> None:
    """Refuse what was made if others would take it for something else.

    A disk whose own first bytes are the header of another format is a trap for whoever
    looks into the raw image.

    Args:
        head: What the beginning of the output is.
        output_format: What it was made as.

    Raises:
        FormatMismatch: It is not only that.
    """
    names = tuple(
        sorted(
            each.format
            for each in head.recognised
            if not (output_format == RAW and each.format in _CONTENTS)
        )
    )
    if names != (() if output_format == RAW else (output_format,)):
        raise FormatMismatch(output_format, names or (RAW,))
