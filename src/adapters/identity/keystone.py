"""Callers with tokens of Keystone."""

import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import attrs

from vitrine.adapters.identity.access_rules import allows
from vitrine.adapters.identity.account import ServiceAccount
from vitrine.adapters.identity.breaker import CircuitBreaker
from vitrine.adapters.identity.cache import ExpiringCache
from vitrine.adapters.identity.client import KeystoneClient
from vitrine.adapters.identity.records import Record
from vitrine.adapters.identity.shared import SharedTokens
from vitrine.adapters.identity.tokens import AWAY, REFUSED, Verdict, Vouched
from vitrine.core.context import Context
from vitrine.core.errors import IdentityUnavailable, Unauthenticated
from vitrine.ports.identity import Credentials, IdentityProvider, Request

_log = logging.getLogger(__name__)

_REFUSED_FOR = 5.0  # seconds for which a bad token is not asked about again
_THRESHOLD = 5  # failures in a row
_PAUSE = 5.0  # seconds
_SKEW = 60.0  # seconds by which another machine's clock may be ahead
# What can be in a header; anything else is no token, and no reason to ask.
_TOKEN = re.compile(r"[!-~]{1,8192}")

# A token by its hash, and whether it may have expired.
_Question = tuple[bytes, bool]


class _Flight:
    """One question on its way to Keystone, and all who wait for the answer."""

    def __init__(self) -> None:
        self._landed = threading.Event()
        self._verdict: Verdict = AWAY

    def land(self, verdict: Verdict) -> bool:
        """Let all know; return False, and change nothing, if they do already. Needs a lock."""
        if self._landed.is_set():
            return False
        self._verdict = verdict
        self._landed.set()
        return True

    def wait(self, deadline: float) -> Verdict | None:
        """Return the answer, or None when there was none in time."""
        if self._landed.wait(max(0.0, deadline - time.monotonic())):
            return self._verdict
        return None


def _utcnow() -> datetime:
    return datetime.now(UTC)


