"""The services around the one under test: a real Keystone, and real databases.

`tests/integration/setup.sh` fetches what has to be fetched. What is not there makes
a test skip, with a reason that continuous integration takes for a failure.
"""

import contextlib
import datetime as dt
import fcntl
import json
import os
import shutil
import sqlite3
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, LiteralString, NoReturn
from urllib.parse import urlsplit

import attrs
import psycopg
import psycopg.sql
import pymysql
import pytest
import requests

from tests.support.processes import ROOT, Program, answers, free_port

CACHE = Path(os.environ.get("VITRINE_TEST_CACHE", ROOT / ".cache/test-services"))
_SERVICES = ROOT / "tests/integration/services"
# As tests/integration/services/*.py have them, for another Python.
PASSWORD = "loopback-only"
REGION = "RegionOne"
_PLACEHOLDER = "http://identity.invalid"
# Whom Keystone knows besides admin, and the project of each.
HOMES = {
    "admin": "admin",
    "demo": "demo",
    "demo_reader": "demo",
    "demo_manager": "demo",
    "alt": "alt",
    "alt_reader": "alt",
    "glance": "service",
    "nova": "service",
}

# What the Identity API answers; its shape is what the API says.
Json = dict[str, Any]


def missing(what: str) -> NoReturn:
    """Skip the test that asks, since *what* is not on this machine."""
    pytest.skip(f"service missing: {what}")


def require_command(name: str) -> str:
    """The path of a program, or a skip."""
    return shutil.which(name) or missing(name)


# ------------------------------------------------------------------ Keystone


@attrs.frozen(kw_only=True)
class ApplicationCredential:
    """What a user hands to a program instead of a password."""

    id: str
    name: str
    secret: str = attrs.field(repr=False)


@attrs.frozen
class KeystoneRefused(Exception):
    """Keystone answered with an error."""

    status: int
    body: str

    def __str__(self) -> str:
        return f"{self.status}: {self.body}"


