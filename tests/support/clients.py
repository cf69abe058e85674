"""Callers of the service: a thin HTTP client, and the clients that users have."""

import contextlib
import itertools
import json
import os
import subprocess
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, cast

import attrs
import glanceclient.v2.client
import openstack.connection
import requests
from keystoneauth1 import adapter, noauth, session, token_endpoint
from keystoneauth1.identity import v3
from keystoneauth1.plugin import BaseAuthPlugin

from tests.support.processes import ROOT, environment
from tests.support.server import Server
from tests.support.services import HOMES, PASSWORD, REGION, Keystone

PATCH_TYPE = "application/openstack-images-v2.1-json-patch"
DATA_TYPE = "application/octet-stream"
_TIMEOUT = 60  # seconds without a byte

# An image, or any other JSON object, as the service renders it.
Json = dict[str, Any]
Data = bytes | Iterable[bytes]
# none: no token; local: the token is the user's name; keystone: password against Keystone.
Mode = Literal["none", "local", "keystone"]

_numbers = itertools.count()


def unique(prefix: str = "image") -> str:
    """A name that nobody else in this test run uses."""
    return f"{prefix}-{next(_numbers)}-{uuid.uuid4().hex[:8]}"


class Api:
    """Calls the service over HTTP as one caller. Paths are whole: ``/v2/images``.

    No answer raises by itself: `get`, `post` and the like return whatever came. The
    helpers below them, which set a scene, insist on success.

    Attributes:
        url: ``http://HOST:PORT`` of the server.
        token: Sent as ``X-Auth-Token``; None sends none.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self.token = token
        self._session = requests.Session()
        self._session.trust_env = False
        self._others: dict[str | None, Api] = {}

    def as_(self, token: str | None) -> "Api":
        """The same server as somebody else sees it; with local identity, a user's name."""
        if token == self.token:
            return self
        if token not in self._others:
            self._others[token] = Api(self.url, token)
        return self._others[token]

    def close(self) -> None:
        """Close all connections, of the others made by `as_` too."""
        self._session.close()
        for other in self._others.values():
            other.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str | None] | None = None,
        params: Mapping[str, object] | Sequence[tuple[str, str]] | None = None,
        json: object = None,
        data: Data | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """Make one call; redirects are not followed.

        Args:
            method: Sent as it is.
            path: Begins with ``/``; may carry a query. A whole URL is taken too.
            headers: A value of None leaves out what would be sent otherwise.
            params: Added to the query.
            json: Sent as a JSON document.
            data: Sent as it is; an iterable is sent chunked.
            stream: Leave the body to be read by the caller, who closes the response.
        """
        sent: dict[str, str | None] = {"X-Auth-Token": self.token, **(headers or {})}
        return self._session.request(
            method,
            path if path.startswith("http") else self.url + path,
            headers=cast("dict[str, str]", sent),  # requests leaves out those of None.
            params=cast("dict[str, str]", params),
            json=json,
            data=data,
            stream=stream,
            allow_redirects=False,
            timeout=_TIMEOUT,
        )

    def get(
        self,
        path: str,
        *,
        headers: Mapping[str, str | None] | None = None,
        params: Mapping[str, object] | Sequence[tuple[str, str]] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        return self.request("GET", path, headers=headers, params=params, stream=stream)

    def post(
        self,
        path: str,
        json: object = None,
        *,
        headers: Mapping[str, str | None] | None = None,
        data: Data | None = None,
    ) -> requests.Response:
        return self.request("POST", path, json=json, headers=headers, data=data)

    def put(
        self,
        path: str,
        json: object = None,
        *,
        headers: Mapping[str, str | None] | None = None,
        data: Data | None = None,
    ) -> requests.Response:
        return self.request("PUT", path, json=json, headers=headers, data=data)

    def patch(
        self,
        path: str,
        changes: object = None,
        *,
        headers: Mapping[str, str | None] | None = None,
        data: Data | None = None,
    ) -> requests.Response:
        """Send *changes*, a list of JSON patch operations, with the media type for images."""
        sent = {"Content-Type": PATCH_TYPE, **(headers or {})}
        body = json.dumps(changes).encode() if data is None else data
        return self.request("PATCH", path, data=body, headers=sent)

    def delete(
        self, path: str, *, headers: Mapping[str, str | None] | None = None
    ) -> requests.Response:
        return self.request("DELETE", path, headers=headers)

    # -- setting a scene: these succeed or fail the test

    def create_image(self, **fields: object) -> Json:
        """Create an image and return it, ``queued``.

        Name (unique), ``disk_format`` (raw) and ``container_format`` (bare) are filled in
        unless given; ``field=None`` leaves one out.
        """
        whole = {"name": unique(), "disk_format": "raw", "container_format": "bare", **fields}
        sent = {name: value for name, value in whole.items() if value is not None}
        return _json(self.post("/v2/images", sent), requests.codes.created)

    def upload(self, image_id: object, data: Data = b"bytes") -> None:
        """Give the image its bytes; an iterable is sent chunked."""
        answer = self.put(
            f"/v2/images/{image_id}/file", data=data, headers={"Content-Type": DATA_TYPE}
        )
        _insist(answer, requests.codes.no_content)

    def active_image(self, data: Data = b"bytes", **fields: object) -> Json:
        """Create an image, upload *data* and return the image as it then is."""
        made = self.create_image(**fields)
        self.upload(made["id"], data)
        return self.image(made["id"])

    def image(self, image_id: object) -> Json:
        """The image as it is now."""
        return _json(self.get(f"/v2/images/{image_id}"), requests.codes.ok)

    def download(self, image_id: object) -> bytes:
        """All bytes of the image."""
        answer = self.get(f"/v2/images/{image_id}/file")
        _insist(answer, requests.codes.ok)
        return answer.content

    def change(self, image_id: object, *changes: Mapping[str, object]) -> Json:
        """Apply JSON patch operations and return the image as it then is."""
        return _json(self.patch(f"/v2/images/{image_id}", [*changes]), requests.codes.ok)

    def share(self, image_id: object, project: str, status: str | None = None) -> None:
        """Make *project* a member; answer for it with *status* (the token must allow that)."""
        members = f"/v2/images/{image_id}/members"
        _insist(self.post(members, {"member": project}), requests.codes.ok)
        if status is not None:
            answer = self.as_(project).put(f"{members}/{project}", {"status": status})
            _insist(answer, requests.codes.ok)

    def images(self, **filters: object) -> list[Json]:
        """All images that the caller may list, from all pages, in the service's order."""
        found: list[Json] = []
        answer = self.get("/v2/images", params=filters)
        while True:
            page = _json(answer, requests.codes.ok)
            found += cast("list[Json]", page["images"])
            if "next" not in page:
                return found
            answer = self.get(str(page["next"]))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _insist(answer: requests.Response, status: int) -> None:
    asked = f"{answer.request.method} {answer.request.path_url}"
    assert answer.status_code == status, f"{asked}: {answer.status_code} {answer.text}"


def _json(answer: requests.Response, status: int) -> Json:
    _insist(answer, status)
    body: Json = answer.json()
    return body


# ------------------------------------------------------------- users' clients


@attrs.frozen(kw_only=True)
class Access:
    """How a client gets to a server: where it is, and who calls.

    Attributes:
        url: Of the server.
        mode: See `Mode`.
        user: Who calls; of no meaning with mode none.
        keystone: With mode keystone, who is asked for tokens.
        catalog: With mode keystone, find the server in the catalog instead of at *url*.
    """

    url: str
    mode: Mode = "local"
    user: str = "demo"
    keystone: Keystone | None = None
    catalog: bool = False

    def plugin(self) -> BaseAuthPlugin:
        """For a session of keystoneauth1."""
        if self.mode == "none":
            return noauth.NoAuth(endpoint=self.url)
        if self.mode == "local":
            return token_endpoint.Token(self.url, self.user)
        told = self.password()
        return v3.Password(
            auth_url=told["auth_url"],
            username=told["username"],
            password=told["password"],
            project_name=told["project_name"],
            user_domain_id=told["user_domain_id"],
            project_domain_id=told["project_domain_id"],
        )

    def password(self) -> dict[str, str]:
        """What authenticates against Keystone."""
        assert self.keystone is not None, "mode keystone needs a Keystone"
        return {
            "auth_url": self.keystone.url,
            "username": self.user,
            "password": PASSWORD,
            "project_name": HOMES[self.user],
            "user_domain_id": "default",
            "project_domain_id": "default",
        }

    @property
    def override(self) -> str | None:
        """The server's place where the client would look into a catalog otherwise."""
        return None if self.catalog or self.mode != "keystone" else self.url


def glance_client(access: Access) -> glanceclient.v2.client.Client:
    """python-glanceclient's v2 client."""
    return glanceclient.Client(
        "2",
        session=session.Session(auth=access.plugin()),
        endpoint_override=access.override or access.url,
        region_name=REGION,
    )


def sdk_connection(access: Access) -> openstack.connection.Connection:
    """openstacksdk's connection; its ``image`` is the service. Close it."""
    return openstack.connection.Connection(
        session=session.Session(auth=access.plugin()),
        image_endpoint_override=access.override or access.url,
        image_api_version="2",
        region_name=REGION,
    )


def image_adapter(access: Access) -> adapter.Adapter:
    """keystoneauth1's adapter, which most of OpenStack's services call Glance through."""
    return adapter.Adapter(
        session.Session(auth=access.plugin()),
        service_type="image",
        endpoint_override=access.override,
        region_name=REGION,
    )


@attrs.frozen(kw_only=True)
class Ran:
    """What a command line did.

    Attributes:
        status: Its exit status.
        out: What it printed.
        err: What it complained of.
    """

    status: int
    out: str
    err: str

    def json(self) -> object:
        """What it printed, having succeeded, as JSON."""
        assert self.status == 0, f"status {self.status}: {self.err}"
        return json.loads(self.out)


def _run(
    name: str, words: Sequence[str | os.PathLike[str]], home: Path, stdin: bytes | None
) -> Ran:
    """Run a command of the environment, which reads *stdin*, or from a terminal if that is None."""
    with contextlib.ExitStack() as stack:
        terminal = None
        if stdin is None:
            ours, terminal = os.openpty()
            stack.callback(os.close, ours)
            stack.callback(os.close, terminal)
        ran = subprocess.run(
            [ROOT / ".venv/bin" / name, *words],
            stdin=terminal,
            input=stdin,
            capture_output=True,
            check=False,
            timeout=120,
            env=environment({"HOME": str(home), "PYTHONWARNINGS": "ignore"}),
        )
    out, err = ran.stdout.decode(errors="replace"), ran.stderr.decode(errors="replace")
    return Ran(status=ran.returncode, out=out, err=err)


class OpenStack:
    """The `openstack` command against a server: ``openstack("image", "list")``."""

    def __init__(self, access: Access, home: Path) -> None:
        """Prepare to run the command with *home*, a directory, as HOME."""
        self._access = access
        self._home = home

    def __call__(self, *words: str | os.PathLike[str], stdin: bytes | None = b"") -> Ran:
        """Run the command; any exit status is returned.

        Args:
            words: What follows the options of all commands.
            stdin: What it reads; None for a terminal, on which nobody types.
        """
        return _run("openstack", [*self._options(), *words], self._home, stdin)

    def json(self, *words: str | os.PathLike[str], stdin: bytes | None = b"") -> object:
        """Run the command, insist on success, and return what it prints with ``-f json``."""
        return self(*words, "-f", "json", stdin=stdin).json()

    def _options(self) -> list[str]:
        access = self._access
        if access.mode == "none":
            return ["--os-auth-type", "none", "--os-endpoint", access.url]
        if access.mode == "local":
            token = ["--os-token", access.user]
            # It does not look for versions there, but takes the endpoint for the API itself.
            endpoint = ["--os-endpoint", f"{access.url}/v2"]
            return ["--os-auth-type", "admin_token", *endpoint, *token]
        # The place of one service alone can be told in clouds.yaml only.
        cloud: dict[str, object] = {"auth": access.password(), "region_name": REGION}
        if access.override:
            cloud["image_endpoint_override"] = access.override
        file = self._home / ".config/openstack/clouds.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        # JSON is YAML.
        file.write_text(json.dumps({"clouds": {"tested": cloud}}))
        return ["--os-cloud", "tested"]


def local(server: Server, user: str = "demo") -> Access:
    """Access as a user of the local identity."""
    return Access(url=server.url, user=user)


class Glance:
    """The `glance` command against a server: ``glance("import-info")``."""

    def __init__(self, access: Access, home: Path) -> None:
        """Prepare to run the command with *home*, a directory, as HOME."""
        self._access = access
        self._home = home

    def __call__(self, *words: str | os.PathLike[str], stdin: bytes | None = None) -> Ran:
        """Run the command; any exit status is returned.

        Args:
            words: What follows the options of all commands.
            stdin: What it reads, which it takes for data; None for a terminal.
        """
        return _run("glance", [*self._options(), *words], self._home, stdin)

    def table(self, *words: str | os.PathLike[str]) -> dict[str, str]:
        """Run the command, insist on success, and return the table that it prints.

        Values are wrapped, and whether a space was there is not seen.
        """
        ran = self(*words)
        assert ran.status == 0, f"status {ran.status}: {ran.err}"
        found, name = dict[str, str](), ""
        for line in ran.out.splitlines():
            if line.startswith("|"):
                _, told, value, _ = (cell.strip() for cell in line.split("|"))
                name = told or name
                found[name] = found.get(name, "") + value
        return found

    def _options(self) -> list[str]:
        place = ["--os-image-url", self._access.url]
        if self._access.mode != "keystone":
            return [*place, "--os-auth-token", self._access.user]
        told = self._access.password()
        return [
            *place,
            *(f"--os-{name.replace('_', '-')}={value}" for name, value in told.items()),
        ]
