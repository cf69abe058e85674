"""Every call of every port fails once, in every scenario; what must be true stays true."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress

import attrs
import pytest

from tests.support.away import LeavingStore
from tests.support.faults import Fault, Faults, Interruption, Moment, PowerCut
from tests.support.house import ADMIN, ALT, DEMO, House, pieces
from tests.support.world import LATER, World
from vitrine.core import errors
from vitrine.core.errors import VitrineError
from vitrine.core.images.changes import Change, Op
from vitrine.core.images.members import MemberStatus
from vitrine.core.images.status import Status
from vitrine.core.importing import PENDING, failed_of, read_import
from vitrine.core.jobs import JobKind, JobStatus
from vitrine.core.quota import Resource
from vitrine.core.sessions import blob_key
from vitrine.usecases.locations import Promise

DATA = bytes(range(256)) * 10
URL = "http://far.example.org/image"
PROMISE = Promise(algorithm="sha256", value=hashlib.sha256(DATA).hexdigest())
LIE = Promise(algorithm="sha256", value="0" * 64)

_MOST_CALLS = 300

Prepare = Callable[[World, House], str]
Act = Callable[[World, House, str], None]
Look = Callable[[World, House, str], bool]


def _never(world: World, house: House, image_id: str) -> bool:
    return False


@attrs.frozen(kw_only=True)
class Scenario:
    """Something that a caller does, and how to tell what became of it.

    Attributes:
        prepare: Sets the scene, in which nothing fails; returns the image.
        act: What the caller does. It is acknowledged when this returns.
        done: Whether it has happened, and whole.
        partly: Whether it has happened as far as it may without being acknowledged.
        tried: Whether what is acknowledged is that it will be tried; *partly* will do then.
        refused: What the caller hears when nothing fails; None if all is well.
        parallel: How many stores imports fill at once.
    """

    prepare: Prepare
    act: Act
    done: Look
    partly: Look = _never
    tried: bool = False
    refused: type[Exception] | None = None
    parallel: int = 1


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of a scenario.

    Attributes:
        heard: What its caller heard instead of an acknowledgement.
        nothing: Whether everything is as it was before.
    """

    heard: BaseException | None
    done: bool
    partly: bool
    nothing: bool


# --- uploads -------------------------------------------------------------------------


def queued(world: World, house: House) -> str:
    world.limits[Resource.SIZE_TOTAL] = 3 * len(DATA)
    return house.create().id


def queued_qcow2(world: World, house: House) -> str:
    world.limits[Resource.SIZE_TOTAL] = 3 * len(DATA)
    return house.create(disk_format="qcow2").id


def has_data(world: World, house: House, image_id: str) -> bool:
    return (
        world.persistence.image(image_id).status is Status.ACTIVE
        and house.bytes_of(image_id) == DATA
    )


def upload_sized(world: World, house: House, image_id: str) -> None:
    house.upload(image_id, DATA, size=len(DATA))


def beating(house: House) -> Iterator[bytes]:
    for piece in pieces(DATA):
        yield piece
        house.clock.advance()
        with suppress(VitrineError):
            house.heartbeat.beat()


def upload_unsized(world: World, house: House, image_id: str) -> None:
    house.data.upload(DEMO, image_id, beating(house))


def upload_over_quota(world: World, house: House, image_id: str) -> None:
    house.upload(image_id, bytes(3 * len(DATA) + 1))


def upload_cut_short(world: World, house: House, image_id: str) -> None:
    house.upload(image_id, DATA[:-1], size=len(DATA))


def deleting(world: World, house: House, image_id: str) -> Iterator[bytes]:
    yield DATA[:1000]
    house.images.delete(DEMO, image_id)
    world.owed.append(lambda later: is_deleted(world, later, image_id))
    yield DATA[1000:]


def upload_while_it_is_deleted(world: World, house: House, image_id: str) -> None:
    house.data.upload(DEMO, image_id, deleting(world, house, image_id))


def is_deleted(world: World, house: House, image_id: str) -> bool:
    if world.persistence.image(image_id).status is not Status.DELETED:
        return False
    with pytest.raises(errors.ImageNotFound):
        house.bytes_of(image_id)
    return True


