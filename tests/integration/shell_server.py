"""A tiny service in the real shell under the real server; a program.

Arguments: the address to bind, the file to serve, and server settings as JSON.
It prints ``ready`` when it listens.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import falcon

from vitrine.adapters.http.body import data_stream, json_object, no_body
from vitrine.adapters.http.connection import Patience
from vitrine.adapters.http.logs import RequestIdFilter
from vitrine.adapters.http.media import send_json, send_nothing
from vitrine.adapters.http.server import ServerSettings, run
from vitrine.adapters.http.settings import HttpSettings
from vitrine.adapters.http.shell import App, create_app
from vitrine.core.errors import BlobExists

MIB = 1024 * 1024

_log = logging.getLogger("shell_server")


class Data:
    """A file to read, and a sink to write to."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        offset = req.get_param_as_int("offset", default=0)
        file = self._path.open("rb", buffering=0)
        file.seek(offset)
        resp.content_type = "application/octet-stream"
        whole = os.fstat(file.fileno()).st_size - offset
        resp.stream = file
        resp.content_length = req.get_param_as_int("length", default=whole)

    def on_put(self, req: falcon.Request, resp: falcon.Response) -> None:
        size = sum(len(piece) for piece in data_stream(req))
        _log.info("took %d bytes", size)
        send_nothing(resp)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        raise BlobExists


class Pieces:
    """Data that comes from no file."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        count = req.get_param_as_int("count", required=True)
        if req.get_param("sized"):
            resp.content_length = count * MIB
        resp.stream = self._pieces(count, fail=bool(req.get_param("fail")))

    def _pieces(self, count: int, *, fail: bool) -> Iterator[bytes]:
        for _ in range(count):
            yield bytes(MIB)
        if fail:
            raise RuntimeError("password=hush-hush")


class Documents:
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        send_json(resp, json_object(req))

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        no_body(req)
        send_json(resp, {"pid": os.getpid()})

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        send_json(resp, {"line": len(req.query_string)})


def _add_routes(app: App) -> None:
    app.add_route("/v2/data", Data(Path(sys.argv[2])))
    app.add_route("/v2/pieces", Pieces())
    app.add_route("/v2/documents", Documents())


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.addFilter(RequestIdFilter())
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s [%(request_id)s] %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _start_worker(*, stop: bool) -> None:
    _log.info("worker started in %d", os.getpid())
    if stop:
        # Stop the parent, and go on only when it has passed that on to us.
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        before = signal.set_wakeup_fd(writing)
        os.kill(os.getppid(), signal.SIGTERM)
        os.read(reading, 1)
        signal.set_wakeup_fd(before)


def _main() -> None:
    _log_to_stderr()
    options = json.loads(sys.argv[3])
    stop: bool = options.pop("stop_at_start", False)
    patience = Patience(**options.pop("patience", {}))
    run(
        lambda: create_app(
            add_routes=_add_routes,
            identity_middleware=None,
            settings=HttpSettings(disable_file=None),
        ),
        ServerSettings(bind=(sys.argv[1],), patience=patience, **options),
        on_ready=lambda: print("ready", flush=True),  # noqa: T201 - the tests wait for it
        on_worker_start=lambda: _start_worker(stop=stop),
        on_worker_stop=lambda: _log.info("worker stopped in %d", os.getpid()),
    )


if __name__ == "__main__":
    _main()
