"""The store of volumes, as far as it can be seen without a Cinder; see the integration tests."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from cinderclient import exceptions as cinder
from hypothesis import given
from hypothesis import strategies as st
from keystoneauth1 import exceptions as keystone

from vitrine.adapters.credentials.lazy import LazyCredentials
from vitrine.adapters.stores.cinder import attachments, claims, names, writer
from vitrine.adapters.stores.cinder.access import Service
from vitrine.adapters.stores.cinder.attachments import Attacher, SharedReaders
from vitrine.adapters.stores.cinder.calls import Busy, Calls
from vitrine.adapters.stores.cinder.devices import Device, FileDevice, Machine
from vitrine.adapters.stores.cinder.marks import Mark
from vitrine.adapters.stores.cinder.volumes import GIB, Volume, Volumes
from vitrine.adapters.stores.cinder.writer import Draft, VolumeWriter
from vitrine.adapters.stores.drivers.cinder import DRIVER
from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.ports.stores import SERVICE, StoreIdentity, StoreOpening
from vitrine.testing.stores import KIB, MIB, target_for
from vitrine.testing.threads import at_once, results

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
OTHER = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def volume(
    volume_id: str = ID,
    *,
    name: str = "image-key",
    status: str = "available",
    gib: int = 1,
    created_at: str = "2026-01-01T00:00:00",
    metadata: Mapping[str, str] | None = None,
    holders: Mapping[str, str] | None = None,
) -> Volume:
    return Volume(
        id=volume_id,
        name=name,
        status=status,
        gib=gib,
        created_at=created_at,
        metadata=metadata or {},
        holders=holders or {},
    )


class FewVolumes(Volumes):
    """A Cinder whose volumes are in memory, and that does at once what it is told.

    Attributes:
        looked: Called when somebody looks for a name.
        refused: Set when a volume was busy.
        trouble: What it answers to all that can be asked of an attached volume.
    """

    def __init__(self, *volumes: Volume) -> None:
        self.known = {each.id: each for each in volumes}
        self.noted: list[str] = []
        self.attached: list[str] = []
        self.detached: list[str] = []
        self.looked: Callable[[], None] = lambda: None
        self.refused = threading.Event()
        self.trouble: errors.VitrineError | None = None

    def get(self, volume_id: str) -> Volume:
        self._check()
        if volume_id not in self.known:
            raise errors.BlobNotFound
        return self.known[volume_id]

    def settled(self, volume_id: str) -> Volume:
        return self.get(volume_id)

    def named(self, name: str, *, everywhere: bool = False) -> Sequence[Volume]:
        self.looked()
        return [each for each in self.known.values() if each.name == name]

    def note(self, volume_id: str, metadata: Mapping[str, str]) -> None:
        before = self.get(volume_id)
        self.known[volume_id] = attrs.evolve(before, metadata={**before.metadata, **metadata})
        self.noted.append(metadata.get(names.STATE, ""))

    def extend(self, volume_id: str, gib: int) -> None:
        assert not set(self.attached) - set(self.detached), "extended while it is attached"
        self.known[volume_id] = attrs.evolve(self.get(volume_id), gib=gib)

    def extend_attached(self, volume_id: str, gib: int, notice: Callable[[], None]) -> None:
        assert set(self.attached) - set(self.detached), "not attached"
        self.known[volume_id] = attrs.evolve(self.get(volume_id), gib=gib)
        notice()

    def protect(self, volume_id: str) -> None:
        self.get(volume_id)

    def attach(
        self, volume_id: str, mode: str, connector: Mapping[str, object]
    ) -> tuple[str, dict[str, Any]]:
        before = self.get(volume_id)
        if before.holders:
            self.refused.set()
            raise Busy
        attachment_id = f"attachment-{len(self.attached)}"
        holders = {attachment_id: str(connector["mountpoint"])}
        self.known[volume_id] = attrs.evolve(before, holders=holders)
        self.attached.append(attachment_id)
        return attachment_id, {}

    def complete(self, attachment_id: str) -> None:
        self._check()
        assert attachment_id in self.attached

    def detach(self, attachment_id: str) -> None:
        self._check()
        self.detached.append(attachment_id)
        for each in list(self.known.values()):
            holders = {key: mark for key, mark in each.holders.items() if key != attachment_id}
            self.known[each.id] = attrs.evolve(each, holders=holders)

    def release(self) -> None:
        pass

    def _check(self) -> None:
        if self.trouble is not None:
            raise self.trouble


# --- names ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", [f"cinder://{ID}", f"cinder://store/{ID}", f"CINDER://store/{ID.upper()}"]
)
def test_a_volume_is_found_with_and_without_the_name_of_the_store(url: str) -> None:
    found = names.volume_id_of("store", url)
    assert found is not None
    assert found.lower() == ID


@pytest.mark.parametrize(
    "url",
    [
        f"cinder://other/{ID}",
        f"cinder:///{ID}",
        f"cinder://store//{ID}",
        f"cinder://store/{ID}/",
        f"cinder://store/{ID}x",
        f"cinder://{ID}\n",
        f"cinder:{ID}",
        f"rbd://{ID}",
        "cinder://store/",
        "",
    ],
)
def test_no_volume_is_found_in_what_is_no_location_of_the_store(url: str) -> None:
    assert names.volume_id_of("store", url) is None


@given(st.from_regex(r"[A-Za-z0-9._-]{1,255}", fullmatch=True))
def test_a_name_is_never_longer_than_cinder_takes(key: str) -> None:
    name = names.name_of(key)
    assert len(name) <= 255
    assert name == f"image-{key}" or len(key) > 249


def test_two_long_keys_have_two_names() -> None:
    assert names.name_of("x" * 254 + "a") != names.name_of("x" * 254 + "b")


@pytest.mark.parametrize(
    ("size", "gib"), [(0, 1), (1, 1), (GIB, 1), (GIB + 1, 2), (10 * GIB, 10), (10 * GIB + 1, 11)]
)
def test_sizes_are_rounded_up_to_whole_gib(size: int, gib: int) -> None:
    assert names.gib_for(size) == gib


@pytest.mark.parametrize(
    ("noted", "size"), [("5", 5), ("0", 0), ("", 2 * GIB), ("-1", 2 * GIB), ("9" * 30, 2 * GIB)]
)
def test_the_size_is_what_was_noted_or_else_the_volume_s(noted: str, size: int) -> None:
    assert names.size_of(volume(gib=2, metadata={"image_size": noted})) == size


def test_a_volume_says_whose_image_it_is_and_which_session_writes_it() -> None:
    target = target_for("image.3", 7)
    caller = StoreIdentity(caller=Context(project_id="p"))
    assert names.metadata_for(target, caller) == {
        "glance_image_id": "image",
        "image_size": "7",
        "image_owner": "p",
        "vitrine_session": target.session_id,
        "vitrine_state": "writing",
    }
    assert "image_owner" not in names.metadata_for(target, SERVICE)


# --- who gets a key ------------------------------------------------------------------


def rival(state: str | None, *, older: bool = False, status: str = "available") -> Volume:
    return volume(
        OTHER,
        created_at="2025-01-01T00:00:00" if older else "2027-01-01T00:00:00",
        status=status,
        metadata={} if state is None else {"vitrine_state": state},
    )


@pytest.mark.parametrize(
    "other",
    [
        rival("writing", older=True),
        rival("committing", older=True, status="deleting"),
        attrs.evolve(rival("committed"), name="image-KEY"),
    ],
)
def test_who_is_alone_gets_the_key(other: Volume) -> None:
    volumes = FewVolumes(volume(), other)
    claims.claim(volumes, volume(), {"image_size": "3"})
    assert volumes.noted == ["committing", "committed"]
    assert volumes.known[ID].metadata["image_size"] == "3"


@pytest.mark.parametrize(
    "other",
    [
        rival("committed"),
        rival("committed", older=True),
        rival(None),  # which Glance wrote
        rival("committing", older=True),
    ],
)
def test_who_comes_late_gives_way(other: Volume) -> None:
    volumes = FewVolumes(volume(), other)
    with pytest.raises(errors.BlobExists):
        claims.claim(volumes, volume(), {})
    assert volumes.noted == ["committing", "writing"]


@pytest.mark.parametrize("end", ["gone", "writing", "committed"])
def test_who_was_first_waits_for_the_others_to_give_way(end: str) -> None:
    volumes = FewVolumes(volume(), rival("committing"))
    looks: list[int] = []

    def looked() -> None:
        looks.append(1)
        if len(looks) == 3 and end == "gone":
            del volumes.known[OTHER]
        elif len(looks) == 3:
            volumes.known[OTHER] = rival(end)

    volumes.looked = looked
    if end == "committed":
        with pytest.raises(errors.BlobExists):
            claims.claim(volumes, volume(), {})
    else:
        claims.claim(volumes, volume(), {})
        assert volumes.noted[-1] == "committed"
    assert len(looks) == 3


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_PATIENCE", 0.2)
    with pytest.raises(errors.BlobExists):
        claims.claim(FewVolumes(volume(), rival("committing")), volume(), {})


# --- marks ---------------------------------------------------------------------------


def test_a_mark_is_read_as_it_was_written() -> None:
    mark = Mark.new()
    assert Mark.parse(str(mark)) == mark
    assert len(str(mark)) <= 255
    mark.end()


@pytest.mark.parametrize("text", ["", "/dev/vdb", "glance_store", "vitrine/a/b/c/d/e/f"])
def test_what_others_write_is_no_mark(text: str) -> None:
    assert Mark.parse(text) is None


def test_an_attachment_of_this_process_lives_until_it_is_ended() -> None:
    mark, later = Mark.new(), Mark.new()
    seen = [mark.is_dead]
    mark.end()
    seen += [mark.is_dead, later.is_dead]
    assert seen == [False, True, False]
    later.end()


def test_a_process_is_dead_when_it_has_ended() -> None:
    code = "import sys; from vitrine.adapters.stores.cinder.marks import Mark; print(Mark.new())"
    code += "; sys.stdout.flush(); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        mark = Mark.parse(process.stdout.readline().strip())
        assert mark is not None
        assert mark.pid == process.pid
        seen = [mark.is_dead]
        process.kill()
        process.wait()
        assert [*seen, mark.is_dead] == [False, True]


@pytest.mark.parametrize(
    ("changed", "dead"),
    [
        ({"host": "another"}, False),
        ({"host": "another", "boot": "another"}, False),
        ({"boot": "another"}, True),
        ({"space": 1, "pid": 1}, False),
        ({"started": 1}, True),
    ],
)
def test_only_what_can_be_known_is_taken_for_dead(
    changed: Mapping[str, Any], *, dead: bool
) -> None:
    mark = attrs.evolve(Mark.new(), **changed)
    assert mark.is_dead is dead


# --- devices -------------------------------------------------------------------------


def test_a_file_is_written_read_and_let_go_of_once(tmp_path: Path) -> None:
    path = tmp_path / "volume"
    path.write_bytes(bytes(100))
    released: list[int] = []
    device = FileDevice(str(path), writable=True, release=lambda: released.append(1))
    device.write(10, b"bytes")
    device.flush()
    assert device.read(8, 9) == b"\0\0bytes\0\0"
    device.close()
    device.close()
    assert released == []
    device.disconnect()
    device.disconnect()
    assert released == [1]
    assert path.read_bytes()[10:15] == b"bytes"


def test_a_file_that_was_closed_is_unavailable_whoever_has_its_number_now(tmp_path: Path) -> None:
    path, other = tmp_path / "volume", tmp_path / "other"
    path.write_bytes(bytes(100))
    other.write_bytes(bytes(100))
    device = FileDevice(str(path), writable=True, release=lambda: None)
    device.close()
    uses: list[Callable[[], object]] = [
        lambda: device.write(0, b"data"),
        lambda: device.read(0, 1),
        device.flush,
    ]
    with other.open("r+b"):
        for use in uses:
            with pytest.raises(errors.StoreUnavailable):
                use()
    assert other.read_bytes() == bytes(100)


def test_a_file_that_is_too_short_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "volume"
    path.write_bytes(b"short")
    device = FileDevice(str(path), writable=False, release=lambda: None)
    with pytest.raises(errors.StoreUnavailable):
        device.read(3, 3)
    with pytest.raises(errors.StoreUnavailable):
        device.write(0, b"it was opened for reading")
    device.close()


def test_a_device_that_is_full_makes_the_store_full() -> None:
    device = FileDevice("/dev/full", writable=True, release=lambda: None)
    with pytest.raises(errors.StoreFull):
        device.write(0, b"data")
    device.close()


# --- attaching -----------------------------------------------------------------------


class OneFile(Machine):
    """A machine on which every volume is the same file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened: list[FileDevice] = []
        self.released = 0
        self.noticed = 0

    def properties(self) -> Mapping[str, object]:
        return {"host": "here"}

    def open(self, info: dict[str, Any], *, writable: bool, is_alone: Callable[[], bool]) -> Device:
        device = FileDevice(str(self.path), writable=writable, release=self._release)
        self.opened.append(device)
        return device

    def _release(self) -> None:
        self.released += 1

    def extended(self, info: dict[str, Any]) -> None:
        self.noticed += 1