def queued_beside_a_store_that_leaves(world: World, house: House) -> str:
    world.memories["first"] = LeavingStore("first")
    return queued(world, house)


def upload_elsewhere(world: World, house: House, image_id: str) -> None:
    """Upload to a store that goes away for a while, and then at once to another one."""
    first = world.memories["first"]
    assert isinstance(first, LeavingStore)

    def leaving() -> Iterator[bytes]:
        yield DATA[:1000]
        first.away = True
        yield DATA[1000:]

    try:
        with suppress(VitrineError):
            house.data.upload(DEMO, image_id, leaving(), size=len(DATA), store_id="first")
        house.housekeeping.run()
        house.upload(image_id, DATA, size=len(DATA), store_id="second")
    finally:
        first.away = False


# --- deletion ------------------------------------------------------------------------


def two_copies(world: World, house: House) -> str:
    """An image in both stores; the second copy began as that of another image."""
    image, other = house.create(), house.create()
    house.upload(image.id, DATA, store_id="first")
    house.upload(other.id, DATA, store_id="second")
    (place,) = house.stored(other.id).locations
    value = {"url": place.url, "metadata": {"store": "second"}}
    house.images.change(DEMO, image.id, (Change(op=Op.ADD, path=("locations", "-"), value=value),))
    house.images.delete(DEMO, other.id)
    assert [len(store.contents()) for store in world.memories.values()] == [1, 1]
    return image.id


def delete(world: World, house: House, image_id: str) -> None:
    house.images.delete(DEMO, image_id)


def with_a_copy_less(world: World, house: House, image_id: str) -> bool:
    return has_data(world, house, image_id) and len(house.stored(image_id).locations) == 1


def take_out_of_a_store(world: World, house: House, image_id: str) -> None:
    house.copies.delete(ADMIN, "first", image_id)


def take_a_location_off(world: World, house: House, image_id: str) -> None:
    house.images.change(ADMIN, image_id, (Change(op=Op.REMOVE, path=("locations", "0")),))


# --- records -------------------------------------------------------------------------


def active(world: World, house: House) -> str:
    image = house.create()
    house.upload(image.id, DATA)
    return image.id


def create(world: World, house: House, image_id: str) -> None:
    house.create(name="another")


def is_created(world: World, house: House, image_id: str) -> bool:
    return "another" in {image.name for image in world.persistence.all()}


def patch(world: World, house: House, image_id: str) -> None:
    name = Change(op=Op.REPLACE, path=("name",), value="renamed")
    house.images.change(DEMO, image_id, (name, Change(op=Op.ADD, path=("os",), value="x")))


def is_patched(world: World, house: House, image_id: str) -> bool:
    image = house.stored(image_id)
    return (image.name, image.properties) == ("renamed", {"os": "x"})


def tag(world: World, house: House, image_id: str) -> None:
    house.images.tag(DEMO, image_id, "blue")


def is_tagged(world: World, house: House, image_id: str) -> bool:
    return house.stored(image_id).tags == {"blue"}


def share(world: World, house: House, image_id: str) -> None:
    house.sharing.add(DEMO, image_id, "alt")


def is_shared(world: World, house: House, image_id: str) -> bool:
    return [each.member_id for each in house.sharing.list(DEMO, image_id)] == ["alt"]


def shared(world: World, house: House) -> str:
    image_id = active(world, house)
    share(world, house, image_id)
    return image_id


def accept(world: World, house: House, image_id: str) -> None:
    house.sharing.answer(ALT, image_id, "alt", MemberStatus.ACCEPTED)


def is_accepted(world: World, house: House, image_id: str) -> bool:
    return house.sharing.show(ALT, image_id, "alt").status is MemberStatus.ACCEPTED


def share_no_more(world: World, house: House, image_id: str) -> None:
    house.sharing.remove(DEMO, image_id, "alt")


def is_not_shared(world: World, house: House, image_id: str) -> bool:
    return not house.sharing.list(DEMO, image_id)


# --- tasks ---------------------------------------------------------------------------


def on_the_web(world: World, house: House) -> str:
    world.web.serve(URL, DATA)
    return queued(world, house)


