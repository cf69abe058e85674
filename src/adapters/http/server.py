"""Serving the application: gunicorn, started from code."""

import logging
import sys
from collections.abc import Callable, MutableMapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

import attrs
from attrs import validators
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http.message import Request
from gunicorn.http.wsgi import Response

from vitrine.adapters.http.connection import Patience
from vitrine.adapters.http.logs import describe
from vitrine.adapters.http.worker import Worker

_HEADERS = 100
_HEADER = 16 * 1024  # bytes; service catalogues in headers are long
_HEARTBEAT = 120  # seconds in which a worker's main loop must turn once
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - heartbeat files, which gunicorn unlinks at once


def _nothing() -> None:
    """Do nothing."""


@attrs.frozen(kw_only=True)
class ServerSettings:
    """How requests are taken in.

    Attributes:
        bind: ``HOST:PORT``, ``[HOST]:PORT`` or ``unix:PATH``, one or several.
        workers: The number of processes.
        threads: How many requests each of them serves at a time.
        graceful_timeout: How long transfers may go on after a stop, in seconds.
        keepalive: How long an idle connection is kept, in seconds.
        patience: How long clients may keep a thread waiting.
        preload: Whether the application is built once, before the workers are
            forked, to share its memory.
        access_log: Whether every request is logged.
    """

    bind: tuple[str, ...] = attrs.field(
        default=("127.0.0.1:9292",), validator=validators.min_len(1)
    )
    workers: int = attrs.field(default=1, validator=validators.ge(1))
    threads: int = attrs.field(default=8, validator=validators.ge(1))
    graceful_timeout: int = attrs.field(default=30, validator=validators.ge(0))
    keepalive: int = attrs.field(default=15, validator=validators.ge(0))
    patience: Patience = attrs.field(factory=Patience)
    preload: bool = True
    access_log: bool = True


def run(
    make_app: Callable[[], WSGIApplication],
    settings: ServerSettings,
    *,
    on_ready: Callable[[], None] = _nothing,
    on_worker_start: Callable[[], None] = _nothing,
    on_worker_stop: Callable[[], None] = _nothing,
) -> None:
    """Serve until a signal says otherwise.

    TERM ends gracefully, QUIT and INT at once, HUP replaces the workers one by one.

    Args:
        make_app: Builds the application: with ``preload`` once in the parent,
            which must not open anything there, else in every worker.
        settings: How requests are taken in.
        on_ready: Called in the parent when it listens.
        on_worker_start: Called in every worker right after the fork, before it
            serves: the place for what holds a socket, a thread or a file.
        on_worker_stop: Called in every worker when it has served its last request.
    """

    def after_fork(arbiter: Arbiter, worker: Worker) -> None:
        worker.early_signals = arbiter.SIG_QUEUE
        on_worker_start()

    _Server(
        make_app,
        settings,
        {
            "when_ready": lambda _server: on_ready(),
            "post_fork": after_fork,
            "worker_exit": lambda _server, _worker: on_worker_stop(),
        },
    ).run()


class ServerLog(Logger):
    """gunicorn's messages and the access log, through `logging` like all others.

    An access record names no query: queries and headers can carry secrets.
    """

    def setup(self, cfg: Config) -> None:
        """Use our loggers and leave the handlers to whoever set logging up."""
        self.cfg = cfg
        self.error_log = logging.getLogger("vitrine.server")
        self.access_log = logging.getLogger("vitrine.access")

    def exception(self, msg: object, *_args: object, **_kwargs: object) -> None:
        """Log the exception that is being handled, with secrets masked."""
        error = sys.exception()
        trace = "" if error is None else f"\n{describe(error)}"
        # The arguments name the request, whose query is nobody's business.
        self.error_log.error("%s%s", str(msg).partition(" %")[0], trace)

    def access(
        self,
        resp: Response,
        req: Request,
        environ: MutableMapping[str, Any],
        request_time: timedelta,
    ) -> None:
        """Log one served request: who, what, how it ended, bytes, seconds."""
        if not self.cfg.settings["accesslog"].value:
            return
        self.access_log.info(
            '%s "%s %s" %s %s %.3f',
            environ.get("REMOTE_ADDR", "-"),
            req.method,
            req.path,
            str(resp.status).partition(" ")[0],
            resp.sent,
            request_time.total_seconds(),
        )


class _Server(BaseApplication):
    def __init__(
        self,
        make_app: Callable[[], WSGIApplication],
        settings: ServerSettings,
        hooks: dict[str, Callable[..., None]],
    ) -> None:
        self._make_app = make_app
        self._settings = settings
        self._hooks = hooks
        self.patience = settings.patience
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        wanted: dict[str, object] = {
            "bind": list(settings.bind),
            "workers": settings.workers,
            "threads": settings.threads,
            "worker_class": Worker,
            "logger_class": ServerLog,
            "accesslog": "-" if settings.access_log else None,
            "graceful_timeout": settings.graceful_timeout,
            "timeout": _HEARTBEAT,
            "keepalive": settings.keepalive,
            "preload_app": settings.preload,
            "proc_name": "vitrine",
            "worker_tmp_dir": str(_SHARED_MEMORY) if _SHARED_MEMORY.is_dir() else None,
            # It would stand in the user's home, one for all servers.
            "control_socket_disable": True,
            # The C parser knows other limits, and refuses in its own words.
            "http_parser": "python",
            "limit_request_fields": _HEADERS,
            "limit_request_field_size": _HEADER,
            # Any token may be a method here; which of them exist, routes decide.
            "permit_unconventional_http_method": True,
            # Nobody's word on schemes and prefixes is taken here: whether a proxy is
            # trusted is a setting of the API, and its headers are read there.
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
            "forwarder_headers": "",
            **self._hooks,
        }
        for name, value in wanted.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:  # type: ignore[override]  # two spellings of WSGI
        return self._make_app()
