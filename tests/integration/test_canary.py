"""No secret gets out: not into logs, answers, events, nor the database, whatever goes wrong.

Every secret that the service is given is a word that is found nowhere else. Then it is made to
do all that it does, and to fail in all ways, with ``debug`` on; and whatever it left behind is
searched for each word.
"""

import base64
import json
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import attrs
import pytest
import requests
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from tests.support.broker import Broker, Subscriber
from tests.support.canary import forms_of, leaks
from tests.support.clients import DATA_TYPE, Api, unique
from tests.support.origin import Origin, origin
from tests.support.processes import Program, environment, free_port, wait_until
from tests.support.server import VITRINE, Config, OwnServers, Server, write_config
from tests.support.services import Keystone, database, require_command
from vitrine.adapters.persistence.sql import migrate

_IMAGE = b"bytes of an image"
_GONE = 9  # a port on which nobody listens


def _word(name: str) -> str:
    return f"canary{name}{secrets.token_hex(8)}"


@attrs.frozen(kw_only=True)
class Words:
    """The secrets, by what they are of."""

    database: str = attrs.field(factory=lambda: _word("database"))
    bus: str = attrs.field(factory=lambda: _word("bus"))
    service: str = attrs.field(factory=lambda: _word("service"))
    limits: str = attrs.field(factory=lambda: _word("limits"))
    cache: str = attrs.field(factory=lambda: _word("cache"))
    proxy: str = attrs.field(factory=lambda: _word("proxy"))
    s3_access: str = attrs.field(factory=lambda: _word("access"))
    s3_secret: str = attrs.field(factory=lambda: _word("secret"))
    swift: str = attrs.field(factory=lambda: _word("swift"))
    location: str = attrs.field(factory=lambda: _word("location"))
    query: str = attrs.field(factory=lambda: _word("query"))


class Witness:
    """Calls the service, and keeps whatever it says."""

    def __init__(self, server: Server) -> None:
        self._url = server.url
        self.said: list[str] = []
        self.statuses: list[int] = []

    def call(
        self,
        token: str | None,
        method: str,
        path: str,
        **more: object,
    ) -> requests.Response:
        with Api(self._url, token) as api:
            answer = api.request(method, path, **more)  # type: ignore[arg-type]  # as it takes them
        self.said.append(f"{answer.status_code} {dict(answer.headers)} {answer.text}")
        self.statuses.append(answer.status_code)
        return answer


@attrs.frozen(kw_only=True)
class Scene:
    """A service with all that it can talk to."""

    words: Words
    keystone: Keystone
    broker: Broker
    subscriber: Subscriber
    origin: Origin
    memcached: Program
    database: str
    config: Config


def _account(keystone: Keystone, name: str, password: str) -> str:
    """Make a user who may ask about tokens."""
    user = unique(name)
    body = {"user": {"name": user, "domain_id": "default", "password": password}}
    made = keystone.call("POST", "/users", body)["user"]
    role, project = keystone._id("role", name="admin"), keystone.project_id("service")
    keystone.call("PUT", f"/projects/{project}/users/{made['id']}/roles/{role}")
    return user


