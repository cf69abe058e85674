"""Giving a store bytes that lie in a file already."""

import os

from vitrine.ports.stores import BlobWriter
from vitrine.ports.work import Sink


def sink_for(writer: BlobWriter, descriptor: int | None) -> Sink:
    """Return what takes all pieces of a source, in order, and writes them with *writer*.

    A store of files has the kernel copy what lies in a file already, or lets both files
    share it, instead of being sent it. Several sinks may have one source, each in a thread
    of its own.

    Args:
        writer: Writes one blob, from its first byte to its last.
        descriptor: The file that the pieces are read from; it stands at the first of them,
            as `BlobReader.fileno` has it, and stays open until all is written. Nobody may
            change it meanwhile, or other bytes would be written than those that were
            hashed: what is staged is ours alone, and so is a copy in a store. None for what
            comes from no file, or perhaps from several, as a source does that goes on with
            another copy where one breaks.
    """
    if descriptor is None:
        return writer.write
    offset = os.lseek(descriptor, 0, os.SEEK_CUR)

    def write(piece: bytes) -> None:
        nonlocal offset
        writer.write_from(piece, descriptor, offset)
        offset += len(piece)

    return write
