"""Processes that remember tokens together, and strangers who write where they do."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.identity import LIST_IMAGES
from tests.support.clock import ManualClock
from tests.support.processes import wait_until
from tests.unit.adapters.identity.fake_keystone import FakeKeystone, token_of
from vitrine.adapters.identity.access_rules import AccessRule
from vitrine.adapters.identity.keystone import KeystoneIdentity
from vitrine.adapters.identity.records import Record, read, write
from vitrine.adapters.identity.regions import open_region
from vitrine.adapters.identity.sealing import Seal, seal_of
from vitrine.adapters.identity.shared import SharedTokens
from vitrine.adapters.identity.tokens import Vouched, read_token
from vitrine.core.context import Context
from vitrine.core.errors import IdentityUnavailable, Misconfigured, Unauthenticated
from vitrine.ports.identity import Credentials

ANN = "anns-token"
SECOND = timedelta(seconds=1)
OTHER = seal_of("another", encrypt=False)
SEALS = {kind: seal_of("hush", encrypt=kind == "hidden") for kind in ("signed", "hidden")}


class Place:
    """Somewhere to share, which also does as it is told."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.error: Exception | None = None
        self.calls = 0
        # Clear to let calls wait.
        self.go_on = threading.Event()
        self.go_on.set()

    def get(self, key: str) -> object:
        self._enter()
        return self.kept.get(key)

    def set(self, key: str, value: bytes) -> None:
        self._enter()
        self.kept[key] = value

    def delete(self, key: str) -> None:
        self._enter()
        self.kept.pop(key, None)

    def _enter(self) -> None:
        self.calls += 1
        self.go_on.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def place() -> Iterator[Place]:
    place = Place()
    yield place
    place.go_on.set()


@pytest.fixture(params=SEALS)
def seal(request: pytest.FixtureRequest) -> Seal:
    return SEALS[request.param]


Make = Callable[..., KeystoneIdentity]


@pytest.fixture
def make(keystone: FakeKeystone, clock: ManualClock, place: Place) -> Iterator[Make]:
    """Makes what one process has."""
    made: list[SharedTokens] = []

    def build(
        *, cache_time: float = 300, seal: Seal = SEALS["signed"], patience: float = 30
    ) -> KeystoneIdentity:
        shared = SharedTokens(place, seal, patience=patience, monotonic=clock.monotonic)
        made.append(shared)
        return KeystoneIdentity(
            keystone.account(),
            now=clock.now,
            monotonic=clock.monotonic,
            timeout=30,
            cache_time=cache_time,
            shared=shared,
        )

    keystone.tokens[ANN] = token_of("ann")
    yield build
    place.go_on.set()
    for shared in made:
        shared.close()


def ask(provider: KeystoneIdentity, token: str = ANN) -> Context:
    return provider.identify(Credentials(token=token), LIST_IMAGES)


def refused(provider: KeystoneIdentity, token: str = ANN) -> None:
    with pytest.raises(Unauthenticated):
        ask(provider, token)


def shared_by(provider: KeystoneIdentity, place: Place) -> None:
    """Have *provider* ask about Ann, and let the others know."""
    ask(provider)
    wait_until(lambda: bool(place.kept), what="the shared record")


# --- remembering together


def test_what_one_process_has_asked_no_other_asks(
    keystone: FakeKeystone, make: Make, place: Place, seal: Seal
) -> None:
    first, second = make(seal=seal), make(seal=seal)
    shared_by(first, place)
    assert ask(second) == ask(first)
    assert keystone.asked[ANN] == 1


def test_who_is_known_to_others_is_let_in_while_keystone_is_away(
    keystone: FakeKeystone, make: Make, place: Place
) -> None:
    shared_by(make(), place)
    keystone.stop()
    assert ask(make()).user_id == "ann"
    with pytest.raises(IdentityUnavailable):
        ask(make(), "unknown")


def test_access_rules_go_along(keystone: FakeKeystone, make: Make, place: Place) -> None:
    rules = [{"service": "image", "method": "GET", "path": "/other"}]
    keystone.tokens[ANN] = token_of("ann", application_credential={"access_rules": rules})
    first, second = make(), make()
    refused(first)
    wait_until(lambda: bool(place.kept), what="the shared record")
    refused(second)
    assert keystone.asked[ANN] == 1


def test_the_time_of_a_token_counts_from_when_keystone_was_asked_by_anybody(
    keystone: FakeKeystone, make: Make, clock: ManualClock, place: Place
) -> None:
    shared_by(make(), place)
    del keystone.tokens[ANN]
    clock.advance(200 * SECOND)
    late = make()
    assert ask(late).user_id == "ann"
    clock.advance(99 * SECOND)
    assert ask(late).user_id == "ann"
    clock.advance(SECOND)
    refused(late)
    refused(make())


