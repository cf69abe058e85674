"""A Keystone on loopback that knows what a test told it, and misbehaves when told to."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from vitrine.adapters.identity.account import ServiceAccount

SECRET = "the-password-of-the-service"
FAR = "2040-01-01T00:00:00.000000Z"

Json = dict[str, Any]


def token_of(name: str = "ann", **more: object) -> Json:
    """What Keystone says of a token of *name* for the project p."""
    return {
        "user": {"id": name, "name": name, "domain": {"id": "d1", "name": "D"}},
        "project": {"id": "p", "name": "P", "domain": {"id": "d2", "name": "D"}},
        "roles": [{"id": "1", "name": "Member"}, {"id": "2", "name": "reader"}],
        "expires_at": FAR,
        **more,
    }


class FakeKeystone:
    """Answers questions about tokens.

    Attributes:
        tokens: What is said of each token.
        expired: Likewise, for tokens that are good with ``allow_expired`` only.
        statuses: What the next validations answer instead, the last one for good;
            None for the truth.
        asked: How often each token was asked about.
        logins: How many tokens the service has got for itself.
    """

    def __init__(self) -> None:
        self.tokens: dict[str, Json] = {}
        self.expired: dict[str, Json] = {}
        self.statuses: list[int | None] = []
        self.login_status: int | None = None
        self.asked: Counter[str] = Counter()
        self.logins = 0
        self.own: set[str] = set()
        self.interface = "internal"
        self.endpoint_end = "/v3"
        self.body: bytes | None = None
        self.trickle = False
        # Clear to let validations wait.
        self.go_on = threading.Event()
        self.go_on.set()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def account(self) -> ServiceAccount:
        return ServiceAccount(
            auth_url=self.url,
            username="vitrine",
            password=SECRET,
            user_domain_id="default",
            project_name="service",
            project_domain_id="default",
        )

    def start(self) -> None:
        keystone = self

        class Handler(_Handler):
            fake = keystone

        self._stopping.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections from now on, and end those that there are."""
        self._stopping.set()
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = None

    def close(self) -> None:
        self.go_on.set()
        self.stop()

    def next_status(self) -> int | None:
        if not self.statuses:
            return None
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()


class _Handler(BaseHTTPRequestHandler):
    fake: FakeKeystone
    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024  # an answer in one piece, for nobody to wait for the next

    def do_POST(self) -> None:
        fake = self.fake
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if fake.login_status is not None:
            self._send(fake.login_status, {})
            return
        identity = body["auth"]["identity"]
        assert SECRET in json.dumps(identity)
        fake.logins += 1
        token = f"own-token-{fake.logins}"
        fake.own = {token}
        url = fake.url + fake.endpoint_end
        endpoint = {"interface": fake.interface, "region": "R", "region_id": "R", "url": url}
        catalog = [{"type": "identity", "name": "keystone", "endpoints": [endpoint]}]
        told = {**token_of("vitrine"), "methods": ["password"], "catalog": catalog}
        told["issued_at"] = "2026-01-01T00:00:00.000000Z"
        self._send(201, {"token": told}, {"X-Subject-Token": token})

    def do_GET(self) -> None:
        fake = self.fake
        parts = urlsplit(self.path)
        assert parts.path == "/v3/auth/tokens"
        token = self.headers["X-Subject-Token"]
        fake.asked[token] += 1
        fake.go_on.wait()
        if fake.stopping:
            self.close_connection = True
            return
        if fake.trickle:
            self._trickle()
            return
        status = fake.next_status()
        if status is not None:
            self._send(status, {"error": {"code": status, "message": "no"}})
        elif self.headers["X-Auth-Token"] not in fake.own:
            self._send(401, {"error": {"code": 401}})
        else:
            self._answer(token, expired="allow_expired" in parse_qs(parts.query))

    def _answer(self, token: str, *, expired: bool) -> None:
        fake = self.fake
        told = fake.tokens.get(token) or (fake.expired.get(token) if expired else None)
        restricted = told is not None and "access_rules" in told.get("application_credential", {})
        if told is None or (restricted and not self.headers["OpenStack-Identity-Access-Rules"]):
            self._send(404, {"error": {"code": 404}})
        elif fake.body is not None:
            self._send_bytes(200, fake.body, {})
        else:
            self._send(200, {"token": told})

    def _trickle(self) -> None:
        """Never end, and never be silent for as long as a socket waits."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not self.fake.stopping:
            try:
                self.wfile.write(b" ")
                self.wfile.flush()
            except OSError:
                return
            threading.Event().wait(0.02)

    def _send(self, status: int, body: Json, headers: dict[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(body).encode(), headers or {})

    def _send_bytes(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        if self.fake.stopping:
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name
        """Say nothing."""
