"""Giving a store bytes that lie in a file already."""

from vitrine.ports.stores import BlobReader, BlobWriter
from vitrine.ports.work import Sink


def sink_for(writer: BlobWriter, source: BlobReader) -> Sink:
    """Return what takes all pieces of *source*, in order, and writes them with *writer*.

    Where they come from a file the writer is told which: a store of files has the kernel
    copy them, or lets both files share them, instead of being sent them.

    Several sinks may have one source, each in a thread of its own. The source stays open
    until they are through, reads one blob from its first byte to its end, and nobody
    changes that blob meanwhile: so it is with what is staged, which is ours alone, and
    with one copy in a store. It is not so with a source that goes on with another copy
    where one breaks.
    """
    descriptor = source.fileno()
    if descriptor is None:
        return writer.write
    offset = 0

    def write(piece: bytes) -> None:
        nonlocal offset
        writer.write_from(piece, descriptor, offset)
        offset += len(piece)

    return write