def test_a_process_that_trusts_for_less_time_asks_earlier(
    keystone: FakeKeystone, make: Make, clock: ManualClock, place: Place
) -> None:
    shared_by(make(cache_time=300), place)
    clock.advance(10 * SECOND)
    ask(make(cache_time=10))
    assert keystone.asked[ANN] == 2


def test_a_record_from_the_future_is_not_used(
    keystone: FakeKeystone, make: Make, clock: ManualClock, place: Place
) -> None:
    clock.advance(100 * SECOND)
    shared_by(make(), place)
    clock.advance(-50 * SECOND)
    ask(make())
    assert keystone.asked[ANN] == 1
    clock.advance(-50 * SECOND)
    ask(make())
    assert keystone.asked[ANN] == 2


def test_a_shared_token_is_refused_when_it_has_expired(
    keystone: FakeKeystone, make: Make, clock: ManualClock, place: Place
) -> None:
    ends = clock.now() + 100 * SECOND
    keystone.tokens[ANN] = token_of("ann", expires_at=ends.isoformat())
    shared_by(make(), place)
    clock.advance(100 * SECOND)
    refused(make())


def test_what_keystone_refuses_is_forgotten_by_all(
    keystone: FakeKeystone, make: Make, clock: ManualClock, place: Place
) -> None:
    shared_by(make(cache_time=300), place)
    del keystone.tokens[ANN]
    clock.advance(10 * SECOND)
    refused(make(cache_time=10))
    wait_until(lambda: not place.kept, what="the record to be gone")
    refused(make(cache_time=300))


def test_bad_tokens_are_not_shared(make: Make, place: Place) -> None:
    provider = make()
    refused(provider, "bad")
    shared_by(provider, place)
    assert len(place.kept) == 1


def test_who_remembers_nothing_shares_nothing(make: Make, place: Place) -> None:
    ask(make(cache_time=0))
    assert place.calls == 0


# --- strangers


def test_a_token_is_not_in_the_shared_place(make: Make, place: Place, seal: Seal) -> None:
    shared_by(make(seal=seal), place)
    text = repr(place.kept)
    assert ANN not in text
    assert ("ann" in text) == (seal is SEALS["signed"])


def forgeries(record: bytes, other: bytes) -> dict[str, bytes]:
    return {
        "nothing": b"",
        "noise": b"\x00" * 200,
        "a record without a seal": record[32:],
        "a zeroed seal": bytes(32) + record[32:],
        "another byte": record[:-9] + bytes(byte ^ 1 for byte in record[-9:-8]) + record[-8:],
        "the record of another token": other,
        "a byte less": record[:-1],
        "a byte more": record + b" ",
        "one sealed with another secret": OTHER.close("name", b"{}"),
    }


@pytest.mark.parametrize("kind", list(forgeries(b"", b"")))
def test_whoever_writes_into_the_shared_place_grants_nothing(
    keystone: FakeKeystone, make: Make, place: Place, seal: Seal, kind: str
) -> None:
    keystone.tokens["bobs"] = token_of("bob", roles=[{"name": "admin"}])
    one = make(seal=seal)
    ask(one, "bobs")
    wait_until(lambda: bool(place.kept), what="Bob's record")
    (bob,) = place.kept
    ask(one, ANN)
    wait_until(lambda: len(place.kept) == 2, what="Ann's record")
    (ann,) = place.kept.keys() - {bob}
    del keystone.tokens[ANN]
    place.kept[ann] = forgeries(place.kept[ann], place.kept[bob])[kind]
    refused(make(seal=seal), ANN)


