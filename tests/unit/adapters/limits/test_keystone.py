"""Limits from Keystone, read by oslo.limit over HTTP from an origin that plays Keystone."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.contracts.limits import MOST, LimitsContract
from tests.support.clock import ManualClock
from tests.support.origin import Answer, Origin, Request, origin
from vitrine.adapters.limits.keystone import KeystoneLimits
from vitrine.core.errors import Misconfigured, Unavailable
from vitrine.core.quota import Resource

# Of one part of the SDK about how another one calls it.
pytestmark = pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning")

MIB = 1024 * 1024
SIZE = Resource.SIZE_TOTAL
COUNT = Resource.COUNT_TOTAL


def said(document: Mapping[str, object], status: int = 200) -> Answer:
    body = json.dumps(document).encode()
    return lambda request: request.give(body, status=status, Content_Type="application/json")


class LimitsOfKeystone:
    """The part of Keystone that knows limits. `registered` and `own` are in its units."""

    def __init__(self, far: Origin) -> None:
        self.far = far
        self.url = far.url("/v3")
        self.registered: dict[str, int] = {}
        self.own: dict[str, dict[str, int]] = {}
        version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": self.url}]}
        far.answers["/v3"] = said({"version": version})
        far.answers["/v3/limits/model"] = said({"model": {"name": "flat"}})
        endpoint = {"id": "e", "service_id": "s", "region_id": "r"}
        far.answers["/v3/endpoints/e"] = said({"endpoint": endpoint})
        far.answers["/v3/registered_limits"] = self._tell_registered
        far.answers["/v3/limits"] = self._tell_own

    def fail(self, status: int, *paths: str) -> None:
        """Answer everything, or what is at *paths*, with an error from now on."""
        for path in paths or tuple(self.far.answers):
            self.far.answers[path] = said({"error": {"message": "s3cret"}}, status)

    def limits(self, **options: object) -> KeystoneLimits:
        return KeystoneLimits(self.options(**options))

    def options(self, **options: object) -> dict[str, object]:
        return {
            "auth_type": "admin_token",
            "endpoint": self.url,
            "token": "t0ken",
            "endpoint_id": "e",
            **options,
        }

    @property
    def asked(self) -> int:
        return len(self.far.seen)

    def _tell_registered(self, request: Request) -> None:
        listed = [
            {"id": name, "resource_name": name, "default_limit": limit}
            for name, limit in self.registered.items()
        ]
        said({"registered_limits": listed})(request)

    def _tell_own(self, request: Request) -> None:
        project = request.path.rpartition("project_id=")[2]
        listed = [
            {"id": name, "resource_name": name, "resource_limit": limit}
            for name, limit in self.own.get(project, {}).items()
        ]
        said({"limits": listed})(request)


@pytest.fixture
def keystone() -> Iterator[LimitsOfKeystone]:
    with origin() as far:
        yield LimitsOfKeystone(far)


class TestKeystoneLimits(LimitsContract):
    @pytest.fixture
    def limits(self, keystone: LimitsOfKeystone) -> KeystoneLimits:
        keystone.registered = {**dict.fromkeys(Resource, -1), SIZE: MOST // MIB}
        return keystone.limits()


# --- what the numbers mean


def test_nobody_is_asked_before_the_first_limit_is_wanted(keystone: LimitsOfKeystone) -> None:
    limits = keystone.limits()
    assert keystone.asked == 0
    limits.of("p", SIZE)
    assert keystone.asked > 0


def test_sizes_are_registered_in_mebibytes_and_counts_are_not(keystone: LimitsOfKeystone) -> None:
    keystone.registered = dict.fromkeys(Resource, 2)
    limits = keystone.limits()
    assert {resource: limits.of("p", resource) for resource in Resource} == {
        Resource.SIZE_TOTAL: 2 * MIB,
        Resource.STAGE_TOTAL: 2 * MIB,
        Resource.COUNT_TOTAL: 2,
        Resource.COUNT_UPLOADING: 2,
    }


def test_a_limit_of_its_own_goes_before_the_registered_one(keystone: LimitsOfKeystone) -> None:
    keystone.registered = {COUNT: 5, Resource.COUNT_UPLOADING: 1}
    keystone.own = {"p": {COUNT: 9}, "q": {COUNT: -1}}
    limits = keystone.limits()
    assert [limits.of(project, COUNT) for project in ("p", "q", "other", "")] == [9, None, 5, 5]
    assert limits.of("p", Resource.COUNT_UPLOADING) == 1


def test_what_is_not_registered_is_not_to_be_had(keystone: LimitsOfKeystone) -> None:
    assert [keystone.limits().of("p", resource) for resource in Resource] == [0] * len(Resource)


# --- how long they are believed


def test_an_answer_is_believed_for_a_minute_and_no_longer(keystone: LimitsOfKeystone) -> None:
    clock = ManualClock()
    limits = KeystoneLimits(keystone.options(), monotonic=clock.monotonic)
    keystone.registered = {COUNT: 5}
    assert limits.of("p", COUNT) == limits.of("", COUNT) == 5
    asked = keystone.asked
    keystone.registered = {COUNT: 7}
    keystone.own = {"p": {COUNT: 9}}
    clock.advance(timedelta(seconds=59.9))
    assert limits.of("p", COUNT) == limits.of("", COUNT) == 5
    assert keystone.asked == asked
    clock.advance(timedelta(seconds=0.1))
    assert (limits.of("p", COUNT), limits.of("", COUNT)) == (9, 7)


def test_one_project_is_asked_for_whatever_is_known_of_another(keystone: LimitsOfKeystone) -> None:
    keystone.own = {"p": {COUNT: 1}, "q": {COUNT: 2}}
    limits = keystone.limits()
    assert [limits.of(project, COUNT) for project in ("p", "q", "p")] == [1, 2, 1]


def test_all_resources_take_one_question(keystone: LimitsOfKeystone) -> None:
    limits = keystone.limits()
    limits.of("p", SIZE)
    asked = keystone.asked
    for resource in Resource:
        limits.of("p", resource)
    assert keystone.asked == asked


# --- what is wrong, and whose fault it is


@pytest.mark.parametrize("model", ["strict-two-level", "a model of the future"])
def test_another_model_than_the_flat_one_is_refused(keystone: LimitsOfKeystone, model: str) -> None:
    keystone.registered = dict.fromkeys(Resource, 2)
    keystone.far.answers["/v3/limits/model"] = said({"model": {"name": model}})
    limits = keystone.limits()
    for _ in range(2):
        with pytest.raises(Misconfigured):
            limits.of("p", SIZE)


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize(
    "path", ["/v3/limits/model", "/v3/endpoints/e", "/v3/registered_limits", "/v3/limits"]
)
def test_what_keystone_refuses_to_tell_is_the_operators_to_mend(
    keystone: LimitsOfKeystone, path: str, status: int
) -> None:
    keystone.fail(status, path)
    _fails(keystone.limits(), Misconfigured)


@pytest.mark.parametrize("path", ["/v3/limits/model", "/v3/registered_limits", "/v3/limits"])
@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_keystone_in_trouble_is_away(keystone: LimitsOfKeystone, path: str, status: int) -> None:
    keystone.fail(status, path)
    _fails(keystone.limits(), Unavailable)


def test_a_proxy_in_front_of_keystone_that_answers_in_its_place_is_away(
    keystone: LimitsOfKeystone,
) -> None:
    page = b"<h1>s3cret</h1>"
    for path in tuple(keystone.far.answers):
        keystone.far.answers[path] = lambda request: request.give(page, status=502)
    _fails(keystone.limits(), Unavailable)


def test_a_keystone_that_is_not_there_is_away() -> None:
    with origin() as far:
        gone = LimitsOfKeystone(far)
    _fails(gone.limits(), Unavailable)


@pytest.mark.parametrize(
    "options",
    [{"auth_type": "no such thing"}, {"auth_type": "v3password"}, {"endpoint_id": None}],
    ids=["no such plugin", "no account", "no endpoint"],
)
def test_options_that_lead_nowhere_are_the_operators_to_mend(
    keystone: LimitsOfKeystone, options: dict[str, Any]
) -> None:
    _fails(keystone.limits(**options), Misconfigured)


def test_who_is_away_is_left_alone_for_a_while_and_then_asked_again(
    keystone: LimitsOfKeystone,
) -> None:
    clock = ManualClock()
    limits = KeystoneLimits(keystone.options(), monotonic=clock.monotonic)
    keystone.registered = {COUNT: 5}
    well = dict(keystone.far.answers)
    keystone.fail(503)
    _fails(limits, Unavailable)
    asked = keystone.asked
    keystone.far.answers.update(well)
    clock.advance(timedelta(seconds=4.9))
    _fails(limits, Unavailable)
    assert keystone.asked == asked
    clock.advance(timedelta(seconds=0.1))
    assert limits.of("p", COUNT) == 5


def test_what_is_remembered_is_good_while_keystone_is_away(keystone: LimitsOfKeystone) -> None:
    clock = ManualClock()
    limits = KeystoneLimits(keystone.options(), monotonic=clock.monotonic)
    keystone.registered = {COUNT: 5}
    assert limits.of("p", COUNT) == 5
    keystone.fail(503)
    _fails(limits, Unavailable, project="q")
    assert limits.of("p", COUNT) == 5
    clock.advance(timedelta(seconds=60))
    _fails(limits, Unavailable)


def _fails(limits: KeystoneLimits, kind: type[Exception], *, project: str = "p") -> None:
    with pytest.raises(kind) as raised:
        limits.of(project, SIZE)
    assert type(raised.value) is kind
    for secret in ("s3cret", "t0ken", "127.0.0.1", "http"):
        assert secret not in str(raised.value)
