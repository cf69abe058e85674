"""The service under test, started as its users start it."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support import canary
from tests.support.processes import ROOT, NotReady, Program, answers, free_port

VITRINE = ROOT / ".venv/bin/vitrine"

# section -> option -> value; a value that is a list is written as a repeated option
Config = Mapping[str, Mapping[str, object]]


def write_config(path: Path, config: Config) -> Path:
    """Write *config* to *path* in the form that oslo.config reads."""
    lines = []
    for section, options in config.items():
        lines.append(f"[{section}]")
        for option, value in options.items():
            values = value if isinstance(value, list) else [value]
            # A line that goes on must be indented; "$" would be taken for a reference.
            lines += [f"{option} = {_text(one)}" for one in values]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, ""]))
    return path


def _text(value: object) -> str:
    return str(value).replace("$", "$$").replace("\n", "\n    ")


class Server(Program):
    """``vitrine serve`` on a port of its own, with its data in a directory of its own.

    Not started until `start`, or until it is entered as a context manager. `restart`
    keeps port and data; so does `start` after `kill` or `stop`.

    Attributes:
        url: ``http://127.0.0.1:PORT``, without a slash at the end.
        directory: Holds the configuration, the log and, unless the configuration says
            something else, ``data``.
        config: The configuration, as written to ``directory/vitrine.conf`` at each start;
            may be changed in between.
        identity: As given.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        directory: Path,
        identity: str | None = "local",
        workers: int | None = None,
        threads: int | None = None,
        program: Sequence[str | os.PathLike[str]] = (VITRINE, "serve"),
        arguments: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        owner: int | None = None,
    ) -> None:
        """Describe a server.

        Args:
            config: What is not in it is Vitrine's default, but for the place of the data.
            directory: Is made if need be.
            identity: For ``--identity``: local, none or keystone; None leaves it out.
            workers: Processes, if given.
            threads: Threads of each process, if given.
            program: What to start instead of ``vitrine serve``; gets the same arguments.
            arguments: Further arguments, at the end.
            env: Added to the environment.
            owner: The process whose end ends the server; by default the present one.
        """
        given = {section: dict(options) for section, options in (config or {}).items()}
        data_dir = given.setdefault("vitrine", {}).setdefault("data_dir", str(directory / "data"))
        # The customary place is one for all of a machine, and each would sweep it for itself.
        default = given.setdefault("DEFAULT", {})
        default.setdefault("node_staging_uri", Path(f"{data_dir}/staging").absolute().as_uri())
        if canary.ON:
            default.setdefault("debug", "true")
        self.config: dict[str, dict[str, object]] = given
        self.directory = directory
        self.identity = identity
        self._program = [os.fspath(part) for part in program]
        self._arguments = [*arguments]
        if workers is not None:
            self._arguments = ["--workers", str(workers), *self._arguments]
        if threads is not None:
            self._arguments = ["--threads", str(threads), *self._arguments]
        if identity is not None:
            self._arguments = ["--identity", identity, *self._arguments]
        super().__init__([], log_file=directory / "server.log", env=env, owner=owner)
        self._listen(free_port())

    def start(self, *, wait: bool = True, timeout: float = 60) -> None:
        """Start, and wait until it answers unless told not to.

        Raises:
            NotReady: It ended or did not answer; carries the end of its log.
        """
        write_config(self.directory / "vitrine.conf", self.config)
        if not wait:
            super().start()
            return
        try:
            self._start_and_wait(timeout)
        except NotReady as error:
            # Between asking for a free port and listening, somebody else may have come.
            if "in use" not in str(error):
                raise
            self._listen(free_port())
            self._start_and_wait(timeout)

    def stop(self, timeout: float = 20) -> int | None:
        """As any program's; with VITRINE_CANARY=1 its log is searched for secrets then."""
        status = super().stop(timeout)
        if canary.ON and (leaks := canary.leaks(self.log(), self.config)):
            raise AssertionError("\n".join(["secrets in the log:", *leaks[:20]]))
        return status

    def restart(self, *, timeout: float = 60) -> None:
        """Stop it in good order, then start it again with the same port and data."""
        self.stop()
        self.start(timeout=timeout)

    @property
    def answering(self) -> bool:
        """Whether it answers HTTP at this moment."""
        return answers(f"{self.url}/healthcheck")

    def _listen(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        config_file = str(self.directory / "vitrine.conf")
        bind = f"127.0.0.1:{port}"
        self.command = [*self._program, "--config-file", config_file, "--bind", bind]
        self.command += self._arguments

    def _start_and_wait(self, timeout: float) -> None:
        super().start()
        self.wait_for(lambda: self.answering, timeout=timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class Servers:
    """Servers by configuration: who asks for the same gets the same, started once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._servers: dict[str, Server] = {}

    def __call__(
        self,
        config: Config | None = None,
        *,
        identity: str | None = "local",
        workers: int | None = 1,
        threads: int | None = None,
        arguments: Sequence[str] = (),
    ) -> Server:
        """A running server; shared, so leave it running and its configuration alone."""
        key = self._key(config, identity, workers, threads, arguments)
        server = self._servers.get(key)
        if server is None:
            server = self._servers[key] = Server(
                config,
                directory=self._directory / key,
                identity=identity,
                workers=workers,
                threads=threads,
                arguments=arguments,
            )
        if not server.alive:
            server.start()
        return server

    @staticmethod
    def _key(
        config: Config | None,
        identity: str | None,
        workers: int | None,
        threads: int | None,
        arguments: Sequence[str],
    ) -> str:
        asked = json.dumps([config, identity, workers, threads, [*arguments]], default=str)
        return hashlib.sha256(asked.encode()).hexdigest()[:12]

    def rest(self) -> None:
        """Stop all but the one that most tests share; who asks for one has it started again.

        There are hundreds of configurations, and each server has memory of its own.
        """
        common = self._key(None, "local", 1, None, ())
        running = [server for key, server in self._servers.items() if key != common]
        if running:
            # Each takes a moment, to end what it is doing.
            with ThreadPoolExecutor(len(running)) as pool:
                list(pool.map(lambda server: server.stop(), running))

    def stop(self) -> None:
        """Stop all of them."""
        for server in self._servers.values():
            server.stop()
        self._servers.clear()


class OwnServers:
    """Makes servers for one test; they are not started by this, but stopped."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._made: list[Server] = []

    def __call__(
        self,
        config: Config | None = None,
        *,
        directory: Path | None = None,
        identity: str | None = "local",
        workers: int | None = None,
        threads: int | None = None,
        program: Sequence[str | os.PathLike[str]] = (VITRINE, "serve"),
        arguments: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> Server:
        """A server that takes what `Server` takes, in a directory of its own by default."""
        server = Server(
            config,
            directory=directory or self._directory / f"server-{len(self._made)}",
            identity=identity,
            workers=workers,
            threads=threads,
            program=program,
            arguments=arguments,
            env=env,
        )
        self._made.append(server)
        return server

    def stop(self) -> None:
        """Stop all of them."""
        for server in self._made:
            server.stop()
