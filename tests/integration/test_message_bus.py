"""Events on a real RabbitMQ, as those who listen there get them."""

import threading
import warnings
from collections.abc import Callable, Iterator, Mapping

import pytest
from oslo_config import cfg

from tests.contracts.notifications import Heard, NotifierContract, an_event
from tests.support.broker import Broker, Envelope, Subscriber
from tests.support.clients import Api, unique
from tests.support.server import OwnServers
from vitrine.adapters.notifications.bus import BusNotifier, BusOptions
from vitrine.core.errors import NotifierUnavailable
from vitrine.core.events import EventType, Priority

with warnings.catch_warnings():
    # On the way, it loads eventlet, which says that it is old.
    warnings.simplefilter("ignore")
    import oslo_messaging

PATIENCE = 60.0  # seconds
LARGEST = 64 * 1024  # bytes that the broker takes in one message
MakeApi = Callable[..., Api]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(
        tmp_path_factory.mktemp("rabbitmq") / "broker", config=f"max_message_size = {LARGEST}\n"
    )
    broker.start()
    yield broker
    broker.end()


@pytest.fixture
def topic() -> str:
    return unique("notifications")


@pytest.fixture
def subscriber(broker: Broker, topic: str) -> Subscriber:
    return Subscriber(broker, topic)


@pytest.fixture(params=["messagingv2", "messaging"])
def notifier(request: pytest.FixtureRequest, broker: Broker, topic: str) -> Iterator[BusNotifier]:
    options = BusOptions(
        publisher_id="image.test", topics=(topic,), exchange=topic, transport_url=broker.url
    )
    notifier = BusNotifier(request.param, options, disabled=["image.update"])
    yield notifier
    notifier.close()


class TestBusNotifier(NotifierContract):
    @pytest.fixture
    def notifier(self, notifier: BusNotifier) -> BusNotifier:
        return notifier

    @pytest.fixture
    def heard(self, notifier: BusNotifier, subscriber: Subscriber) -> Heard:
        def heard() -> list[Mapping[str, object]]:
            assert notifier.flush(PATIENCE)
            subscriber.listen()
            # What the library itself adds to tell messages apart is nobody's business.
            return [
                {name: value for name, value in each.items() if not name.startswith("_")}
                for each in (*subscriber.heard["info"], *subscriber.heard["error"])
            ]

        return heard


@pytest.mark.contract("NOT-001")
@pytest.mark.parametrize("notifier", ["messagingv2"], indirect=True)
def test_the_second_form_has_a_version_around_it(
    notifier: BusNotifier, subscriber: Subscriber
) -> None:
    notifier.publish([an_event()])
    subscriber.wait_for(1)
    (message,) = subscriber.raw
    assert sorted(message) == ["oslo.message", "oslo.version"]
    assert message["oslo.version"] == "2.0"


@pytest.mark.contract("NOT-001")
@pytest.mark.parametrize("notifier", ["messaging"], indirect=True)
def test_the_first_form_has_nothing_around_it(
    notifier: BusNotifier, subscriber: Subscriber
) -> None:
    notifier.publish([an_event()])
    subscriber.wait_for(1)
    assert "event_type" in subscriber.raw[0]


@pytest.mark.contract("NOT-001")
def test_errors_have_a_queue_of_their_own(notifier: BusNotifier, subscriber: Subscriber) -> None:
    event = an_event(EventType.IMAGE_UPLOAD, priority=Priority.ERROR)
    notifier.publish([an_event(), event])
    (heard,) = subscriber.wait_for(1, "error")
    assert heard["message_id"] == event.id
    assert len(subscriber.heard["info"]) == 1


def test_every_topic_gets_every_event(broker: Broker) -> None:
    topics = (unique("one"), unique("other"))
    notifier = BusNotifier(
        "messagingv2",
        BusOptions(publisher_id="image.test", topics=topics, transport_url=broker.url),
    )
    event = an_event()
    notifier.publish([event])
    notifier.close()
    for topic in topics:
        (heard,) = Subscriber(broker, topic).wait_for(1)
        assert heard["message_id"] == event.id


def test_a_wrong_password_is_a_bus_that_is_away(broker: Broker) -> None:
    url = broker.url.replace("guest:guest", "guest:wrong")
    notifier = BusNotifier("messagingv2", BusOptions(publisher_id="x", transport_url=url))
    with pytest.raises(NotifierUnavailable):
        notifier.publish([an_event()])
    notifier.close()


