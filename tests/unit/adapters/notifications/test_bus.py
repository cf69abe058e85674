"""What leads to a message bus, without one: a real one is in tests/integration."""

import logging
import sys
import threading
from pathlib import Path

import pytest

from tests.contracts.notifications import an_event
from tests.support.processes import free_port
from vitrine.adapters.notifications.bus import BusNotifier, BusOptions
from vitrine.adapters.notifications.drivers import notifier_for
from vitrine.adapters.notifications.log import LOGGER, LogNotifier
from vitrine.adapters.notifications.notices import Notices
from vitrine.adapters.notifications.routing import Route, read_routes
from vitrine.adapters.notifications.silent import SilentNotifier
from vitrine.core.errors import Misconfigured, NotifierUnavailable
from vitrine.core.events import Event, EventType, Priority

NOWHERE = BusOptions(
    publisher_id="image.test", transport_url=f"rabbit://u:topsecret@127.0.0.1:{free_port()}/"
)
PATIENCE = 60.0  # seconds


# --- a bus that is away --------------------------------------------------------------


def test_a_bus_that_is_away_is_said_once_and_without_its_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    notifier = BusNotifier("messagingv2", NOWHERE)
    for _ in range(3):
        with pytest.raises(NotifierUnavailable) as raised:
            notifier.publish([an_event()])
        assert "127.0.0.1" not in str(raised.value)
    notifier.close()
    (said,) = caplog.messages
    assert "message bus" in said
    assert "127.0.0.1" not in said
    assert "topsecret" not in repr(NOWHERE)


def test_what_is_switched_off_needs_no_bus() -> None:
    notifier = BusNotifier("messagingv2", NOWHERE, disabled=["image"])
    notifier.publish([an_event()])
    notifier.close()


@pytest.mark.parametrize("url", ["nonsense", "foo://x", "rabbit://u:topsecret@h:port/"])
def test_a_url_that_leads_nowhere_stops_the_start(url: str) -> None:
    with pytest.raises(Misconfigured, match="transport_url") as raised:
        BusNotifier("messagingv2", BusOptions(publisher_id="x", transport_url=url))
    assert url not in str(raised.value)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "oslo_messaging", None)
    with pytest.raises(Misconfigured, match=r"vitrine\[messaging\]"):
        BusNotifier("messaging", NOWHERE)


# --- notices -------------------------------------------------------------------------


class Line:
    """Takes events, unless it is told not to."""

    def __init__(self, failures: int = 0) -> None:
        self.taken: list[Event] = []
        self.failures = failures
        self.open = threading.Event()
        self.open.set()
        self.reached = threading.Event()

    def __call__(self, event: Event) -> None:
        self.reached.set()
        assert self.open.wait(PATIENCE)
        if self.failures:
            self.failures -= 1
            raise NotifierUnavailable
        self.taken.append(event)


def test_a_notice_is_sent_by_somebody_else_and_in_order() -> None:
    line = Line()
    notices = Notices(line)
    events = [an_event(number=number) for number in range(20)]
    for event in events:
        notices.put(event)
    assert notices.flush(PATIENCE)
    notices.close()
    assert line.taken == events


def test_a_notice_waits_for_the_bus_to_come_back() -> None:
    line = Line(failures=1)
    notices = Notices(line)
    event = an_event()
    notices.put(event)
    assert notices.flush(PATIENCE)
    notices.close()
    assert line.taken == [event]


def test_a_notice_is_lost_after_its_last_attempt(caplog: pytest.LogCaptureFixture) -> None:
    line = Line(failures=1)
    notices = Notices(line, attempts=1)
    notices.put(an_event())
    last = an_event()
    notices.put(last)
    assert notices.flush(PATIENCE)
    notices.close()
    assert line.taken == [last]
    assert len(caplog.messages) == 1