def _config(scene: Mapping[str, object], words: Words, keystone: Keystone, cache: int) -> Config:
    account = {
        **keystone.authtoken(http_connect_timeout=20, http_request_max_retries=1),
        "username": _account(keystone, "canary", words.service),
        "password": words.service,
        "memcached_servers": f"127.0.0.1:{cache}",
        "memcache_secret_key": words.cache,
        "token_cache_time": 2,
    }
    nowhere = f"http://127.0.0.1:{free_port()}"
    return {
        "DEFAULT": {
            "debug": True,
            "show_multiple_locations": True,
            "show_image_direct_url": True,
            "enabled_backends": "fast:file, web:http, cloud:s3, deep:swift",
        },
        "glance_store": {"default_backend": "fast"},
        "fast": {"filesystem_store_datadir": str(scene["files"])},
        "task": {"work_dir": f"{scene['files']}-work"},
        "web": {},
        "cloud": {
            "s3_store_host": nowhere,
            "s3_store_access_key": words.s3_access,
            "s3_store_secret_key": words.s3_secret,
            "s3_store_bucket": "images",
        },
        "deep": {
            "swift_store_auth_address": f"{nowhere}/v3",
            "swift_store_auth_version": "3",
            "swift_store_user": "service:glance",
            "swift_store_key": words.swift,
        },
        "database": {"connection": scene["database"]},
        "import_filtering_opts": {
            "allowed_hosts": "127.0.0.1",
            "allowed_ports": f"{scene['origin']},{_GONE}",
        },
        "keystone_authtoken": account,
        "trusted_identity": {"secret": words.proxy},
        "oslo_limit": {"password": words.limits},
        "oslo_messaging_notifications": {
            "driver": "messagingv2",
            "transport_url": scene["bus"],
            "topics": scene["topic"],
        },
    }


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    Keystone.require()
    words = Words()
    port = free_port()
    command = [require_command("memcached"), "-l", "127.0.0.1", "-U", "0", "-u", "nobody"]
    with ExitStack() as stack:
        keystone = Keystone(tmp_path / "keystone")
        keystone.start()
        stack.callback(keystone.stop)
        broker = Broker(tmp_path / "broker", password=words.bus)
        stack.callback(broker.end)
        broker.start()
        memcached = Program([*command, "-p", str(port)], log_file=tmp_path / "memcached.log")
        memcached.start()
        stack.callback(memcached.stop)
        plain = stack.enter_context(database("postgresql", tmp_path))
        # Whoever comes from this machine needs none, and may send one.
        url = make_url(plain).set(password=words.database)
        text = url.render_as_string(hide_password=False)
        migrate.upgrade(text)
        elsewhere = stack.enter_context(origin())
        subscriber = Subscriber(broker, unique("canary"))
        told = {
            "files": tmp_path / "files",
            "database": text,
            "bus": broker.url,
            "topic": subscriber.topic,
            "origin": elsewhere.port,
        }
        yield Scene(
            words=words,
            keystone=keystone,
            broker=broker,
            subscriber=subscriber,
            origin=elsewhere,
            memcached=memcached,
            database=text,
            config=_config(told, words, keystone, port),
        )


def _everything(witness: Witness, scene: Scene) -> None:
    """Every kind of request, in good times and by fools."""
    keystone, words = scene.keystone, scene.words
    demo, admin = (keystone.token(name, fresh=True) for name in ("demo", "admin"))
    call = witness.call
    image = call(demo, "POST", "/v2/images", json={"name": "one", "disk_format": "raw"}).json()
    path = f"/v2/images/{image['id']}"
    patch = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
    raw = {"Content-Type": DATA_TYPE}
    call(demo, "PATCH", path, headers=patch, data=b'[{"op": "add", "path": "/a", "value": "b"}]')
    call(demo, "PATCH", path, headers=patch, data=b'[{"op": "replace", "path": "/c"')
    call(
        demo,
        "PATCH",
        path,
        headers=patch,
        data=b'[{"op": "replace", "path": "/container_format", "value": "bare"}]',
    )
    for store in ("cloud", "deep", "web", "no-such-store"):
        other = {"name": store, "disk_format": "raw", "container_format": "bare"}
        made = call(demo, "POST", "/v2/images", json=other).json()
        more = {**raw, "X-Image-Meta-Store": store}
        call(demo, "PUT", f"/v2/images/{made['id']}/file", headers=more, data=_IMAGE)
        call(demo, "DELETE", f"/v2/images/{made['id']}")
    call(demo, "PUT", f"{path}/file", headers=raw, data=_IMAGE)
    call(demo, "PUT", f"{path}/file", headers=raw, data=_IMAGE)
    call(demo, "GET", f"{path}/file")
    call(demo, "GET", f"{path}/file", headers={"Range": "bytes=5-7"})
    call(demo, "PUT", f"{path}/tags/x")
    call(demo, "POST", f"{path}/members", json={"member": "somebody"})
    call(demo, "GET", f"/v2/images?name={words.query}&password={words.query}")
    call(demo, "GET", f"/v2/images?sort_key={words.query}")
    call(demo, "GET", f"/v2/images?marker={words.query}")
    call(demo, "GET", f"/v2/no/such/thing?token={words.query}")
    call(admin, "GET", "/v2/metadefs/namespaces")
    call(admin, "POST", "/v2/metadefs/namespaces", json={"namespace": unique()})
    call(admin, "POST", "/v2/tasks", json={"type": "import", "input": {}})
    call(admin, "GET", "/v2/info/stores")
    call(admin, "GET", "/v2/info/import")
    call(admin, "POST", f"{path}/actions/deactivate")
    call(demo, "GET", f"{path}/file")
    call(demo, "POST", f"{path}/import", json={"method": {"name": "web-download", "uri": "x"}})
    for token in (None, "made-up", f"gAAAA{'B' * 180}", keystone.expired_token("demo")):
        call(token, "GET", "/v2/images")
    call(demo, "GET", "/v2/images", headers={"X-Service-Token": "made-up"})
    call(demo, "GET", "/v2/images", headers={"X-Service-Token": keystone.service_token()})
    call(None, "GET", "/v2/images", headers={"X-Identity-Secret": words.proxy})
    call(demo, "DELETE", path)