@pytest.fixture
def machine(tmp_path: Path) -> OneFile:
    path = tmp_path / "volume"
    path.touch()
    os.truncate(path, 4 * GIB)  # with nothing in it
    return OneFile(path)


@pytest.fixture
def attacher(machine: OneFile, tmp_path: Path) -> Attacher:
    return Attacher(machine, attempts=2, lock_directory=tmp_path / "locks")


def is_closed(device: Device) -> bool:
    try:
        device.read(0, 1)
    except errors.StoreUnavailable:
        return True
    return False


def elsewhere_here() -> str:
    """Return the mark of another process of this machine, as one in a container has it."""
    return str(attrs.evolve(Mark.new(), pid=1, started=0, space=1))


def held_by(volumes: FewVolumes, **holders: str) -> None:
    """Let others have the volume attached as well."""
    before = volumes.known[ID]
    volumes.known[ID] = attrs.evolve(before, holders={**before.holders, **holders})


def test_readers_of_a_process_share_an_attachment(attacher: Attacher, machine: OneFile) -> None:
    volumes = FewVolumes(volume())
    readers = SharedReaders(attacher)
    all_in = threading.Barrier(5)

    def read(_number: int) -> bytes:
        device = readers.enter(volumes, ID)
        all_in.wait(10)
        data = device.read(0, 3)
        readers.leave(volumes, ID)
        return data

    assert results(at_once(5, read)) == [bytes(3)] * 5
    assert len(volumes.attached) == 1
    assert volumes.detached == volumes.attached
    assert machine.released == 1


