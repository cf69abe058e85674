"""Fixtures for tests that need more than this process: see tests/support for what they give."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import openstack.connection
import pytest

from tests.support.ceph import Ceph, own_ceph, shared_ceph
from tests.support.cinder import Cinder, shared_cinder
from tests.support.clients import (
    Access,
    Api,
    Mode,
    OpenStack,
    glance_client,
    sdk_connection,
)
from tests.support.engines import EngineServer, EngineServers, Shelf
from tests.support.images import Images
from tests.support.server import OwnServers, Server, Servers
from tests.support.services import ENGINES, Keystone, database, shared_keystone
from tests.support.swift import Swift, shared_swift


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let openstacksdk warn of its own calls of itself, which it does at every request."""
    ignored = "ignore::openstack.warnings.RemovedInSDK50Warning"
    item.add_marker(pytest.mark.filterwarnings(ignored))


def _run_directory(factory: pytest.TempPathFactory) -> Path:
    """The directory that all processes of this run have in common."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def _run_owner() -> int:
    """The process whose end is the end of this run: with xdist, who started the workers."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


@pytest.fixture(scope="session")
def keystone(tmp_path_factory: pytest.TempPathFactory) -> Keystone:
    """A real Keystone that all tests of the run share: revoke only tokens you asked for fresh."""
    Keystone.require()
    return shared_keystone(_run_directory(tmp_path_factory) / "services", _run_owner())


@pytest.fixture
def own_keystone(tmp_path: Path) -> Iterator[Keystone]:
    """A real Keystone for this test alone, running; may be stopped, killed and started."""
    Keystone.require()
    own = Keystone(tmp_path / "keystone")
    own.start()
    yield own
    own.stop()


@pytest.fixture(scope="session")
def ceph(tmp_path_factory: pytest.TempPathFactory) -> Ceph:
    """A real Ceph that all tests of the run share: do not pause it, and use a pool of your own."""
    Ceph.require(bindings=False)
    return shared_ceph(_run_directory(tmp_path_factory) / "services", _run_owner())


@pytest.fixture
def lone_ceph(tmp_path: Path) -> Iterator[Ceph]:
    """A real Ceph for this test alone, running; may be paused and killed."""
    Ceph.require(bindings=False)
    with own_ceph(tmp_path / "ceph") as own:
        yield own


@pytest.fixture(scope="session")
def cinder(tmp_path_factory: pytest.TempPathFactory, keystone: Keystone, ceph: Ceph) -> Cinder:
    """A real Cinder that all tests of the run share: use an owner of your own."""
    Cinder.require()
    services = _run_directory(tmp_path_factory) / "services"
    return shared_cinder(services, _run_owner(), keystone, ceph)


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Swift:
    """A real Swift that all tests of the run share: use a container of your own."""
    Swift.require()
    return shared_swift(_run_directory(tmp_path_factory) / "services", _run_owner())


@pytest.fixture(scope="session")
def keystone_swift(tmp_path_factory: pytest.TempPathFactory, keystone: Keystone) -> Swift:
    """The same Swift, with the proxy that believes the shared Keystone."""
    Swift.require()
    return shared_swift(_run_directory(tmp_path_factory) / "services", _run_owner(), keystone)


@pytest.fixture
def own_swift(tmp_path: Path) -> Iterator[Swift]:
    """A real Swift for this test alone, running; its proxy may be paused, killed and started."""
    Swift.require()
    own = Swift(tmp_path / "swift")
    own.start()
    yield own
    own.stop()


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new, empty database, once for each engine; for one engine, parametrise indirectly."""
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def new_database(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Makes any number of new, empty databases of an engine that the test names."""
    with ExitStack() as stack:
        yield lambda engine: stack.enter_context(database(engine, tmp_path))


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Gives a running server for a configuration, the same one to all who ask for the same."""
    servers = Servers(tmp_path_factory.mktemp("served"))
    yield servers
    servers.stop()


@pytest.fixture(scope="module", autouse=True)
def _servers_rest(served: Servers) -> Iterator[None]:
    """Keep no more servers running than one module asks for."""
    yield
    served.rest()


@pytest.fixture
def server(served: Servers) -> Server:
    """The shared server with Vitrine's defaults and the local identity."""
    return served()


@pytest.fixture(scope="session")
def engine_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineServers]:
    """Gives a running server for a database engine, the same one to all who ask."""
    servers = EngineServers(tmp_path_factory.mktemp)
    yield servers
    servers.stop()


@pytest.fixture(params=ENGINES)
def on_every_engine(request: pytest.FixtureRequest, engine_servers: EngineServers) -> EngineServer:
    """A shared server, once for each engine. A module whose `server` it is runs on all."""
    return engine_servers(request.param)


@pytest.fixture
def shelf(on_every_engine: EngineServer, make_api: Callable[..., Api]) -> Shelf:
    """Where a test puts images on a shared server, once for each engine."""
    return Shelf(make_api(on_every_engine.server), on_every_engine.catalogue)


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[OwnServers]:
    """Makes servers for this test alone, not started; takes what `OwnServers` takes."""
    servers = OwnServers(tmp_path)
    yield servers
    servers.stop()


@pytest.fixture
def make_api() -> Iterator[Callable[[Server | str, str | None], Api]]:
    """Makes HTTP clients: of a server or URL, with a token or None."""
    with ExitStack() as stack:

        def make(where: Server | str, user: str | None = "demo") -> Api:
            return stack.enter_context(Api(where if isinstance(where, str) else where.url, user))

        yield make


@pytest.fixture
def api(server: Server) -> Iterator[Api]:
    """The user demo on the shared server; ``api.as_("admin")`` for others."""
    with Api(server.url, "demo") as client:
        yield client


@pytest.fixture
def access(request: pytest.FixtureRequest) -> Callable[..., Access]:
    """Makes an `Access`, by default as demo of the local identity on the shared server.

    With mode keystone, the shared Keystone is asked, and started if need be.
    """

    def make(
        where: Server | str | None = None,
        *,
        mode: Mode = "local",
        user: str = "demo",
        keystone: Keystone | None = None,
        catalog: bool = False,
    ) -> Access:
        place = where or request.getfixturevalue("server")
        if mode == "keystone" and keystone is None:
            keystone = request.getfixturevalue("keystone")
        return Access(
            url=place if isinstance(place, str) else place.url,
            mode=mode,
            user=user,
            keystone=keystone,
            catalog=catalog,
        )

    return make


@pytest.fixture
def glanceclient(
    access: Callable[..., Access],
) -> Callable[..., Any]:
    """Makes python-glanceclient's v2 client; takes what `access` takes."""
    return lambda *args, **kwargs: glance_client(access(*args, **kwargs))


@pytest.fixture
def sdk(
    access: Callable[..., Access],
) -> Iterator[Callable[..., openstack.connection.Connection]]:
    """Makes openstacksdk's connection; takes what `access` takes."""
    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(
            closing(sdk_connection(access(*args, **kwargs)))
        )


@pytest.fixture
def openstack_cli(access: Callable[..., Access], tmp_path: Path) -> Callable[..., OpenStack]:
    """Makes a runner of the `openstack` command; takes what `access` takes."""
    home = tmp_path / "home"
    home.mkdir()
    return lambda *args, **kwargs: OpenStack(access(*args, **kwargs), home)


@pytest.fixture(scope="session")
def disk_images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Small real disk images of every kind."""
    return Images(tmp_path_factory.mktemp("disk-images"))
