"""Stores that drivers of glance_store keep: the library's own, and made-up ones."""

import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import ClassVar, cast

import attrs
import pytest
from glance_store import capabilities, exceptions, location
from glance_store import driver as glance_driver
from oslo_config import cfg

from tests.unit.adapters.stores.test_drivers import opening
from vitrine.adapters.stores.drivers.glance_store import DRIVER
from vitrine.adapters.stores.plugged.pipe import Pipe, PipeBroken
from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.ports.stores import SERVICE, Ability, Audience, Store, StoreIdentity
from vitrine.testing.stores import (
    KIB,
    AwayContract,
    FullContract,
    StoreContract,
    StrangerContract,
    patterned,
    rest_of,
    target_for,
)


def _open(name: str, directory: Path, **chosen: object) -> Store:
    further = DRIVER.further_options({"glance_store_driver": name})
    values = {option.dest: option.default for option in further}
    return DRIVER.open(
        opening(DRIVER, directory, {**values, "glance_store_driver": name, **chosen})
    )


class TestTheFilesystemDriver(StoreContract):
    hides_unfinished: ClassVar = False
    untried: ClassVar = {
        AwayContract: "its back end is a directory",
        FullContract: "errors are translated below",
        StrangerContract: "whoever may write to the directory may use it",
    }

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return _open("file", tmp_path, filesystem_store_datadir=str(tmp_path / "blobs"))

    @pytest.fixture
    def leftovers(self, tmp_path: Path) -> Callable[[], Collection[str]]:
        return lambda: [path.name for path in (tmp_path / "blobs").glob("*")]

    @pytest.fixture(autouse=True)
    def _absent(self, tmp_path: Path) -> None:
        self.absent_urls = [
            f"file://{tmp_path}/blobs/nothing",
            f"file://{tmp_path}/blobs/../secret",
            f"file://{tmp_path}/blobs/",
            f"file://{tmp_path}/blobs2/key",
            f"file://{tmp_path}/secret",
        ]
        (tmp_path / "secret").write_text("secret")


class MadeUpLocation(location.StoreLocation):  # type: ignore[misc]  # they have no types
    def parse_uri(self, uri: str) -> None:
        self.name = uri.removeprefix("made-up://place/")


class MadeUp(glance_driver.Store):  # type: ignore[misc]  # they have no types
    """A driver without parts, of which one instance serves one call."""

    _CAPABILITIES = capabilities.BitMasks.RW_ACCESS
    OPTIONS: ClassVar = [
        cfg.StrOpt("made_up_secret", secret=True),
        cfg.ListOpt("made_up_list", default=["a"]),
    ]
    blobs: ClassVar[dict[str, bytes]] = {}
    failure: ClassVar[Exception | None] = None
    contexts: ClassVar[list[object]] = []
    configured: ClassVar[int] = 0
    short: ClassVar[int] = 0

    def get_schemes(self) -> tuple[str, ...]:
        return ("made-up",)

    def get_store_location_class(self) -> type:
        return MadeUpLocation

    def configure_add(self) -> None:
        type(self).configured += 1
        self._url_prefix = "made-up://place/"

    def _called(self, context: object) -> None:
        self.contexts.append(context)
        if self.failure is not None:
            raise self.failure

    @capabilities.check  # type: ignore[untyped-decorator]  # the same
    def add(  # noqa: PLR0917 - so it is
        self,
        image_id: str,
        image_file: Pipe,
        image_size: int,
        hashing_algo: str,
        context: object = None,
        verifier: object = None,
    ) -> tuple[str, int, str, str, dict[str, object]]:
        self._called(context)
        data = image_file.read()
        self.blobs[image_id] = data
        about: dict[str, object] = {"store": "me", "colour": "red"}
        return f"made-up://place/{image_id}", len(data), "", "", about

    @capabilities.check  # type: ignore[untyped-decorator]  # the same
    def get(
        self,
        location: location.Location,
        offset: int = 0,
        chunk_size: int | None = None,
        context: object = None,
    ) -> tuple[Iterator[bytes], int]:
        self._called(context)
        data = self.blobs[location.store_location.name]
        end = len(data) - self.short
        return (data[start : min(start + 700, end)] for start in range(0, end, 700)), len(data)

    def get_size(self, location: location.Location, context: object = None) -> int:
        self._called(context)
        if location.store_location.name not in self.blobs:
            raise exceptions.NotFound(image="x")
        return len(self.blobs[location.store_location.name])

    @capabilities.check  # type: ignore[untyped-decorator]  # the same
    def delete(self, location: location.Location, context: object = None) -> None:
        self._called(context)
        del self.blobs[location.store_location.name]


