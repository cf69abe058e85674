"""A Keystone that is killed, and comes back, while many call.

Run with ``-s`` for the figures.
"""

import os
import secrets
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from tests.support.clients import Api
from tests.support.processes import wait_until
from tests.support.server import OwnServers
from tests.support.services import Keystone

_CLIENTS = 8  # of each kind
_ROUNDS = 10 if os.environ.get("VITRINE_DEEP") else 2
_TIMEOUT = 5  # seconds, for Keystone


@attrs.frozen
class _Answer:
    """What one call came to, at a time, after so many seconds."""

    at: float
    kind: str
    status: int
    took: float


class _Callers:
    """Clients that call, each kind with tokens of its own, until told to stop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self.answers: list[_Answer] = []
        self.failures: list[str] = []

    def add(self, kind: str, token: Callable[[], str]) -> None:
        """Call with what *token* returns, asked again for each call."""
        for _ in range(_CLIENTS):
            self._threads.append(threading.Thread(target=self._run, args=(kind, token)))

    def _run(self, kind: str, token: Callable[[], str]) -> None:
        try:
            with Api(self._url) as api:
                while not self._stopped.is_set():
                    began = time.monotonic()
                    sent = {"X-Auth-Token": token()}
                    status = api.get("/v2/images", headers=sent).status_code
                    ended = time.monotonic()
                    self.answers.append(_Answer(ended, kind, status, ended - began))
                    # Enough to be many, and room for Keystone beside.
                    self._stopped.wait(0.02)
        except Exception as failure:  # noqa: BLE001 - the test looks at it
            self.failures.append(repr(failure))

    @contextmanager
    def calling(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        yield
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def since(self, moment: float, kind: str, status: int) -> bool:
        """Whether a call of this *kind* was answered so after *moment*."""
        return any(
            answer.at > moment and (answer.kind, answer.status) == (kind, status)
            for answer in self.answers
        )

    def report(self) -> str:
        """How each kind fared."""
        lines = []
        by_kind: dict[str, list[_Answer]] = defaultdict(list)
        for answer in self.answers:
            by_kind[answer.kind].append(answer)
        for kind, answers in sorted(by_kind.items()):
            took = sorted(answer.took for answer in answers)
            lines.append(
                f"{kind}: {dict(Counter(answer.status for answer in answers))}, "
                f"median {statistics.median(took) * 1000:.1f} ms, "
                f"99 % {took[len(took) * 99 // 100] * 1000:.0f} ms, slowest {took[-1]:.2f} s"
            )
        return "\n".join(lines)


def test_nobody_is_wrongly_let_in_and_nobody_waits_for_ever(
    own_keystone: Keystone, make_server: OwnServers
) -> None:
    account = own_keystone.authtoken(http_connect_timeout=_TIMEOUT, token_cache_time=2)
    server = make_server({"keystone_authtoken": account}, identity="keystone", workers=2)
    server.start()
    good = [own_keystone.token("demo", fresh=True) for _ in range(4)]
    revoked = [own_keystone.token("alt", fresh=True) for _ in range(4)]
    for token in revoked:
        own_keystone.revoke(token)
    known = own_keystone.token("admin", fresh=True)

    callers = _Callers(server.url)
    callers.add("good", lambda: secrets.choice(good))
    callers.add("revoked", lambda: secrets.choice(revoked))
    callers.add("unknown", lambda: secrets.token_urlsafe(40))
    recoveries = []
    with callers.calling():
        for _ in range(_ROUNDS):
            now = time.monotonic()
            wait_until(lambda: callers.since(now, "good", 200), what="a grant")  # noqa: B023 - called at once
            own_keystone.kill()
            gone = time.monotonic()
            # What is remembered ends, and so do grants.
            wait_until(lambda: callers.since(gone, "good", 503), what="a refusal")  # noqa: B023 - the same
            wait_until(lambda: callers.since(gone + 3, "unknown", 503), what="some of that")  # noqa: B023 - the same
            own_keystone.start()
            back = time.monotonic()
            wait_until(lambda: callers.since(back, "good", 200), what="a grant again")  # noqa: B023 - the same
            recoveries.append(time.monotonic() - back)
    print(f"\n{callers.report()}\nrecovered after {[f'{each:.1f} s' for each in recoveries]}")  # noqa: T201 - figures
    assert callers.failures == []
    statuses = {(answer.kind, answer.status) for answer in callers.answers}
    assert statuses <= {
        ("good", 200),
        ("good", 503),
        ("revoked", 401),
        ("revoked", 503),
        ("unknown", 401),
        ("unknown", 503),
    }
    with Api(server.url, known) as api:
        wait_until(lambda: api.get("/v2/images").status_code == 200, what="everybody else")
