"""`vitrine` whose file stores delete as they are in the mood to.

    MOOD=/tmp/mood python moody_server.py serve ...

The file that MOOD names says how; without it they delete as always:

    in use    something depends on the bytes
    refused   they may not
    away      they do not answer
    last      they delete, and then answer neither this nor anything else
"""

import os
from pathlib import Path
from unittest import mock

from vitrine.__main__ import main
from vitrine.adapters.stores.filesystem import FilesystemStore
from vitrine.core import errors
from vitrine.ports.stores import StoreIdentity


def _mood() -> str:
    path = Path(os.environ["MOOD"])
    return path.read_text() if path.exists() else ""


class MoodyStore(FilesystemStore):
    """A file store with moods."""

    def delete(self, url: str, identity: StoreIdentity) -> None:
        match _mood():
            case "in use":
                raise errors.BlobInUse
            case "refused":
                raise errors.NotPermitted("delete")
            case "away":
                raise errors.StoreUnavailable
            case "last":
                super().delete(url, identity)
                raise errors.StoreUnavailable
            case _:
                super().delete(url, identity)

    def size(self, url: str, identity: StoreIdentity) -> int:
        if _mood() in ("away", "last"):
            raise errors.StoreUnavailable
        return super().size(url, identity)


if __name__ == "__main__":
    with mock.patch("vitrine.adapters.stores.drivers.file.FilesystemStore", MoodyStore):
        main()