def locate(promise: Promise | None) -> Act:
    def act(world: World, house: House, image_id: str) -> None:
        house.locations.add(DEMO, image_id, URL, promise)
        world.owed.append(lambda _: bool(list(world.persistence._tables.jobs.items())))
        house.run_jobs()

    return act


def is_located(world: World, house: House, image_id: str) -> bool:
    return has_data(world, house, image_id) and [
        job.status for _, job in world.persistence._tables.jobs.items()
    ] == [JobStatus.SUCCESS]


def is_not_located(world: World, house: House, image_id: str) -> bool:
    """The store or the web was away at the wrong moment, and the task has failed."""
    image = house.stored(image_id)
    return image.status is Status.QUEUED and [
        job.status for _, job in world.persistence._tables.jobs.items()
    ] == [JobStatus.FAILURE]


def ask_for_an_image(world: World, house: House, image_id: str) -> None:
    properties = {"name": "another", "disk_format": "raw", "container_format": "bare"}
    given = {"import_from": URL, "import_from_format": "raw", "image_properties": properties}
    job = house.tasks.create(ADMIN, JobKind.IMPORT, given)
    world.owed.append(lambda _: world.persistence.jobs.get(job.id) is not None)
    house.run_jobs()


def is_made(world: World, house: House, image_id: str) -> bool:
    """One image was made, and has its data; the task says which."""
    made = [image for image in world.persistence.all() if image.name == "another"]
    return [image.status for image in made] == [Status.ACTIVE] and (
        house.bytes_of(made[0].id, ADMIN) == DATA
        and [(job.status, job.result) for _, job in world.persistence._tables.jobs.items()]
        == [(JobStatus.SUCCESS, {"image_id": made[0].id})]
    )


def is_not_made(world: World, house: House, image_id: str) -> bool:
    """The task has failed; if it made an image, that one waits for data."""
    made = [image for image in world.persistence.all() if image.name == "another"]
    return [image.status for image in made] in ([], [Status.QUEUED]) and [
        job.status for _, job in world.persistence._tables.jobs.items()
    ] == [JobStatus.FAILURE]


# --- staging -------------------------------------------------------------------------


def to_be_staged(world: World, house: House) -> str:
    world.limits[Resource.STAGE_TOTAL] = 2 * len(DATA)
    world.limits[Resource.COUNT_UPLOADING] = 1
    return house.create(disk_format=None, container_format=None).id


def waiting(world: World, house: House) -> str:
    image_id = to_be_staged(world, house)
    house.stage(image_id, DATA)
    return image_id


def stage_sized(world: World, house: House, image_id: str) -> None:
    house.stage(image_id, DATA, size=len(DATA))


def stage_unsized(world: World, house: House, image_id: str) -> None:
    house.image_staging.stage(DEMO, image_id, beating(house))


def stage_over_quota(world: World, house: House, image_id: str) -> None:
    house.stage(image_id, bytes(2 * len(DATA) + 1))


def stage_cut_short(world: World, house: House, image_id: str) -> None:
    house.stage(image_id, DATA[:-1], size=len(DATA))


def stage_while_it_is_deleted(world: World, house: House, image_id: str) -> None:
    house.image_staging.stage(DEMO, image_id, deleting(world, house, image_id))


def is_waiting(world: World, house: House, image_id: str) -> bool:
    image = world.persistence.image(image_id)
    if image.status is not Status.UPLOADING or image.size != len(DATA):
        return False
    reader = world.staging.open(blob_key(image.id, image.attempts))
    return b"".join(reader.pieces()) == DATA


# --- imports -------------------------------------------------------------------------

DIRECT = {"name": "glance-direct"}
WEB = {"name": "web-download", "uri": URL}
COPY = {"name": "copy-image"}
BOTH = ["first", "second"]


def staged(world: World, house: House) -> str:
    image_id = queued(world, house)
    house.stage(image_id, DATA)
    return image_id


def asked_for(how: dict[str, str], **more: object) -> Act:
    wanted = read_import({"method": how, **more})

    def act(world: World, house: House, image_id: str) -> None:
        house.imports.request(ADMIN, image_id, wanted)
        world.owed.append(lambda _: bool(list(world.persistence._tables.jobs.items())))
        house.run_jobs()

    return act