MADE_UP = f"{MadeUp.__module__}.MadeUp"


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(MadeUp, "blobs", {})
    monkeypatch.setattr(MadeUp, "contexts", [])
    monkeypatch.setattr(MadeUp, "failure", None)
    monkeypatch.setattr(MadeUp, "configured", 0)
    monkeypatch.setattr(MadeUp, "short", 0)
    # Tests are imported under names that nobody else can import.
    monkeypatch.setitem(sys.modules, MadeUp.__module__, cast("ModuleType", _Module(MadeUp)))
    return _open(MADE_UP, tmp_path, made_up_list=("b", "c"))


class _Module:
    def __init__(self, driver: type) -> None:
        self.MadeUp = driver


def _written(store: Store, data: bytes = b"data", identity: StoreIdentity = SERVICE) -> str:
    writer = store.begin(target_for(), identity)
    writer.write(data)
    return writer.commit().url


def test_nothing_is_configured_before_it_is_needed(made_up: Store) -> None:
    assert made_up.abilities == Ability.WRITE | Ability.DELETE | Ability.RANGE
    assert not made_up.holds("file:///a")
    assert MadeUp.configured == 0
    made_up.check()
    assert MadeUp.configured == 1
    assert made_up.holds("made-up://place/a")
    assert not made_up.holds("made-up://elsewhere/a")


