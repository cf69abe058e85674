"""What the section of a file store says, in effect."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.fetching import MemoryFetcher
from vitrine.adapters.credentials.lazy import LazyCredentials
from vitrine.adapters.stores.drivers.file import DRIVER
from vitrine.adapters.stores.filesystem import DataDirectory, FilesystemStore
from vitrine.adapters.stores.filesystem.mounts import read_mounts
from vitrine.adapters.stores.patient import PatientStore
from vitrine.core import errors
from vitrine.ports.fetching import Fetcher
from vitrine.ports.stores import SERVICE, Fetchers, Store, StoredBlob, StoreOpening
from vitrine.testing.stores import MIB, patterned, target_for, write_all

NFS = {"id": "b9d69795-5951-4cb0-bb5c-29491e1e2daf", "mountpoint": "/mnt/images"}
OTHER = {"id": "6a6bea8e", "mountpoint": "/mnt/other/", "type": "nfs"}
INNER = {"id": "77", "mountpoint": "/mnt/images/inner"}


class NoFetchers(Fetchers):
    def __call__(self, *, verify: bool, ca_file: str | None, proxies: Mapping[str, str]) -> Fetcher:
        return MemoryFetcher()


def opened(directory: Path, **values: object) -> Store:
    options = {option.dest: option.default for option in DRIVER.options}
    return DRIVER.open(
        StoreOpening(
            store_id="files",
            values={**options, **values},
            data_dir=directory,
            credentials=LazyCredentials(None),
            fetchers=NoFetchers(),
        )
    )


def stored(store: Store, data: bytes = b"data") -> StoredBlob:
    writer = store.begin(target_for(), SERVICE)
    write_all(writer, data)
    return writer.commit()


def metadata_file(directory: Path, document: object) -> Path:
    path = directory / "metadata.json"
    path.write_text(json.dumps(document))
    return path


# --- metadata ------------------------------------------------------------------------


@pytest.mark.contract("DRV-013")
def test_a_single_description_is_remembered_with_every_location(tmp_path: Path) -> None:
    path = metadata_file(tmp_path, OTHER)
    store = opened(tmp_path, filesystem_store_metadata_file=str(path))
    assert stored(store).metadata == OTHER


@pytest.mark.contract("DRV-013")
def test_of_several_descriptions_the_one_of_the_directory_is_remembered(tmp_path: Path) -> None:
    here = {"id": "here", "mountpoint": str(tmp_path)}
    path = metadata_file(tmp_path, [NFS, here, OTHER])
    store = opened(tmp_path, filesystem_store_metadata_file=str(path))
    assert stored(store).metadata == here


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("/mnt/images", NFS),
        ("/mnt/images/a/b", NFS),
        ("/mnt/images/inner/a", INNER),
        ("/mnt/other", OTHER),
        ("/mnt/images2", {}),
        ("/mnt", {}),
    ],
)
def test_a_directory_is_below_whole_names_of_the_nearest_mount_point(
    tmp_path: Path, place: str, expected: dict[str, str]
) -> None:
    path = metadata_file(tmp_path, [NFS, OTHER, INNER])
    assert read_mounts(path, "files", []).of(place) == expected


def test_a_directory_below_no_mount_point_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = metadata_file(tmp_path, [NFS, OTHER])
    directories = [DataDirectory(path="/mnt/images"), DataDirectory(path="/srv")]
    with caplog.at_level(logging.WARNING):
        read_mounts(path, "files", directories[:1])
        assert caplog.records == []
        read_mounts(path, "files", directories)
    [record] = caplog.records
    assert "'files'" in record.getMessage()
    assert "/srv" not in record.getMessage()


def test_without_the_option_nothing_is_remembered(tmp_path: Path) -> None:
    assert stored(opened(tmp_path)).metadata == {}


@pytest.mark.contract("DRV-013")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "1",
        '"a"',
        "null",
        "{}",
        '{"id": "a"}',
        '{"mountpoint": "/a"}',
        '{"id": 1, "mountpoint": "/a"}',
        '{"id": "a", "mountpoint": null}',
        '{"id": "", "mountpoint": "/a"}',
        '[{"id": "a", "mountpoint": "/a"}, {}]',
        '[["id", "mountpoint"]]',
    ],
)
def test_a_metadata_file_that_is_none_stops_the_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "metadata.json"
    path.write_text(text)
    with pytest.raises(errors.Misconfigured, match="filesystem_store_metadata_file") as raised:
        opened(tmp_path, filesystem_store_metadata_file=str(path))
    assert str(tmp_path) not in str(raised.value)


def test_a_metadata_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(errors.Misconfigured, match="cannot be read"):
        opened(tmp_path, filesystem_store_metadata_file=str(tmp_path / "nothing"))


# --- timeouts ------------------------------------------------------------------------


@pytest.mark.contract("DRV-013")
def test_only_with_a_timeout_are_calls_made_by_others(tmp_path: Path) -> None:
    assert isinstance(opened(tmp_path), FilesystemStore)
    store = opened(
        tmp_path,
        filesystem_store_timeout=7,
        filesystem_store_thread_pool_size=3,
        filesystem_store_threadpool_threshold=40,
    )
    assert isinstance(store, PatientStore)
    calls = store._calls
    assert (calls._name, calls._seconds, calls._most, calls._warn_at) == ("files", 7, 3, 40)
    assert stored(store).size == 4


@pytest.mark.parametrize(("seconds", "expected"), [(0, 0), (60, 2)])
def test_with_a_timeout_a_disk_never_has_much_to_do_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int, expected: int
) -> None:
    real, synced = os.fdatasync, list[int]()

    def sync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", sync)
    stored(opened(tmp_path, filesystem_store_timeout=seconds), bytes(130 * MIB))
    assert synced == [64 * MIB, 128 * MIB][:expected]


# --- holes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chunk", "zeros", "taken"),
    [
        (64 * 1024, 64 * 1024, 8),
        (128 * 1024, 64 * 1024, 16),
        (1, 4096, 8),
        (16 * MIB, MIB, 8),
    ],
)
def test_a_whole_chunk_of_zeros_becomes_a_hole(
    tmp_path: Path, chunk: int, zeros: int, taken: int
) -> None:
    store = opened(tmp_path, filesystem_thin_provisioning=True, filesystem_store_chunk_size=chunk)
    half = patterned(zeros, seed=1) + bytes(zeros)
    blob = stored(store, half * (16 * MIB // len(half)))
    used = Path(blob.url.removeprefix("file://")).stat().st_blocks * 512
    assert abs(used - taken * MIB) <= MIB
    assert store.properties["chunk_size"] == chunk
