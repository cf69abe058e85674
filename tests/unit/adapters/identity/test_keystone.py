"""Keystone's provider against a Keystone that misbehaves."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contracts.identity import LIST_IMAGES
from tests.support.clock import ManualClock
from tests.support.processes import wait_until
from tests.unit.adapters.identity.fake_keystone import SECRET, FakeKeystone, Json, token_of
from vitrine.adapters.identity.account import ServiceAccount
from vitrine.adapters.identity.keystone import KeystoneIdentity, _Flight
from vitrine.adapters.identity.tokens import Verdict
from vitrine.core.context import Context
from vitrine.core.errors import IdentityUnavailable, Misconfigured, Unauthenticated
from vitrine.ports.identity import Credentials, Request
from vitrine.testing.threads import at_once, results

ANN = "anns-token"
SECOND = timedelta(seconds=1)
SHORT = 0.2  # seconds of patience, where there is nothing to wait for

Make = Callable[..., KeystoneIdentity]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make(keystone: FakeKeystone, clock: ManualClock) -> Make:
    keystone.tokens[ANN] = token_of("ann")

    def build(**more: Any) -> KeystoneIdentity:  # noqa: ANN401 - what the provider takes
        told = {"now": clock.now, "monotonic": clock.monotonic, "timeout": 30, **more}
        return KeystoneIdentity(keystone.account(), **told)

    return build


def ask(
    provider: KeystoneIdentity,
    token: str | None = ANN,
    *,
    service: str | None = None,
    request: Request = LIST_IMAGES,
) -> Context:
    return provider.identify(Credentials(token=token, service_token=service), request)


def refused(provider: KeystoneIdentity, token: str | None = ANN, **more: str) -> None:
    with pytest.raises(Unauthenticated):
        ask(provider, token, service=more.get("service"))


def away(provider: KeystoneIdentity, token: str = ANN) -> None:
    with pytest.raises(IdentityUnavailable):
        ask(provider, token)


# --- asking


@pytest.mark.contract("AUTH-001")
def test_the_challenge_says_where_tokens_come_from(keystone: FakeKeystone) -> None:
    told = KeystoneIdentity(keystone.account(), www_authenticate_uri="https://id.example/v3")
    assert told.challenge == 'Keystone uri="https://id.example/v3"'
    # The service's own way to Keystone may be nobody else's business.
    assert KeystoneIdentity(keystone.account()).challenge == "Keystone"


def test_an_incomplete_account_is_refused_before_anybody_asks() -> None:
    with pytest.raises(Misconfigured):
        KeystoneIdentity(ServiceAccount(auth_url="http://k"))


def test_nobody_is_called_before_a_token_comes(keystone: FakeKeystone, make: Make) -> None:
    provider = make()
    refused(provider, None)
    refused(provider, "")
    assert keystone.logins == 0


@pytest.mark.contract("AUTH-004")
def test_role_names_become_lower_case(make: Make) -> None:
    assert ask(make()).roles == {"member", "reader"}


def test_the_context_carries_the_callers_token(make: Make) -> None:
    provider = make()
    assert [ask(provider).token, ask(provider).token] == [ANN, ANN]


@pytest.mark.parametrize("token", ["two words", "ümlaut", "line\nbreak", "x" * 8193, "\x00"])
def test_what_can_be_no_token_is_refused_without_asking(
    keystone: FakeKeystone, make: Make, token: str
) -> None:
    refused(make(), token)
    assert not keystone.asked


@pytest.mark.parametrize("status", [400, 413, 414, 431])
def test_a_token_that_a_web_server_balks_at_is_a_bad_one(
    keystone: FakeKeystone, make: Make, status: int
) -> None:
    keystone.statuses = [status]
    refused(make(), "odd")


def test_an_endpoint_may_end_in_v3_or_not(keystone: FakeKeystone, make: Make) -> None:
    for end in ("", "/", "/v3", "/v3/"):
        keystone.endpoint_end = end
        assert ask(make()).user_id == "ann"


# --- remembering


def test_a_token_is_asked_about_once_in_its_time(
    keystone: FakeKeystone, make: Make, clock: ManualClock
) -> None:
    provider = make(cache_time=300)
    ask(provider)
    clock.advance(299 * SECOND)
    ask(provider)
    assert keystone.asked[ANN] == 1
    clock.advance(SECOND)
    ask(provider)
    assert keystone.asked[ANN] == 2


def test_a_revoked_token_is_refused_when_its_time_is_over(
    keystone: FakeKeystone, make: Make, clock: ManualClock
) -> None:
    provider = make(cache_time=300)
    ask(provider)
    del keystone.tokens[ANN]
    ask(provider)
    clock.advance(300 * SECOND)
    refused(provider)


def test_without_memory_a_revoked_token_is_refused_at_once(
    keystone: FakeKeystone, make: Make
) -> None:
    provider = make(cache_time=0)
    ask(provider)
    ask(provider)
    assert keystone.asked[ANN] == 2
    del keystone.tokens[ANN]
    refused(provider)


def test_a_remembered_token_is_refused_when_it_has_expired(
    keystone: FakeKeystone, make: Make, clock: ManualClock
) -> None:
    ends = clock.now() + 100 * SECOND
    keystone.tokens[ANN] = token_of("ann", expires_at=ends.isoformat())
    provider = make(cache_time=300)
    clock.advance(99 * SECOND)
    ask(provider)
    clock.advance(SECOND)
    refused(provider)


def test_a_token_that_has_expired_by_our_clock_is_refused(
    keystone: FakeKeystone, make: Make, clock: ManualClock
) -> None:
    keystone.tokens[ANN] = token_of("ann", expires_at=clock.now().isoformat())
    refused(make())


def test_its_time_counts_from_when_it_was_asked_about(
    keystone: FakeKeystone, make: Make, clock: ManualClock
) -> None:
    provider = make(cache_time=300)
    keystone.go_on.clear()
    asking = threading.Thread(target=ask, args=(provider,))
    asking.start()
    wait_until(lambda: keystone.asked[ANN] == 1, what="the question")
    clock.advance(200 * SECOND)
    keystone.go_on.set()
    asking.join()
    clock.advance(100 * SECOND)
    ask(provider)
    assert keystone.asked[ANN] == 2


def test_a_bad_token_is_not_asked_about_again_for_some_seconds(
    keystone: FakeKeystone, make: Make, clock: ManualClock
) -> None:
    provider = make()
    for _ in range(3):
        refused(provider, "bad")
    assert keystone.asked["bad"] == 1
    clock.advance(10 * SECOND)
    refused(provider, "bad")
    assert keystone.asked["bad"] == 2


def test_a_flood_of_bad_tokens_drives_out_no_good_one(keystone: FakeKeystone, make: Make) -> None:
    provider = make(cache_size=2)
    ask(provider)
    for number in range(5):
        refused(provider, f"bad-{number}")
    ask(provider)
    assert keystone.asked[ANN] == 1


def test_the_memory_is_bounded(keystone: FakeKeystone, make: Make) -> None:
    provider = make(cache_size=2)
    for number in range(5):
        keystone.tokens[f"good-{number}"] = token_of()
        ask(provider, f"good-{number}")
        refused(provider, f"bad-{number}")
    assert (len(provider._good), len(provider._bad)) == (2, 2)


def test_no_token_is_kept(make: Make) -> None:
    provider = make()
    ask(provider)
    kept = list(provider._good._entries.items())
    assert kept
    assert ANN not in repr(kept)
    assert all(vouched.context.token is None for _key, (_until, vouched) in kept)


def test_one_question_serves_all_who_ask_at_once(
    keystone: FakeKeystone, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = make(cache_time=0)
    keystone.go_on.clear()
    waiting = threading.Semaphore(0)
    really_wait = _Flight.wait

    def wait(flight: _Flight, deadline: float) -> Verdict | None:
        waiting.release()
        return really_wait(flight, deadline)

    def let_go_when_all_wait() -> None:
        for _ in range(8):
            waiting.acquire()
        keystone.go_on.set()

    monkeypatch.setattr(_Flight, "wait", wait)
    letting_go = threading.Thread(target=let_go_when_all_wait)
    letting_go.start()
    found = results(at_once(8, lambda _number: ask(provider)))
    letting_go.join()
    assert [context.user_id for context in found] == ["ann"] * 8
    assert keystone.asked[ANN] == 1


def test_who_is_known_does_not_wait_for_who_is_not(keystone: FakeKeystone, make: Make) -> None:
    keystone.tokens["bobs"] = token_of("bob")
    provider = make()
    ask(provider)
    keystone.go_on.clear()
    waiting = threading.Thread(target=ask, args=(provider, "bobs"))
    waiting.start()
    wait_until(lambda: keystone.asked["bobs"] == 1, what="the question")
    assert ask(provider).user_id == "ann"
    assert waiting.is_alive()
    keystone.go_on.set()
    waiting.join()


# --- access rules


def restricted(*rules: tuple[str, str, str]) -> Json:
    told = [{"service": service, "method": method, "path": path} for service, method, path in rules]
    return token_of("ann", application_credential={"id": "c", "access_rules": told})


def test_access_rules_are_enforced_for_each_request(keystone: FakeKeystone, make: Make) -> None:
    keystone.tokens[ANN] = restricted(
        ("compute", "DELETE", "/v2/images/*"), ("image", "GET", "/v2/images/*")
    )
    provider = make()
    assert ask(provider, request=Request(method="GET", path="/v2/images/1")).user_id == "ann"
    for method, path in (("DELETE", "/v2/images/1"), ("GET", "/v2/images")):
        with pytest.raises(Unauthenticated):
            ask(provider, request=Request(method=method, path=path))
    assert ask(provider, request=Request(method="GET", path="/v2/images/2")).user_id == "ann"
    assert keystone.asked[ANN] == 1


def test_a_service_is_not_bound_by_the_users_access_rules(
    keystone: FakeKeystone, make: Make
) -> None:
    keystone.tokens[ANN] = restricted(("compute", "POST", "/v2.1/servers"))
    keystone.tokens["novas"] = token_of("nova", roles=[{"name": "service"}])
    keystone.tokens["friends"] = token_of("friend")
    provider = make()
    assert ask(provider, service="novas").user_id == "ann"
    refused(provider)
    # Else a second token of one's own would be enough.
    refused(provider, service="friends")


def test_a_service_is_bound_by_its_own_access_rules(keystone: FakeKeystone, make: Make) -> None:
    keystone.tokens["novas"] = {
        **restricted(("image", "GET", "/v2/images/*")),
        "roles": [{"name": "service"}],
    }
    refused(make(), service="novas")


# --- services


@pytest.mark.contract("AUTH-005")
def test_the_roles_of_a_service_are_kept_apart(keystone: FakeKeystone, make: Make) -> None:
    keystone.tokens["novas"] = token_of("nova", roles=[{"name": "Service"}, {"name": "admin"}])
    caller = ask(make(), service="novas")
    assert caller.user_id == "ann"
    assert caller.roles == {"member", "reader"}
    assert caller.service_roles == {"service", "admin"}


def test_a_service_may_bring_a_token_that_has_expired(
    keystone: FakeKeystone, make: Make, clock: ManualClock
) -> None:
    ended = (clock.now() - SECOND).isoformat()
    keystone.expired["old"] = token_of("ann", expires_at=ended)
    keystone.tokens["novas"] = token_of("nova", roles=[{"name": "service"}])
    provider = make(cache_time=300)
    refused(provider, "old")
    assert ask(provider, "old", service="novas").user_id == "ann"
    assert ask(provider, "old", service="novas").user_id == "ann"
    assert keystone.asked["old"] == 2
    # What a service may, the user alone may not, even while it is remembered.
    refused(provider, "old")
    clock.advance(300 * SECOND)
    ask(provider, "old", service="novas")
    assert keystone.asked["old"] == 3


def test_a_good_token_is_not_asked_about_again_for_a_service(
    keystone: FakeKeystone, make: Make
) -> None:
    keystone.tokens["novas"] = token_of("nova", roles=[{"name": "service"}])
    provider = make()
    ask(provider)
    ask(provider, service="novas")
    assert keystone.asked[ANN] == 1


def test_who_is_no_service_may_not_bring_a_token_that_has_expired(
    keystone: FakeKeystone, make: Make, clock: ManualClock
) -> None:
    keystone.expired["old"] = token_of("ann", expires_at=(clock.now() - SECOND).isoformat())
    keystone.tokens["friends"] = token_of("friend")
    refused(make(), "old", service="friends")


def test_a_service_token_that_has_expired_is_good_for_nothing(
    keystone: FakeKeystone, make: Make, clock: ManualClock
) -> None:
    ended = (clock.now() - SECOND).isoformat()
    keystone.expired["novas"] = token_of("nova", roles=[{"name": "service"}], expires_at=ended)
    refused(make(), service="novas")


def test_the_roles_that_make_a_service_can_be_chosen_and_required(
    keystone: FakeKeystone, make: Make
) -> None:
    keystone.tokens["novas"] = token_of("nova", roles=[{"name": "computing"}])
    assert ask(make(), service="novas").service_roles == {"computing"}
    refused(make(service_token_roles_required=True), service="novas")
    chosen = make(service_token_roles=("Computing",), service_token_roles_required=True)
    assert ask(chosen, service="novas").service_roles == {"computing"}


# --- Keystone away


def test_a_silent_keystone_is_unavailable(keystone: FakeKeystone, make: Make) -> None:
    keystone.go_on.clear()
    away(make(timeout=SHORT))


def test_a_keystone_that_trickles_is_unavailable(keystone: FakeKeystone, make: Make) -> None:
    keystone.trickle = True
    away(make(timeout=SHORT))


def test_a_keystone_that_refuses_connections_is_unavailable(
    keystone: FakeKeystone, make: Make
) -> None:
    keystone.stop()
    away(make(retries=1))


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 418, 302])
def test_a_keystone_in_trouble_is_unavailable(
    keystone: FakeKeystone, make: Make, status: int
) -> None:
    keystone.statuses = [status]
    away(make(retries=0))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"token": {}}'])
def test_a_keystone_that_makes_no_sense_is_unavailable(
    keystone: FakeKeystone, make: Make, body: bytes
) -> None:
    keystone.body = body
    away(make())


@pytest.mark.parametrize("status", [500, 503, 429])
def test_trouble_that_passes_is_not_noticed(
    keystone: FakeKeystone, make: Make, status: int
) -> None:
    keystone.statuses = [status, None]
    assert ask(make(retries=1)).user_id == "ann"
    assert keystone.asked[ANN] == 2


def test_a_restart_between_two_questions_is_not_noticed(keystone: FakeKeystone, make: Make) -> None:
    keystone.tokens["bobs"] = token_of("bob")
    provider = make()
    ask(provider)
    keystone.stop()
    keystone.start()
    assert ask(provider, "bobs").user_id == "bob"


def test_known_callers_stay_known_while_keystone_is_away(
    keystone: FakeKeystone, make: Make, clock: ManualClock
) -> None:
    provider = make(retries=0, cache_time=300)
    ask(provider)
    keystone.stop()
    for number in range(7):
        away(provider, f"other-{number}")
    assert ask(provider).user_id == "ann"
    clock.advance(300 * SECOND)
    away(provider)


def test_after_some_failures_keystone_is_left_alone_and_then_tried_once(
    keystone: FakeKeystone, make: Make, clock: ManualClock
) -> None:
    provider = make(retries=0)
    keystone.statuses = [503]
    for number in range(9):
        away(provider, f"token-{number}")
    assert keystone.asked.total() == 5
    clock.advance(5 * SECOND)
    away(provider)
    away(provider)
    assert keystone.asked.total() == 6
    clock.advance(5 * SECOND)
    keystone.statuses = []
    keystone.tokens["bobs"] = token_of("bob")
    assert ask(provider).user_id == "ann"
    assert ask(provider, "bobs").user_id == "bob"


def test_bad_tokens_are_no_reason_to_leave_keystone_alone(
    keystone: FakeKeystone, make: Make
) -> None:
    provider = make()
    for number in range(9):
        refused(provider, f"bad-{number}")
    assert ask(provider).user_id == "ann"


def test_one_who_gave_up_counts_once(keystone: FakeKeystone, make: Make) -> None:
    provider = make(timeout=SHORT, retries=0)
    keystone.go_on.clear()
    for number in range(4):
        away(provider, f"token-{number}")
    # The errands end after the callers' patience did, and add nothing.
    wait_until(lambda: provider._slots._value == 16, what="the errands to end")
    keystone.go_on.set()
    assert ask(provider).user_id == "ann"


def test_when_all_are_on_their_way_nobody_else_waits_for_ever(
    keystone: FakeKeystone, make: Make
) -> None:
    keystone.trickle = True
    provider = make(timeout=SHORT, connections=1)
    away(provider, "first")
    away(provider, "second")
    assert keystone.asked == {"first": 1}


# --- the service's own account


def test_the_services_own_token_is_renewed_when_it_was_revoked(
    keystone: FakeKeystone, make: Make
) -> None:
    keystone.tokens["bobs"] = token_of("bob")
    provider = make()
    ask(provider)
    keystone.own.clear()
    assert ask(provider, "bobs").user_id == "bob"
    assert keystone.logins == 2


@pytest.mark.parametrize("status", [401, 403])
def test_an_account_that_may_not_ask_is_an_error_of_ours(
    keystone: FakeKeystone, make: Make, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    keystone.statuses = [status]
    away(make())
    assert keystone.logins == (2 if status == 401 else 1)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_an_account_that_is_not_known_is_an_error_of_ours(
    keystone: FakeKeystone, make: Make, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    keystone.login_status = status
    away(make())
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_an_endpoint_that_is_not_in_the_catalogue_is_an_error_of_ours(
    keystone: FakeKeystone, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    keystone.interface = "public"
    away(make())
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert ask(make(interface="public")).user_id == "ann"


def test_many_at_once_on_a_cold_start_log_in_once(keystone: FakeKeystone, make: Make) -> None:
    names = [f"token-{number}" for number in range(8)]
    keystone.tokens.update({name: token_of(name) for name in names})
    provider = make()
    found = results(at_once(8, lambda number: ask(provider, names[number])))
    assert [context.user_id for context in found] == names
    assert keystone.logins == 1


# --- secrets


def test_no_secret_is_logged_whatever_happens(
    keystone: FakeKeystone, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider = make(retries=1, cache_time=0)
    ask(provider)
    refused(provider, "a-bad-token")
    keystone.own.clear()
    ask(provider)
    keystone.statuses = [500, 401, 401, None]
    away(provider)
    keystone.login_status = 401
    keystone.own.clear()
    away(provider)
    keystone.stop()
    away(provider)
    assert caplog.records
    for secret in (ANN, "a-bad-token", "own-token", SECRET, "127.0.0.1"):
        mentioned = [record for record in caplog.records if secret in record.getMessage()]
        assert not [record for record in mentioned if record.name.startswith("vitrine")]
        if secret != "127.0.0.1":
            assert not mentioned


def test_errors_carry_no_secret_along(keystone: FakeKeystone, make: Make) -> None:
    keystone.login_status = 401
    with pytest.raises(IdentityUnavailable) as raised:
        ask(make())
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_times_of_day_are_taken_in_utc_by_default(keystone: FakeKeystone) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    keystone.tokens[ANN] = token_of("ann", expires_at=soon)
    assert ask(KeystoneIdentity(keystone.account())).user_id == "ann"
    ended = (datetime.now(UTC) - SECOND).isoformat()
    keystone.tokens["bobs"] = token_of("bob", expires_at=ended)
    refused(KeystoneIdentity(keystone.account()), "bobs")