def test_what_no_longer_fits_is_lost_and_nobody_waits(caplog: pytest.LogCaptureFixture) -> None:
    line = Line()
    line.open.clear()
    notices = Notices(line, most=2)
    events = [an_event(number=number) for number in range(6)]
    notices.put(events[0])
    assert line.reached.wait(PATIENCE)
    for event in events[1:]:
        notices.put(event)
    line.open.set()
    assert notices.flush(PATIENCE)
    notices.close()
    assert line.taken == events[:3]
    assert len(caplog.messages) == 1


def test_closing_ends_the_thread_although_the_bus_is_away() -> None:
    before = set(threading.enumerate())
    notices = Notices(Line(failures=1000), last_chance=0)
    notices.put(an_event())
    notices.close()
    notices.close()
    notices.put(an_event())
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
    assert set(threading.enumerate()) <= before


# --- which drivers -------------------------------------------------------------------


def test_nobody_listens_where_no_driver_is_named() -> None:
    for drivers in ([], ["noop"], [""]):
        assert isinstance(notifier_for(drivers, NOWHERE), SilentNotifier)
    assert isinstance(notifier_for(["log", "noop"], NOWHERE), LogNotifier)


def test_an_unknown_driver_stops_the_start() -> None:
    with pytest.raises(Misconfigured, match="'carrier-pigeon'"):
        notifier_for(["log", "carrier-pigeon"], NOWHERE)


def test_the_log_does_not_repeat_itself_while_the_bus_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    notifier = notifier_for(["log", "messagingv2"], NOWHERE)
    assert notifier.enabled
    with caplog.at_level(logging.INFO, LOGGER), pytest.raises(NotifierUnavailable):
        notifier.publish([an_event()])
    assert [record for record in caplog.records if record.name == LOGGER] == []
    notifier.close()


# --- routing -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("route", "taken"),
    [
        (Route(driver="log"), True),
        (Route(driver="log", events=("image.*",)), True),
        (Route(driver="log", events=("task.*", "image.create")), True),
        (Route(driver="log", events=("task.*",)), False),
        (Route(driver="log", priorities=("warn", "error")), True),
        (Route(driver="log", priorities=("info",)), False),
        (Route(driver="log", events=("image.*",), priorities=("info",)), False),
        (Route(driver="log", events=("task.*",), priorities=("error",)), False),
        (Route(driver="log", events=()), False),
    ],
)
def test_a_route_takes_what_fits_both_of_its_lists(route: Route, *, taken: bool) -> None:
    event = an_event(EventType.IMAGE_CREATE, priority=Priority.ERROR)
    assert route.takes(event) is taken


def test_an_event_goes_the_ways_of_its_routes_once_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text("""
all:
  log:
    accepted_events: [image.*]
bad:
  log:
    accepted_priorities: [ERROR]
  noop:
""")
    notifier = notifier_for(["routing"], NOWHERE, routes=file)
    assert notifier.enabled
    with caplog.at_level(logging.INFO, LOGGER):
        notifier.publish([an_event(EventType.IMAGE_CREATE, priority=Priority.ERROR)])
        notifier.publish([an_event(EventType.TASK_CREATE)])
        notifier.notice(an_event(EventType.IMAGE_SEND))
        notifier.notice(an_event(EventType.TASK_RUN))
    notifier.close()
    assert len(caplog.messages) == 2
    assert "image.create" in caplog.messages[0]
    assert "image.send" in caplog.messages[1]


@pytest.mark.parametrize(
    "text",
    ["- a", "a: [b]", "a: {log: [x]}", "a: {log: {accepted: [x]}}", "{", "a: {1: {}}",
     "a: {log: {accepted_events: image.create}}", "a: {log: {accepted_events: [1]}}"],
)  # fmt: skip
def test_what_is_no_file_of_routes_stops_the_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text(text)
    with pytest.raises(Misconfigured, match="routing_config"):
        read_routes(file)


def test_routing_without_a_file_of_routes_stops_the_start(tmp_path: Path) -> None:
    for routes in (None, tmp_path / "none.yaml"):
        with pytest.raises(Misconfigured, match="routing_config"):
            notifier_for(["routing"], NOWHERE, routes=routes)
