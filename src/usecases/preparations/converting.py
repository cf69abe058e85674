"""Bringing disk images into the format that the operator wants."""

import contextlib
from collections.abc import Iterator
from typing import Final

import attrs

from vitrine.core import errors
from vitrine.core.images.conversion import (
    BARE,
    ISO,
    ConversionRules,
    check_agreement,
    check_output,
    check_subtype,
    source_format,
    virtual_size_of,
)
from vitrine.core.images.formats import RAW, Inspection
from vitrine.core.images.image import Image
from vitrine.ports.clock import Ids
from vitrine.ports.conversion import Converter, DiskFacts
from vitrine.ports.inspection import Inspector
from vitrine.ports.staging import Staging
from vitrine.usecases.jobs import Work
from vitrine.usecases.preparations.room import Room, Rooms
from vitrine.usecases.preparing import Preparation, Prepared, new_key

_BEGINNING: Final = 4 * 1024 * 1024  # bytes; every format that is recognised is so by these


class Conversion(Preparation):
    """Converts disks. What is none, as an ISO, stays what it is."""

    def __init__(  # noqa: PLR0913 - what reads, what writes, and what may be
        self,
        *,
        staging: Staging,
        converter: Converter,
        inspector: Inspector,
        rooms: Rooms,
        ids: Ids,
        rules: ConversionRules,
    ) -> None:
        """Take the parts."""
        self._staging = staging
        self._converter = converter
        self._inspector = inspector
        self._rooms = rooms
        self._ids = ids
        self._rules = rules

    @property
    def reads_data(self) -> bool:
        """True."""
        return True

    def prepare(self, work: Work, prepared: Prepared) -> Prepared:
        """Convert the data, if it is in another format than it should be.

        Raises:
            FormatMismatch, FormatUnsafe, NotConvertible: It is not what the image says,
                or may not be read.
            ImageTooLarge, QuotaExceeded: It would be larger than it may be.
            StoreFull: There is no room for it on this machine.
        """
        image = prepared.image
        inspection = self._inspected(prepared.key, None, work)
        detected = source_format(
            inspection, image.disk_format or "", image.container_format or "", self._rules
        )
        if detected == ISO:
            return prepared
        room = self._rooms.of(image)
        facts = self._examined(work, prepared.key, detected, inspection)
        if detected == self._rules.output_format:
            return Prepared(key=prepared.key, image=self._described(image, inspection.size, facts))
        if self._rules.output_format == RAW and facts.virtual_size > room.bytes:
            raise room.refusal
        key = new_key(image, self._ids.new())
        try:
            self._convert(work, prepared.key, key, detected=detected, facts=facts, room=room)
            return Prepared(key=key, image=self._described(image, self._staging.size(key), facts))
        except BaseException:
            self._staging.delete(key)
            raise

    def _inspected(self, key: str, length: int | None, work: Work) -> Inspection:
        stream = self._inspector.begin()
        with contextlib.closing(self._staging.open(key, length=length)) as reader:
            for piece in _watched(reader.pieces(), work):
                stream.feed(piece)
        return stream.finish()

    def _examined(self, work: Work, key: str, detected: str, inspection: Inspection) -> DiskFacts:
        size = virtual_size_of(inspection, detected)
        if detected == RAW:
            # There is nothing to find out, and nothing to refer to anything.
            return DiskFacts(virtual_size=size, subtype=None, alone=True)
        facts = self._converter.examine(self._staging.path(key), detected, work.check)
        if not facts.alone:
            raise errors.FormatUnsafe(detected, ("other_files",))
        check_agreement(detected, size, facts.virtual_size)
        check_subtype(detected, facts.subtype, self._rules)
        return facts

    def _convert(  # noqa: PLR0913 - from where, to where, and how far
        self,
        work: Work,
        key: str,
        target: str,
        *,
        detected: str,
        facts: DiskFacts,
        room: Room,
    ) -> None:
        output_format = self._rules.output_format
        try:
            self._converter.convert(
                self._staging.path(key),
                detected,
                self._staging.path(target),
                output_format,
                virtual_size=facts.virtual_size,
                largest=room.bytes,
                check=work.check,
            )
        except errors.ImageTooLarge:
            raise room.refusal from None
        check_output(self._inspected(target, _BEGINNING, work), output_format)

    def _described(self, image: Image, size: int, facts: DiskFacts) -> Image:
        return attrs.evolve(
            image,
            size=size,
            virtual_size=facts.virtual_size,
            disk_format=self._rules.output_format,
            container_format=BARE,
        )


def _watched(pieces: Iterator[bytes], work: Work) -> Iterator[bytes]:
    for piece in pieces:
        work.check()
        yield piece