def _locations(witness: Witness, scene: Scene) -> str:
    """Images elsewhere, whose locations carry a password; returns the path of one."""
    call, words = witness.call, scene.words
    token = scene.keystone.token("admin", fresh=True)
    scene.origin.answers["/image"] = lambda request: request.give(_IMAGE)
    scene.origin.answers["/broken"] = lambda request: request.give(b"no", status=500)
    patch = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
    host = scene.origin.url("").removeprefix("http://")
    paths = []
    for where in (f"{host}/image", f"{host}/broken", f"127.0.0.1:{_GONE}/gone"):
        sent = {"name": "far", "disk_format": "raw", "container_format": "bare"}
        image = call(token, "POST", "/v2/images", json=sent).json()
        path = f"/v2/images/{image['id']}"
        value = {"url": f"http://user:{words.location}@{where}", "metadata": {}}
        change = [{"op": "add", "path": "/locations/-", "value": value}]
        call(token, "PATCH", path, headers=patch, data=json.dumps(change).encode())
        call(token, "POST", f"{path}/locations", json={"url": value["url"]})
        call(token, "GET", f"{path}/file")
        _task(witness, token, value["url"])
        call(token, "GET", f"{path}/tasks")
        paths.append(path)
    bad = [{"op": "add", "path": "/locations/-", "value": {"url": f"ftp://u:{words.location}@h/x"}}]
    call(token, "PATCH", paths[0], headers=patch, data=json.dumps(bad).encode())
    return paths[0]


def _task(witness: Witness, token: str, url: object) -> None:
    """A task that makes an image from an address with a password, as long as it takes."""
    properties = {"disk_format": "raw", "container_format": "bare"}
    given = {"import_from": url, "import_from_format": "raw", "image_properties": properties}
    body = {"type": "import", "input": given}
    task = witness.call(token, "POST", "/v2/tasks", json=body).json()
    wait_until(
        lambda: witness.call(token, "GET", task["self"]).json()["status"] in {"success", "failure"},
        what="the end of a task",
    )
    witness.call(token, "GET", "/v2/tasks")


def _trouble(witness: Witness, scene: Scene, far: str) -> None:
    """All that the service talks to goes away, one after the other."""
    call, keystone = witness.call, scene.keystone
    token = keystone.token("demo", fresh=True)
    scene.broker.kill()
    call(token, "POST", "/v2/images", json={"name": "while the bus is away"})
    scene.memcached.kill()
    admin = keystone.token("admin", fresh=True)
    call(admin, "GET", "/v2/images")
    scene.origin.answers.clear()
    call(admin, "GET", f"{far}/file")
    other = keystone.token("alt", fresh=True)
    keystone.kill()
    assert call(other, "GET", "/v2/images").status_code == 503
    keystone.start()
    wait_until(
        lambda: call(token, "GET", "/v2/images").status_code == 200, what="Keystone to be back"
    )


def _dump(url: str) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    engine = sa.create_engine(url)
    tables = sa.MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        dump = {
            table.name: [repr(row) for row in connection.execute(sa.select(table))]
            for table in tables.sorted_tables
        }
    engine.dispose()
    return dump


