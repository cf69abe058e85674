"""A message bus that goes away delays events and nothing else.

It is away for ten seconds, in which the service tries to reach it four times at least: after one
second, two, four, and so on up to ten. With VITRINE_DEEP=1 it is away for half a minute.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

import pytest

from tests.support.broker import Broker, Envelope, Subscriber
from tests.support.clients import Api, unique
from tests.support.processes import wait_until
from tests.support.server import Config, OwnServers, Server

AWAY = 30.0 if os.environ.get("VITRINE_DEEP") else 10.0  # seconds
# A request that waited for the bus would wait until it is back; others take milliseconds, or a
# second or two on a machine that has much else to do.
LONG = AWAY / 2
MakeApi = Callable[..., Api]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("rabbitmq") / "broker")
    broker.start()
    yield broker
    broker.end()


@pytest.fixture
def subscriber(broker: Broker) -> Subscriber:
    return Subscriber(broker, unique("notifications"))


def config(broker: Broker, subscriber: Subscriber) -> Config:
    return {
        "oslo_messaging_notifications": {
            "driver": "messagingv2",
            "transport_url": broker.url,
            "topics": subscriber.topic,
        },
        # Or what nobody has taken yet is gone with the broker, which is no matter of ours.
        "oslo_messaging_rabbit": {"amqp_durable_queues": True},
    }


def names(events: list[Envelope], image_id: object) -> list[object]:
    """What an image was called after each change of it, in the order of the bus, each once."""
    seen: dict[object, object] = {}
    for event in events:
        if event["payload"].get("id") == image_id:
            seen.setdefault(event["message_id"], event["payload"]["name"])
    return list(seen.values())


class Workload:
    """Changes images, one after the other, until it is told to stop."""

    def __init__(self, server: Server) -> None:
        self._api = Api(server.url, "demo")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.named: dict[str, list[str]] = {}
        self.slowest = 0.0
        self.failures: list[str] = []
        self.count = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._api.close()

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._live()
        except BaseException as failure:  # noqa: BLE001 - the test looks at it
            self.failures.append(repr(failure))

    def _live(self) -> None:
        """Lead one image through its life, or a part of it."""
        name = unique()
        image_id = str(self._timed(lambda: self._api.create_image(name=name))["id"])
        named = self.named[image_id] = [name]
        self._timed(lambda: self._api.upload(image_id, b"bytes"))
        # Told as saving, prepared, uploaded, activated and active.
        named += [name] * 5
        self._timed(lambda: self._api.download(image_id))
        for number in range(20):
            if self._stopped.is_set():
                return
            self._timed(lambda: self._rename(image_id, f"{name}-{number}"))  # noqa: B023 - called at once
            named.append(f"{name}-{number}")

    def _rename(self, image_id: str, name: str) -> None:
        self._api.change(image_id, {"op": "replace", "path": "/name", "value": name})

    def _timed(self, call: Callable[[], object]) -> dict[str, object]:
        started = time.monotonic()
        answer = call()
        self.slowest = max(self.slowest, time.monotonic() - started)
        self.count += 1
        return answer if isinstance(answer, dict) else {}


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_while_the_bus_is_away_nothing_fails_and_then_everything_is_told_in_order(
    broker: Broker, subscriber: Subscriber, make_server: OwnServers, end: str
) -> None:
    server = make_server(config(broker, subscriber), workers=2)
    server.start()
    with Workload(server) as work:
        subscriber.wait_for(10)
        getattr(broker, end)()
        gone = time.monotonic()
        before = work.count
        wait_until(
            lambda: time.monotonic() - gone > AWAY or bool(work.failures),
            what="the bus to have been away long enough",
            timeout=AWAY + 30,
        )
        assert work.count > before
        broker.start()
        back = work.count
        wait_until(lambda: work.count > back, what="one more change")
    assert work.failures == []
    assert work.slowest < LONG
    expected = sum(map(len, work.named.values()))

    def all_told() -> bool:
        subscriber.listen()
        return sum(len(names(subscriber.heard["info"], each)) for each in work.named) >= expected

    wait_until(all_told, what="all events", timeout=120)
    for image_id, named in work.named.items():
        assert names(subscriber.heard["info"], image_id) == named


def test_what_was_committed_before_a_crash_is_told_after_it(
    broker: Broker,
    subscriber: Subscriber,
    make_server: OwnServers,
    make_api: MakeApi,
) -> None:
    server = make_server(config(broker, subscriber), workers=1)
    broker.stop()
    server.start()
    api = make_api(server)
    image = api.active_image(b"bytes", name="first")
    api.change(image["id"], {"op": "replace", "path": "/name", "value": "last"})
    server.kill()
    broker.start()
    assert subscriber.heard["info"] == []
    server.start()
    events = subscriber.wait_for(7)
    assert names(events, image["id"]) == [*["first"] * 6, "last"]


def test_a_crash_in_the_midst_of_telling_loses_nothing(
    broker: Broker, subscriber: Subscriber, make_server: OwnServers
) -> None:
    server = make_server(
        {**config(broker, subscriber), "vitrine": {"lease_ttl": 5}},
        workers=2,
    )
    server.start()
    named: dict[str, list[str]] = {}
    for _ in range(3):
        with Workload(server) as work:
            heard = len(subscriber.heard["info"])
            subscriber.wait_for(heard + 20)
            wait_until(lambda: work.count > 30, what="some changes")
        # It ended before the kill: whatever it was told is committed.
        server.kill()
        assert work.failures == []
        named.update(work.named)
        server.start()
    expected = sum(map(len, named.values()))

    def all_told() -> bool:
        subscriber.listen()
        return sum(len(names(subscriber.heard["info"], each)) for each in named) >= expected

    wait_until(all_told, what="all events", timeout=120)
    for image_id, told in named.items():
        assert names(subscriber.heard["info"], image_id) == told
