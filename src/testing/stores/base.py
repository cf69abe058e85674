"""What the tests of a store that takes data stand on."""

from collections.abc import Callable, Collection, Iterator

import pytest

from vitrine.core import errors
from vitrine.ports.stores import Store, StoredBlob
from vitrine.testing.stores.data import target_for, write_all
from vitrine.testing.stores.reading import Publish, ReadableContract

Put = Callable[..., StoredBlob]
Leftovers = Callable[[], Collection[str]]


class WritableStore(ReadableContract):
    """A store that takes data, and everything that is physically in it."""

    @pytest.fixture
    def leftovers(self) -> Leftovers:
        """Return a function that lists all the store's things, unfinished ones too."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def written(self, store: Store, leftovers: Leftovers) -> Iterator[list[str]]:
        """Keep the URLs that `put` wrote, delete them at the end, and see that nothing is left."""
        urls: list[str] = []
        yield urls
        for url in urls:
            try:
                store.delete(url, self.identity)
            except errors.BlobNotFound:
                continue
        assert list(leftovers()) == []

    @pytest.fixture
    def put(self, store: Store, written: list[str]) -> Put:
        """Return a function that stores bytes, under some key if none is given."""

        def put(data: bytes, key: str | None = None, *, size: int | None = None) -> StoredBlob:
            writer = store.begin(target_for(key, size), self.identity)
            try:
                write_all(writer, data)
                stored = writer.commit()
            except BaseException:
                writer.abort()
                raise
            written.append(stored.url)
            return stored

        return put

    @pytest.fixture
    def publish(self, put: Put) -> Publish:
        """Return a function that stores bytes and returns their URL."""
        return lambda data: put(data).url

    def assert_absent(self, store: Store, url: str) -> None:
        """See that there is nothing at *url* for anybody."""
        self.assert_unreadable(store, url)
        with pytest.raises(errors.BlobNotFound):
            store.delete(url, self.identity)
