from datetime import timedelta
from typing import Any

import attrs
import pytest

from tests.support.house import ADMIN, ALT, DEMO, House
from tests.support.peers import HERE
from vitrine.adapters.stores.http import HttpStore
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.events import EventType
from vitrine.core.images.image import Image, Visibility
from vitrine.core.images.status import Status
from vitrine.core.importing import STAGE_HOST, Method, failed_of, pending_of, read_import
from vitrine.core.jobs import Job, JobKind, JobStatus, holder_of
from vitrine.core.quota import Resource
from vitrine.ports.jobs import SaveJob
from vitrine.ports.peers import PassedAnswer, PassedRequest
from vitrine.ports.persistence import HoldLease
from vitrine.ports.stores import Ability, Store
from vitrine.usecases.importing import ImportPolicy
from vitrine.usecases.units import Unit

URL = "http://far.example.org/image"
MIB = 1024 * 1024
PASSED = PassedRequest(method="POST", path="/v2/images/i/import", body=b"{}")
SERVICE = "http://there.example.org"


class ReadOnlyStore(MemoryStore):
    @property
    def abilities(self) -> Ability:
        return Ability.NONE


def house(*stores: str, **parts: Any) -> House:  # noqa: ANN401 - parts of a house
    made: dict[str, Store] = {name: MemoryStore(name) for name in stores or ("one", "two", "six")}
    return House(stores=made, **parts)


def ask(
    made: House,
    image: Image,
    method: Method = Method.WEB_DOWNLOAD,
    context: Context = DEMO,
    *,
    store_id: str | None = None,
    request: PassedRequest | None = None,
    **fields: object,
) -> PassedAnswer | None:
    how: dict[str, object] = {"name": method.value}
    if method is Method.WEB_DOWNLOAD:
        how["uri"] = URL
    wanted = read_import({"method": how, **fields})
    return made.imports.request(context, image.id, wanted, store_id=store_id, request=request)


def rewritten(made: House, image: Image, **fields: Any) -> Image:  # noqa: ANN401 - fields of Image
    """Have the image be as no use case makes it by itself."""
    before = made.stored(image.id)
    made.units.run(lambda unit: unit.save(before, attrs.evolve(before, **fields)))
    return made.stored(image.id)


def staged(made: House, **fields: Any) -> Image:  # noqa: ANN401 - fields of NewImage
    return rewritten(made, made.create(**fields), status=Status.UPLOADING, size=5, attempts=1)


def job_of(made: House, image: Image) -> Job:
    job = made.persistence.jobs.get(holder_of(made.stored(image.id)) or "")
    assert job is not None
    return job


def nobody_asked(made: House, image: Image) -> bool:
    return made.stored(image.id) == image and not made.persistence.jobs.runnable(10)


# --- what is noted -------------------------------------------------------------------


def test_an_import_is_a_job_a_lock_and_lists() -> None:
    made = house()
    image = made.create()
    assert ask(made, image, stores=["two", "one"]) is None
    job, now = job_of(made, image), made.stored(image.id)
    assert (job.kind, job.status) == (JobKind.API_IMAGE_IMPORT, JobStatus.PENDING)
    assert (job.owner, job.user_id, job.roles) == ("demo", "dora", DEMO.roles)
    assert job.input == {
        "image_id": image.id,
        "import_req": {
            "method": {"name": "web-download", "uri": URL},
            "stores": ["two", "one"],
        },
        "backend": ["two", "one"],
    }
    assert URL not in repr(job)
    assert now.properties == {
        "os_glance_import_task": job.id,
        "os_glance_importing_to_stores": "one,two",
        "os_glance_failed_import": "",
    }
    assert now.status is Status.QUEUED
    assert made.nudges == 1


def test_where_stores_have_no_names_no_list_names_one() -> None:
    made = house("only")
    image = made.create()
    ask(made, image)
    assert job_of(made, image).input["backend"] == [None]
    assert pending_of(made.stored(image.id)) == frozenset()


def test_only_the_targets_are_taken_from_those_that_failed() -> None:
    made = house()
    image = rewritten(made, made.create(), properties={"os_glance_failed_import": "one,two"})
    ask(made, image, stores=["two"])
    assert failed_of(made.stored(image.id)) == {"one"}


def test_a_job_that_may_need_its_caller_finds_it() -> None:
    made = house()
    image, whole = made.create(), attrs.evolve(DEMO, token="secret")
    ask(made, image, context=whole)
    assert made.callers.of(job_of(made, image)) == whole


