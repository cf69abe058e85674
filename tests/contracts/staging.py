"""What `Staging` promises. A place passes all of `StagingContract` or is none."""

from datetime import timedelta

import pytest

from vitrine.core import errors
from vitrine.ports.staging import Staging
from vitrine.ports.stores import BlobTarget

DATA = bytes(range(256)) * 10


def target(session: str = "a-session", key: str = "a-key", size: int | None = None) -> BlobTarget:
    """What a writer is made for."""
    return BlobTarget(session_id=session, key=key, size=size)


def put(staging: Staging, key: str, data: bytes = DATA) -> None:
    """Stage *data* whole."""
    writer = staging.begin(target(f"session-of-{key}", key))
    writer.write(data)
    assert writer.commit().size == len(data)


def read(staging: Staging, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
    """Read what is staged."""
    reader = staging.open(key, offset=offset, length=length)
    try:
        data = b"".join(reader.pieces())
        assert reader.length == len(data)
    finally:
        reader.close()
    return data


class StagingContract:
    """Everything that all staging places promise."""

    @pytest.fixture
    def staging(self) -> Staging:
        raise NotImplementedError

    def test_a_place_that_was_never_used_has_nothing(self, staging: Staging) -> None:
        assert list(staging.listed()) == []
        staging.delete("a-key")
        staging.discard(target())
        for look in (staging.size, staging.open):
            with pytest.raises(errors.BlobNotFound):
                look("a-key")
        assert list(staging.listed()) == []

    def test_what_is_put_there_is_there(self, staging: Staging) -> None:
        put(staging, "a-key")
        assert staging.size("a-key") == len(DATA)
        assert read(staging, "a-key") == DATA
        assert read(staging, "a-key", offset=5, length=7) == DATA[5:12]

    def test_nothing_is_there_before_it_is_whole(self, staging: Staging) -> None:
        writer = staging.begin(target())
        writer.write(DATA)
        with pytest.raises(errors.BlobNotFound):
            staging.open("a-key")
        (staged,) = staging.listed()
        assert (staged.key, staged.session_id) == (None, "a-session")
        writer.commit()
        assert [each.key for each in staging.listed()] == ["a-key"]

    def test_a_key_is_taken_once(self, staging: Staging) -> None:
        put(staging, "a-key")
        with pytest.raises(errors.BlobExists):
            staging.begin(target("another", "a-key"))
        assert read(staging, "a-key") == DATA

    def test_what_is_aborted_leaves_nothing(self, staging: Staging) -> None:
        writer = staging.begin(target())
        writer.write(DATA)
        writer.abort()
        assert list(staging.listed()) == []

    @pytest.mark.parametrize("whole", [True, False])
    def test_what_is_discarded_leaves_nothing(
        self,
        staging: Staging,
        whole: bool,  # noqa: FBT001 - a parameter of pytest
    ) -> None:
        writer = staging.begin(target())
        writer.write(DATA)
        if whole:
            writer.commit()
        staging.discard(target())
        assert list(staging.listed()) == []
        writer.abort()

    def test_what_is_deleted_is_gone(self, staging: Staging) -> None:
        put(staging, "a-key")
        put(staging, "another-key")
        staging.delete("a-key")
        staging.delete("a-key")
        assert [each.key for each in staging.listed()] == ["another-key"]

    def test_a_program_reads_what_was_put_there(self, staging: Staging) -> None:
        put(staging, "a-key")
        assert staging.path("a-key").read_bytes() == DATA

    def test_what_a_program_puts_there_is_there(self, staging: Staging) -> None:
        staging.path("a-key").write_bytes(DATA)
        assert read(staging, "a-key") == DATA
        staging.delete("a-key")
        assert list(staging.listed()) == []

    def test_everything_can_be_swept_away(self, staging: Staging) -> None:
        put(staging, "a-key")
        writer = staging.begin(target("unfinished", "another-key"))
        writer.write(DATA)
        folder = staging.path("a-folder")
        folder.mkdir()
        (folder / "inside").write_bytes(DATA)
        listed = staging.listed()
        assert sorted(each.key or "" for each in listed) == ["", "a-folder", "a-key"]
        assert all(timedelta(0) <= each.age < timedelta(minutes=10) for each in listed)
        for each in listed:
            staging.sweep_away(each)
            staging.sweep_away(each)
        assert list(staging.listed()) == []
        writer.abort()
