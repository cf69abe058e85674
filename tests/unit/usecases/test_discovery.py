from collections.abc import Mapping, Sequence

import pytest

from tests.support.house import ADMIN, DEMO, FixedLimits, House
from vitrine.adapters.policy.authorizer import OsloAuthorizer
from vitrine.adapters.stores.catalogue import StoreCatalogue
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core import errors
from vitrine.core.quota import Resource
from vitrine.ports.stores import Ability, StoreInfo, Stores
from vitrine.usecases import discovery
from vitrine.usecases.discovery import Discovery, ResourceUsage

MIB = 1024 * 1024


class ReadOnlyStore(MemoryStore):
    @property
    def abilities(self) -> Ability:
        return Ability.NONE


def make(
    house: House,
    stores: Stores | None = None,
    methods: Sequence[str] = (),
    *,
    usage_shown: bool = False,
) -> Discovery:
    return Discovery(
        stores=stores or house.catalogue,
        authorizer=OsloAuthorizer(),
        ledger=house.persistence.ledger,
        limits=house.limits,
        enabled_methods=methods,
        usage_shown=usage_shown,
    )


def test_methods_that_do_not_exist_are_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "IMPORT_METHODS", frozenset({"b", "a", "not-enabled"}))

    assert make(House(), methods=["b", "unheard-of", "a"]).import_methods() == ("b", "a")


def test_stores_for_what_is_under_way_are_nobodys_choice() -> None:
    names = ["fast", "os_glance_staging_store", "web"]
    stores = StoreCatalogue(
        [
            (StoreInfo(id=name), ReadOnlyStore(name) if name == "web" else MemoryStore(name))
            for name in names
        ],
        default_id="fast",
        multiple=True,
    )

    told = make(House(), stores).describe_stores()

    assert [(each.info.id, each.default, each.read_only) for each in told] == [
        ("fast", True, False),
        ("web", False, True),
    ]


def test_a_single_store_is_no_choice_whoever_asks() -> None:
    alone = make(House())

    assert alone.stores() == ()
    for ask in (
        alone.describe_stores,
        lambda: alone.inspect_stores(DEMO),
        lambda: alone.inspect_stores(ADMIN),
    ):
        with pytest.raises(errors.StoresUnnamed):
            ask()


def test_the_policy_says_who_looks_closely_at_stores() -> None:
    house = House(stores={"one": MemoryStore("one"), "two": MemoryStore("two")})

    assert len(make(house).inspect_stores(ADMIN)) == 2
    with pytest.raises(errors.NotPermitted) as refused:
        make(house).inspect_stores(DEMO)
    assert refused.value.action == "stores_info_detail"


class SlowStore(MemoryStore):
    """Has to ask before it tells of itself."""

    def __init__(self, store_id: str) -> None:
        super().__init__(store_id)
        self.asked = list[str]()

    @property
    def properties(self) -> Mapping[str, object]:
        self.asked.append("fsid")
        return {"fsid": "known by now"}


def test_stores_are_asked_for_what_they_tell_of_themselves_only_for_who_may_see_it() -> None:
    slow = SlowStore("one")
    house = House(stores={"one": slow, "two": MemoryStore("two")})

    make(house).describe_stores()
    with pytest.raises(errors.NotPermitted):
        make(house).inspect_stores(DEMO)
    assert not slow.asked
    detail, _ = make(house).inspect_stores(ADMIN)
    assert detail.properties == {"fsid": "known by now"}
    assert slow.asked == ["fsid"]


def test_usage_is_told_in_mebibytes_beside_its_limit() -> None:
    house = House()
    limits: FixedLimits = house.limits
    limits.limits = {Resource.SIZE_TOTAL: 5 * MIB, Resource.COUNT_TOTAL: 7}
    house.upload(house.create().id, bytes(3 * MIB))
    house.create()

    assert make(house).usage(DEMO) == {}
    assert make(house, usage_shown=True).usage(DEMO) == {
        Resource.SIZE_TOTAL: ResourceUsage(used=3, limit=5),
        Resource.STAGE_TOTAL: ResourceUsage(used=0, limit=None),
        Resource.COUNT_TOTAL: ResourceUsage(used=2, limit=7),
        Resource.COUNT_UPLOADING: ResourceUsage(used=0, limit=None),
    }
