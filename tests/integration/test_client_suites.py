"""The functional tests that users' clients bring, run against the service and a real Keystone.

They come with the clients' packages, which `tests/integration/setup.sh` installs where nothing
else is, and are not changed. Each suite has a service of its own.
"""

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import attrs
import pytest

from tests.support.clients import Api
from tests.support.images import Images
from tests.support.processes import ROOT, environment
from tests.support.server import Config, OwnServers, Server
from tests.support.services import CACHE, HOMES, PASSWORD, REGION, Keystone, missing

_SERVICES = ROOT / "tests/integration/services"
_TAIL = 15  # lines of why a test failed

# The name of the image that there is from the beginning.
_IMAGE = "cirros"
# As whom the suites call, besides as an administrator of the whole system.
_CLOUDS = {
    "devstack-admin": "admin",
    "devstack": "demo",
    "devstack-alt": "alt",
}


@attrs.frozen(kw_only=True)
class Suite:
    """Tests of one package.

    Attributes:
        package: Where they are.
        pattern: The files that hold them.
        passed: How many pass, at least.
        waiting: Those that must fail until the service has what they need, by what follows
            the package in their ids, and what that is. They run as well, so that none of
            them stays here longer than it has to.
    """

    package: str
    pattern: str = "test_*.py"
    passed: int
    waiting: Mapping[str, str] = {}


SUITES = {
    "glanceclient": Suite(package="glanceclient.tests.functional.v2", passed=7),
    "openstackclient": Suite(
        package="openstackclient.tests.functional.image",
        passed=13,
    ),
    "sdk": Suite(
        package="openstack.tests.functional.image",
        passed=23,
    ),
    "sdk-cloud": Suite(
        package="openstack.tests.functional.cloud", pattern="test_image.py", passed=7
    ),
}


@attrs.frozen(kw_only=True)
class Result:
    """How a test of a suite ended: ``passed``, ``failed`` or ``skipped``."""

    id: str
    outcome: str
    why: str

    def __str__(self) -> str:
        why = self.why.strip().splitlines()[-_TAIL:]
        return "\n    ".join([f"{self.outcome}: {self.id}", *why])


@pytest.fixture(scope="module")
def commands() -> Path:
    """The directory of the clients' commands, and of the Python that has their tests."""
    lock = hashlib.sha256((_SERVICES / "clients.lock").read_bytes()).hexdigest()
    installed = CACHE / "clients/.installed"
    if not installed.is_file() or installed.read_text().strip() != lock:
        missing("the clients with their functional tests")
    return CACHE / "clients/bin"


@pytest.fixture(scope="module")
def catalog(commands: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keystone]:
    """A Keystone for these suites, since all clients find the service in its catalog."""
    Keystone.require()
    own = Keystone(tmp_path_factory.mktemp("catalog") / "keystone")
    own.start()
    yield own
    own.stop()


@pytest.fixture
def service(
    catalog: Keystone, make_server: OwnServers, tmp_path: Path, disk_images: Images
) -> Server:
    """A service like those that the suites are used to, in the catalog, with one image."""
    server = make_server(_config(catalog, tmp_path / "service"), identity="keystone")
    server.start()
    catalog.point_images_at(server.url)
    with Api(server.url, catalog.token("admin")) as api:
        api.active_image(
            disk_images.data("qcow2"), name=_IMAGE, disk_format="qcow2", visibility="public"
        )
    return server


def _config(keystone: Keystone, data: Path) -> Config:
    return {
        "DEFAULT": {
            "enabled_backends": "store1:file, store2:file, web:http",
            "enabled_import_methods": "[glance-direct,web-download,copy-image,glance-download]",
            "image_cache_dir": data / "cache",
            "worker_self_reference_url": "http://node.example.org:9292",
            "show_image_direct_url": "true",
            "show_multiple_locations": "true",
        },
        "glance_store": {"default_backend": "store1"},
        "store1": {"filesystem_store_datadir": data / "store1", "weight": 100},
        "store2": {"filesystem_store_datadir": data / "store2", "weight": 50},
        "keystone_authtoken": keystone.authtoken(
            service_token_roles="service", service_token_roles_required="true"
        ),
        "oslo_policy": {"enforce_scope": "true", "enforce_new_defaults": "true"},
    }


@pytest.fixture
def run(
    service: Server, catalog: Keystone, commands: Path, tmp_path: Path
) -> Callable[[Suite], list[Result]]:
    """Runs a suite against the service."""

    def call(suite: Suite) -> list[Result]:
        place = tmp_path / "run"
        place.mkdir()
        # One test uploads this file of its own source tree.
        (place / "CONTRIBUTING.rst").write_text("Contributions are welcome.\n")
        home = tmp_path / "home"
        _write_clouds(catalog, home / ".config/openstack/clouds.yaml")
        file = place / "results.json"
        script = _SERVICES / "run_suite.py"
        ran = subprocess.run(
            [commands / "python", script, file, suite.package, suite.pattern],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            cwd=place,
            env=environment(
                {
                    "HOME": str(home),
                    "XDG_CONFIG_HOME": str(home / ".config"),
                    "PATH": f"{commands}:/usr/bin:/bin",
                    "OS_GLANCECLIENT_EXEC_DIR": str(commands),
                    "OPENSTACKSDK_IMAGE": _IMAGE,
                    "PYTHONWARNINGS": "ignore",
                }
            ),
        )
        assert ran.returncode == 0, ran.stdout
        return [Result(**json.loads(line)) for line in file.read_text().splitlines()]

    return call


def _write_clouds(keystone: Keystone, file: Path) -> None:
    """Write who there is, to where all the clients look."""

    def cloud(user: str, **scope: str) -> dict[str, object]:
        auth = {
            "auth_url": keystone.url,
            "username": user,
            "password": PASSWORD,
            "user_domain_id": "default",
            **scope,
        }
        return {"auth": auth, "region_name": REGION, "image_api_version": "2"}

    clouds = {
        name: cloud(user, project_name=HOMES[user], project_domain_id="default")
        for name, user in _CLOUDS.items()
    }
    clouds["devstack-system-admin"] = cloud("admin", system_scope="all")
    file.parent.mkdir(parents=True)
    # JSON is YAML.
    file.write_text(json.dumps({"clouds": clouds}))


# Some tests start many commands one after the other, and each takes a second or more to load.
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("glanceclient", marks=pytest.mark.contract("QRK-003")),
        pytest.param("openstackclient", marks=pytest.mark.contract("QRK-004")),
        pytest.param("sdk", marks=pytest.mark.contract("QRK-004")),
        pytest.param("sdk-cloud", marks=pytest.mark.contract("QRK-004")),
    ],
)
def test_the_functional_tests_of_a_client_pass(
    name: str, run: Callable[[Suite], list[Result]]
) -> None:
    suite = SUITES[name]
    results = run(suite)
    waiting = {f"{suite.package}.{test}" for test in suite.waiting}
    failed = [one for one in results if one.outcome != "passed" and one.id not in waiting]
    assert not failed, "\n".join(map(str, failed))
    passed = {one.id for one in results if one.outcome == "passed"}
    assert not passed & waiting, "these wait no longer"
    assert waiting <= {one.id for one in results}, "these are no tests"
    assert len(passed) >= suite.passed, sorted(passed)
