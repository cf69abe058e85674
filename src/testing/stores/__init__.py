"""What `Store` promises. A driver's tests inherit it and pass all of it, or it is no store.

A store that takes data inherits `StoreContract` and gives two fixtures: the store itself,
and a way to see everything that is physically there, finished or not. What troubles a
back end is in contracts of their own, each with a fixture that brings the trouble about:
`AwayContract` (``broken``), `StrangerContract` (``stranger``) and `FullContract`
(``full``). A class inherits each of them, or says in `untried` why it cannot::

    class TestMyStore(StoreContract, AwayContract, FullContract):
        chunk = 8 * MIB  # what blobs are cut into: lengths around it are tried
        examples = settings(max_examples=5)  # where every call takes its time
        untried: ClassVar = {StrangerContract: "whoever reaches it may use it"}

        @pytest.fixture
        def store(self) -> Store: ...

        @pytest.fixture
        def leftovers(self, store) -> Callable[[], Collection[str]]: ...

        @pytest.fixture
        def broken(self) -> Broken:
            @contextlib.contextmanager
            def stopped() -> Iterator[None]:
                server.signal(signal.SIGSTOP)
                try:
                    yield
                finally:
                    server.signal(signal.SIGCONT)

            return stopped

        @pytest.fixture
        def full(self) -> Full: ...

A back end that can both refuse connections and fall silent is tried with a class for each,
the second one of `AwayContract` alone. A store that takes no data inherits
`ReadableContract`, and `AwayReadingContract`; it gives ``store`` and ``publish``.

Class attributes say what is legitimately different: `examples`, `identity`, `chunk`,
`patience` (seconds that a call to a back end that is away may take), `large`,
`outlives_deletion`, `absent_urls`, `foreign_urls`. See there.
"""

from vitrine.testing.stores.base import Leftovers, Put, WritableStore
from vitrine.testing.stores.contract import StoreContract
from vitrine.testing.stores.data import (
    KIB,
    MIB,
    Stream,
    digest_of,
    patterned,
    rest_of,
    some_key,
    target_for,
    write_all,
)
from vitrine.testing.stores.reading import Publish, ReadableContract
from vitrine.testing.stores.trouble import (
    AwayContract,
    AwayReadingContract,
    Broken,
    Full,
    FullContract,
    StrangerContract,
)

__all__ = [
    "KIB",
    "MIB",
    "AwayContract",
    "AwayReadingContract",
    "Broken",
    "Full",
    "FullContract",
    "Leftovers",
    "Publish",
    "Put",
    "ReadableContract",
    "StoreContract",
    "StrangerContract",
    "Stream",
    "WritableStore",
    "digest_of",
    "patterned",
    "rest_of",
    "some_key",
    "target_for",
    "write_all",
]