def test_a_driver_that_could_not_be_configured_can_be_later(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("no directory")
    store = _open("file", tmp_path, filesystem_store_datadir=str(place / "blobs"))
    for _ in range(2):
        with pytest.raises(errors.StoreUnavailable):
            store.begin(target_for(), SERVICE)
    place.unlink()

    assert _written(store).startswith("file://")


def test_a_driver_that_cannot_be_used_again_is_made_anew(made_up: Store) -> None:
    made_up.size(_written(made_up), SERVICE)
    made_up.check()
    made_up.check()
    assert MadeUp.configured >= 4


def test_what_comes_before_a_part_is_read_past_where_the_driver_has_no_parts(
    made_up: Store,
) -> None:
    data = patterned(10_000)
    url = _written(made_up, data)
    for offset, length in ((0, None), (699, 2), (700, 700), (9_999, None), (10_000, 3), (5, 0)):
        reader = made_up.open(url, SERVICE, offset=offset, length=length)
        end = None if length is None else offset + length
        assert rest_of(reader) == data[offset:end]


def test_data_that_ends_early_is_no_data(made_up: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    url = _written(made_up, patterned(10_000))
    monkeypatch.setattr(MadeUp, "short", 1)
    with pytest.raises(errors.StoreUnavailable):
        rest_of(made_up.open(url, SERVICE))
    with pytest.raises(errors.StoreUnavailable):
        rest_of(made_up.open(url, SERVICE, offset=9_000))


def test_the_metadata_of_the_driver_is_kept_but_for_the_name_of_the_store(made_up: Store) -> None:
    writer = made_up.begin(target_for(), SERVICE)
    assert writer.commit().metadata == {"colour": "red"}


def test_the_caller_is_told_to_the_driver_and_shown_to_nobody(made_up: Store) -> None:
    caller = Context(user_id="u", project_id="p", roles={"b", "a"}, token="t0ken")

    _written(made_up, identity=StoreIdentity(caller=caller))

    told = MadeUp.contexts[0]
    assert attrs.asdict(cast("attrs.AttrsInstance", told)) == {
        "user_id": "u",
        "project_id": "p",
        "tenant": "p",
        "auth_token": "t0ken",
        "roles": ("a", "b"),
        "is_admin": False,
        "service_catalog": (),
    }
    assert "t0ken" not in repr(told)


def test_readers_are_admitted_where_the_driver_does_that(
    made_up: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = _written(made_up)
    audience = Audience(projects=("p", "q"))
    made_up.admit(url, audience, SERVICE)
    told: list[tuple[bool, list[str]]] = []

    def set_acls(
        _: object, location: object, *, public: bool, read_tenants: list[str], context: object
    ) -> None:
        told.append((public, read_tenants))

    monkeypatch.setattr(MadeUp, "set_acls", set_acls)
    made_up.admit(url, audience, SERVICE)
    made_up.admit(url, Audience(everybody=True), SERVICE)
    assert told == [(False, ["p", "q"]), (True, [])]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (exceptions.NotFound(image="x"), errors.BlobNotFound),
        (exceptions.BadStoreUri(uri="x"), errors.BlobNotFound),
        (exceptions.Duplicate(image="x"), errors.BlobExists),
        (exceptions.StorageFull(), errors.StoreFull),
        (exceptions.StorageWriteDenied(), errors.StoreUnavailable),
        (exceptions.InUseByStore(), errors.BlobInUse),
        (exceptions.HasSnapshot(), errors.BlobInUse),
        (exceptions.Forbidden(), errors.NotPermitted),
        (exceptions.StoreDeleteNotSupported(), errors.NotPermitted),
        (exceptions.RemoteServiceUnavailable(), errors.StoreUnavailable),
        (exceptions.TimeoutError(timeout=1), errors.StoreUnavailable),
        (OSError("s3cret"), errors.StoreUnavailable),
        (RuntimeError("s3cret"), errors.StoreUnavailable),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
def test_the_errors_of_drivers_become_ours(
    made_up: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    theirs: Exception,
    ours: type[errors.VitrineError],
) -> None:
    url = _written(made_up)
    monkeypatch.setattr(MadeUp, "failure", theirs)

    with pytest.raises(ours) as raised:
        made_up.delete(url, SERVICE)

    assert raised.value.__cause__ is None
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("then", "ours"),
    [
        (exceptions.NotFound(image="x"), errors.BlobNotFound),
        (FileNotFoundError("a file of the driver's own"), errors.StoreUnavailable),
    ],
    ids=["what it read", "something else"],
)
def test_a_file_that_a_driver_misses_is_the_blob_only_where_it_says_so(
    made_up: Store,
    monkeypatch: pytest.MonkeyPatch,
    then: Exception,
    ours: type[errors.VitrineError],
) -> None:
    url, misses = _written(made_up), []

    def called(*_: object) -> None:
        misses.append(url)
        raise FileNotFoundError if len(misses) % 2 else then

    monkeypatch.setattr(MadeUp, "_called", called)
    with pytest.raises(ours):
        made_up.size(url, SERVICE)
    with pytest.raises(ours):
        made_up.open(url, SERVICE)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (exceptions.Duplicate(image="x"), errors.BlobExists),
        (exceptions.StorageFull(), errors.StoreFull),
        (exceptions.StoreAddDisabled(), errors.StoreUnavailable),
        (exceptions.Forbidden(), errors.StoreUnavailable),
        (ZeroDivisionError(), errors.StoreUnavailable),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
def test_what_the_driver_refuses_at_once_is_refused_by_begin(
    made_up: Store,
    monkeypatch: pytest.MonkeyPatch,
    theirs: Exception,
    ours: type[errors.VitrineError],
) -> None:
    monkeypatch.setattr(MadeUp, "failure", theirs)
    with pytest.raises(ours):
        made_up.begin(target_for("key"), SERVICE)
    monkeypatch.setattr(MadeUp, "failure", None)
    assert made_up.begin(target_for("key"), SERVICE).commit().size == 0


def test_what_is_committed_is_what_the_driver_keeps(
    made_up: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = made_up.begin(target_for("key"), SERVICE)
    writer.write(b"data")
    monkeypatch.setattr(MadeUp, "get_size", lambda *_, **__: 3)
    with pytest.raises(errors.StoreUnavailable):
        writer.commit()
    writer.abort()
    assert MadeUp.blobs == {}


def test_a_driver_that_only_reads_is_only_read(tmp_path: Path) -> None:
    store = _open("http", tmp_path)
    assert store.abilities == Ability.RANGE
    with pytest.raises(errors.StoreReadOnly):
        store.begin(target_for(), SERVICE)
    assert store.holds("http://127.0.0.1/a")
    assert not store.holds("file:///a")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tape", "drivers are"),
        ("no.such.Driver", "cannot be loaded"),
        ("glance_store.driver.Tape", "cannot be loaded"),
        ("glance_store.driver.LOG", "no driver"),
        (None, "glance_store_driver"),
        ("", "glance_store_driver"),
    ],
)
def test_a_driver_that_is_not_there_is_refused(tmp_path: Path, name: str | None, said: str) -> None:
    with pytest.raises(errors.Misconfigured, match=said):
        DRIVER.further_options({"glance_store_driver": name})
    with pytest.raises(errors.Misconfigured, match=said):
        DRIVER.open(opening(DRIVER, tmp_path, {"glance_store_driver": name}))


def test_options_that_a_driver_refuses_are_refused_without_being_repeated(tmp_path: Path) -> None:
    with pytest.raises(errors.Misconfigured, match="BadStoreConfiguration") as raised:
        _open(
            "swift",
            tmp_path,
            swift_store_multi_tenant=True,
            swift_store_config_file="/s3cret",
        )
    assert "s3cret" not in str(raised.value)


def test_values_reach_the_driver_and_what_nobody_set_is_its_default(
    made_up: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Mapping[str, object]] = []

    def look(self: MadeUp) -> None:
        seen.append({option.dest: self.conf["store"][option.dest] for option in self.OPTIONS})

    monkeypatch.setattr(MadeUp, "configure_add", look)
    made_up.check()
    assert seen[0] == {"made_up_secret": None, "made_up_list": ["b", "c"]}


# --- the pipe ------------------------------------------------------------------------


def _read_in_a_thread(pipe: Pipe, sizes: list[int], found: list[bytes]) -> threading.Thread:
    def read() -> None:
        found.extend(pipe.read(size) for size in sizes)
        pipe.leave()

    thread = threading.Thread(target=read)
    thread.start()
    return thread


def test_what_is_read_has_the_length_that_was_asked_for_whatever_was_written() -> None:
    pipe, found = Pipe(), list[bytes]()
    data = patterned(300 * KIB)
    thread = _read_in_a_thread(pipe, [0, 1, 100 * KIB, 150 * KIB, 100 * KIB, 10, -1], found)

    for start in range(0, len(data), 7_777):
        assert pipe.put(memoryview(data)[start : start + 7_777])
    pipe.close()
    thread.join()

    assert list(map(len, found)) == [0, 1, 100 * KIB, 150 * KIB, 50 * KIB - 1, 0, 0]
    assert b"".join(found) == data


def test_a_writer_learns_that_the_reader_left() -> None:
    pipe, found = Pipe(), list[bytes]()
    thread = _read_in_a_thread(pipe, [1], found)

    assert pipe.wait_until_asked()
    while pipe.put(b"more"):
        pass
    thread.join()

    unread = Pipe()
    unread.leave()
    assert not unread.wait_until_asked()
    assert not unread.put(b"data")


def test_a_reader_learns_that_the_writer_gave_up() -> None:
    pipe = Pipe()
    pipe.put(b"data")
    pipe.break_off()
    with pytest.raises(PipeBroken):
        pipe.read(4)
