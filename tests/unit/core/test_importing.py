import json
import string
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.core import errors
from vitrine.core.images.image import Image, Location
from vitrine.core.images.status import Status
from vitrine.core.importing import (
    ImportPlan,
    ImportRequest,
    Method,
    StoreChoice,
    check_status,
    failed_of,
    input_of,
    let_go,
    pending_of,
    plan_of,
    read_import,
    still_to_copy,
    stores_of,
    targets_of,
    with_progress,
)
from vitrine.core.jobs import Job, JobKind

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
IMAGE = Image(id="i", created_at=NOON, updated_at=NOON)
CHOICE = StoreChoice(
    default="b", named=True, ids=("a", "b", "c", "web"), writable=frozenset({"a", "b", "c"})
)
NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=3)


def asked(**fields: Any) -> ImportRequest:  # noqa: ANN401 - fields of ImportRequest
    return ImportRequest(method=Method.GLANCE_DIRECT, **fields)


def job(given: dict[str, object], kind: JobKind = JobKind.API_IMAGE_IMPORT) -> Job:
    return Job(
        id="j",
        kind=kind,
        image_id="i",
        owner="demo",
        created_at=NOON,
        updated_at=NOON,
        input=given,
    )


# --- reading -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"method": None},
        {"method": "glance-direct"},
        {"method": ["glance-direct"]},
        {"method": {}},
        {"method": {"name": None}},
        {"method": {"name": ["glance-direct"]}},
        {"method": {"name": "carrier-pigeon"}},
        {"method": {"name": "Glance-Direct"}},
        {"method": {"name": "web-download", "uri": 7}},
        {"method": {"name": "glance-download", "glance_region": []}},
        {"method": {"name": "glance-direct"}, "stores": "a"},
        {"method": {"name": "glance-direct"}, "stores": {"a": "b"}},
        {"method": {"name": "glance-direct"}, "stores": ["a", None]},
        {"method": {"name": "glance-direct"}, "all_stores": "true"},
        {"method": {"name": "glance-direct"}, "all_stores": None},
        {"method": {"name": "glance-direct"}, "all_stores_must_succeed": 1},
    ],
    ids=json.dumps,
)
def test_what_is_no_request_for_an_import_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(errors.InvalidRequest):
        read_import(document)


def test_what_a_method_needs_is_asked_for_later() -> None:
    assert read_import({"method": {"name": "web-download"}}).uri is None
    assert read_import({"method": {"name": "glance-download"}}).region is None


def test_each_store_is_meant_once_and_an_empty_list_names_none() -> None:
    method = {"name": "glance-direct"}
    assert read_import({"method": method, "stores": ["b", "a", "b"]}).stores == ("b", "a")
    assert read_import({"method": method, "stores": []}).stores is None
    assert read_import({"method": method, "stores": None}).stores is None


def test_addresses_are_left_out_when_a_request_or_a_plan_is_written_down() -> None:
    document = {"method": {"name": "web-download", "uri": "http://user:secret@host/"}}
    request = read_import(document)
    assert "secret" not in repr(request)
    assert "secret" not in repr(plan_of(job(input_of("i", request, ["a"])), "a"))


@given(
    method=st.sampled_from(Method),
    texts=st.tuples(*[st.none() | NAMES] * 4),
    must=st.none() | st.booleans(),
    targets=st.lists(NAMES, min_size=1, unique=True),
)
def test_a_plan_is_what_was_asked_for_once_the_job_was_kept_as_json(
    method: Method,
    texts: tuple[str | None, ...],
    must: bool | None,  # noqa: FBT001 - drawn by hypothesis
    targets: list[str],
) -> None:
    uri, region, remote, interface = texts
    names = ("uri", "glance_region", "glance_image_id", "glance_service_interface")
    said: dict[str, object] = {"name": method.value, "something": "else"}
    said |= {name: text for name, text in zip(names, texts, strict=True) if text is not None}
    document: dict[str, object] = {"method": said}
    if must is not None:
        document["all_stores_must_succeed"] = must
    given = input_of("i", read_import(document), targets)
    assert given["import_req"] == document

    assert plan_of(job(json.loads(json.dumps(given))), "other") == ImportPlan(
        method=method,
        targets=tuple(targets),
        named=True,
        all_must_succeed=must is not False,
        uri=uri,
        region=region,
        remote_id=remote,
        interface=interface or "public",
    )


