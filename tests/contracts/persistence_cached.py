"""What `CachedImages` promises."""

from datetime import timedelta

import attrs

from tests.contracts.persistence_base import NOON, PersistenceContractBase, new_id
from vitrine.core.caching import CacheEntry
from vitrine.ports.persistence import Persistence

NODE = "http://one.example.org:9292"
OTHER = "http://two.example.org:9292"
LATER = NOON + timedelta(seconds=90, microseconds=5)


def an_entry(image_id: str | None = None, **fields: object) -> CacheEntry:
    made = CacheEntry(
        image_id=image_id or new_id(), size=5 * 10**12, last_modified=NOON, last_accessed=NOON
    )
    return attrs.evolve(made, **fields)  # type: ignore[arg-type]  # the fields of an entry


class CachedImagesContract(PersistenceContractBase):
    """See `PersistenceContract`."""

    def test_an_entry_is_remembered_without_its_checksum_and_with_a_number(
        self, persistence: Persistence
    ) -> None:
        first, second = an_entry(checksum="0" * 32), an_entry(hits=3)
        for entry in (first, second):
            persistence.cached.put(NODE, entry)

        found = persistence.cached.entries(NODE)
        assert [attrs.evolve(each, number=None) for each in found] == [
            attrs.evolve(first, checksum=None),
            second,
        ]
        numbers = [each.number for each in found]
        assert None not in numbers
        assert len(set(numbers)) == 2
        assert persistence.cached.get(NODE, second.image_id) == found[1]

    def test_an_entry_takes_the_place_of_the_one_before(self, persistence: Persistence) -> None:
        entry = an_entry()
        persistence.cached.put(NODE, entry)
        (before,) = persistence.cached.entries(NODE)
        newer = attrs.evolve(entry, size=7, hits=0, last_modified=LATER, last_accessed=LATER)
        for _ in range(2):  # the same once more changes nothing, and is no new entry
            persistence.cached.put(NODE, newer)
        assert [*persistence.cached.entries(NODE)] == [attrs.evolve(newer, number=before.number)]

    def test_each_node_has_entries_of_its_own(self, persistence: Persistence) -> None:
        entry = an_entry()
        persistence.cached.put(NODE, entry)
        assert persistence.cached.get(OTHER, entry.image_id) is None
        persistence.cached.put(OTHER, entry)
        assert [*persistence.cached.nodes(entry.image_id)] == [NODE, OTHER]
        assert persistence.cached.remove(NODE, entry.image_id)
        assert [*persistence.cached.nodes(entry.image_id)] == [OTHER]
        assert [*persistence.cached.entries(NODE)] == []

    def test_a_hit_is_counted(self, persistence: Persistence) -> None:
        entry = an_entry()
        persistence.cached.put(NODE, entry)
        persistence.cached.put(OTHER, entry)
        persistence.cached.touch(NODE, entry.image_id, LATER)
        persistence.cached.touch(NODE, entry.image_id, LATER)
        found = persistence.cached.get(NODE, entry.image_id)
        assert found is not None
        assert (found.hits, found.last_accessed, found.last_modified) == (2, LATER, NOON)
        elsewhere = persistence.cached.get(OTHER, entry.image_id)
        assert elsewhere is not None
        assert elsewhere.hits == 0

    def test_what_is_not_there_is_neither_found_nor_touched_nor_removed(
        self, persistence: Persistence
    ) -> None:
        for unknown in (new_id(), "", "x\0y", "\ud800", "é" * 300):
            assert persistence.cached.get(NODE, unknown) is None
            assert not persistence.cached.remove(NODE, unknown)
            assert [*persistence.cached.nodes(unknown)] == []
            assert not persistence.cached.dequeue(NODE, unknown)
        persistence.cached.touch(NODE, new_id(), LATER)
        assert [*persistence.cached.entries(NODE)] == []

    def test_images_wait_in_the_order_in_which_they_came(self, persistence: Persistence) -> None:
        ids = [new_id() for _ in range(3)]
        for number, image_id in enumerate(ids):
            persistence.cached.enqueue(NODE, image_id, NOON + timedelta(seconds=number))
        persistence.cached.enqueue(NODE, ids[0], LATER)
        assert [*persistence.cached.queued(NODE)] == ids
        assert [*persistence.cached.queued(OTHER)] == []
        assert persistence.cached.dequeue(NODE, ids[1])
        assert not persistence.cached.dequeue(NODE, ids[1])
        assert [*persistence.cached.queued(NODE)] == [ids[0], ids[2]]
