"""What a store promises when its back end is away, full, or does not let it in."""

import contextlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import attrs
import pytest

from vitrine.core import errors
from vitrine.ports.stores import BlobTarget, Store, StoredBlob
from vitrine.testing.stores.base import Leftovers, Put, WritableStore
from vitrine.testing.stores.data import MIB, patterned, rest_of, target_for
from vitrine.testing.stores.reading import Publish, ReadableContract
from vitrine.testing.threads import in_time

_PAUSE: Final = 0.1  # seconds between two looks

Broken = Callable[[], AbstractContextManager[None]]


class AwayReadingContract(ReadableContract):
    """The back end goes away and comes back, for a store that takes no data.

    The class gives `broken`. Every call fails in time, and works again afterwards.
    """

    @pytest.fixture
    def broken(self) -> Broken:
        """Return what makes contexts; while one is entered the back end is away.

        It may refuse connections, or take them and fall silent: give a subclass for each.
        """
        raise NotImplementedError

    def test_what_cannot_be_reached_is_unavailable_and_later_there_again(
        self, store: Store, publish: Publish, broken: Broken
    ) -> None:
        data = patterned(MIB + 1)
        url = publish(data)
        with broken():
            self.assert_unavailable(lambda: self.read(store, url))
            self.assert_unavailable(lambda: self.read(store, url, 5, 10))
            self.assert_unavailable(lambda: store.size(url, self.identity))
        self.until_it_is_back(store, url)
        assert self.read(store, url) == data

    def test_a_reader_whose_back_end_goes_away_gets_no_wrong_bytes(
        self, store: Store, publish: Publish, broken: Broken
    ) -> None:
        data = patterned(max(8 * MIB, 3 * self.chunk))
        url = publish(data)
        reader = store.open(url, self.identity)
        pieces = reader.pieces()
        found = [next(pieces)]
        with broken():
            # What was under way already may still come.
            with contextlib.suppress(errors.StoreUnavailable):
                in_time(self.patience, lambda: found.extend(pieces))
            in_time(self.patience, reader.close)
        assert data.startswith(b"".join(found))
        self.until_it_is_back(store, url)
        assert self.read(store, url) == data

    def assert_unavailable(self, act: Callable[[], object]) -> None:
        """See that *act* fails as it should, and in time."""
        with pytest.raises(errors.StoreUnavailable):
            in_time(self.patience, act)

    def until_it_is_back(self, store: Store, url: str) -> None:
        """Wait until the store answers again."""
        _until(lambda: _works(lambda: store.size(url, self.identity)), self.patience)