def test_a_store_without_a_name_is_the_only_one() -> None:
    request = read_import({"method": {"name": "glance-direct"}})
    plan = plan_of(job(input_of("i", request, [None])), "only")
    assert (plan.targets, plan.named) == (("only",), False)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"import_req": {"method": {"name": "glance-direct"}}},
        {"import_req": {"method": {"name": "glance-direct"}}, "backend": []},
        {"import_req": [], "backend": ["a"]},
        {"import_req": {"method": "x"}, "backend": ["a"]},
    ],
    ids=json.dumps,
)
def test_a_job_that_says_something_else_has_no_plan(given: dict[str, object]) -> None:
    with pytest.raises(errors.InvalidRequest):
        plan_of(job(given), "a")


# --- stores --------------------------------------------------------------------------


def test_without_a_word_the_default_store_is_meant() -> None:
    assert targets_of(asked(), None, CHOICE) == ("b",)


def test_a_store_may_be_named_beside_the_body() -> None:
    assert targets_of(asked(), "c", CHOICE) == ("c",)


@pytest.mark.parametrize(
    ("request_", "header"),
    [
        (asked(stores=("a",)), "a"),
        (asked(all_stores=True), "a"),
        (asked(all_stores=True, stores=("a",)), None),
    ],
)
def test_stores_are_named_in_one_way(request_: ImportRequest, header: str | None) -> None:
    with pytest.raises(errors.InvalidRequest):
        targets_of(request_, header, CHOICE)


def test_a_store_that_takes_no_data_is_no_target() -> None:
    with pytest.raises(errors.StoreReadOnly):
        targets_of(asked(stores=("a", "web")), None, CHOICE)


def test_where_stores_have_no_names_nothing_that_is_said_of_them_counts() -> None:
    only = StoreChoice(default="x", named=False, ids=("x",), writable=frozenset({"x"}))
    assert targets_of(asked(all_stores=True, stores=("a",)), "b", only) == ("x",)


@st.composite
def choices(draw: st.DrawFn) -> StoreChoice:
    ids = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    return StoreChoice(
        default=draw(st.sampled_from(ids)),
        named=draw(st.booleans()) or len(ids) > 1,
        ids=tuple(ids),
        writable=frozenset(draw(st.lists(st.sampled_from(ids)))),
    )


@given(
    choice=choices(),
    stores=st.none() | st.lists(NAMES, min_size=1, unique=True).map(tuple),
    all_stores=st.booleans(),
    header=st.none() | NAMES,
)
def test_targets_take_data_and_are_known_and_are_those_that_were_asked_for(
    choice: StoreChoice,
    stores: tuple[str, ...] | None,
    all_stores: bool,  # noqa: FBT001 - drawn by hypothesis
    header: str | None,
) -> None:
    request_ = asked(stores=stores, all_stores=all_stores)
    wanted = stores or (header or choice.default,)
    if choice.named and sum([bool(stores), all_stores, bool(header)]) > 1:
        refused: type[errors.VitrineError] | None = errors.InvalidRequest
    elif choice.named and all_stores:
        refused, wanted = None, tuple(each for each in choice.ids if each in choice.writable)
    elif not choice.named:
        wanted = (choice.default,)
        refused = None if choice.writable.issuperset(wanted) else errors.StoreReadOnly
    elif not set(choice.ids).issuperset(wanted):
        refused = errors.UnknownStore
    else:
        refused = None if choice.writable.issuperset(wanted) else errors.StoreReadOnly
    if refused is None:
        assert targets_of(request_, header, choice) == wanted
    else:
        with pytest.raises(refused):
            targets_of(request_, header, choice)