class Keystone:
    """A Keystone of one's own, with the people of `HOMES`; all have the same password.

    Attributes:
        url: ``http://127.0.0.1:PORT/v3``.
        directory: Its database, keys, configuration and logs.
        password: Everybody's.
        region: Of all endpoints.
    """

    password = PASSWORD
    region = REGION

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        """Describe a Keystone in *directory*; one that runs there already if *port* is given."""
        self.directory = directory
        self._listen(port or free_port())
        self._program: Program | None = None
        self._tokens: dict[tuple[str, str | None], str] = {}

    @staticmethod
    def require() -> None:
        """Skip the test if Keystone was not installed by setup.sh."""
        if not (CACHE / "keystone-template" / "made-by").is_file():
            missing("Keystone")

    # -- life

    def start(self, *, owner: int | None = None) -> None:
        """Start it, from the prepared copy the first time; return when it answers.

        Args:
            owner: The process whose end ends Keystone; by default the present one.
        """
        if not self.directory.exists():
            self._copy()
        python = CACHE / "keystone/bin/python"
        command: list[str | Path] = [python, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}"]
        # One process, since its cache is in its memory; one thread, since two that write to
        # SQLite after they have read lock each other out. gthread for kept connections.
        command += ["--workers", "1", "--worker-class", "gthread", "--threads", "1"]
        command += ["--graceful-timeout", "1"]
        command += ["--no-control-socket", "--pythonpath", _SERVICES, "keystone_wsgi:application"]
        env = {
            "OS_KEYSTONE_CONFIG_FILES": str(self._config),
            "PYTHONWARNINGS": "ignore",
            # Keystone would look for a configuration of the machine's own.
            "OS_KEYSTONE_CONFIG_DIR": str(self.directory),
        }
        log = self.directory / "gunicorn.log"
        self._program = Program(command, log_file=log, env=env, owner=owner)
        self._program.start()
        self._program.wait_for(lambda: answers(self.url), timeout=120)

    def stop(self) -> None:
        """Stop it in good order; `start` continues with the same people, tokens and port."""
        self._running().stop()

    def kill(self) -> None:
        """Kill it; `start` continues."""
        self._running().kill()

    def release(self) -> None:
        """Leave it running until its owner ends."""
        self._running().release()

    @property
    def port(self) -> int:
        return self._port

    def log(self) -> str:
        """What it and its server wrote."""
        files = [self.directory / "gunicorn.log", self.directory / "keystone.log"]
        return "\n".join(file.read_text(errors="replace") for file in files if file.exists())

    # -- tokens

    def token(
        self,
        user: str = "demo",
        *,
        project: str | None = None,
        fresh: bool = False,
        system: bool = False,
    ) -> str:
        """A token of *user* on *project*, by default the user's home project.

        Args:
            user: One of `HOMES`, or made by `make_user`.
            project: Its name.
            fresh: Issue a new one; without it a token may be shared with other tests,
                so ask for a fresh one before you revoke it.
            system: Scope to the whole system instead of a project.
        """
        key = (user, "system" if system else f"project {project}")
        if fresh or key not in self._tokens:
            scope: Json = {"system": {"all": True}}
            if not system:
                name = project or HOMES[user]
                scope = {"project": {"name": name, "domain": {"id": "default"}}}
            who = {"name": user, "domain": {"id": "default"}, "password": PASSWORD}
            methods = {"methods": ["password"], "password": {"user": who}}
            issued = self._issue({"identity": methods, "scope": scope})
            if fresh:
                return issued
            self._tokens[key] = issued
        return self._tokens[key]

    def service_token(self) -> str:
        """A token of the user nova, which has the role service, for X-Service-Token."""
        return self.token("nova")

    def revoke(self, token: str) -> None:
        """Make *token* invalid; also drops the tokens that were kept for reuse."""
        self.call("DELETE", "/auth/tokens", headers={"X-Subject-Token": token})
        self._tokens = {key: kept for key, kept in self._tokens.items() if kept != token}

    def expired_token(self, user: str = "demo", *, project: str | None = None) -> str:
        """A token of *user* that Keystone signed and that ran out a minute ago."""
        return self.token_until(dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1), user, project)

    def token_until(self, ends: dt.datetime, user: str = "demo", project: str | None = None) -> str:
        """A token of *user* that Keystone signed and that runs out when *ends* says."""
        who, where = self.user_id(user), self.project_id(project or HOMES[user])
        python, script = CACHE / "keystone/bin/python", _SERVICES / "expired_token.py"
        ran = subprocess.run(
            [python, script, self._config, who, where, ends.strftime("%Y-%m-%dT%H:%M:%S.000000Z")],
            check=True,
            capture_output=True,
            text=True,
        )
        return ran.stdout

    def validate(self, token: str, *, allow_expired: bool = False) -> Json | None:
        """What *token* stands for, or None if it is not valid."""
        query = "?allow_expired=1" if allow_expired else ""
        answer = self._send("GET", f"/auth/tokens{query}", None, {"X-Subject-Token": token})
        if answer.status_code == requests.codes.not_found:
            return None
        found: Json = _checked(answer)["token"]
        return found

    # -- application credentials

    def application_credential(
        self,
        user: str = "demo",
        *,
        roles: Sequence[str] | None = None,
        access_rules: Sequence[Mapping[str, str]] | None = None,
        expires_at: str | None = None,
    ) -> ApplicationCredential:
        """Make one for *user* in its home project.

        Args:
            user: Whose.
            roles: Names; all that the user has there by default.
            access_rules: Each with service, method and path.
            expires_at: ``YYYY-MM-DDTHH:MM:SSZ``.
        """
        fields: Json = {"name": f"credential-{uuid.uuid4().hex[:8]}"}
        if roles is not None:
            fields["roles"] = [{"name": role} for role in roles]
        if access_rules is not None:
            fields["access_rules"] = [dict(rule) for rule in access_rules]
        if expires_at is not None:
            fields["expires_at"] = expires_at
        path = f"/users/{self.user_id(user)}/application_credentials"
        # Nobody but the user itself may, not even an administrator.
        answer = self.call("POST", path, {"application_credential": fields}, self.token(user))
        made = answer["application_credential"]
        return ApplicationCredential(id=made["id"], name=made["name"], secret=made["secret"])

    def application_token(self, credential: ApplicationCredential) -> str:
        """A token for whoever holds *credential*."""
        held = {"id": credential.id, "secret": credential.secret}
        methods = {"methods": ["application_credential"], "application_credential": held}
        return self._issue({"identity": methods})

    # -- people, projects, catalog

    def make_project(self, name: str | None = None) -> str:
        """Make a project and return its name."""
        name = name or f"project-{uuid.uuid4().hex[:8]}"
        self.call("POST", "/projects", {"project": {"name": name, "domain_id": "default"}})
        return name

    def make_user(self, project: str, roles: Sequence[str] = ("member",)) -> str:
        """Make a user with *roles* on *project* and return its name."""
        name = f"user-{uuid.uuid4().hex[:8]}"
        where = self.project_id(project)
        fields = {"name": name, "domain_id": "default", "password": PASSWORD}
        self.call("POST", "/users", {"user": fields})
        who = self.user_id(name)
        for role in roles:
            role_id = self._id("role", name=role)
            self.call("PUT", f"/projects/{where}/users/{who}/roles/{role_id}")
        return name

    def user_id(self, name: str) -> str:
        return self._id("user", name=name, domain_id="default")

    def project_id(self, name: str) -> str:
        return self._id("project", name=name, domain_id="default")

    def point_images_at(self, url: str) -> None:
        """Make the catalog say that the image service is at *url*, on every interface."""
        for endpoint in self._found("endpoint", service_id=self._id("service", type="image")):
            self.call("PATCH", f"/endpoints/{endpoint['id']}", {"endpoint": {"url": url}})
        # A catalog comes with a token: who was given one before has the old catalog.
        self._tokens.clear()

    def enter(self, kind: str, name: str, url: str) -> None:
        """Let the catalog have one more endpoint of a kind of service, on every interface."""
        found = self._found("service", type=kind)
        if not found:
            fields = {"service": {"type": kind, "name": name}}
            found = [self.call("POST", "/services", fields)["service"]]
        for interface in ("public", "internal", "admin"):
            endpoint = {
                "service_id": found[0]["id"],
                "interface": interface,
                "url": url,
                "region_id": REGION,
            }
            self.call("POST", "/endpoints", {"endpoint": endpoint})

    def image_endpoint_id(self, interface: str = "public") -> str:
        service = self._id("service", type="image")
        return self._id("endpoint", service_id=service, interface=interface)

    def set_default_limit(self, resource: str, limit: int) -> None:
        """Set what every project may have of *resource*, such as ``image_count_total``."""
        service = self._id("service", type="image")
        where = {"service_id": service, "region_id": REGION, "resource_name": resource}
        self._forget("registered_limit", where)
        body = {"registered_limits": [{**where, "default_limit": limit}]}
        self.call("POST", "/registered_limits", body)

    def set_limit(self, project: str, resource: str, limit: int) -> None:
        """Set what *project* may have of *resource*, which needs a default first."""
        service = self._id("service", type="image")
        where = {"service_id": service, "region_id": REGION, "resource_name": resource}
        owner = {"project_id": self.project_id(project)}
        self._forget("limit", {**where, **owner})
        body = {"limits": [{**where, **owner, "resource_limit": limit}]}
        self.call("POST", "/limits", body)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        """Call the Identity API below /v3, as admin unless *token* is given.

        Raises:
            KeystoneRefused: The answer was not a 2xx.
        """
        return _checked(self._send(method, path, body, headers, token))

    # -- for others' configuration

    def authtoken(self, **more: object) -> Json:
        """The section ``[keystone_authtoken]`` of a service that asks this Keystone."""
        return {
            "www_authenticate_uri": self.url,
            "auth_url": self.url,
            "auth_type": "password",
            "username": "glance",
            "password": PASSWORD,
            "project_name": "service",
            "user_domain_id": "default",
            "project_domain_id": "default",
            "region_name": REGION,
            **more,
        }

    # -- inside

    @property
    def _config(self) -> Path:
        return self.directory / "keystone.conf"

    def _listen(self, port: int) -> None:
        self._port = port
        self.url = f"http://127.0.0.1:{port}/v3"

    def _running(self) -> Program:
        if self._program is None:
            raise AssertionError("this Keystone was not started by this process")
        return self._program

    def _copy(self) -> None:
        template = CACHE / "keystone-template"
        text, place = (template / "keystone.conf").read_text(), str(template.absolute())
        # Else the copy would go on with the database of the template.
        assert place in text, "Keystone was prepared under another path: run setup.sh again"
        shutil.copytree(template, self.directory)
        self._config.write_text(text.replace(place, str(self.directory)))
        with contextlib.closing(sqlite3.connect(self.directory / "keystone.sqlite")) as database:
            base = self.url.removesuffix("/v3")
            database.execute("UPDATE endpoint SET url = replace(url, ?, ?)", (_PLACEHOLDER, base))
            database.commit()

    def _issue(self, auth: Json) -> str:
        answer = self._send("POST", "/auth/tokens", {"auth": auth}, token="")
        _checked(answer)
        return answer.headers["X-Subject-Token"]

    def _send(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> requests.Response:
        if token is None:
            token = self.token("admin")
        sent = {**({"X-Auth-Token": token} if token else {}), **(headers or {})}
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.url + path, json=body, headers=sent, timeout=60)

    def _found(self, kind: str, **query: str) -> list[dict[str, str]]:
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        found: list[dict[str, str]] = self.call("GET", f"/{kind}s?{asked}")[f"{kind}s"]
        return found

    def _id(self, kind: str, **query: str) -> str:
        found = self._found(kind, **query)
        assert len(found) == 1, f"{len(found)} {kind}s match {query}"
        return found[0]["id"]

    def _forget(self, kind: str, where: Mapping[str, str]) -> None:
        for old in self._found(kind, **where):
            self.call("DELETE", f"/{kind}s/{old['id']}")


