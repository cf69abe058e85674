"""A small application in the real shell, and how to ask it."""

import json
from typing import Any
from urllib.parse import unquote_to_bytes

import attrs
import falcon
from falcon import testing

from vitrine.adapters.http.body import data_stream, json_array, json_object, no_body
from vitrine.adapters.http.media import send_json, send_nothing
from vitrine.adapters.http.settings import HttpSettings
from vitrine.adapters.http.shell import App, create_app
from vitrine.core import errors
from vitrine.core.errors import (
    ImageNotFound,
    Misconfigured,
    Unauthenticated,
    UnsupportedMedia,
    VitrineError,
)


class Things:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        send_json(resp, {"path": req.path, "name": "größe"})

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        send_json(resp, {"got": json_object(req)}, status=falcon.HTTP_201)
        resp.location = f"{req.prefix}{req.path}/1"

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        no_body(req)
        send_nothing(resp)


class Thing:
    def on_get(self, req: falcon.Request, resp: falcon.Response, thing: str) -> None:
        raise ImageNotFound(thing)

    def on_patch(self, req: falcon.Request, resp: falcon.Response, thing: str) -> None:
        send_json(resp, json_array(req))

    def on_put(self, req: falcon.Request, resp: falcon.Response, thing: str) -> None:
        send_json(resp, {"size": sum(len(piece) for piece in data_stream(req))})

    def on_post(self, req: falcon.Request, resp: falcon.Response, thing: str) -> None:
        no_body(req)
        send_nothing(resp, status=falcon.HTTP_202)

    def on_delete(self, req: falcon.Request, resp: falcon.Response, thing: str) -> None:
        send_nothing(resp, typed=False)


class Faults:
    """Raises what it was told to."""

    def __init__(self) -> None:
        self.error: Exception = RuntimeError("nothing was set")

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        raise self.error

    def on_patch(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.set_header("Accept-Patch", "application/x")
        raise UnsupportedMedia(("application/x",))


_SETTINGS = HttpSettings(disable_file=None, challenge='Keystone uri="http://k"')


@attrs.define
class Doorkeeper:
    """Lets in whoever brings a token, and remembers under which request id."""

    seen: list[str] = attrs.field(factory=list)

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        self.seen.append(req.context.request_id)
        if req.get_header("X-Auth-Token") is None:
            raise Nobody


class Nobody(Unauthenticated):
    def __str__(self) -> str:
        return "Who are you?"


@attrs.frozen(kw_only=True)
class Answer:
    """What the application said."""

    status: str
    headers: dict[str, str]
    content: bytes

    @property
    def status_code(self) -> int:
        return int(self.status.partition(" ")[0])

    @property
    def text(self) -> str:
        return self.content.decode()

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the document holds
        return json.loads(self.content)


class Shell:
    """The shell around the resources above."""

    def __init__(self, *, description: bytes | None = None, **settings: Any) -> None:  # noqa: ANN401 - those of HttpSettings
        self.faults = Faults()
        self.doorkeeper = Doorkeeper()
        self.app = create_app(
            add_routes=self._add_routes,
            identity_middleware=self.doorkeeper,
            settings=attrs.evolve(_SETTINGS, **settings),
            description=description,
        )

    def _add_routes(self, app: App) -> None:
        app.add_route("/v2/things", Things())
        app.add_route("/v2/things/{thing}", Thing())
        app.add_route("/v2/faults", self.faults)

    def ask(self, method: str, path: str, **options: Any) -> Answer:  # noqa: ANN401 - those of create_environ
        """Send a request, with a token unless the headers say otherwise."""
        headers = options.pop("headers", {"X-Auth-Token": "t"})
        environ = testing.create_environ("/", headers=headers, **options)
        # As gunicorn makes it; Falcon's own helper replaces what is not UTF-8.
        environ["PATH_INFO"] = unquote_to_bytes(path).decode("latin-1")
        environ["REQUEST_METHOD"] = method
        return self.serve(environ)

    def serve(self, environ: dict[str, Any]) -> Answer:
        """Run the application once, as a server would."""
        capture = testing.StartResponseMock()
        content = b"".join(self.app(environ, capture))
        assert capture.status is not None
        headers = {name.lower(): value for name, value in capture.headers or []}
        return Answer(status=capture.status, headers=headers, content=content)

    def fail(self, error: Exception, **headers: str) -> Answer:
        """Have a resource raise *error*."""
        self.faults.error = error
        return self.ask("GET", "/v2/faults", headers={"X-Auth-Token": "t", **headers})


def every_error_class() -> list[type[VitrineError]]:
    found = [VitrineError]
    for kind in found:
        found.extend(kind.__subclasses__())
    # attrs makes a class with slots from one without, which is there until it is collected.
    return [kind for kind in found if getattr(errors, kind.__name__, None) is kind]


MISCONFIGURED = Misconfigured("the file /etc/secret.conf is wrong")
