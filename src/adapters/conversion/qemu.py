"""Disk images by ``qemu-img``, which is told what each of them is."""

import json
from pathlib import Path
from types import MappingProxyType
from typing import Final

from vitrine.adapters.conversion.programs import Allowance, Ended, Program, find
from vitrine.core.errors import (
    ImageTooLarge,
    Misconfigured,
    NotConvertible,
    StoreFull,
    VitrineError,
)
from vitrine.ports.conversion import Check, Converter, DiskFacts

COMMAND: Final = "qemu-img"

_GIB: Final = 1024**3

_REPORT: Final = 1024 * 1024  # bytes; the report on an honest image has a few hundred
_LOOK: Final = Allowance(cpu=30, patience=120, memory=_GIB, output=_REPORT)

# Threads for compressed clusters, one heap each, and buffers.
_MEMORY: Final = 2 * _GIB
_SLOWEST: Final = 8 * 1024 * 1024  # bytes in a second of processor time
_SLOWEST_OF_ALL: Final = 2 * 1024 * 1024  # bytes in a second
_START: Final = 60  # seconds of processor time

# Where qemu calls a format something else.
_DRIVERS: Final = MappingProxyType({"vhd": "vpc"})


class QemuImg(Converter):
    """Needs the program in one of the directories of PATH."""

    def __init__(self, program: Program | None = None) -> None:
        """Find the program.

        Raises:
            Misconfigured: It is not there.
        """
        found = program or find(COMMAND)
        if found is None:
            raise Misconfigured(
                "Converting images (image_conversion in [image_import_opts] image_import_plugins, "
                f"or [taskflow_executor] conversion_format) needs the program {COMMAND}, which is "
                "in no directory of PATH. Debian has it in qemu-utils."
            )
        self._program = found

    def examine(self, path: Path, disk_format: str, check: Check) -> DiskFacts:
        arguments = ["info", "--output=json", _pinned(path, disk_format)]
        ended = self._program.run(arguments, _LOOK, check, told=_REPORT)
        if ended.status:
            raise _reason(ended)
        try:
            return _facts(json.loads(ended.output), path)
        except (KeyError, TypeError, ValueError, RecursionError):
            raise _unreadable() from None

    def convert(  # noqa: PLR0913 - as the port has it
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
        work = virtual_size + source.stat().st_size
        allowance = Allowance(
            cpu=_START + work // _SLOWEST,
            patience=10 * _START + work // _SLOWEST_OF_ALL,
            memory=_MEMORY,
            output=largest,
        )
        output = _DRIVERS.get(target_format, target_format)
        arguments = ["convert", "-O", output, _pinned(source, source_format), str(target)]
        ended = self._program.run(arguments, allowance, check)
        if ended.too_large:
            raise ImageTooLarge(largest)
        if ended.status:
            raise _reason(ended)


def _pinned(path: Path, disk_format: str) -> str:
    """Return how to name an image to qemu so that it neither guesses nor follows anything.

    The format and the protocol are said, and that there is no backing file, whatever
    the header has.
    """
    node: dict[str, object] = {
        "driver": _DRIVERS.get(disk_format, disk_format),
        "file": {"driver": "file", "filename": str(path.absolute())},
    }
    if disk_format == "qcow2":
        node["backing"] = None
    return "json:" + json.dumps(node)


def _facts(report: dict[str, object], path: Path) -> DiskFacts:
    specific = report.get("format-specific")
    data = specific.get("data") if isinstance(specific, dict) else None
    details: dict[str, object] = data if isinstance(data, dict) else {}
    extents = details.get("extents")
    elsewhere = [
        extent
        for extent in (extents if isinstance(extents, list) else [])
        if extent["filename"] != str(path.absolute())
    ]
    subtype = details.get("create-type")
    size = report["virtual-size"]
    if not isinstance(size, int):
        raise TypeError
    named = {name for name in report if "backing-filename" in name}
    return DiskFacts(
        virtual_size=size,
        subtype=subtype if isinstance(subtype, str) else None,
        alone=not (named or elsewhere or "data-file" in details),
    )


def _reason(ended: Ended) -> VitrineError:
    if ended.full:
        return StoreFull()
    if ended.too_long:
        return NotConvertible("it takes too long to read")
    return _unreadable()


def _unreadable() -> NotConvertible:
    return NotConvertible("it is damaged, or uses what cannot be read here")