def _checked(answer: requests.Response) -> Json:
    if not answer.ok:
        raise KeystoneRefused(answer.status_code, answer.text)
    body: Json = answer.json() if answer.content else {}
    return body


def shared_keystone(directory: Path, owner: int) -> Keystone:
    """The one Keystone of a test run, started by whoever asks first.

    Args:
        directory: The same for all processes of the run, and for no other run.
        owner: The process whose end is the end of the run.
    """
    directory.mkdir(parents=True, exist_ok=True)
    note = directory / "keystone.json"
    with (directory / "keystone.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if note.exists():
            return Keystone(directory / "keystone", port=json.loads(note.read_text())["port"])
        keystone = Keystone(directory / "keystone")
        keystone.start(owner=owner)
        keystone.release()
        note.write_text(json.dumps({"port": keystone.port}))
        return keystone


# ----------------------------------------------------------------- databases

ENGINES = ("sqlite", "postgresql", "mariadb")
_POSTGRESQL = "postgresql+psycopg://postgres@127.0.0.1:5432/"
_MARIADB = "mysql+pymysql://root@127.0.0.1:3306/?charset=utf8mb4"


@contextlib.contextmanager
def database(engine: str, directory: Path) -> Iterator[str]:
    """A new, empty database for as long as the context lasts; gives its SQLAlchemy URL.

    Args:
        engine: One of `ENGINES`.
        directory: For the file of SQLite.
    """
    name = f"vitrine_test_{uuid.uuid4().hex[:12]}"
    if engine == "sqlite":
        yield f"sqlite:///{directory / name}.sqlite"
        return
    makers = {"postgresql": _postgresql, "mariadb": _mariadb}
    with makers[engine](name) as url:
        yield url


@contextlib.contextmanager
def _postgresql(name: str) -> Iterator[str]:
    server = os.environ.get("VITRINE_TEST_POSTGRESQL", _POSTGRESQL)
    base, _, query = server.partition("?")
    base = base.rstrip("/")
    query = f"?{query}" if query else ""
    admin = f"{base.replace('+psycopg', '', 1)}/postgres{query}"

    def run(statement: LiteralString) -> None:
        with psycopg.connect(admin, autocommit=True, connect_timeout=10) as connection:
            words = psycopg.sql.SQL(statement)
            connection.execute(words.format(psycopg.sql.Identifier(name)))

    try:
        run("CREATE DATABASE {}")
    except psycopg.OperationalError:
        missing("PostgreSQL")
    try:
        yield f"{base}/{name}{query}"
    finally:
        run("DROP DATABASE IF EXISTS {} WITH (FORCE)")


@contextlib.contextmanager
def _mariadb(name: str) -> Iterator[str]:
    server = urlsplit(os.environ.get("VITRINE_TEST_MARIADB", _MARIADB))

    def run(statement: str) -> None:
        connection = pymysql.connect(
            host=server.hostname,
            port=server.port or 3306,
            user=server.username,
            password=server.password or "",
            connect_timeout=10,
        )
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(statement)

    try:
        run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    except pymysql.OperationalError:
        missing("MariaDB")
    try:
        yield server._replace(path=f"/{name}").geturl()
    finally:
        run(f"DROP DATABASE IF EXISTS {name}")