def test_values_of_another_secret_are_mentioned_once(
    make: Make, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    shared_by(make(), place)
    other = make(seal=OTHER)
    name = other._shared._seal.name_of  # type: ignore[union-attr]  # it has one
    other_names = {name(bytes([number]) * 32) for number in range(2)}
    place.kept = dict.fromkeys(other_names, next(iter(place.kept.values())))
    assert other._shared is not None
    with caplog.at_level(logging.WARNING):
        for number in range(2):
            assert other._shared.get(bytes([number]) * 32) is None
    assert [record.message for record in caplog.records] == [
        "The shared token cache holds what was sealed with another secret; it is not used."
    ]


@given(text=st.binary(), name=st.text(st.characters(codec="ascii")), kind=st.sampled_from([*SEALS]))
def test_what_is_sealed_opens_under_its_name_only(text: bytes, name: str, kind: str) -> None:
    seal = SEALS[kind]
    sealed = seal.close(name, text)
    assert seal.open(name, sealed) == text
    assert seal.open(name + "x", sealed) is None


@pytest.mark.parametrize("kind", SEALS)
def test_seals_of_one_secret_open_each_others_values_and_no_others(kind: str) -> None:
    hidden = kind == "hidden"
    sealed = SEALS[kind].close("name", b"text")
    same, other = (seal_of(secret, encrypt=hidden) for secret in ("hush", "husi"))
    assert same.name_of(b"digest") == SEALS[kind].name_of(b"digest")
    assert same.open("name", sealed) == b"text"
    assert other.name_of(b"digest") != SEALS[kind].name_of(b"digest")
    assert other.open("name", sealed) is None


@given(sealed=st.binary(max_size=100), kind=st.sampled_from([*SEALS]))
def test_what_nobody_sealed_does_not_open(sealed: bytes, kind: str) -> None:
    assert SEALS[kind].open("name", sealed) is None


# --- a place that is away


def test_a_place_that_fails_is_left_alone_for_a_while_and_nobody_notices(
    keystone: FakeKeystone,
    make: Make,
    clock: ManualClock,
    place: Place,
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider = make(cache_time=0.5)
    place.error = OSError("host cache.example refused")
    with caplog.at_level(logging.INFO):
        for _ in range(9):
            assert ask(provider).user_id == "ann"
            clock.advance(SECOND / 2)
        assert keystone.asked[ANN] == 9
        assert place.calls < 9
        place.error = None
        clock.advance(10 * SECOND)
        shared_by(provider, place)
        wait_until(lambda: "back" in caplog.text, what="the good news")
    assert caplog.text.count("The shared token cache is away") == 1
    assert "cache.example" not in caplog.text


def test_a_place_that_is_silent_is_not_waited_for(
    keystone: FakeKeystone, make: Make, place: Place
) -> None:
    provider = make(patience=0.01)
    place.go_on.clear()
    for number in range(9):
        keystone.tokens[str(number)] = token_of(str(number))
        assert ask(provider, str(number)).user_id == str(number)
    assert place.calls <= 4


def test_no_more_calls_are_kept_waiting_than_there_is_room_for(place: Place) -> None:
    shared = SharedTokens(place, SEALS["signed"])
    place.go_on.clear()
    record = Record(vouched=read_token({"token": token_of()}), asked_at=ManualClock().now())
    for number in range(200):
        shared.put(number.to_bytes(2), record)
    place.go_on.set()
    shared.close()
    assert len(place.kept) <= 64


# --- what is written down


@given(
    context=st.builds(
        Context,
        user_id=st.none() | st.text(),
        project_id=st.none() | st.text(),
        domain_id=st.none() | st.text(),
        system_scope=st.sampled_from([None, "all"]),
        user_domain_id=st.none() | st.text(),
        project_domain_id=st.none() | st.text(),
        roles=st.frozensets(st.text()),
    ),
    expires_at=st.datetimes(timezones=st.just(ManualClock().now().tzinfo)),
    rules=st.none()
    | st.lists(
        st.builds(AccessRule, service=st.text(), method=st.text(), path=st.text()), max_size=3
    ).map(tuple),
)
def test_what_is_written_is_read_again(
    context: Context, expires_at: object, rules: tuple[AccessRule, ...] | None
) -> None:
    vouched = Vouched(context=context, expires_at=expires_at, access_rules=rules)  # type: ignore[arg-type]  # hypothesis cannot say
    record = Record(vouched=vouched, asked_at=ManualClock().now())
    assert read(write(record)) == record


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"\xff", b'{"context": {"who": 1}}'])
def test_what_another_version_wrote_is_as_if_it_were_not_there(text: bytes) -> None:
    assert read(text) is None


def test_a_record_carries_no_token() -> None:
    vouched = read_token({"token": token_of()})
    record = Record(vouched=vouched, asked_at=ManualClock().now())
    assert "token" not in json.loads(write(record))["context"]


# --- where it may be


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/3",
        "rediss://user:word@cache.example:6380",
        "memcached://127.0.0.1:11211",
        "memcached://10.0.0.1:11211, 10.0.0.2:11211",
        "memcached://inet6:[::1]:11211",
    ],
)
def test_places_are_named_by_urls_and_not_connected_to(url: str) -> None:
    region = open_region(url, keep=300)
    assert callable(region.get)


@pytest.mark.parametrize(
    "url",
    [
        "hush",
        "http://hush:80",
        "redis://",
        "memcached://",
        "memcached://:11211",
        "redis://h:hush",
        "memcached://h:hush",
    ],
)
def test_other_urls_are_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        open_region(url, keep=300)
    assert "token_cache_url" in str(raised.value)
    assert "hush" not in str(raised.value)
