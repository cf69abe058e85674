"""Reading images of which some copies break."""

import logging
from collections.abc import Iterator

import attrs
import pytest

from tests.support.house import DEMO, House
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core import errors
from vitrine.core.images.image import Image, Location
from vitrine.core.images.ranges import Wanted
from vitrine.ports.persistence import Changeset, SaveImage
from vitrine.ports.stores import Ability, BlobReader, StoreIdentity
from vitrine.usecases.data import Download

DATA = bytes(range(250)) * 40
PIECE = 1000


class _Brittle(BlobReader):
    def __init__(self, inner: BlobReader, breaks_after: int | None, store: "BrittleStore") -> None:
        self._data = b"".join(inner.pieces())
        self._breaks_after = breaks_after
        self._store = store
        self._closed = False

    @property
    def length(self) -> int:
        return len(self._data)

    def pieces(self) -> Iterator[bytes]:
        for start in range(0, len(self._data), PIECE):
            if self._breaks_after is not None and start >= self._breaks_after:
                raise self._store.breakage
            yield self._data[start : start + PIECE]

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self._store.open_readers -= not self._closed
        self._closed = True


class BrittleStore(MemoryStore):
    """Gives so many bytes and breaks; with `web` it is somebody else's server.

    With `refusal` nothing can be opened, and with `breakage` it breaks for that reason.
    """

    def __init__(self, store_id: str, *, web: bool = False) -> None:
        super().__init__(store_id)
        self.web = web
        self.breaks_after: int | None = None
        self.breakage: errors.VitrineError = errors.StoreUnavailable()
        self.refusal: errors.VitrineError | None = None
        self.open_readers = 0
        self.asked: list[tuple[int, int | None]] = []

    @property
    def abilities(self) -> Ability:
        return Ability.RANGE if self.web else super().abilities

    def open(
        self,
        url: str,
        identity: StoreIdentity,
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> BlobReader:
        if self.refusal is not None:
            raise self.refusal
        inner = super().open(url, identity, offset=offset, length=length)
        self.asked.append((offset, length))
        self.open_readers += 1
        return _Brittle(inner, self.breaks_after, self)


class Scene:
    """An image with a copy in each of three stores."""

    def __init__(self, *, web: bool = False) -> None:
        self.stores = [BrittleStore(name) for name in ("first", "second", "third")]
        self.house = House(stores={store.id: store for store in self.stores})
        self.image = self.house.create()
        locations: list[Location] = []
        for store in self.stores:
            source = self.house.create()
            self.house.upload(source.id, DATA, store_id=store.id)
            locations += self.house.stored(source.id).locations
        self.house.upload(self.image.id, DATA)
        self.change(locations=tuple(locations))
        if web:
            self.stores[1].web = self.stores[2].web = True

    def change(self, **fields: object) -> Image:
        image = self.house.stored(self.image.id)
        changed = attrs.evolve(image, **fields)  # type: ignore[arg-type]  # named by the test
        self.house.persistence.commit(
            Changeset(id=self.house.ids.new(), commands=(SaveImage(changed),))
        )
        return changed

    def breaking(self, *places: int | None) -> None:
        for store, place in zip(self.stores, places, strict=False):
            store.breaks_after = place

    def open(self, wanted: Wanted | None = None) -> Download:
        download = self.house.data.download(DEMO, self.image.id, wanted=lambda _: wanted)
        assert download is not None
        return download

    def read(self, wanted: Wanted | None = None) -> bytes:
        download = self.open(wanted)
        try:
            data = b"".join(download.reader.pieces())
        finally:
            download.reader.close()
        assert len(data) == download.reader.length
        return data

    def all_closed(self) -> bool:
        return not any(store.open_readers for store in self.stores)


@pytest.mark.parametrize("places", [(0,), (0, 0), (2000,), (9000, 3000), (0, 5000), (1000, 1000)])
def test_another_copy_goes_on_where_one_breaks(places: tuple[int, ...]) -> None:
    scene = Scene()
    scene.breaking(*places)
    assert scene.read() == DATA
    assert scene.all_closed()


@pytest.mark.parametrize("places", [(0,), (2000,), (3000, 1000)])
def test_another_copy_goes_on_with_a_part(places: tuple[int, ...]) -> None:
    scene = Scene()
    scene.breaking(*places)
    assert scene.read(Wanted(first=1234, last=8765)) == DATA[1234:8766]
    assert scene.all_closed()


def test_a_copy_is_asked_only_for_what_is_still_missing() -> None:
    scene = Scene()
    scene.breaking(2000)
    assert scene.read() == DATA
    assert [store.asked for store in scene.stores] == [[(0, None)], [(2000, None)], []]
    assert scene.read(Wanted(first=100, last=8099)) == DATA[100:8100]
    assert scene.stores[1].asked[1:] == [(2100, 6000)]


def test_when_none_is_left_the_answer_is_cut_and_everything_closed() -> None:
    scene = Scene()
    scene.breaking(5000, 2000, 1000)
    download = scene.open()
    seen: list[bytes] = []
    with pytest.raises(errors.StoreUnavailable):
        seen.extend(download.reader.pieces())
    download.reader.close()
    assert DATA.startswith(b"".join(seen))
    assert len(b"".join(seen)) == 8000
    assert scene.all_closed()


def test_when_none_gives_a_first_byte_that_is_known_before_the_answer_begins() -> None:
    scene = Scene()
    scene.breaking(0, 0, 0)
    with pytest.raises(errors.StoreUnavailable):
        scene.open()
    assert scene.all_closed()


DENIED = errors.NotPermitted("get_image_location")
BROKEN = errors.Misconfigured("No account.")


@pytest.mark.parametrize("refusal", [DENIED, BROKEN, errors.BlobUnreadable()])
@pytest.mark.parametrize("places", [(), (None, 2000)])
def test_a_copy_that_is_refused_is_left_for_the_next_one(
    refusal: errors.VitrineError, places: tuple[int | None, ...]
) -> None:
    scene = Scene()
    scene.breaking(*places)
    scene.stores[0].refusal = refusal
    assert scene.read() == DATA
    assert scene.all_closed()


@pytest.mark.parametrize(
    ("refusals", "told"),
    [
        ((DENIED, BROKEN, errors.BlobNotFound()), DENIED),
        ((errors.BlobNotFound(), BROKEN, DENIED), BROKEN),
    ],
)
def test_when_all_copies_are_refused_the_first_that_may_be_there_says_why(
    refusals: tuple[errors.VitrineError, ...], told: errors.VitrineError
) -> None:
    scene = Scene()
    for store, refusal in zip(scene.stores, refusals, strict=True):
        store.refusal = refusal
    with pytest.raises(type(told)) as raised:
        scene.open()
    assert raised.value is told


def test_a_copy_that_turns_out_damaged_is_not_gone_on_with() -> None:
    scene = Scene()
    scene.stores[0].breakage = errors.BlobDamaged()
    scene.breaking(2000)
    with pytest.raises(errors.BlobDamaged):
        scene.read()
    assert scene.stores[1].asked == []
    scene.breaking(0)
    assert scene.read() == DATA
    assert scene.all_closed()


def test_who_leaves_in_the_middle_leaves_nothing_open() -> None:
    scene = Scene()
    download = scene.open()
    assert next(download.reader.pieces()) == DATA[:PIECE]
    download.reader.close()
    assert scene.all_closed()


def test_pieces_come_once() -> None:
    reader = Scene().open().reader
    assert b"".join(reader.pieces()) == DATA
    assert list(reader.pieces()) == []
    reader.close()


def test_what_lies_on_the_web_is_taken_from_its_beginning_only() -> None:
    scene = Scene(web=True)
    scene.breaking(0)
    assert scene.read() == DATA
    scene.breaking(2000)
    with pytest.raises(errors.StoreUnavailable):
        scene.read()


def test_data_of_which_no_hash_is_known_is_not_put_together() -> None:
    scene = Scene()
    scene.change(digest=None)
    scene.breaking(0)
    assert scene.read() == DATA
    scene.breaking(2000)
    with pytest.raises(errors.StoreUnavailable):
        scene.read()


def test_a_copy_of_another_length_does_not_go_on() -> None:
    scene = Scene()
    _, second, _ = scene.house.stored(scene.image.id).locations
    scene.stores[1]._blobs[second.url.rpartition("/")[2]] = DATA + b"more"
    scene.breaking(2000)
    assert scene.read() == DATA
    assert scene.stores[2].asked == [(2000, None)]
    assert scene.all_closed()


def test_an_empty_image_is_read() -> None:
    house = House(stores={"first": BrittleStore("first")})
    image = house.create()
    house.upload(image.id, b"")
    assert house.bytes_of(image.id) == b""


def test_logs_tell_of_stores_and_never_of_addresses(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    caplog.clear()
    scene.breaking(0, 2000)
    with caplog.at_level(logging.DEBUG):
        scene.read()
    told = [record.getMessage() for record in caplog.records]
    assert [name for name in ("'first'", "'second'") if any(name in each for each in told)] == [
        "'first'",
        "'second'",
    ]
    assert not any("memory:" in each for each in told)
