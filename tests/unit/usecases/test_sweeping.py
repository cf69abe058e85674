"""What is forgotten in time, so that nothing piles up."""

from datetime import timedelta

from tests.support.fetching import MemoryFetcher
from tests.support.house import DEMO, TTL, House
from vitrine.adapters.persistence.memory.persistence import MemoryPersistence
from vitrine.adapters.stores.http import HttpStore
from vitrine.adapters.stores.memory import MemoryStore

URL = "http://far.example.org/image"


def leases_of(house: House) -> list[str]:
    assert isinstance(house.persistence, MemoryPersistence)
    return [key for key, _ in house.persistence._tables.leases.items()]


def test_the_lease_of_who_died_before_giving_it_back_goes_when_it_is_over() -> None:
    house = House()
    assert house.persistence.leases.take("somebody's", "who died", TTL)
    house.clock.advance(TTL)
    house.housekeeping.run()
    assert leases_of(house) == ["somebody's"]  # perhaps it only was slow
    house.clock.advance(TTL)
    house.housekeeping.run()
    assert leases_of(house) == []


def test_a_task_is_remembered_for_its_time_and_no_longer() -> None:
    web = MemoryFetcher()
    web.serve(URL, b"data")
    house = House(
        stores={"memory": MemoryStore("memory"), "web": HttpStore("web", web)},
        fetcher=web,
        keep=timedelta(hours=1),
    )
    house.locations.add(DEMO, house.create().id, URL)
    assert house.run_jobs() == 1
    assert isinstance(house.persistence, MemoryPersistence)
    ((job_id, _),) = house.persistence._tables.jobs.items()
    house.housekeeping.run()
    house.clock.advance(timedelta(minutes=50))
    house.housekeeping.run()
    assert house.persistence.jobs.get(job_id) is not None
    house.clock.advance(timedelta(minutes=10))
    house.housekeeping.run()
    assert house.persistence.jobs.get(job_id) is None
