"""Blobs as files, each named by its key, in directories that are all theirs.

A blob that is being written has a name with a ``~`` in it, which no key has. It
gets its own name by `link`, which unlike `rename` never replaces anything. All
calls go through a descriptor of the directory and follow no link, so that no
location, however it is spelled, leads out of it.
"""

from vitrine.adapters.stores.filesystem.directories import DataDirectory
from vitrine.adapters.stores.filesystem.store import FilesystemStore

__all__ = ["DataDirectory", "FilesystemStore"]