def _ended(world: World) -> list[JobStatus]:
    return [job.status for _, job in world.persistence._tables.jobs.items()]


def _stores(world: World, image_id: str) -> list[str | None]:
    return [location.store_id for location in world.persistence.image(image_id).locations]


def is_imported(world: World, house: House, image_id: str) -> bool:
    return has_data(world, house, image_id) and (
        (_ended(world), _stores(world, image_id)) == ([JobStatus.SUCCESS], ["first"])
    )


def is_in_both(world: World, house: House, image_id: str) -> bool:
    return has_data(world, house, image_id) and (
        (_ended(world), _stores(world, image_id)) == ([JobStatus.SUCCESS], BOTH)
    )


def is_not_imported(world: World, house: House, image_id: str) -> bool:
    """The task has failed, and the image waits for data, or has just what it had."""
    image = world.persistence.image(image_id)
    assert not image.properties.get(PENDING)
    waits = image.status is Status.QUEUED or (
        _stores(world, image_id) == ["first"] and has_data(world, house, image_id)
    )
    return waits and _ended(world) == [JobStatus.FAILURE]


def is_in_one_at_least(world: World, house: House, image_id: str) -> bool:
    if is_not_imported(world, house, image_id):
        return True
    missing = {*BOTH} - {*_stores(world, image_id)}
    return (
        has_data(world, house, image_id)
        and _ended(world) == [JobStatus.SUCCESS]
        and failed_of(world.persistence.image(image_id)) == missing
    )


def import_while_it_is_deleted(world: World, house: House, image_id: str) -> None:
    another = world.boot()

    def delete() -> None:
        world.web.pages[URL].on_piece = lambda: None
        another.images.delete(ADMIN, image_id)
        world.owed.append(lambda later: is_deleted(world, later, image_id))

    world.web.pages[URL].on_piece = delete
    asked_for(WEB, stores=BOTH)(world, house, image_id)


def is_no_more(world: World, house: House, image_id: str) -> bool:
    return is_deleted(world, house, image_id) and _ended(world) in ([], [JobStatus.FAILURE])


def is_there_or_no_more(world: World, house: House, image_id: str) -> bool:
    return (
        is_no_more(world, house, image_id)
        or is_in_both(world, house, image_id)
        or is_not_imported(world, house, image_id)
    )


# --- clean-up ------------------------------------------------------------------------


def died(prepare: Prepare, act: Act, call: str, moment: Moment = Moment.AFTER) -> Prepare:
    """A scene in which a process died in the middle of *act*, at the first *call*."""

    def prepared(world: World, house: House) -> str:
        image_id = prepare(world, house)
        faults = Faults(nth=1, fault=Fault.POWER_CUT, moment=moment, only=call)
        with pytest.raises(PowerCut):
            act(world, world.boot(faults), image_id)
        world.clock.advance(LATER)
        return image_id

    return prepared


def clean_up(world: World, house: House, image_id: str) -> None:
    house.housekeeping.run()


def upload_after_a_death(world: World, house: House, image_id: str) -> None:
    """Upload to another store than the one of a process that died, which is away meanwhile."""
    first = world.memories["first"]
    assert isinstance(first, LeavingStore)
    first.away = True
    try:
        house.housekeeping.run()
        house.upload(image_id, DATA, size=len(DATA), store_id="second")
    finally:
        first.away = False


def run_jobs(world: World, house: House, image_id: str) -> None:
    house.run_jobs()


def is_queued(world: World, house: House, image_id: str) -> bool:
    return world.persistence.image(image_id).status is Status.QUEUED