def test_readers_that_come_and_go_always_find_the_volume(attacher: Attacher) -> None:
    volumes = FewVolumes(volume())
    readers = SharedReaders(attacher)

    def read(_number: int) -> None:
        for _ in range(20):
            assert readers.enter(volumes, ID).read(0, 3) == bytes(3)
            readers.leave(volumes, ID)

    results(at_once(4, read))
    assert sorted(volumes.detached) == sorted(volumes.attached)


def test_a_reader_that_finds_nothing_is_in_nobodys_way(attacher: Attacher) -> None:
    volumes = FewVolumes()
    readers = SharedReaders(attacher)
    with pytest.raises(errors.BlobNotFound):
        readers.enter(volumes, ID)
    volumes.known[ID] = volume()
    assert readers.enter(volumes, ID).read(0, 1) == b"\0"
    readers.leave(volumes, ID)


def test_a_device_that_another_process_here_uses_stays(
    attacher: Attacher, machine: OneFile
) -> None:
    volumes = FewVolumes(volume())
    attachment = attacher.attach(volumes, ID, "ro")
    held_by(volumes, other=elsewhere_here())
    attacher.detach(volumes, attachment)
    assert machine.released == 0
    assert is_closed(attachment.device)
    assert volumes.detached == [attachment.id]


