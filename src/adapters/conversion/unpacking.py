"""Archives: ZIP and gzip by the standard library, LHA by the program ``lha``."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO, Final

from vitrine.adapters.conversion import lha
from vitrine.adapters.conversion.programs import Allowance, Program, find
from vitrine.core.errors import ArchiveUnusable
from vitrine.core.images.archives import Archive
from vitrine.ports.conversion import Check, Unpacker

LHA_COMMAND: Final = "lha"

_PIECE: Final = 1024 * 1024  # bytes
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED: Final = 0x1
_LONGEST_DIRECTORY: Final = 1024 * 1024  # bytes; that of one file has less than 200 KiB

_LHA_MEMORY: Final = 256 * 1024 * 1024  # bytes
_SLOWEST: Final = 4 * 1024 * 1024  # bytes in a second of processor time
_START: Final = 30  # seconds

_DAMAGED: Final = "it is damaged"


class Unpackers(Unpacker):
    """Reads all of them, LHA only where there is the program."""

    def __init__(self, lha_program: Callable[[], Program | None] = lambda: find(LHA_COMMAND)):
        """Take how the program for LHA is found, which is asked for each archive."""
        self._lha_program = lha_program

    def unpack(self, path: Path, archive: Archive, check: Check) -> Generator[bytes, None, None]:
        if archive is Archive.ZIP:
            return _checked(_unzipped(path), check)
        if archive is Archive.GZIP:
            return _checked(_gunzipped(path), check)
        return self._from_lha(path, check)

    def _from_lha(self, path: Path, check: Check) -> Generator[bytes, None, None]:
        program = self._lha_program()
        if program is None:
            raise ArchiveUnusable("this service cannot read LHA")
        with path.open("rb") as file:
            size = lha.check_single(file)
        work = size + path.stat().st_size
        allowance = Allowance(
            cpu=_START + work // _SLOWEST,
            patience=10 * (_START + work // _SLOWEST),
            memory=_LHA_MEMORY,
            output=_PIECE,  # of complaints: all else goes to us
        )
        name = str(path.absolute())
        given = 0
        pieces = program.read(["pq2", name], allowance, check)
        for piece in pieces:
            given += len(piece)
            yield piece
        # Printing goes on behind a wrong sum, and says nothing of it.
        if given != size or program.run(["tq2", name], allowance, check).status:
            raise ArchiveUnusable(_DAMAGED)


def _checked(pieces: Generator[bytes, None, None], check: Check) -> Generator[bytes, None, None]:
    for piece in pieces:
        check()
        yield piece


class _Careful(io.FileIO):
    """A file that is read in small pieces only.

    Who asks for more asks because the archive says so, as of a table of contents
    that is as long as the archive.
    """

    def read(self, size: int | None = -1) -> bytes:
        wanted = _LONGEST_DIRECTORY + 1 if size is None or size < 0 else size
        data = super().read(min(wanted, _LONGEST_DIRECTORY + 1))
        if len(data) > _LONGEST_DIRECTORY:
            raise ArchiveUnusable("its directory is too long")
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except OSError:
            # The archive says that something is in front of its beginning.
            raise ArchiveUnusable(_DAMAGED) from None


def _unzipped(path: Path) -> Generator[bytes, None, None]:
    try:
        with _Careful(path) as file, zipfile.ZipFile(file) as archive:
            entry = _only_entry(archive)
            with archive.open(entry) as member:
                yield from _pieces(member)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        OverflowError,
        RuntimeError,
        UnicodeError,
        ValueError,
    ):
        # All that reading a damaged archive ends in; an OSError is the disk's, and goes on.
        raise ArchiveUnusable(_DAMAGED) from None


def _only_entry(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    entries = archive.infolist()
    if len(entries) > 1:
        raise ArchiveUnusable("it has more than one file")
    if not entries or entries[0].is_dir():
        raise ArchiveUnusable("it has no file")
    (entry,) = entries
    if entry.flag_bits & _ENCRYPTED:
        raise ArchiveUnusable("it is encrypted")
    if entry.compress_type not in _METHODS:
        raise ArchiveUnusable("its method of compression is not deflate")
    return entry


def _gunzipped(path: Path) -> Generator[bytes, None, None]:
    try:
        with gzip.open(path, "rb") as member:
            yield from _pieces(member)
    except (gzip.BadGzipFile, zlib.error, EOFError):
        raise ArchiveUnusable(_DAMAGED) from None


def _pieces(member: io.BufferedIOBase | IO[bytes]) -> Generator[bytes, None, None]:
    while piece := member.read(_PIECE):
        yield piece