def test_only_the_creation_of_the_task_is_told() -> None:
    made = house()
    image = made.create()
    made.relay.run()
    made.notifier.published.clear()
    ask(made, image)
    made.relay.run()
    (event,) = made.notifier.published
    assert event.type is EventType.TASK_CREATE
    assert URL not in str(event)


# --- who may, and when ---------------------------------------------------------------


def test_a_caller_that_may_change_nothing_imports_nothing() -> None:
    made = house()
    image = made.create()
    with pytest.raises(errors.ReadOnlyCaller):
        ask(made, image, context=attrs.evolve(DEMO, read_only=True))


@pytest.mark.parametrize("method", list(Method))
def test_a_method_that_is_not_enabled_is_refused_before_the_image_is_looked_for(
    method: Method,
) -> None:
    enabled = frozenset(Method) - {method}
    made = house(import_rules=ImportPolicy(methods=enabled))
    image = attrs.evolve(made.create(), id="unknown")
    with pytest.raises(errors.InvalidRequest):
        ask(made, image, method)


def test_an_image_that_the_caller_may_not_see_is_not_there() -> None:
    made = house()
    image = made.create(visibility=Visibility.PRIVATE)
    with pytest.raises(errors.ImageNotFound):
        ask(made, image, context=ALT)


def test_who_only_sees_an_image_hears_of_its_state_before_its_permission() -> None:
    made = house()
    image = made.create(visibility=Visibility.COMMUNITY)
    with pytest.raises(errors.NotPermitted) as raised:
        ask(made, image, context=ALT)
    assert raised.value.action == "modify_image"
    made.upload(image.id, b"bytes")
    with pytest.raises(errors.NotAllowedNow):
        ask(made, image, context=ALT)
    with pytest.raises(errors.NotPermitted) as raised:
        ask(made, image, Method.COPY_IMAGE, ALT, stores=["two"])
    assert raised.value.action == "copy_image"


@pytest.mark.parametrize("missing", ["disk_format", "container_format"])
def test_an_image_needs_both_formats(missing: str) -> None:
    made = house()
    fields: Any = {missing: None}
    image = made.create(**fields)
    with pytest.raises(errors.FormatsMissing):
        ask(made, image)
    assert nobody_asked(made, image)


def test_an_image_that_is_being_deleted_gets_no_data() -> None:
    made = house()
    image = rewritten(made, made.create(), deletion="somebody")
    with pytest.raises(errors.BeingDeleted):
        ask(made, image)
    active = made.create()
    made.upload(active.id, b"bytes")
    rewritten(made, active, deletion="somebody")
    with pytest.raises(errors.BeingDeleted):
        ask(made, active, Method.COPY_IMAGE, ADMIN, stores=["two"])


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ({"name": "glance-download"}, errors.InvalidRequest),
        ({"name": "glance-download", "glance_region": "far"}, errors.InvalidRequest),
        (
            {"name": "glance-download", "glance_region": "far", "glance_image_id": "x"},
            errors.InvalidValue,
        ),
    ],
)
def test_an_image_of_another_region_is_named_by_region_and_id(
    method: dict[str, str], kind: type[errors.Invalid]
) -> None:
    made = house()
    image = made.create()
    with pytest.raises(kind):
        made.imports.request(DEMO, image.id, read_import({"method": method}))


def test_an_address_has_to_be_given_and_to_be_allowed() -> None:
    made = house()
    image = made.create()
    made.fetcher.refused.add(URL)
    with pytest.raises(errors.UrlRefused):
        ask(made, image)
    with pytest.raises(errors.UrlRefused):
        made.imports.request(DEMO, image.id, read_import({"method": {"name": "web-download"}}))
    assert nobody_asked(made, image)


@pytest.mark.parametrize(("limit", "refused"), [(None, False), (MIB, False), (0, True)])
@pytest.mark.parametrize("sizes_first", [True, False])
def test_a_project_that_keeps_too_much_imports_nothing_where_its_limits_are_known(
    limit: int | None,
    refused: bool,  # noqa: FBT001 - a parameter
    sizes_first: bool,  # noqa: FBT001 - a parameter
) -> None:
    rules = ImportPolicy(methods=frozenset(Method), sizes_first=sizes_first)
    made = house(import_rules=rules)
    made.upload(made.create().id, bytes(MIB))
    made.limits.limits[Resource.SIZE_TOTAL] = limit
    image = made.create()
    if refused and sizes_first:
        with pytest.raises(errors.QuotaExceeded):
            ask(made, attrs.evolve(image, id="unknown"))
    else:
        ask(made, image)