def test_what_cannot_be_opened_here_is_detached_again(
    attacher: Attacher, machine: OneFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(info: dict[str, Any], *, writable: bool, is_alone: Callable[[], bool]) -> Device:
        raise errors.StoreUnavailable

    monkeypatch.setattr(machine, "open", fail)
    volumes = FewVolumes(volume())
    with pytest.raises(errors.StoreUnavailable):
        attacher.attach(volumes, ID, "rw")
    assert len(volumes.attached) == 1
    assert volumes.detached == volumes.attached


def test_what_is_not_complete_is_disconnected_unless_another_process_here_uses_it(
    attacher: Attacher, machine: OneFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    volumes = FewVolumes(volume())

    def fail(attachment_id: str) -> None:
        raise errors.StoreUnavailable

    def fail_in_company(attachment_id: str) -> None:
        held_by(volumes, other=elsewhere_here())
        fail(attachment_id)

    for complete, released in ((fail, 1), (fail_in_company, 1)):
        monkeypatch.setattr(volumes, "complete", complete)
        with pytest.raises(errors.StoreUnavailable):
            attacher.attach(volumes, ID, "ro")
        assert all(map(is_closed, machine.opened))
        assert machine.released == released
        assert volumes.detached == volumes.attached
    assert len(volumes.attached) == 2


def test_who_waits_for_a_volume_lets_another_process_here_let_go_of_it(
    machine: OneFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "_FIRST_PAUSE", 0.05)
    holder, waiter = (
        Attacher(machine, attempts=7, lock_directory=tmp_path / "locks") for _ in range(2)
    )
    volumes = FewVolumes(volume())
    held = holder.attach(volumes, ID, "ro")

    def let_go() -> None:
        assert volumes.refused.wait(10)
        holder.detach(volumes, held)

    def wait() -> None:
        waiter.detach(volumes, waiter.attach(volumes, ID, "ro"))

    results(at_once(2, lambda number: (let_go, wait)[number]()))
    assert len(volumes.attached) == 2
    assert machine.released == 2


class SlowlyLeft(FewVolumes):
    """A Cinder whose volumes all can be attached many times, and that takes its time to detach."""

    def attach(
        self, volume_id: str, mode: str, connector: Mapping[str, object]
    ) -> tuple[str, dict[str, Any]]:
        others = self.known[volume_id].holders
        self.known[volume_id] = attrs.evolve(self.known[volume_id], holders={})
        made = super().attach(volume_id, mode, connector)
        held_by(self, **others)
        return made

    def detach(self, attachment_id: str) -> None:
        time.sleep(0.2)
        super().detach(attachment_id)


def test_of_two_processes_here_that_leave_at_once_one_disconnects(
    machine: OneFile, tmp_path: Path
) -> None:
    attachers = [Attacher(machine, attempts=1, lock_directory=tmp_path / "locks") for _ in "ab"]
    volumes = SlowlyLeft(volume())
    held = [each.attach(volumes, ID, "ro") for each in attachers]
    results(at_once(2, lambda number: attachers[number].detach(volumes, held[number])))
    assert machine.released == 1
    assert volumes.known[ID].holders == {}


def test_a_lock_that_nobody_gives_back_is_not_waited_for_for_ever(
    attacher: Attacher, machine: OneFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "_LONGEST_WAIT", 0.1)
    volumes = FewVolumes(volume())
    attachment = attacher.attach(volumes, ID, "ro")
    with (tmp_path / "locks" / f"volume-{ID[:2]}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(errors.StoreUnavailable):
            attacher.attach(volumes, ID, "ro")
        with pytest.raises(errors.StoreUnavailable):
            attacher.detach(volumes, attachment)
        assert is_closed(attachment.device)
        attacher.pay_debts()
    assert volumes.detached == []
    attacher.pay_debts()
    assert volumes.detached == volumes.attached == [attachment.id]
    assert machine.released == 1


# --- Cinder is away when somebody leaves ---------------------------------------------


@pytest.mark.parametrize("act", ["attach", "detach", "check"])
def test_who_leaves_while_cinder_is_away_closes_the_device_and_what_is_left_is_done_later(
    attacher: Attacher, machine: OneFile, act: str
) -> None:
    volumes = FewVolumes(volume(), volume(OTHER))
    readers = SharedReaders(attacher)
    other = attacher.attach(volumes, OTHER, "ro")
    device = readers.enter(volumes, ID)
    volumes.trouble = errors.StoreUnavailable()
    with pytest.raises(errors.StoreUnavailable):
        readers.leave(volumes, ID)
    assert is_closed(device)
    attacher.pay_debts()
    assert machine.released == 0
    volumes.trouble = None
    match act:
        case "attach":
            third = "00000000-0000-4000-8000-000000000000"
            volumes.known[third] = volume(third)
            attacher.attach(volumes, third, "ro")
            assert machine.released == 1
        case "detach":
            attacher.detach(volumes, other)
            assert machine.released == 2
        case _:
            attacher.pay_debts()
            assert machine.released == 1
    assert "attachment-1" in volumes.detached
    assert volumes.known[ID].holders == {}


def test_what_is_left_is_not_disconnected_where_another_process_here_uses_it(
    attacher: Attacher, machine: OneFile
) -> None:
    volumes = FewVolumes(volume())
    attachment = attacher.attach(volumes, ID, "ro")
    volumes.trouble = errors.StoreUnavailable()
    with pytest.raises(errors.StoreUnavailable):
        attacher.detach(volumes, attachment)
    volumes.trouble = None
    held_by(volumes, other=elsewhere_here())
    attacher.pay_debts()
    assert volumes.detached == [attachment.id]
    assert machine.released == 0


def test_what_is_left_of_a_volume_that_is_gone_is_disconnected(
    attacher: Attacher, machine: OneFile
) -> None:
    volumes = FewVolumes(volume())
    attachment = attacher.attach(volumes, ID, "ro")
    volumes.trouble = errors.StoreUnavailable()
    with pytest.raises(errors.StoreUnavailable):
        attacher.detach(volumes, attachment)
    volumes.trouble = None
    del volumes.known[ID]
    attacher.pay_debts()
    assert machine.released == 1


def test_whoever_is_not_let_in_any_more_is_asked_once(attacher: Attacher, machine: OneFile) -> None:
    volumes = FewVolumes(volume())
    attachment = attacher.attach(volumes, ID, "ro")
    volumes.trouble = errors.CallerNotAdmitted()
    with pytest.raises(errors.CallerNotAdmitted):
        attacher.detach(volumes, attachment)
    attacher.pay_debts()
    volumes.trouble = None
    attacher.pay_debts()
    assert volumes.detached == []
    # Who reads it next finds nobody in the way, and takes the device along.
    attacher.detach(volumes, attacher.attach(volumes, ID, "ro"))
    assert sorted(volumes.detached) == sorted(volumes.attached)
    assert machine.released == 1


# --- growing -------------------------------------------------------------------------


@pytest.mark.parametrize("attached", [False, True])
def test_a_volume_grows_when_it_is_full(
    attacher: Attacher, machine: OneFile, monkeypatch: pytest.MonkeyPatch, *, attached: bool
) -> None:
    monkeypatch.setattr(writer, "GIB", MIB)
    volumes = FewVolumes(volume())
    ended: list[str] = []
    growing = VolumeWriter(
        Draft(volumes=volumes, volume=volume(), url="url"),
        attacher,
        extend_attached=attached,
        ended=ended.append,
    )
    piece = bytes(128 * KIB)
    for _ in range(17):
        growing.write(piece)
    growing.write(b"end")
    stored = growing.commit()
    assert stored.size == 17 * 128 * KIB + 3
    assert volumes.known[ID].gib == 3
    assert machine.noticed == (2 if attached else 0)
    assert len(volumes.attached) == (1 if attached else 3)
    assert sorted(volumes.detached) == sorted(volumes.attached)
    with machine.path.open("rb") as file:
        file.seek(17 * 128 * KIB)
        assert file.read(4) == b"end\0"
    assert ended == [ID]


# --- calls ---------------------------------------------------------------------------


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    monkeypatch.setattr("vitrine.adapters.stores.cinder.calls._FIRST_RETRY", 0.001)
    return Calls(retries=2)


def raising(error: Exception, times: int) -> Callable[[], str]:
    """Give what raises *error* so many times, and then returns how often it was called."""
    called: list[int] = []

    def act() -> str:
        called.append(1)
        if len(called) <= times:
            raise error
        return f"{len(called)} calls"

    return act


@pytest.mark.parametrize("error", [keystone.ConnectFailure(), cinder.ClientException(503)])
def test_what_did_not_get_through_is_repeated_so_many_times(calls: Calls, error: Exception) -> None:
    assert calls(raising(error, 2)) == "3 calls"
    with pytest.raises(errors.StoreUnavailable):
        calls(raising(error, 3))
    with pytest.raises(errors.StoreUnavailable):
        calls(raising(error, 1), repeatable=False)


@pytest.mark.parametrize(
    ("error", "known_as"),
    [
        (keystone.ConnectTimeout(), errors.StoreUnavailable),
        (keystone.Unauthorized(), errors.StoreUnavailable),
        (cinder.Unauthorized(401), errors.StoreUnavailable),
        (cinder.ClientException(500), errors.StoreUnavailable),
        (cinder.Forbidden(403), errors.StoreUnavailable),
        (cinder.BadRequest(400), errors.StoreUnavailable),
        (cinder.NotFound(404), errors.BlobNotFound),
        (cinder.OverLimit(413), errors.StoreFull),
    ],
)
def test_what_another_attempt_would_not_change_is_said_at_once(
    calls: Calls, error: Exception, known_as: type[Exception]
) -> None:
    with pytest.raises(known_as):
        calls(raising(error, 1))


@pytest.mark.parametrize(
    "error", [keystone.Unauthorized(), cinder.Unauthorized(401), cinder.Forbidden(403)]
)
def test_that_somebody_is_not_let_in_is_a_callers_own_trouble_only_if_it_is_a_caller(
    error: Exception,
) -> None:
    for guest, told in ((True, errors.CallerNotAdmitted), (False, errors.StoreUnavailable)):
        with pytest.raises(errors.StoreUnavailable) as raised:
            Calls(retries=0, guest=guest)(raising(error, 1))
        assert type(raised.value) is told


def test_states_and_refusals_are_told_to_who_asks_for_them(calls: Calls) -> None:
    with pytest.raises(Busy):
        calls(raising(cinder.BadRequest(400), 1), state_matters=True)
    with pytest.raises(errors.NotPermitted):
        calls(raising(cinder.Forbidden(403), 1), refusal=errors.NotPermitted("delete_image"))


# --- options -------------------------------------------------------------------------


def test_the_place_in_the_catalogue_is_read_as_glance_reads_it() -> None:
    others: dict[str, Any] = {"region": None, "template": None, "ca_file": None, "insecure": False}
    service = Service.from_catalogue_info("volumev3::publicURL", **others)
    assert (service.kind, service.name, service.interface) == ("volumev3", None, "public")
    service = Service.from_catalogue_info("block:cinder:internal", **others)
    assert (service.kind, service.name, service.interface) == ("block", "cinder", "internal")
    for wrong in ("", "volumev3", "volumev3:publicURL", ":a:b", "a:b:", "a:b:c:d"):
        with pytest.raises(errors.Misconfigured):
            Service.from_catalogue_info(wrong, **others)


def opening(directory: Path, **values: object) -> StoreOpening:
    def no_fetchers(**_options: object) -> None:
        raise AssertionError("a Cinder store fetches nothing")

    return StoreOpening(
        store_id="volumes",
        values={option.dest: option.default for option in DRIVER.options} | values,
        data_dir=directory,
        credentials=LazyCredentials(None),
        fetchers=no_fetchers,  # type: ignore[arg-type] # never called
    )


@pytest.mark.parametrize(
    ("given", "lacking"),
    [
        ({"auth_address": "http://127.0.0.1/v3"}, {"user_name", "password", "project_name"}),
        ({"user_name": "u", "password": "p", "project_name": "p"}, {"auth_address"}),
        (
            {"auth_address": "http://127.0.0.1/v3", "application_credential_id": "i"},
            {"application_credential_secret"},
        ),
    ],
)
def test_a_part_of_an_account_is_no_account(
    tmp_path: Path, given: Mapping[str, str], lacking: set[str]
) -> None:
    values = {f"cinder_store_{name}": value for name, value in given.items()}
    with pytest.raises(errors.Misconfigured) as raised:
        DRIVER.open(opening(tmp_path, **values))
    said = raised.value.reason
    assert "'volumes'" in said
    assert {name for name in lacking if f"cinder_store_{name}" in said} == lacking


def test_without_any_account_nobody_could_use_a_store(tmp_path: Path) -> None:
    with pytest.raises(errors.Misconfigured, match=r"\[keystone_authtoken\] lacks") as raised:
        DRIVER.open(opening(tmp_path))
    assert "'volumes'" in raised.value.reason
    assert "cinder_store_project_name" in raised.value.reason


@pytest.mark.parametrize("package", ["os_brick", "cinderclient"])
def test_a_package_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    for name in [name for name in sys.modules if name.startswith("vitrine.adapters.stores.cinder")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(errors.Misconfigured) as raised:
        DRIVER.open(opening(tmp_path))
    assert package in raised.value.reason
    assert "vitrine[cinder]" in raised.value.reason