SCENARIOS = {
    "upload of known size": Scenario(prepare=queued, act=upload_sized, done=has_data),
    "upload of unknown size": Scenario(prepare=queued, act=upload_unsized, done=has_data),
    "upload of another format": Scenario(
        prepare=queued_qcow2, act=upload_sized, done=_never, refused=errors.FormatMismatch
    ),
    "upload beyond the quota": Scenario(
        prepare=queued, act=upload_over_quota, done=_never, refused=errors.QuotaExceeded
    ),
    "upload cut short": Scenario(
        prepare=queued, act=upload_cut_short, done=_never, refused=errors.UploadCutShort
    ),
    "deletion during the upload": Scenario(
        prepare=queued,
        act=upload_while_it_is_deleted,
        done=_never,
        partly=is_deleted,
        refused=errors.DeletedMeanwhile,
    ),
    "upload to another store": Scenario(
        prepare=queued_beside_a_store_that_leaves, act=upload_elsewhere, done=has_data
    ),
    "upload to another store after a death": Scenario(
        prepare=died(queued_beside_a_store_that_leaves, upload_sized, "store.write", Moment.AFTER),
        act=upload_after_a_death,
        done=has_data,
        partly=is_queued,
    ),
    "deletion": Scenario(prepare=two_copies, act=delete, done=is_deleted, partly=with_a_copy_less),
    "a location less": Scenario(prepare=two_copies, act=take_a_location_off, done=with_a_copy_less),
    "a store less": Scenario(prepare=two_copies, act=take_out_of_a_store, done=with_a_copy_less),
    "creation": Scenario(prepare=active, act=create, done=is_created),
    "patch": Scenario(prepare=active, act=patch, done=is_patched),
    "tag": Scenario(prepare=active, act=tag, done=is_tagged),
    "sharing": Scenario(prepare=active, act=share, done=is_shared),
    "answer": Scenario(prepare=shared, act=accept, done=is_accepted),
    "sharing no more": Scenario(prepare=shared, act=share_no_more, done=is_not_shared),
    "location": Scenario(
        prepare=on_the_web, act=locate(None), done=is_located, partly=is_not_located, tried=True
    ),
    "location with a promise": Scenario(
        prepare=on_the_web, act=locate(PROMISE), done=is_located, partly=is_not_located, tried=True
    ),
    "location with a lie": Scenario(prepare=on_the_web, act=locate(LIE), done=is_not_located),
    "task that makes an image": Scenario(
        prepare=on_the_web,
        act=ask_for_an_image,
        done=is_made,
        partly=is_not_made,
        tried=True,
    ),
    "staging of known size": Scenario(prepare=to_be_staged, act=stage_sized, done=is_waiting),
    "staging of unknown size": Scenario(prepare=to_be_staged, act=stage_unsized, done=is_waiting),
    "staging beyond the quota": Scenario(
        prepare=to_be_staged, act=stage_over_quota, done=_never, refused=errors.QuotaExceeded
    ),
    "staging cut short": Scenario(
        prepare=to_be_staged, act=stage_cut_short, done=_never, refused=errors.UploadCutShort
    ),
    "deletion during the staging": Scenario(
        prepare=to_be_staged,
        act=stage_while_it_is_deleted,
        done=_never,
        partly=is_deleted,
        refused=errors.DeletedMeanwhile,
    ),
    "deletion of what was staged": Scenario(prepare=waiting, act=delete, done=is_deleted),
    "clean-up after staging": Scenario(
        prepare=died(to_be_staged, stage_sized, "staging.commit"), act=clean_up, done=is_queued
    ),
    "import of what was staged": Scenario(
        prepare=staged,
        act=asked_for(DIRECT),
        done=is_imported,
        partly=is_not_imported,
        tried=True,
    ),
    "import from the web to two stores": Scenario(
        prepare=on_the_web,
        act=asked_for(WEB, stores=BOTH),
        done=is_in_both,
        partly=is_not_imported,
        tried=True,
    ),
    "import to whichever of two stores": Scenario(
        prepare=staged,
        act=asked_for(DIRECT, stores=BOTH, all_stores_must_succeed=False),
        done=is_in_both,
        partly=is_in_one_at_least,
        tried=True,
    ),
    "import to two stores at once": Scenario(
        prepare=on_the_web,
        act=asked_for(WEB, stores=BOTH),
        done=is_in_both,
        partly=is_not_imported,
        tried=True,
        parallel=2,
    ),
    "import to whichever of two stores at once": Scenario(
        prepare=staged,
        act=asked_for(DIRECT, stores=BOTH, all_stores_must_succeed=False),
        done=is_in_both,
        partly=is_in_one_at_least,
        tried=True,
        parallel=2,
    ),
    "copy": Scenario(
        prepare=active,
        act=asked_for(COPY, stores=["second"]),
        done=is_in_both,
        partly=is_not_imported,
        tried=True,
    ),
    "deletion during the import": Scenario(
        prepare=on_the_web,
        act=import_while_it_is_deleted,
        done=is_no_more,
        partly=is_there_or_no_more,
        tried=True,
    ),
    "import that was left": Scenario(
        prepare=died(staged, asked_for(DIRECT, stores=BOTH), "store.commit"),
        act=run_jobs,
        done=is_in_both,
        partly=is_not_imported,
        tried=True,
    ),
    "import from the web that was left": Scenario(
        prepare=died(on_the_web, asked_for(WEB, stores=BOTH), "store.write"),
        act=run_jobs,
        done=is_in_both,
        partly=is_not_imported,
        tried=True,
    ),
    "copy that was left": Scenario(
        prepare=died(active, asked_for(COPY, stores=["second"]), "store.commit"),
        act=run_jobs,
        done=is_in_both,
        partly=is_not_imported,
        tried=True,
    ),
    "clean-up after an upload": Scenario(
        prepare=died(queued, upload_sized, "store.commit"), act=clean_up, done=is_queued
    ),
    "clean-up after a deletion": Scenario(
        prepare=died(two_copies, delete, "store.delete"),
        act=clean_up,
        done=is_deleted,
    ),
    "clean-up after a location": Scenario(
        prepare=died(two_copies, take_a_location_off, "store.delete", Moment.BEFORE),
        act=clean_up,
        done=with_a_copy_less,
    ),
    "clean-up after a store": Scenario(
        prepare=died(two_copies, take_out_of_a_store, "store.delete", Moment.BEFORE),
        act=clean_up,
        done=with_a_copy_less,
    ),
    "task that was left": Scenario(
        prepare=died(on_the_web, locate(PROMISE), "store.pieces"),
        act=run_jobs,
        done=is_located,
        partly=is_not_located,
        tried=True,
    ),
}


