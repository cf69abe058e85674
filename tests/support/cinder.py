"""A real Cinder on loopback that keeps its volumes in a Ceph and believes a Keystone.

`tests/integration/setup.sh` fetches it, and prepares the database that each one copies.
"""

import fcntl
import json
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import requests

from tests.support.ceph import Ceph
from tests.support.processes import Program, answers, free_port
from tests.support.services import CACHE, PASSWORD, Keystone, missing

Json = Any

_LAUNCHER = Path(__file__).resolve().parents[1] / "integration/services/cinder_all.py"
_TYPE = "volumev3"
MULTIATTACH = "multiattach"
_CONFIGURATION = """\
[DEFAULT]
# Its three parts are threads of one process, which need no broker between them.
transport_url = fake://
auth_strategy = keystone
enabled_backends = ceph
host = loopback
state_path = {directory}
log_file = {directory}/cinder.log
osapi_volume_listen = 127.0.0.1
osapi_volume_listen_port = {port}
my_ip = 127.0.0.1
api_paste_config = {etc}/api-paste.ini
resource_query_filters_file = {etc}/resource_filters.json
scheduler_driver_init_wait_time = 1
quota_volumes = -1
quota_gigabytes = -1
[database]
connection = sqlite:///{directory}/cinder.sqlite
[keystone_authtoken]
{authtoken}
[oslo_concurrency]
lock_path = {directory}
[ceph]
volume_driver = cinder.volume.drivers.rbd.RBDDriver
volume_backend_name = ceph
rbd_pool = {pool}
rbd_ceph_conf = {ceph}
# Whoever waits for an image that is in use waits elsewhere.
rados_connection_retries = 1
rados_connection_interval = 1
# Without a user it is Ceph's administrator, on both sides. For any other, os-brick looks for a
# key in /etc and nowhere else; that one's is found by the variables of `Cinder.environment`.
"""


@attrs.frozen(kw_only=True)
class Owner:
    """Whose volumes they are: a user in a project, both by name, in the domain Default."""

    project: str
    user: str

    def options(self, keystone: Keystone) -> dict[str, object]:
        """The options of a store whose volumes all belong to this owner."""
        return {
            "cinder_store_auth_address": keystone.url,
            "cinder_store_user_name": self.user,
            "cinder_store_password": PASSWORD,
            "cinder_store_project_name": self.project,
        }


ADMIN = Owner(project="admin", user="admin")


