"""How stores learn of the file that the data of an import lies in."""

import os
from pathlib import Path

import pytest

from tests.support.house import ADMIN, DEMO, House
from vitrine.adapters.stores.filesystem import DataDirectory, FilesystemStore
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.core.importing import Method, read_import
from vitrine.ports.stores import SERVICE, BlobWriter, StoredBlob
from vitrine.testing.stores import MIB, patterned
from vitrine.usecases.sinks import sink_for
from vitrine.usecases.sources import CopySource, StagedSource, descriptor_of

DATA = patterned(3 * MIB + 5)


class NotingWriter(BlobWriter):
    """Notes what it is given, and where it was told that this lies."""

    def __init__(self) -> None:
        self.given: list[tuple[bytes, int | None, int | None]] = []

    @property
    def handle(self) -> str | None:
        return None

    def write(self, piece: bytes | memoryview) -> None:
        self.given.append((bytes(piece), None, None))

    def write_from(self, piece: bytes | memoryview, descriptor: int, offset: int) -> None:
        self.given.append((bytes(piece), descriptor, offset))

    def commit(self) -> StoredBlob:
        raise NotImplementedError

    def abort(self) -> None:
        raise NotImplementedError


def test_each_piece_is_said_to_lie_behind_the_one_before_it(tmp_path: Path) -> None:
    writer = NotingWriter()
    path = tmp_path / "larger"
    path.write_bytes(b"a head, then onethree")
    with path.open("rb", buffering=0) as file:
        file.seek(13)
        number = file.fileno()
        sink = sink_for(writer, number)
        for piece in (file.read(3), b"", file.read(5)):
            sink(piece)
    assert writer.given == [(b"one", number, 13), (b"", number, 16), (b"three", number, 16)]


def test_what_comes_from_no_file_is_just_written() -> None:
    writer = NotingWriter()
    sink = sink_for(writer, None)
    sink(b"one")
    assert writer.given == [(b"one", None, None)]


def _files(tmp_path: Path, *names: str) -> dict[str, FilesystemStore]:
    return {
        name: FilesystemStore(name, [DataDirectory(path=str(tmp_path / name))]) for name in names
    }


def _import(house: House, image: Image, method: Method, *stores: str) -> Image:
    context = ADMIN if method is Method.COPY_IMAGE else DEMO
    body = {"method": {"name": method.value}, "stores": list(stores)}
    house.imports.request(context, image.id, read_import(body))
    house.run_jobs()
    return house.stored(image.id)


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How much the kernel copies, call by call."""
    copied = list[int]()
    copy = os.copy_file_range

    def note(source: int, target: int, count: int, offset: int) -> int:
        copied.append(copy(source, target, count, offset))
        return copied[-1]

    monkeypatch.setattr(os, "copy_file_range", note)
    return copied


def test_staged_data_is_copied_to_every_store_of_files(tmp_path: Path, copied: list[int]) -> None:
    house = House(stores=_files(tmp_path, "fast", "slow"))
    image = house.create()
    house.stage(image.id, DATA)
    image = _import(house, image, Method.GLANCE_DIRECT, "fast", "slow")
    assert image.status is Status.ACTIVE
    assert sum(copied) == 2 * len(DATA)
    for location in image.locations:
        assert Path(location.url.removeprefix("file://")).read_bytes() == DATA


def test_the_only_copy_is_copied_by_the_kernel(tmp_path: Path, copied: list[int]) -> None:
    house = House(stores=_files(tmp_path, "fast", "slow"))
    image = house.create()
    house.upload(image.id, DATA)
    image = _import(house, image, Method.COPY_IMAGE, "slow")
    assert sum(copied) == len(DATA)
    assert len(image.locations) == 2
    for location in image.locations:
        assert Path(location.url.removeprefix("file://")).read_bytes() == DATA


def test_what_may_go_on_with_another_copy_comes_from_no_file(tmp_path: Path) -> None:
    house = House(stores={**_files(tmp_path, "fast", "slow"), "memory": MemoryStore("memory")})
    image = house.create()
    house.stage(image.id, DATA)
    staged = StagedSource(staging=house.staging, key=house.staging.listed()[0].key or "").open()
    assert descriptor_of(staged) is not None
    staged.close()
    image = _import(house, image, Method.GLANCE_DIRECT, "fast", "slow")
    source = CopySource(stores=house.catalogue, image=image, identity=SERVICE)
    reading = source.open()
    assert descriptor_of(reading) is None
    assert b"".join(reading.pieces()) == DATA
    reading.close()