def play(scenario: Scenario, faults: Faults) -> Outcome:
    """Let *scenario* happen over *faults*, then all that comes after it, then look."""
    world = World(parallel=scenario.parallel)
    image_id = scenario.prepare(world, world.boot())
    before = world.state()
    house = world.boot(faults)
    heard: BaseException | None = None
    try:
        scenario.act(world, house, image_id)
    except (VitrineError, Interruption, PowerCut) as error:
        heard = error
    else:
        world.owed.append(
            lambda later: (
                scenario.done(world, later, image_id)
                or (scenario.tried and scenario.partly(world, later, image_id))
            )
        )
    for chore in (house.run_jobs, house.relay.run, house.housekeeping.run):
        with suppress(VitrineError, Interruption, PowerCut):
            chore()
    house = world.boot() if faults.dead else house
    faults.mend()
    assert faults.dead or not house.heartbeat.kept
    world.settle(house)
    world.check_at_rest()
    assert all(look(house) for look in world.owed), "what was acknowledged is not there"
    return Outcome(
        heard=heard,
        done=scenario.done(world, house, image_id),
        partly=scenario.partly(world, house, image_id),
        nothing=world.state() == before,
    )


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("name", SCENARIOS)
def test_whatever_call_fails_all_is_well_in_the_end(
    name: str, fault: Fault, moment: Moment
) -> None:
    for nth in range(1, _MOST_CALLS):
        faults = Faults(nth=nth, fault=fault, moment=moment)
        outcome = play(SCENARIOS[name], faults)
        assert outcome.done or outcome.partly or outcome.nothing, (nth, outcome)
        if not faults.reached:
            return
    pytest.fail("this scenario has no end")


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_nothing_disturbs_is_done_or_refused_whole(name: str) -> None:
    scenario = SCENARIOS[name]
    outcome = play(scenario, Faults())
    if scenario.refused is None:
        assert outcome.heard is None
        assert outcome.done
    else:
        assert type(outcome.heard) is scenario.refused
        assert outcome.nothing or outcome.partly