class KeystoneIdentity(IdentityProvider):
    """Has Keystone vouch for callers, and remembers for a while that it did.

    A token is asked about once at a time, however many requests bring it. The asking
    is done by a thread of its own, so that a caller is told in time that there is no
    answer, whatever holds it up: name servers, connections, a trickle of bytes.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of the operator's
        self,
        account: ServiceAccount,
        *,
        www_authenticate_uri: str | None = None,
        interface: str = "internal",
        service_type: str = "image",
        timeout: float = 10.0,
        retries: int = 3,
        cache_time: float = 300.0,
        cache_size: int = 5000,
        service_token_roles: Iterable[str] = ("service",),
        service_token_roles_required: bool = False,
        connections: int = 16,
        shared: SharedTokens | None = None,
        now: Callable[[], datetime] = _utcnow,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Describe how to ask. Nobody is called before the first token comes.

        Args:
            account: The service's own; needs the right to validate tokens.
            www_authenticate_uri: Where callers get a token.
            interface: Which endpoint of Keystone's is used.
            service_type: What access rules call this service.
            timeout: Seconds after which a caller is told that nobody can tell, all
                repetitions and waiting included.
            retries: Repetitions of a call to Keystone that failed for the moment.
            cache_time: Seconds for which a good token is believed; 0 asks each time.
            cache_size: How many are remembered.
            service_token_roles: A service with one of these may bring a user's
                expired token, and is not bound by the user's access rules.
            service_token_roles_required: Whether a service without one is refused.
            connections: Questions that are on their way at once.
            shared: What other processes have heard, asked before Keystone is.
            now: The time of day, for the end of tokens.
            monotonic: Seconds that never go back, for all that is remembered.

        Raises:
            Misconfigured: *account* is incomplete.
        """
        self._client = KeystoneClient(
            account,
            interface=interface,
            timeout=timeout,
            retries=retries,
            connections=connections,
        )
        self._challenge = (
            f'Keystone uri="{www_authenticate_uri}"' if www_authenticate_uri else "Keystone"
        )
        self._service_type = service_type
        self._shared = shared if cache_time > 0 else None
        self._timeout = timeout
        self._cache_time = cache_time
        self._service_roles = frozenset(role.lower() for role in service_token_roles)
        self._service_roles_required = service_token_roles_required
        self._now = now
        self._monotonic = monotonic
        self._breaker = CircuitBreaker(threshold=_THRESHOLD, pause=_PAUSE, monotonic=monotonic)
        self._slots = threading.BoundedSemaphore(connections)
        # Guards what follows; never held while anybody is asked.
        self._lock = threading.Lock()
        self._good = ExpiringCache[bytes, Vouched](size=cache_size, monotonic=monotonic)
        # Apart, so that a flood of bad tokens drives out no good one.
        self._bad = ExpiringCache[_Question, Verdict](size=cache_size, monotonic=monotonic)
        self._flights: dict[_Question, _Flight] = {}

    @property
    def challenge(self) -> str | None:
        return self._challenge

    def identify(self, credentials: Credentials, request: Request) -> Context:
        token = credentials.token
        if not token:
            raise _unauthenticated()
        deadline = time.monotonic() + self._timeout
        service_roles: frozenset[str] = frozenset()
        trusted = False
        if credentials.service_token:
            service = self._vouched(credentials.service_token, deadline)
            self._check_rules(service, request)
            service_roles = service.context.roles
            trusted = not service_roles.isdisjoint(self._service_roles)
            if self._service_roles_required and not trusted:
                raise _unauthenticated()
        user = self._vouched(token, deadline, allow_expired=trusted)
        if not trusted:
            # A service acts on what the user was allowed to ask of that service.
            self._check_rules(user, request)
        return attrs.evolve(user.context, token=token, service_roles=service_roles)

    def _check_rules(self, vouched: Vouched, request: Request) -> None:
        rules = vouched.access_rules
        if rules is not None and not allows(rules, self._service_type, request):
            raise _unauthenticated()

    def _vouched(self, token: str, deadline: float, *, allow_expired: bool = False) -> Vouched:
        """Return what is known of *token*, asking if need be."""
        if not _TOKEN.fullmatch(token):
            raise _unauthenticated()
        question = (hashlib.sha256(token.encode()).digest(), allow_expired)
        with self._lock:
            verdict = self._remembered(question)
            flight = self._flights.get(question)
            if first := verdict is None and flight is None:
                flight = self._flights[question] = _Flight()
        if verdict is None and flight is not None:
            if first and not self._heard_of(question, flight):
                self._ask(question, token, flight, deadline)
            verdict = flight.wait(deadline)
            if verdict is None and first:
                self._fail(question, flight)
        if isinstance(verdict, Vouched):
            return verdict
        if verdict is REFUSED:
            raise _unauthenticated()
        raise IdentityUnavailable

    def _remembered(self, question: _Question) -> Verdict | None:
        digest, allow_expired = question
        vouched = self._good.get(digest)
        if vouched is not None and (allow_expired or vouched.expires_at > self._now()):
            return vouched
        return self._bad.get(question)

    def _heard_of(self, question: _Question, flight: _Flight) -> bool:
        """Land *flight* if another process has heard that the token is good."""
        digest, allow_expired = question
        record = None if self._shared is None else self._shared.get(digest)
        if record is None or not (allow_expired or record.vouched.expires_at > self._now()):
            return False
        age = (self._now() - record.asked_at).total_seconds()
        left = self._cache_time - max(0.0, age)
        if age < -_SKEW or left <= 0:
            return False
        with self._lock:
            self._good.put(digest, record.vouched, until=self._monotonic() + left)
            self._land(question, flight, record.vouched)
        return True

    def _ask(self, question: _Question, token: str, flight: _Flight, deadline: float) -> None:
        """Send a thread to Keystone; *flight* lands when it is back, or at once if it cannot go."""
        if not self._breaker.may_pass():
            with self._lock:
                self._land(question, flight, AWAY)
            return
        if not self._slots.acquire(timeout=max(0.0, deadline - time.monotonic())):
            self._fail(question, flight)
            return
        errand = threading.Thread(
            target=self._go_and_ask,
            args=(question, token, flight, deadline),
            name="ask-keystone",
            daemon=True,
        )
        try:
            errand.start()
        except RuntimeError:  # The system has no more threads.
            self._slots.release()
            self._fail(question, flight)

    def _go_and_ask(
        self, question: _Question, token: str, flight: _Flight, deadline: float
    ) -> None:
        began, asked_at = self._monotonic(), self._now()
        verdict: Verdict = AWAY
        try:
            verdict = self._client.validate(token, allow_expired=question[1], deadline=deadline)
        except Exception as error:  # noqa: BLE001 - the edge of this thread; others wait for its word
            # keystoneauth lets KeyErrors and the like pass when an answer is odd. Without
            # the traceback: what such an error quotes is nothing for a log.
            _log.error("The identity service could not be asked: %s", type(error).__name__)
        finally:
            self._slots.release()
        if verdict is AWAY:
            self._fail(question, flight)
            return
        if self._breaker.succeeded():
            _log.info("The identity service is back.")
        with self._lock:
            verdict = self._remember(question, verdict, began)
            self._land(question, flight, verdict)
        self._pass_on(question[0], verdict, asked_at)

    def _pass_on(self, digest: bytes, verdict: Verdict, asked_at: datetime) -> None:
        """Let other processes know."""
        if self._shared is None:
            return
        if isinstance(verdict, Vouched):
            self._shared.put(digest, Record(vouched=verdict, asked_at=asked_at))
        else:
            self._shared.forget(digest)

    def _remember(self, question: _Question, verdict: Verdict, began: float) -> Verdict:
        """Keep *verdict* for next time and return what it means for *question*.

        Its time counts from when it was asked for: what was revoked while the answer
        was on its way is believed no longer than anything else.
        """
        digest, allow_expired = question
        if isinstance(verdict, Vouched) and (allow_expired or verdict.expires_at > self._now()):
            self._good.put(digest, verdict, until=began + self._cache_time)
            return verdict
        self._good.forget(digest)
        self._bad.put(question, REFUSED, until=began + _REFUSED_FOR)
        return REFUSED

    def _fail(self, question: _Question, flight: _Flight) -> None:
        with self._lock:
            first = self._land(question, flight, AWAY)
        # Who gave up waiting has counted it already.
        if first and self._breaker.failed():
            _log.error("The identity service is away; it is asked again every %d s.", _PAUSE)

    def _land(self, question: _Question, flight: _Flight, verdict: Verdict) -> bool:
        # Another may be under way, if this one was given up.
        if self._flights.get(question) is flight:
            del self._flights[question]
        return flight.land(verdict)


def _unauthenticated() -> Unauthenticated:
    return Unauthenticated("The request carries no token that is valid for it.")
