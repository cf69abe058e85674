"""Events on a message bus, by oslo.messaging, which is imported nowhere else."""

import json
import logging
import threading
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
from oslo_config import cfg

from vitrine.adapters.notifications.envelope import envelope, is_disabled
from vitrine.adapters.notifications.notices import Notices
from vitrine.core.errors import Misconfigured, NotifierUnavailable
from vitrine.core.events import Event
from vitrine.ports.notifications import Notifier

_log: Final = logging.getLogger(__name__)

_FORMATS: Final = {"messaging": 1.0, "messagingv2": 2.0}
BUS_DRIVERS: Final = tuple(_FORMATS)
"""The drivers that send to a message bus, each in a form of its own."""


@attrs.frozen(kw_only=True)
class BusOptions:
    """Where to and how.

    Attributes:
        publisher_id: Such as ``image.localhost``.
        topics: An event goes to each, with its priority: ``notifications.info``.
        exchange: The exchange that they are on.
        transport_url: The bus; None for what the library takes then. May hold a password.
        retry: How often a notice is tried again; -1 for any number of times.
        files: The configuration files, for sections that the library reads by itself.
    """

    publisher_id: str
    topics: tuple[str, ...] = ("notifications",)
    exchange: str = "glance"
    transport_url: str | None = attrs.field(default=None, repr=False)
    retry: int = -1
    files: tuple[Path, ...] = ()


class BusNotifier(Notifier):
    """Sends to the bus, and knows that it was taken: the broker confirms each message.

    Nothing is tried again in here but notices. Whoever publishes has the events
    somewhere safe and comes back later.
    """

    def __init__(self, driver: str, options: BusOptions, *, disabled: Collection[str] = ()) -> None:
        """Connect to nothing yet.

        Args:
            driver: One of `BUS_DRIVERS`.
            options: Where to.
            disabled: Names of events that are left out, or what such names begin with.

        Raises:
            Misconfigured: The library is missing, or knows no such bus.
        """
        self._version = _FORMATS[driver]
        self._options = options
        self._disabled = frozenset(disabled)
        self._bus = _Bus(options)
        attempts = None if options.retry < 0 else options.retry + 1
        self._notices = Notices(self._send, attempts=attempts)

    @property
    def enabled(self) -> bool:
        return True

    def publish(self, events: Sequence[Event]) -> None:
        for event in events:
            if not is_disabled(event, self._disabled):
                self._send(event)

    def notice(self, event: Event) -> None:
        if not is_disabled(event, self._disabled):
            self._notices.put(event)

    def flush(self, timeout: float) -> bool:
        """Wait until no notice waits; return whether it came to that."""
        return self._notices.flush(timeout)

    def close(self) -> None:
        self._notices.close()
        self._bus.close()

    def _send(self, event: Event) -> None:
        # What is not plain data must not look like a bus that is away, for ever.
        message = json.loads(json.dumps(envelope(event, self._options.publisher_id), default=str))
        for topic in self._options.topics:
            self._bus.send(f"{topic}.{event.priority.value.lower()}", message, self._version)


class _Bus:
    """A transport of oslo.messaging."""

    def __init__(self, options: BusOptions) -> None:
        self._messaging = messaging = _library()
        self._exchange = options.exchange
        self._target = messaging.Target
        self._url = options.transport_url
        self._conf = cfg.ConfigOpts()
        files = [str(path) for path in options.files]
        self._conf([], project="vitrine", default_config_files=files, default_config_dirs=[])
        try:
            self._transport = self._connections()
        except (messaging.MessagingException, ImportError, ValueError):
            # What they say may hold the URL, and the URL the password.
            raise Misconfigured(
                "The transport_url of the message bus is not one that oslo.messaging can use."
            ) from None
        self._sending = threading.Lock()
        self._away = False

    def send(self, topic: str, message: dict[str, object], version: float) -> None:
        target = self._target(topic=topic, exchange=self._exchange)
        # One after the other, so that nobody else uses the connections that are given up.
        with self._sending:
            try:
                # The library's own notifiers log a failure and go on, which would lose the event.
                # This is what they call; nothing public does that raises.
                self._transport._send_notification(  # noqa: SLF001 - see above
                    target, {}, message, version=version, retry=0
                )
            except Exception as error:  # noqa: BLE001 - every transport raises what is below it
                self._note(type(error).__name__)
                self._give_up_connections()
                raise NotifierUnavailable from None
            self._note(None)

    def close(self) -> None:
        self._transport.cleanup()

    def _connections(self) -> Any:  # noqa: ANN401 - the library has no types
        """Return a transport, which connects when it is used."""
        return self._messaging.get_notification_transport(self._conf, url=self._url)

    def _give_up_connections(self) -> None:
        # Or the library goes on with one that the broker closed over a message it refused,
        # and nothing ever gets through again.
        failed, self._transport = self._transport, self._connections()
        try:
            failed.cleanup()
        except Exception as error:  # noqa: BLE001 - as above; it is of no use any more
            _log.debug("A connection to the message bus did not close: %s", type(error).__name__)

    def _note(self, trouble: str | None) -> None:
        if self._away is (trouble is not None):
            return
        self._away = trouble is not None
        if trouble is None:
            _log.info("The message bus takes notifications again.")
        else:
            _log.warning("The message bus takes no notifications (%s); they wait.", trouble)


def _library() -> Any:  # noqa: ANN401 - the library has no types
    with warnings.catch_warnings():
        # On the way, eventlet is loaded by others, not used here, and says that it is old.
        warnings.simplefilter("ignore")
        try:
            import oslo_messaging  # noqa: PLC0415 - heavy, and may not be there
        except ModuleNotFoundError as missing:
            raise Misconfigured(
                "A message bus is configured, and the Python package "
                f"{missing.name} is not installed: pip install 'vitrine[messaging]'."
            ) from None
    # It reports every failed attempt, with the address; what matters is said here, once.
    logging.getLogger("oslo_messaging").setLevel(logging.CRITICAL)
    return oslo_messaging