class Cinder:
    """A Cinder of one's own. Everybody in Keystone may use it.

    Attributes:
        directory: Its database, configuration and logs.
        url: Without a slash at the end; a project's part begins below ``/v3``.
        pool: Where in Ceph the volumes are.
    """

    def __init__(
        self,
        directory: Path,
        keystone: Keystone,
        ceph: Ceph,
        *,
        port: int | None = None,
        listed: bool = True,
    ) -> None:
        """Describe a Cinder in *directory*.

        Args:
            directory: Is made by `start`.
            keystone: Whom it believes.
            ceph: Where the volumes are.
            port: Where it listens, if it runs already.
            listed: Whether it enters Keystone's catalogue.
        """
        self.directory = directory
        self.keystone = keystone
        self.ceph = ceph
        self.pool = "volumes"
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._listed = listed
        self._program: Program | None = None

    @staticmethod
    def require() -> None:
        """Skip the test if Cinder was not installed by setup.sh."""
        if not (CACHE / "cinder-template" / "made-by").is_file():
            missing("Cinder")
        Ceph.require()

    # -- life

    def start(self, *, owner: int | None = None) -> None:
        """Start it, on a new database the first time; return when it makes volumes.

        Args:
            owner: The process whose end ends Cinder; by default the present one.
        """
        new = not self.directory.exists()
        if new:
            self._prepare()
        command = [CACHE / "cinder/bin/python", _LAUNCHER, self.directory / "cinder.conf"]
        env = {"PYTHONWARNINGS": "ignore"}
        self._program = Program(
            command, log_file=self.directory / "output.log", env=env, owner=owner
        )
        self._program.start()
        self._program.wait_for(lambda: answers(self.url), timeout=120)
        self._program.wait_for(self._takes_volumes, timeout=60)
        if new:
            self._make_type()

    def stop(self) -> None:
        """Stop it; `start` continues with the same volumes and port."""
        self._running().kill()

    def pause(self) -> None:
        """Let it answer nobody until `resume`."""
        self._running().signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on from where it was."""
        self._running().signal(signal.SIGCONT)

    def release(self) -> None:
        """Leave it running until its owner ends."""
        self._running().release()

    def log(self) -> str:
        """What it wrote."""
        files = [self.directory / "output.log", self.directory / "cinder.log"]
        return "\n".join(file.read_text(errors="replace") for file in files if file.exists())

    # -- use

    @property
    def environment(self) -> Mapping[str, str]:
        """What a program needs in its environment to reach the volumes in Ceph."""
        return {"CEPH_KEYRING": str(self.ceph.directory / "client.admin.keyring")}

    def endpoint(self, project: str = "%(project_id)s") -> str:
        """Its URL for a project, given by id."""
        return f"{self.url}/v3/{project}"

    def make_owner(self) -> Owner:
        """Make a project, and a user in it, who has no volumes yet."""
        project = self.keystone.make_project()
        return Owner(project=project, user=self.keystone.make_user(project))

    def volumes(self, owner: Owner = ADMIN, *, everywhere: bool = False) -> list[Json]:
        """All volumes of a project, or of all projects."""
        path = f"/volumes/detail{'?all_tenants=1' if everywhere else ''}"
        found: list[Json] = self.call("GET", path, owner=owner)["volumes"]
        return found

    def images(self) -> list[str]:
        """The names of all that Ceph has in the pool of volumes."""
        command = ["rbd", "-c", str(self.ceph.conf), "--pool", self.pool, "ls"]
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
        return ran.stdout.split()

    def set_quota(self, owner: Owner, **limits: int) -> None:
        """Limit what a project may have of ``volumes`` and ``gigabytes``."""
        project = self.keystone.project_id(owner.project)
        self.call("PUT", f"/os-quota-sets/{project}", {"quota_set": limits})

    def call(self, method: str, path: str, body: object = None, *, owner: Owner = ADMIN) -> Json:
        """Call the volume API in the project of *owner*; return the answer's body.

        Raises:
            AssertionError: The answer was not a 2xx.
        """
        token = self.keystone.token(owner.user, project=owner.project)
        headers = {"X-Auth-Token": token, "OpenStack-API-Version": "volume 3.71"}
        url = self.endpoint(self.keystone.project_id(owner.project)) + path
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, url, json=body, headers=headers, timeout=60)
        if not answer.ok:
            raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    # -- inside

    def _running(self) -> Program:
        if self._program is None:
            raise AssertionError("this Cinder was not started by this process")
        return self._program

    def _prepare(self) -> None:
        # Each has a name of its own for what it makes, so that several may share the pool.
        if self.pool not in self.ceph.ceph("osd", "pool", "ls"):
            self.ceph.make_pool(self.pool)
        self.directory.mkdir(parents=True)
        shutil.copy(CACHE / "cinder-template/cinder.sqlite", self.directory)
        authtoken = self.keystone.authtoken(service_token_roles_required=True)
        text = _CONFIGURATION.format(
            directory=self.directory,
            port=self.port,
            etc=CACHE / "cinder/etc/cinder",
            authtoken="\n".join(f"{name} = {value}" for name, value in authtoken.items()),
            pool=self.pool,
            ceph=self.ceph.conf,
        )
        (self.directory / "cinder.conf").write_text(text)
        if self._listed:
            self.keystone.enter(_TYPE, "cinderv3", self.endpoint())

    def _takes_volumes(self) -> bool:
        services = self.call("GET", "/os-services")["services"]
        up = {each["binary"] for each in services if each["state"] == "up"}
        return {"cinder-scheduler", "cinder-volume"} <= up

    def _make_type(self) -> None:
        fields: Json = {"name": MULTIATTACH, "extra_specs": {"multiattach": "<is> True"}}
        self.call("POST", "/types", {"volume_type": fields})


def shared_cinder(directory: Path, owner: int, keystone: Keystone, ceph: Ceph) -> Cinder:
    """The one Cinder of a test run, started by whoever asks first.

    Args:
        directory: The same for all processes of the run, and for no other run.
        owner: The process whose end is the end of the run.
        keystone: The run's.
        ceph: The run's.
    """
    directory.mkdir(parents=True, exist_ok=True)
    note = directory / "cinder.json"
    with (directory / "cinder.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if note.exists():
            port = json.loads(note.read_text())["port"]
            return Cinder(directory / "cinder", keystone, ceph, port=port)
        cinder = Cinder(directory / "cinder", keystone, ceph)
        cinder.start(owner=owner)
        cinder.release()
        note.write_text(json.dumps({"port": cinder.port}))
        return cinder