# --- stores --------------------------------------------------------------------------


def test_a_store_that_is_named_beside_the_body_is_the_only_one() -> None:
    made = house()
    image = made.create()
    ask(made, image, store_id="six")
    assert job_of(made, image).input["backend"] == ["six"]


def test_all_stores_are_those_that_take_data_and_are_nobodys_own() -> None:
    stores: dict[str, Store] = {
        "one": MemoryStore("one"),
        "web": ReadOnlyStore("web"),
        "os_glance_staging_store": MemoryStore("os_glance_staging_store"),
        "two": MemoryStore("two"),
    }
    made = House(stores=stores)
    image = made.create()
    ask(made, image, all_stores=True)
    assert job_of(made, image).input["backend"] == ["one", "two"]
    for name in ("os_glance_staging_store", "unknown"):
        with pytest.raises(errors.UnknownStore):
            ask(made, made.create(), stores=[name])
    with pytest.raises(errors.StoreReadOnly):
        ask(made, made.create(), stores=["web"])


def test_nothing_is_imported_where_no_store_takes_data() -> None:
    stores: dict[str, Store] = {name: ReadOnlyStore(name) for name in ("one", "two")}
    made = House(stores=stores)
    with pytest.raises(errors.InvalidRequest):
        ask(made, made.create(), all_stores=True)


def test_one_store_cannot_fail_alone_where_there_is_one_only() -> None:
    made = house("only")
    image = made.create()
    with pytest.raises(errors.InvalidRequest):
        ask(made, image, all_stores_must_succeed=False)
    several = house()
    ask(several, several.create(), all_stores_must_succeed=False)


def copied(made: House) -> Image:
    """An active image with its data in the first store."""
    image = made.create()
    made.upload(image.id, b"bytes")
    return made.stored(image.id)


def test_copies_go_only_where_none_is() -> None:
    made = house()
    image = copied(made)
    with pytest.raises(errors.CopyExists) as raised:
        ask(made, image, Method.COPY_IMAGE, ADMIN, stores=["two", "one"])
    assert raised.value.store_id == "one"
    assert nobody_asked(made, image)
    ask(made, image, Method.COPY_IMAGE, ADMIN, all_stores=True)
    assert job_of(made, image).input["backend"] == ["two", "six"]
    assert pending_of(made.stored(image.id)) == {"two", "six"}


def test_where_every_store_has_a_copy_there_is_nothing_to_do() -> None:
    made = house()
    image = copied(made)
    here = image.locations[0]
    copies = tuple(attrs.evolve(here, metadata={"store": name}) for name in ("one", "two", "six"))
    image = rewritten(made, image, locations=copies)
    assert ask(made, image, Method.COPY_IMAGE, ADMIN, all_stores=True) is None
    assert nobody_asked(made, image)
    assert made.nudges == 0


def test_there_is_nowhere_else_to_copy_to_where_there_is_one_store() -> None:
    made = house("only")
    with pytest.raises(errors.CopyExists):
        ask(made, copied(made), Method.COPY_IMAGE, ADMIN, all_stores=True)


# --- one job at a time ---------------------------------------------------------------


def test_an_image_is_in_the_hands_of_one_job() -> None:
    made = house()
    image = made.create()
    ask(made, image)
    held = job_of(made, image)
    with pytest.raises(errors.ImportRunning):
        ask(made, image)
    with pytest.raises(errors.ImportRunning):
        made.locations.add(attrs.evolve(DEMO, roles={"service", "member"}), image.id, URL)
    assert job_of(made, image) == held


def test_of_two_who_ask_at_once_one_is_refused() -> None:
    made = house()
    wanted = made.create()
    free, told = made.locks.free, 0

    def late(unit: Unit, image: Image) -> Image:
        nonlocal told
        told += 1
        if told == 1:
            ask(made, wanted, stores=["six"])
        return free(unit, image)

    made.locks.free = late  # type: ignore[method-assign]  # a second request comes first
    with pytest.raises(errors.ImportRunning):
        ask(made, wanted, stores=["two"])
    assert job_of(made, wanted).input["backend"] == ["six"]
    assert list(made.callers._known) == [job_of(made, wanted).id]


