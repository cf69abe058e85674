"""A RabbitMQ of one's own, and whoever listens to it."""

import json
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from amqp.exceptions import NotFound
from kombu.connection import Connection
from kombu.exceptions import OperationalError

from tests.support.processes import Program, free_port, wait_until
from tests.support.services import missing, require_command

# What the service puts on the bus; its shape is what the contract says.
Envelope = dict[str, Any]

_PACKAGE = Path("/usr/lib/rabbitmq/lib")
_CONFIG = """
vm_memory_high_watermark.absolute = 256MB
disk_free_limit.absolute = 50MB
collect_statistics_interval = 60000
heartbeat = 10
"""


class Broker:
    """RabbitMQ with a port, a name and a directory that nobody else has.

    Not started until `start`. `stop` and `kill` keep what is durable; `start` goes on.

    Attributes:
        url: What oslo.messaging takes as transport_url.
    """

    def __init__(
        self,
        directory: Path,
        *,
        password: str = "guest",  # noqa: S107 - made up
        config: str = "",
    ) -> None:
        """Describe a broker in *directory*, whose only user, guest, has this *password*.

        *config* is lines of rabbitmq.conf beside those that it has anyway.
        """
        self._directory = directory
        self._port = free_port()
        self._password = password
        self._config = config
        self.url = f"rabbit://guest:{password}@127.0.0.1:{self._port}/"
        self._server: Program | None = None
        self._names: Program | None = None

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        if self._server is None:
            self._prepare()
        assert self._server is not None
        self._server.start()
        self._server.wait_for(lambda: self.answering, timeout=120)

    def stop(self) -> None:
        """Stop it in good order."""
        if self._server is not None:
            self._server.stop(30)

    def kill(self) -> None:
        """Kill it."""
        if self._server is not None:
            self._server.kill()

    def end(self) -> None:
        """Stop it for good."""
        self.kill()
        if self._names is not None:
            self._names.kill()

    @property
    def answering(self) -> bool:
        """Whether it takes connections at this moment."""
        try:
            with self.connection() as connection:
                connection.connect()  # type: ignore[no-untyped-call]  # the same
        except (OSError, OperationalError):
            return False
        return True

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        url = self.url.replace("rabbit://", "amqp://").rstrip("/") + "//"
        # kombu is typed in parts.
        made = Connection(url, connect_timeout=5)  # type: ignore[no-untyped-call]
        with closing(made) as connection:
            yield connection

    def _prepare(self) -> None:
        require_command("rabbitmq-server")
        found = sorted(_PACKAGE.glob("rabbitmq_server-*/sbin/rabbitmq-server"))
        if not found:
            # The command in /usr/sbin insists on a user of its own.
            missing("rabbitmq-server as Debian packages it")
        home = self._directory
        home.mkdir(parents=True)
        cookie = home / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        (home / "plugins").write_text("[].")
        (home / "rabbitmq.conf").write_text(
            f"{_CONFIG}default_pass = {self._password}\n{self._config}"
        )
        names = free_port()
        env = {
            "HOME": str(home),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(names),
            "RABBITMQ_NODENAME": f"vitrine{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +A 8"
            ),
        }
        # Nodes find each other by it; one of our own, so that it ends with us.
        command = [require_command("epmd"), "-address", "127.0.0.1", "-port", str(names)]
        self._names = Program(command, log_file=home / "epmd.log", env=env)
        self._names.start()
        self._server = Program([found[-1]], log_file=home / "rabbitmq.log", env=env)


class Subscriber:
    """Takes from the queues of a topic, as they come.

    Attributes:
        topic: Their name.
        heard: All envelopes that were taken, by priority (``info``, ``error``), in order.
        raw: All messages, as they were on the bus.
    """

    def __init__(self, broker: Broker, topic: str) -> None:
        self._broker = broker
        self.topic = topic
        self.raw: list[Envelope] = []
        self.heard: dict[str, list[Envelope]] = {"info": [], "error": []}

    def listen(self) -> None:
        """Take what is there."""
        with self._broker.connection() as connection:
            for priority, heard in self.heard.items():
                heard.extend(self._take(connection, f"{self.topic}.{priority}"))

    def _take(self, connection: Connection, queue: str) -> Iterator[Envelope]:
        channel = connection.channel()  # type: ignore[no-untyped-call]  # the same
        try:
            while (message := channel.basic_get(queue, no_ack=True)) is not None:
                body = json.loads(message.body)
                self.raw.append(body)
                yield json.loads(body["oslo.message"]) if "oslo.message" in body else body
        except NotFound:
            return  # Nothing was ever sent there.

    def wait_for(
        self, count: int, priority: str = "info", *, timeout: float = 60
    ) -> list[Envelope]:
        """Return all of a priority once there are at least *count*."""

        def enough() -> bool:
            self.listen()
            return len(self.heard[priority]) >= count

        wait_until(enough, what=f"{count} notifications", timeout=timeout)
        return self.heard[priority]