def _drop(url: str) -> None:
    """Take the database away from under the service."""
    whole = make_url(url)
    admin = sa.create_engine(whole.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {whole.database} WITH (FORCE)"))
    admin.dispose()


def _holding(lines: list[str], word: str) -> list[str]:
    return [line for line in lines if any(form in line for form in forms_of(word))]


def test_no_secret_gets_out(scene: Scene, make_server: OwnServers, tmp_path: Path) -> None:
    server = make_server(scene.config, identity="keystone", workers=1)
    server.start()
    witness = Witness(server)
    _everything(witness, scene)
    far = _locations(witness, scene)
    wait_until(lambda: _has_told(scene), what="some events")
    _trouble(witness, scene, far)
    dump = _dump(scene.database)
    token = scene.keystone.token("demo", fresh=True)
    assert witness.call(token, "GET", "/v2/images").status_code == 200
    _drop(scene.database)
    for method, path in (("GET", "/v2/images"), ("POST", "/v2/images"), ("GET", far)):
        body: object = {} if method == "POST" else None
        assert witness.call(token, method, path, json=body).status_code in {500, 503}
    server.stop()
    (tmp_path / "said.txt").write_text("\n".join(witness.said))

    assert {200, 201, 204, 206, 400, 401, 403, 404, 409, 503} <= set(witness.statuses)
    log = server.log().splitlines()
    assert any(" DEBUG " in line for line in log)
    events = list(map(json.dumps, scene.subscriber.raw))
    rows = [row for rows in dump.values() for row in rows]
    for name, word in attrs.asdict(scene.words).items():
        assert _holding(log, word) == [], name
        assert _holding(events, word) == [], name
        if name == "location":
            continue
        assert _holding(rows, word) == [], name
        if name != "query":
            assert _holding(witness.said, word) == [], name
    assert leaks(server.log(), {}) == []
    _only_where_they_belong(scene, witness, dump)


def _has_told(scene: Scene) -> bool:
    scene.subscriber.listen()
    return len(scene.subscriber.heard["info"]) > 5


def _only_where_they_belong(scene: Scene, witness: Witness, dump: Mapping[str, list[str]]) -> None:
    """The one exception: a location is kept as it was given, and shown to who may see it.

    The words of a query are said to who sent it, in links and in what is wrong with them.
    """
    holding = {table for table, rows in dump.items() if _holding(rows, scene.words.location)}
    assert holding <= {"images", "jobs"}
    shown = _holding(witness.said, scene.words.location)
    assert shown
    for said in shown:
        assert '"locations"' in said or '"direct_url"' in said, said


# --- a service that does not even start


Write = Callable[[Config], list[str]]


@pytest.fixture
def commands(tmp_path: Path) -> Write:
    """Runs commands with a configuration; returns what they wrote."""

    def run(config: Config) -> list[str]:
        file = write_config(tmp_path / "vitrine.conf", config)
        said = []
        for words in (
            ("config", "check"),
            ("config", "show"),
            ("db", "version"),
            ("db", "sync"),
        ):
            ran = subprocess.run(
                [str(VITRINE), *words, "--config-file", str(file)],
                env=environment(),
                check=False,
                capture_output=True,
                text=True,
                timeout=120,
            )
            if words[0] != "config":
                assert ran.returncode != 0, words
            said += [*ran.stdout.splitlines(), *ran.stderr.splitlines()]
        return said

    return run


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://user:{word}@127.0.0.1:{port}/images",
        "mysql+pymysql://user:{word}@127.0.0.1:{port}/images",
        "postgresql+psycopg://user:{word}@127.0.0.1:port/images",
        "postgresql+nosuchdriver://user:{word}@127.0.0.1/images",
        "oracle://user:{word}@127.0.0.1/images",
        "postgresql:/user:{word}",
        "{word}",
    ],
)
def test_a_database_that_cannot_be_reached_is_not_named_with_its_password(
    commands: Write, url: str
) -> None:
    word = _word("database")
    connection = url.format(word=word, port=free_port())
    said = commands({"vitrine": {"bind": "127.0.0.1:0"}, "database": {"connection": connection}})
    assert said
    assert _holding(said, word) == []


@pytest.mark.parametrize("cache", ["redis://u:{word}@h:port", "{word}://h", "{word}"])
def test_a_shared_cache_that_is_none_is_not_repeated(
    commands: Write, keystone: Keystone, cache: str
) -> None:
    word = _word("cache")
    config: Config = {
        "vitrine": {
            "bind": "127.0.0.1:0",
            "identity": "keystone",
            "token_cache_url": cache.format(word=word),
        },
        "database": {"connection": f"sqlite:////nowhere/{unique()}/db"},
        "keystone_authtoken": keystone.authtoken(),
    }
    said = commands(config)
    assert said
    assert _holding(said, word) == []


def test_the_search_finds_what_is_hidden_in_it() -> None:
    word = _word("hidden")
    plain = f"user:{word}".encode()
    for text in (word, f"x{word}y", plain.hex(), base64.b64encode(plain).decode()):
        assert _holding([text], word)
    config = {"keystone_authtoken": {"password": word}}
    assert leaks(f"a\nb {word} c", config) == [f"b {word} c"]
    assert leaks("GET amqp://guest:guest@127.0.0.1", {})
    assert leaks("'X-Auth-Token': 'gAAAAA" + "x" * 60, {})
    assert not leaks("2026-01-01 GET http://127.0.0.1:80/v2/images", config)
