"""Recognising disk images with the inspectors of oslo.utils."""

import logging
from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar, cast

from oslo_utils.imageutils import format_inspector

from vitrine.core.images.formats import RAW, Inspection, Recognised
from vitrine.ports.inspection import InspectionStream, Inspector

# Inspectors get pieces of exactly this size, cut at its multiples, so that what is
# recognised never depends on how the bytes arrived; and small ones are slow.
_PIECE: Final = 1024 * 1024  # bytes

_UNREADABLE: Final = "unreadable"
"""The check that fails when a format is recognised and cannot be followed further."""

_FileInspector: TypeAlias = format_inspector.FileInspector
_T = TypeVar("_T")


class OsloInspector(Inspector):
    """Knows qcow2, qed, vhd, vhdx, vmdk, vdi, iso, gpt (with MBR) and luks."""

    def __init__(self) -> None:
        # It tells of every format that an image is not, and quotes hostile bytes.
        logging.getLogger(format_inspector.__name__).setLevel(logging.CRITICAL)

    def begin(self) -> InspectionStream:
        return _Stream()


class _Stream(InspectionStream):
    """One image. Holds a piece, and what the inspectors keep: less than 4 MiB."""

    def __init__(self) -> None:
        self._size = 0
        self._pending = bytearray()
        # What may still turn out to be recognised, and whether it still looks.
        self._looking: dict[_FileInspector, bool] = {
            make(): True for name, make in format_inspector.ALL_FORMATS.items() if name != RAW
        }

    def feed(self, piece: bytes | memoryview) -> None:
        view = memoryview(piece).cast("B")
        self._size += len(view)
        while view and self._looking:
            if not self._pending and len(view) >= _PIECE:
                self._eat(view[:_PIECE])
                view = view[_PIECE:]
                continue
            room = _PIECE - len(self._pending)
            self._pending += view[:room]
            view = view[room:]
            if len(self._pending) == _PIECE:
                self._flush()

    def finish(self) -> Inspection:
        self._flush()
        for inspector in self._looking:
            _attempt(_FileInspector.finish, inspector, otherwise=None)
        recognised = (
            _recognised(inspector, readable=readable)
            for inspector, readable in self._looking.items()
            if _attempt(_matches, inspector, otherwise=False)
        )
        return Inspection(
            size=self._size, recognised=tuple(sorted(recognised, key=lambda each: each.format))
        )

    def _flush(self) -> None:
        if self._pending:
            self._eat(bytes(self._pending))
            self._pending.clear()

    def _eat(self, piece: bytes | memoryview) -> None:
        def eats(inspector: _FileInspector) -> bool:
            # It asks for bytes, and only takes slices and appends them.
            inspector.eat_chunk(cast("bytes", piece))
            return True

        for inspector, looks in list(self._looking.items()):
            if not looks:
                continue
            if not _attempt(eats, inspector, otherwise=False):
                # It may have recognised its format before it came to grief.
                self._looking[inspector] = False
            elif _attempt(_is_something_else, inspector, otherwise=True):
                del self._looking[inspector]


def _recognised(inspector: _FileInspector, *, readable: bool) -> Recognised:
    virtual_size = _attempt(_virtual_size, inspector, otherwise=0)
    failed_checks: tuple[str, ...] = (_UNREADABLE,)
    if readable:
        failed_checks = _attempt(_failed_checks, inspector, otherwise=failed_checks)
    return Recognised(
        format=inspector.NAME,
        virtual_size=virtual_size if virtual_size > 0 else None,
        failed_checks=failed_checks,
    )


def _matches(inspector: _FileInspector) -> bool:
    return inspector.format_match


def _is_something_else(inspector: _FileInspector) -> bool:
    return inspector.complete and not inspector.format_match


def _virtual_size(inspector: _FileInspector) -> int:
    return inspector.virtual_size


def _failed_checks(inspector: _FileInspector) -> tuple[str, ...]:
    try:
        inspector.safety_check()
    except format_inspector.SafetyCheckFailed as failed:
        return tuple(sorted(failed.failures))
    return ()


def _attempt(
    act: Callable[[_FileInspector], _T], inspector: _FileInspector, *, otherwise: _T
) -> _T:
    """Return what *act* returns, or *otherwise* if it fails in any way."""
    try:
        return act(inspector)
    except Exception:  # noqa: BLE001 - hostile bytes break a parser in any way, and not the upload
        return otherwise