def copied(*stores: str) -> Image:
    locations = tuple(Location(url=f"x://{each}", metadata={"store": each}) for each in stores)
    return attrs.evolve(IMAGE, status=Status.ACTIVE, locations=locations)


@given(
    present=st.lists(st.sampled_from("abc"), min_size=1, unique=True),
    targets=st.lists(st.sampled_from("abc"), min_size=1, unique=True),
    all_stores=st.booleans(),
)
def test_a_copy_goes_where_none_is_and_who_asks_for_another_by_name_hears_of_it(
    present: list[str],
    targets: list[str],
    all_stores: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    image, wanted = copied(*present), asked(all_stores=all_stores)
    overlap = set(present) & set(targets)
    if overlap and not all_stores:
        with pytest.raises(errors.CopyExists) as raised:
            still_to_copy(image, wanted, tuple(targets), CHOICE)
        assert raised.value.store_id in overlap
    else:
        left = still_to_copy(image, wanted, tuple(targets), CHOICE)
        assert left == tuple(each for each in targets if each not in present)


def test_there_is_nowhere_to_copy_to_where_there_is_one_store() -> None:
    only = StoreChoice(default="x", named=False, ids=("x",), writable=frozenset({"x"}))
    image = attrs.evolve(IMAGE, status=Status.ACTIVE, locations=(Location(url="x://i"),))
    with pytest.raises(errors.CopyExists) as raised:
        still_to_copy(image, asked(all_stores=True), ("x",), only)
    assert "x" not in str(raised.value).split("'")


# --- states --------------------------------------------------------------------------


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("method", list(Method))
def test_each_method_begins_in_one_status(method: Method, status: Status) -> None:
    image = attrs.evolve(IMAGE, status=status, size=5)
    begins = {
        Method.GLANCE_DIRECT: Status.UPLOADING,
        Method.WEB_DOWNLOAD: Status.QUEUED,
        Method.GLANCE_DOWNLOAD: Status.QUEUED,
        Method.COPY_IMAGE: Status.ACTIVE,
    }
    if status is begins[method]:
        check_status(image, method)
    else:
        with pytest.raises(errors.NotAllowedNow) as raised:
            check_status(image, method)
        assert raised.value.status == status


def test_data_that_is_still_being_staged_is_not_imported() -> None:
    with pytest.raises(errors.NotAllowedNow):
        check_status(attrs.evolve(IMAGE, status=Status.UPLOADING), Method.GLANCE_DIRECT)


# --- lists ---------------------------------------------------------------------------


def test_lists_are_sorted_and_empty_texts_when_they_are_empty() -> None:
    image = with_progress(IMAGE, pending=["b", "a"], failed=())
    assert image.properties == {
        "os_glance_importing_to_stores": "a,b",
        "os_glance_failed_import": "",
    }
    assert (pending_of(image), failed_of(image)) == (frozenset("ab"), frozenset())


def test_an_image_that_was_never_imported_has_no_lists_when_it_is_let_go() -> None:
    assert let_go(IMAGE, ["a"]) is IMAGE


def test_the_stores_of_a_job_that_is_over_leave_both_lists() -> None:
    image = let_go(with_progress(IMAGE, pending=["a", "b"], failed=["c", "d"]), ["a", "b", "c"])
    assert (pending_of(image), failed_of(image)) == (frozenset(), frozenset("d"))


def test_only_a_job_that_fills_stores_by_name_has_stores() -> None:
    request = read_import({"method": {"name": "glance-direct"}})
    assert stores_of(job(input_of("i", request, ["a", "b"]))) == frozenset("ab")
    assert stores_of(job(input_of("i", request, [None]))) == frozenset()
    assert stores_of(job({"loc_url": "http://x"}, JobKind.LOCATION_IMPORT)) == frozenset()
