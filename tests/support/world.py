"""What outlives every process of the service, and what must be true of it at rest."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import attrs

from tests.support.clock import CountingIds, ManualClock
from tests.support.faults import Faults
from tests.support.fetching import MemoryFetcher
from tests.support.house import TTL, House, ListeningNotifier
from tests.support.staging import AgingStaging
from vitrine.adapters.inspection.oslo import OsloInspector
from vitrine.adapters.persistence.memory.persistence import MemoryPersistence
from vitrine.adapters.stores.http import HttpStore
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core.digests import Digests
from vitrine.core.events import Event, image_payload
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.core.jobs import holder_of
from vitrine.core.quota import Resource, used_by
from vitrine.core.sessions import blob_key
from vitrine.ports.persistence import Changeset, CreateImage, SaveImage, TouchImage
from vitrine.ports.stores import SERVICE, Store
from vitrine.usecases.catalogue import CatalogueRules
from vitrine.usecases.data import DataRules
from vitrine.usecases.filling import FillingRules

LARGEST: Final = 10_000  # bytes that one image may have here
LATER: Final = TTL * 2  # a time after which every lease that nobody renewed is over
_ROUNDS: Final = 20
_DOING: Final = frozenset({Status.SAVING, Status.UPLOADING, Status.IMPORTING})


class ListeningPersistence(MemoryPersistence):
    """Remembers which events were committed, and that no change went untold.

    Attributes:
        told: All events that were committed, in the order in which they were.
    """

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock.now)
        self.told: list[Event] = []
        self._seen: set[str] = set()

    def commit(self, changes: Changeset) -> None:
        before = {image.id: image for image in self.all()}
        super().commit(changes)
        if changes.id in self._seen:
            return
        self._seen.add(changes.id)
        self.told += changes.events
        told = {(event.aggregate_id, event.version) for event in changes.events}
        for command in changes.commands:
            match command:
                case CreateImage(image):
                    assert (image.id, 1) in told, "a new image was not told of"
                case SaveImage(image):
                    old, new = before[image.id], self.image(image.id)
                    if image_payload(old) != image_payload(new):
                        assert (image.id, new.version) in told, "a change was not told of"
                case TouchImage(image_id, version):
                    assert (image_id, version + 1) in told, "a change of members was not told of"
                case _:
                    pass

    def all(self) -> tuple[Image, ...]:
        """Return every image, deleted ones too."""
        return tuple(image for _, image in self._tables.images.items())

    def image(self, image_id: str) -> Image:
        """Return an image, deleted or not."""
        image = self._tables.images.get(image_id)
        assert image is not None
        return image


class World:
    """A database, stores, a bus and the web, with time that passes when it is told to.

    `boot` builds the service over them, as often as it dies. The stores are
    ``first`` and ``second``, which hold bytes, and ``web``, which leads elsewhere.

    Attributes:
        owed: Whether what was acknowledged is there, for each acknowledgement.
    """

    def __init__(self, *, parallel: int = 1) -> None:
        """Begin with nothing; imports fill *parallel* stores at once."""
        self.parallel = parallel
        self.clock = ManualClock()
        self.ids = CountingIds()
        self.persistence = ListeningPersistence(self.clock)
        self.memories = {name: MemoryStore(name) for name in ("first", "second")}
        self.staging = AgingStaging(self.clock.now)
        self.notifier = ListeningNotifier()
        self.web = MemoryFetcher()
        self.limits: dict[Resource, int | None] = {}
        self.owed: list[Callable[[House], bool]] = []

    def boot(self, faults: Faults | None = None) -> House:
        """Build a service that knows nothing but what is here, and suffers *faults*."""
        suffering = faults or Faults()
        fetcher = suffering.fetcher(self.web)
        stores: dict[str, Store] = {**self.memories, "web": HttpStore("web", fetcher)}
        house = House(
            persistence=suffering.persistence(self.persistence),
            stores={name: suffering.store(store) for name, store in stores.items()},
            clock=self.clock,
            ids=self.ids,
            rules=DataRules(largest=LARGEST),
            catalogue_rules=CatalogueRules(locations=True),
            inspector=suffering.inspector(OsloInspector()),
            notifier=suffering.notifier(self.notifier),
            fetcher=fetcher,
            staging=suffering.staging(self.staging),
            filling_rules=FillingRules(parallel=self.parallel, largest=LARGEST),
        )
        house.limits.limits = self.limits
        return house

    def settle(self, house: House) -> None:
        """Let time pass and *house* do its chores until there are none left.

        Everything comes to an end within a bounded number of rounds, or this fails.
        """
        for _ in range(_ROUNDS):
            self.clock.advance(LATER)
            if not (house.housekeeping.run() + house.run_jobs() + house.relay.run()) and (
                not self._unsettled()
            ):
                return
        left = self._unsettled()
        assert not left, f"this never ends: {left}"

    def _unsettled(self) -> list[str]:
        tables = self.persistence._tables
        return [
            *(f"session of kind {each.kind}" for _, each in tables.sessions.items()),
            *(f"event {each[0].type}" for _, each in tables.pending.items()),
            *(f"task that is {each.status}" for _, each in tables.jobs.items() if not each.ended),
            *(f"staged {name}" for name in self.staging.names() - self._waiting()),
        ]

    def _waiting(self) -> set[str]:
        """Return the names of what was staged and waits for its import."""
        return {
            blob_key(image.id, image.attempts)
            for image in self.persistence.all()
            if image.status is Status.UPLOADING and image.size is not None
        }

    # --- what must be true -----------------------------------------------------------

    def check_at_rest(self) -> None:
        """Check everything that is true when nobody does anything and nothing is left to do."""
        assert not self._unsettled()
        assert not list(self.persistence._tables.claims.items()), "somebody still seems to publish"
        self.check_between()
        for image in self.persistence.all():
            assert image.status is Status.DELETED or holder_of(image) is None
        published = {event.id for event in self.notifier.published}
        assert published == {event.id for event in self.persistence.told}

    def check_between(self) -> None:
        """Check what is true between two things that callers do, when none of them failed."""
        tables = self.persistence._tables
        assert not list(tables.sessions.items()), "a session is left"
        assert not list(tables.leases.items()), "a lease is left"
        assert not list(tables.holdings.items()), "something is still held back"
        self.check()
        assert self._waiting() <= self.staging.names(), "what was staged is not there"
        stored = Counter(self._stored())
        assert stored == Counter(self._referenced()), "bytes in stores are not bytes referenced"
        for image in self.persistence.all():
            # What was staged whole may wait for as long as it likes.
            staged = image.status is Status.UPLOADING and image.size is not None
            assert staged or image.status not in _DOING
            assert image.deletion is None

    def check(self) -> None:
        """Check what is true at every moment, whatever was broken off."""
        self._check_ledger()
        self._check_events()
        for image in self.persistence.all():
            if image.status in (Status.QUEUED, Status.DELETED, Status.SAVING):
                assert not image.locations
            if image.status in (Status.ACTIVE, Status.DEACTIVATED) and image.deletion is None:
                assert image.locations
                self._check_bytes(image)

    def _check_bytes(self, image: Image) -> None:
        for location in image.locations:
            store = self.memories.get(location.store_id or "")
            if store is None:
                continue
            data = b"".join(store.open(location.url, SERVICE).pieces())
            assert len(data) == image.size
            if image.digest is not None:
                digests = Digests(image.digest.algorithm)
                for hasher in digests.hashers:
                    hasher.update(data)
                assert digests.finish().digest == image.digest

    def _check_ledger(self) -> None:
        tables = self.persistence._tables
        used: Counter[tuple[str, Resource]] = Counter()
        for image in self.persistence.all():
            for resource, amount in used_by(image).items():
                used[image.owner or "", resource] += amount
        reserved: Counter[tuple[str, Resource]] = Counter()
        for row in tables.holdings.items():
            for holding in row[1]:
                reserved[holding.project, holding.resource] += holding.amount
        for key, usage in tables.usage.items():
            assert (usage.used, usage.reserved) == (used[key], reserved[key]), key
            limit = self.limits.get(key[1])
            assert limit is None or usage.used + usage.reserved <= limit
        assert set(used) <= {key for key, _ in tables.usage.items()}

    def _check_events(self) -> None:
        committed: dict[str, list[Event]] = {}
        for event in self.persistence.told:
            committed.setdefault(event.aggregate_id, []).append(event)
        published: dict[str, list[tuple[int, int, str]]] = {}
        for event in self.notifier.published:
            key = (event.version, event.position, event.id)
            if key not in published.setdefault(event.aggregate_id, []):
                published[event.aggregate_id].append(key)
        for aggregate_id, events in committed.items():
            keys = [(event.version, event.position, event.id) for event in events]
            assert keys == sorted(keys), "changes were committed out of order"
            told = published.pop(aggregate_id, [])
            assert told == keys[: len(told)], "events were published out of order"
        assert not published, "something was published that never happened"

    def _stored(self) -> Iterator[str]:
        for name, store in self.memories.items():
            for key in store.contents():
                yield f"memory://{name}/{key}"

    def _referenced(self) -> set[str]:
        return {
            location.url
            for image in self.persistence.all()
            for location in image.locations
            if location.url.startswith("memory://")
        }

    # --- what callers can tell -------------------------------------------------------

    def state(self) -> Mapping[str, object]:
        """Return all that callers can tell of every image and its members, but for times."""
        told: dict[str, object] = {}
        for image in self.persistence.all():
            plain = attrs.evolve(
                image, version=1, attempts=0, updated_at=image.created_at, deletion=None
            )
            members = [
                (member.member_id, member.status)
                for member in self.persistence.members.of(image.id)
            ]
            told[image.id] = (plain, members)
        return told