@pytest.mark.parametrize("notifier", ["messagingv2"], indirect=True)
def test_what_the_broker_refuses_leaves_the_way_open_for_what_comes_after_it(
    notifier: BusNotifier, subscriber: Subscriber
) -> None:
    large = an_event(much="x" * LARGEST)
    for number in range(3):
        notifier.publish([an_event(number=number)])
        # More than once: of a connection that failed before, the library makes less than it seems.
        for _ in range(3):
            with pytest.raises(NotifierUnavailable):
                notifier.publish([large])
    notifier.publish([an_event(number=3)])
    assert [each["payload"]["number"] for each in subscriber.wait_for(4)] == [0, 1, 2, 3]


def test_an_image_whose_events_the_broker_refuses_holds_up_no_other(
    broker: Broker,
    topic: str,
    subscriber: Subscriber,
    make_server: OwnServers,
    make_api: MakeApi,
) -> None:
    server = make_server(
        {
            "oslo_messaging_notifications": {
                "driver": "messagingv2",
                "transport_url": broker.url,
                "topics": topic,
            },
        },
        workers=2,
    )
    server.start()
    api = make_api(server)
    for _ in range(5):
        api.create_image(much="ä" * 65_535)
    images = [api.create_image()["id"] for _ in range(5)]
    subscriber.wait_for(5)
    images += [api.create_image()["id"] for _ in range(5)]
    heard = subscriber.wait_for(10)
    assert {each["payload"]["id"] for each in heard} == {*images}


class Endpoint:
    """What a listener of oslo.messaging hands its notifications to."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, Envelope, Envelope]] = []
        self.all = threading.Event()

    def info(
        self,
        ctxt: object,
        publisher_id: str,
        event_type: str,
        payload: Envelope,
        metadata: Envelope,
    ) -> None:
        self.got.append((publisher_id, event_type, payload, metadata))
        if event_type == "image.delete":
            self.all.set()


@pytest.mark.contract("NOT-001")
def test_a_listener_of_the_customary_library_hears_the_service(
    broker: Broker, topic: str, make_server: OwnServers, make_api: MakeApi
) -> None:
    server = make_server(
        {
            "DEFAULT": {"transport_url": broker.url, "default_publisher_id": "image.north"},
            "oslo_messaging_notifications": {"driver": "messagingv2", "topics": topic},
        },
        workers=1,
    )
    server.start()
    api = make_api(server)
    image = api.create_image()
    assert api.delete(f"/v2/images/{image['id']}").status_code == 204

    conf = cfg.ConfigOpts()
    conf([], project="listener", default_config_files=[], default_config_dirs=[])
    transport = oslo_messaging.get_notification_transport(conf, url=broker.url)
    target = oslo_messaging.Target(topic=topic, exchange="glance")
    endpoint = Endpoint()
    listener = oslo_messaging.get_notification_listener(
        transport, [target], [endpoint], executor="threading"
    )
    listener.start()
    try:
        assert endpoint.all.wait(PATIENCE)
    finally:
        listener.stop()
        listener.wait()
        transport.cleanup()
    (created, *_, deleted) = endpoint.got
    assert created[:2] == ("image.north", "image.create")
    assert created[2]["id"] == deleted[2]["id"] == image["id"]
    assert sorted(created[3]) == ["message_id", "timestamp"]


def test_events_come_in_order_and_the_log_has_them_too(
    subscriber: Subscriber,
    broker: Broker,
    topic: str,
    make_server: OwnServers,
    make_api: MakeApi,
) -> None:
    server = make_server(
        {
            "oslo_messaging_notifications": {
                "driver": ["log", "messagingv2"],
                "transport_url": broker.url,
                "topics": topic,
            },
        },
        workers=2,
    )
    server.start()
    api = make_api(server)
    image = api.active_image(b"bytes")
    for number in range(5):
        api.change(image["id"], {"op": "replace", "path": "/name", "value": str(number)})
    api.download(image["id"])

    heard = subscriber.wait_for(12)
    changes = [each for each in heard if each["event_type"] != "image.send"]
    assert [each["event_type"] for each in changes] == [
        "image.create",
        "image.update",
        "image.prepare",
        "image.upload",
        "image.activate",
        *["image.update"] * 6,
    ]
    assert [name(each) for each in changes][-5:] == ["0", "1", "2", "3", "4"]
    assert all(f'"{each["message_id"]}"' in server.log() for each in heard)


def name(event: Envelope) -> object:
    return event["payload"]["name"]
