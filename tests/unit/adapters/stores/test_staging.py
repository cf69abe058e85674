"""The staging place in a directory."""

import os
import stat
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contracts.staging import StagingContract, put, target
from vitrine.adapters.stores.staging import FileStaging
from vitrine.core import errors


class TestFileStaging(StagingContract):
    @pytest.fixture
    def staging(self, tmp_path: Path) -> FileStaging:
        return FileStaging(tmp_path / "not" / "there yet")

    def test_nobody_else_may_look_into_the_directory(self, tmp_path: Path) -> None:
        directory = tmp_path / "staging"
        put(FileStaging(directory), "a-key")
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700

    def test_a_directory_that_is_there_stays_as_it_is(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o750)
        put(FileStaging(tmp_path), "a-key")
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750

    def test_the_directory_is_not_made_to_look_into_it(self, tmp_path: Path) -> None:
        directory = tmp_path / "staging"
        staging = FileStaging(directory)
        staging.listed()
        staging.delete("a-key")
        staging.discard(target())
        assert not directory.exists()

    def test_age_counts_from_the_last_write(self, tmp_path: Path) -> None:
        staging = FileStaging(tmp_path)
        put(staging, "a-key")
        an_hour_ago = time.time() - 3600
        os.utime(tmp_path / "a-key", (an_hour_ago, an_hour_ago))
        (staged,) = staging.listed()
        assert timedelta(minutes=59) < staged.age < timedelta(minutes=80)

    def test_a_place_that_cannot_be_made_is_away_and_is_not_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(errors.StoreUnavailable) as raised:
            FileStaging(tmp_path / "file" / "staging").begin(target())
        assert str(tmp_path) not in f"{raised.value} {raised.value.__cause__}"
