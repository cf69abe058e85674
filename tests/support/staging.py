"""A staging place for tests, of which nothing is left behind."""

import shutil
import tempfile
import weakref
from pathlib import Path
from uuid import uuid4

from vitrine.adapters.stores.staging import FileStaging


class ScratchStaging(FileStaging):
    """Files in a directory that is made when it is needed and goes with this object."""

    def __init__(self) -> None:
        # Nothing is made before it is used, which most tests never do.
        directory = Path(tempfile.gettempdir()) / f"staging-{uuid4()}"
        super().__init__(directory)
        weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
