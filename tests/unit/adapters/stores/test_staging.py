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

    @pytest.mark.parametrize("planted", ["directory", "link", "directory above"])
    def test_what_somebody_else_put_in_the_way_is_not_used(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: str
    ) -> None:
        everybodys, elsewhere = tmp_path / "tmp", tmp_path / "images"
        everybodys.mkdir()
        everybodys.chmod(0o1777)
        staging = FileStaging(everybodys / "staging")
        put(FileStaging(elsewhere), "a-key")
        if planted == "link":
            (everybodys / "staging").symlink_to(elsewhere)
        elif planted == "directory":
            elsewhere.rename(everybodys / "staging")
        else:
            (everybodys / "staging").mkdir()
            staging = FileStaging(everybodys / "staging" / "images")
            elsewhere.rename(everybodys / "staging" / "images")
        there = staging.path("a-key")
        _disown(everybodys / "staging", monkeypatch)
        with pytest.raises(errors.StoreUnavailable):
            staging.begin(target())
        with pytest.raises(errors.BlobNotFound):
            staging.size("a-key")
        assert staging.listed() == ()
        staging.delete("a-key")
        assert there.exists()

    def test_what_is_ours_among_all_is_used(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o1777)
        staging = FileStaging(tmp_path / "staging")
        put(staging, "a-key")
        assert staging.size("a-key")


def _disown(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let *path* be somebody else's."""
    if os.geteuid() == 0:
        os.chown(path, 12345, -1, follow_symlinks=False)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