@pytest.mark.parametrize(
    ("minutes", "begun", "free"),
    [(59, True, False), (60, True, True), (119, False, False), (120, False, True)],
)
def test_an_image_is_taken_out_of_the_hands_of_a_job_that_said_nothing_for_long(
    minutes: int,
    begun: bool,  # noqa: FBT001 - a parameter
    free: bool,  # noqa: FBT001 - a parameter
) -> None:
    made = house()
    image = made.create()
    ask(made, image, stores=["one", "two"])
    old = job_of(made, image)
    if begun:
        made.units.run(lambda unit: unit.do(SaveJob(old.begun(made.clock.now()))))
        old = job_of(made, image)
    rewritten(
        made,
        image,
        properties={**made.stored(image.id).properties, "os_glance_failed_import": "one,six"},
    )
    made.clock.advance(timedelta(minutes=minutes))
    if not free:
        with pytest.raises(errors.ImportRunning):
            ask(made, image, stores=["six"])
        return
    made.relay.run()
    made.notifier.published.clear()
    ask(made, image, stores=["two"])
    ended = made.persistence.jobs.get(old.id)
    assert ended is not None
    assert ended.status is JobStatus.FAILURE
    assert ended.message
    now = made.stored(image.id)
    assert holder_of(now) not in (None, old.id)
    assert pending_of(now) == {"two"}
    assert failed_of(now) == {"six"}
    made.relay.run()
    assert {event.type for event in made.notifier.published} == {
        EventType.TASK_FAILURE,
        EventType.TASK_CREATE,
    }


def test_who_lost_the_image_to_another_job_can_do_nothing_any_more() -> None:
    made = house()
    image = made.create()
    ask(made, image)
    old = job_of(made, image)
    made.persistence.leases.take(old.id, "worker", timedelta(days=1))
    made.clock.advance(timedelta(hours=2))
    ask(made, image)

    with pytest.raises(errors.LeaseLost):
        made.units.run(lambda unit: unit.do(HoldLease(old.id, "worker")))


def test_a_lock_of_a_job_that_nobody_remembers_holds_nothing() -> None:
    made = house()
    properties = {"os_glance_import_task": "gone", "os_glance_importing_to_stores": "one,six"}
    image = rewritten(made, made.create(), properties=properties)
    ask(made, image, stores=["two"])
    assert pending_of(made.stored(image.id)) == {"two"}


def test_another_kind_of_job_empties_the_lists_of_the_one_before_it() -> None:
    made = house()
    made.catalogue._stores["two"] = HttpStore("two", made.fetcher)
    image = made.create()
    ask(made, image, stores=["one"])
    made.clock.advance(timedelta(hours=2))
    made.locations.add(DEMO, image.id, URL)
    now = made.stored(image.id)
    assert job_of(made, image).kind is JobKind.LOCATION_IMPORT
    assert (pending_of(now), failed_of(now)) == (frozenset(), frozenset())


# --- data that is staged elsewhere ---------------------------------------------------


def staged_at(made: House, worker: str) -> Image:
    return rewritten(made, staged(made), properties={STAGE_HOST: worker})


def test_who_has_the_staged_data_is_asked() -> None:
    made = house()
    made.peers.answer = PassedAnswer(status=202, reason="Accepted")
    image = staged_at(made, SERVICE)
    assert ask(made, image, Method.GLANCE_DIRECT, request=PASSED) == made.peers.answer
    assert made.peers.asked == [(SERVICE, PASSED)]
    assert nobody_asked(made, image)


@pytest.mark.parametrize("failure", [errors.WorkerUnreachable, errors.WorkerFailed])
def test_a_worker_that_does_not_answer_is_not_passed_over(
    failure: type[errors.VitrineError],
) -> None:
    made = house()
    made.peers.answer = failure()
    image = staged_at(made, SERVICE)
    with pytest.raises(failure):
        ask(made, image, Method.GLANCE_DIRECT, request=PASSED)
    assert nobody_asked(made, image)


def test_nobody_else_is_asked_for_what_is_staged_here_or_was_passed_on() -> None:
    made = house()
    here, there = staged_at(made, HERE), staged_at(made, SERVICE)
    assert ask(made, here, Method.GLANCE_DIRECT, request=PASSED) is None
    assert ask(made, there, Method.GLANCE_DIRECT) is None
    assert made.peers.asked == []
    assert holder_of(made.stored(here.id))
    assert holder_of(made.stored(there.id))


def test_what_is_wrong_is_said_without_asking_anybody() -> None:
    made = house()
    with pytest.raises(errors.UnknownStore):
        ask(made, staged_at(made, SERVICE), Method.GLANCE_DIRECT, stores=["x"], request=PASSED)
    assert made.peers.asked == []
