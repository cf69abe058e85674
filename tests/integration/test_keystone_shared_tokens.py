"""Servers that remember together which tokens Keystone vouched for."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pymemcache
import pytest
import redis
from redis.exceptions import RedisError

from tests.support.clients import Api
from tests.support.processes import Program, free_port, wait_until
from tests.support.server import Config, OwnServers, Server
from tests.support.services import Keystone, missing, require_command

MakeApi = Callable[..., Api]
_REDIS = "redis://127.0.0.1:6379/0"


@pytest.fixture
def memcached(tmp_path: Path) -> Iterator[Program]:
    """A memcached of one's own; its port is the last word of its command."""
    port = free_port()
    command = [require_command("memcached"), "-l", "127.0.0.1", "-U", "0", "-u", "nobody"]
    program = Program([*command, "-p", str(port)], log_file=tmp_path / "memcached.log")
    program.start()
    client = pymemcache.Client(("127.0.0.1", port), timeout=5, connect_timeout=5)

    def answering() -> bool:
        with contextlib.suppress(OSError):
            return bool(client.stats())
        return False

    program.wait_for(answering)
    client.close()
    yield program
    program.stop()


@pytest.fixture(params=["redis", "memcached", "memcached_servers"])
def place(request: pytest.FixtureRequest) -> Config:
    """The options that name a cache which is there."""
    if request.param == "redis":
        _require_redis()
        return {"vitrine": {"token_cache_url": _REDIS}}
    server = f"127.0.0.1:{request.getfixturevalue('memcached').command[-1]}"
    if request.param == "memcached":
        return {"vitrine": {"token_cache_url": f"memcached://{server}"}}
    return {"keystone_authtoken": {"memcached_servers": server}}


def _require_redis() -> None:
    try:
        with redis.Redis.from_url(_REDIS, socket_timeout=5) as client:
            client.ping()
    except RedisError:
        missing("Redis")


def config(keystone: Keystone, place: Config, **more: object) -> Config:
    patience = {"http_connect_timeout": 60}  # the machine may have much else to do
    account = keystone.authtoken(**patience, **place.get("keystone_authtoken", {}), **more)
    return {**place, "keystone_authtoken": account}


def started(make_server: OwnServers, config: Config) -> Server:
    server = make_server(config, identity="keystone", workers=1)
    server.start()
    return server


@pytest.mark.parametrize("strategy", ["None", "ENCRYPT"])
def test_the_first_request_to_a_second_worker_asks_keystone_nothing(
    own_keystone: Keystone,
    make_server: OwnServers,
    make_api: MakeApi,
    place: Config,
    strategy: str,
) -> None:
    asked = config(own_keystone, place, memcache_security_strategy=strategy)
    token = own_keystone.token("demo", fresh=True)
    first = make_api(started(make_server, asked), token).get("/v2/images")
    assert first.status_code == 200
    second = started(make_server, asked)
    own_keystone.kill()
    # What was said of the token gets there a moment after the answer.
    api = make_api(second, token)
    wait_until(
        lambda: api.get("/v2/images").status_code == 200,
        what="the token to be known",
    )
    unknown = api.as_("unknown-token").get("/v2/images")
    assert unknown.status_code == 503


def test_a_revoked_token_is_refused_when_its_time_is_over_everywhere(
    own_keystone: Keystone, make_server: OwnServers, make_api: MakeApi, memcached: Program
) -> None:
    server = f"127.0.0.1:{memcached.command[-1]}"
    place: Config = {"keystone_authtoken": {"memcached_servers": server}}
    asked = config(own_keystone, place, token_cache_time=3)
    token = own_keystone.token("demo", fresh=True)
    first, second = (make_api(started(make_server, asked), token) for _ in range(2))
    assert first.get("/v2/images").status_code == 200
    own_keystone.revoke(token)
    for api in (first, second):
        wait_until(
            lambda: api.get("/v2/images").status_code == 401,  # noqa: B023 - called at once
            what="the token to be refused",
        )
        assert api.get("/v2/images").status_code == 401


def test_a_service_with_another_secret_believes_nothing_of_it(
    own_keystone: Keystone, make_server: OwnServers, make_api: MakeApi, memcached: Program
) -> None:
    server = f"127.0.0.1:{memcached.command[-1]}"
    place: Config = {"keystone_authtoken": {"memcached_servers": server}}
    token = own_keystone.token("demo", fresh=True)
    mine = config(own_keystone, place, memcache_secret_key="mine")
    theirs = config(own_keystone, place, memcache_secret_key="theirs")
    assert make_api(started(make_server, mine), token).get("/v2/images").status_code == 200
    second, other = started(make_server, mine), started(make_server, theirs)
    own_keystone.kill()
    api = make_api(second, token)
    wait_until(
        lambda: api.get("/v2/images").status_code == 200, what="the token to be known by some"
    )
    assert make_api(other, token).get("/v2/images").status_code == 503


def test_a_cache_that_is_away_is_not_missed(
    keystone: Keystone, make_server: OwnServers, make_api: MakeApi, memcached: Program
) -> None:
    server = f"127.0.0.1:{memcached.command[-1]}"
    place: Config = {"keystone_authtoken": {"memcached_servers": server}}
    served = started(make_server, config(keystone, place))
    memcached.kill()
    for user in ("demo", "alt", "admin", "demo_reader", "alt_reader"):
        api = make_api(served, keystone.token(user, fresh=True))
        assert api.get("/v2/images").status_code == 200
    assert served.log().count("The shared token cache is away") <= 1
    assert "Traceback" not in served.log()