class AwayContract(WritableStore, AwayReadingContract):
    """The back end goes away and comes back. The class gives `broken`."""

    def test_nothing_can_be_done_while_the_back_end_is_away(
        self, store: Store, put: Put, leftovers: Leftovers, broken: Broken
    ) -> None:
        kept, doomed = put(b"kept").url, put(b"doomed").url
        target = target_for()
        with broken():
            self.assert_unavailable(store.check)
            self.assert_unavailable(lambda: store.delete(doomed, self.identity))
            self.assert_unavailable(lambda: _write(store, target, self, MIB))
            self.assert_unavailable(lambda: store.discard(target, None, self.identity))
        self.until_it_is_back(store, kept)
        store.check()
        assert self.read(store, kept) == b"kept"
        store.delete(kept, self.identity)
        # This may have been heard the first time, and be done by now or any moment.
        with contextlib.suppress(errors.BlobNotFound):
            store.delete(doomed, self.identity)
        self._discard_all(store, target, None, leftovers)
        self.assert_absent(store, doomed)

    def test_a_writer_whose_back_end_goes_away_fails_and_leaves_nothing(
        self, store: Store, put: Put, leftovers: Leftovers, broken: Broken
    ) -> None:
        witness = put(b"witness").url
        target = target_for()
        writer = store.begin(target, self.identity)
        writer.write(patterned(MIB))
        handle = writer.handle

        def go_on() -> None:
            for number in range(1 + 2 * self.chunk // MIB):
                writer.write(patterned(MIB, seed=number << 40))
            writer.commit()

        with broken():
            self.assert_unavailable(go_on)
            with contextlib.suppress(errors.StoreUnavailable):
                in_time(self.patience, writer.abort)
        self.until_it_is_back(store, witness)
        _until(lambda: _works(writer.abort), self.patience)
        store.delete(witness, self.identity)
        self._discard_all(store, target, handle, leftovers)

    def _discard_all(
        self, store: Store, target: BlobTarget, handle: str | None, leftovers: Leftovers
    ) -> None:
        def gone() -> bool:
            store.discard(target, handle, self.identity)
            return list(leftovers()) == []

        # What was asked of a back end that is back may come to pass only now.
        _until(gone, self.patience)


class StrangerContract(WritableStore):
    """The back end does not let the store in. The class gives `stranger`."""

    @pytest.fixture
    def stranger(self) -> Store:
        """Return a store at the same place as `store`, with credentials that are wrong."""
        raise NotImplementedError

    def test_whoever_is_not_let_in_finds_the_store_away_and_harms_nothing(
        self, store: Store, put: Put, stranger: Store
    ) -> None:
        url = put(b"data").url
        target = target_for()
        for act in (
            lambda: self.read(stranger, url),
            lambda: stranger.size(url, self.identity),
            lambda: stranger.delete(url, self.identity),
            lambda: _write(stranger, target, self, MIB),
            lambda: stranger.discard(target, None, self.identity),
            stranger.check,
        ):
            with pytest.raises(errors.StoreUnavailable):
                in_time(self.patience, act)
        assert self.read(store, url) == b"data"


@attrs.frozen(kw_only=True)
class Full:
    """A store with little room.

    Attributes:
        store: Empty, apart from what fills it.
        leftovers: Lists what is in it, as the fixture of that name does.
        size: So many bytes do not fit.
        fits: So many do, also after an attempt with more.
    """

    store: Store
    leftovers: Leftovers
    size: int
    fits: int = MIB


class FullContract(WritableStore):
    """The back end has no more room. The class gives `full`."""

    @pytest.fixture
    def full(self) -> Full:
        """Return a store with little room."""
        raise NotImplementedError

    @pytest.mark.parametrize("known", [True, False], ids=["known size", "unknown size"])
    def test_what_does_not_fit_is_refused_and_leaves_nothing(
        self, full: Full, *, known: bool
    ) -> None:
        target = target_for(size=full.size if known else None)
        with pytest.raises(errors.StoreFull):
            in_time(self.patience, lambda: _write(full.store, target, self, full.size))
        assert list(full.leftovers()) == []
        stored = _write(full.store, target_for(), self, full.fits)
        assert rest_of(full.store.open(stored.url, self.identity)) == patterned(full.fits)
        full.store.delete(stored.url, self.identity)
        assert list(full.leftovers()) == []


TROUBLES: Final = (AwayContract, StrangerContract, FullContract)


def _write(store: Store, target: BlobTarget, test: WritableStore, size: int) -> StoredBlob:
    writer = store.begin(target, test.identity)
    try:
        data = memoryview(patterned(size))
        for start in range(0, size, MIB):
            writer.write(data[start : start + MIB])
        return writer.commit()
    except BaseException as error:
        # What is away cannot be tidied up either: that is for `discard`, later.
        away = isinstance(error, errors.StoreUnavailable)
        with contextlib.suppress(*([errors.StoreUnavailable] if away else [])):
            writer.abort()
        raise


def _works(act: Callable[[], object]) -> bool:
    try:
        act()
    except errors.StoreUnavailable:
        return False
    return True


def _until(condition: Callable[[], bool], patience: float) -> None:
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, f"nothing came of it in {patience} s"
        time.sleep(_PAUSE)
