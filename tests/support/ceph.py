"""A real Ceph on loopback: one monitor, one object store daemon that keeps all in memory.

`tests/integration/setup.sh` fetches the programs and the bindings of RBD.
"""

import contextlib
import fcntl
import importlib.util
import json
import re
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from tests.support.processes import Program, answers, free_port, wait_until
from tests.support.services import missing, require_command

GIB = 1 << 30

_PROGRAMS = ("ceph", "ceph-mon", "ceph-osd", "ceph-authtool", "monmaptool", "rbd")
# Stay in a pool once they were made.
_LISTS = frozenset({"rbd_children", "rbd_directory", "rbd_info", "rbd_trash"})
_ALL = ("mon", "allow *", "osd", "allow *", "mgr", "allow *")

# What Ceph's own tools print as JSON.
Json = Any

_CONFIGURATION = """\
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{port}/0]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_msgr1 = false
ms_bind_port_min = 20000
ms_bind_port_max = 29999
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
run_dir = {directory}
admin_socket =
log_file =
log_to_stderr = true
err_to_stderr = true
keyring = {directory}/$name.keyring
mon_data_avail_warn = 2
mon_data_avail_crit = 1
mon_allow_pool_delete = true
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
# Every change of the maps would else wait a second.
paxos_propose_interval = 0.05

[mon.a]
mon_data = {directory}/mon.a

[osd.0]
osd_data = {directory}/osd.0
osd_objectstore = memstore
memstore_device_bytes = {size}
osd_op_num_shards = 2
# Who has died is missed after so many seconds; 30 would be usual, and the living speak up
# every 5.
osd_client_watch_timeout = 15

[client.rgw]
rgw_data = {directory}/rgw
rgw_thread_pool_size = 32
# What was deleted would else fill the memory for two hours.
rgw_gc_obj_min_wait = 10
rgw_gc_processor_period = 10
rgw_gc_processor_max_time = 10
"""


@attrs.frozen(kw_only=True)
class Gateway:
    """Where and as whom Ceph's S3 is reached.

    Attributes:
        url: ``http://127.0.0.1:PORT``.
    """

    url: str
    access_key: str
    secret_key: str = attrs.field(repr=False)


class Ceph:
    """A cluster of one's own, with one pool and one user who may use every pool.

    Attributes:
        directory: Its configuration, keys and logs.
        conf: The configuration, which also leads to the keys.
        pool: The pool that is there from the start.
        user: Without the ``client.`` before it.
    """

    pool = "images"
    user = "glance"

    def __init__(self, directory: Path, *, size: int = 3 * GIB, owner: int | None = None) -> None:
        """Describe a cluster in *directory*; one that is there already may run.

        Args:
            directory: Is made by `start`.
            size: Bytes that its objects may come to; memory is taken as they come.
            owner: The process whose end ends the cluster, and which alone does; by
                default the present one, which has to `stop` it.
        """
        self.directory = directory
        self.conf = directory / "ceph.conf"
        self._size = size
        self._owner = owner
        self._programs: dict[str, Program] = {}

    @staticmethod
    def require(*, bindings: bool = True) -> None:
        """Skip the test if Ceph is not here.

        Args:
            bindings: Whether the test also needs Python's own.
        """
        for program in _PROGRAMS:
            require_command(program)
        for module in ("rados", "rbd") if bindings else ():
            if importlib.util.find_spec(module) is None:
                missing(f"Ceph's Python bindings ({module})")

    # -- life

    def start(self) -> None:
        """Make and start it; return when the pool can be used."""
        self._make()
        self._start("mon", "ceph-mon", "-f", "-i", "a")
        identity = str(uuid.uuid4())
        self.ceph("osd", "new", identity, "0")
        (self.directory / "osd.0").mkdir()
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", identity)
        self.ceph("osd", "crush", "add", "osd.0", "1.0", "root=default", "host=local")
        self._wait_for_osd(self._start("osd", "ceph-osd", "-f", "-i", "0"))
        self.make_pool(self.pool)
        self.make_user(self.user)

    def stop(self) -> None:
        """End it for good; what it kept is gone."""
        for program in reversed(self._programs.values()):
            program.kill()

    def pause(self) -> None:
        """Let the daemon that keeps the objects answer nobody until `resume`."""
        self._programs["osd"].signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on from where it was."""
        osd = self._programs["osd"]
        osd.signal(signal.SIGCONT)
        # After some seconds it holds its own leases for lapsed, and nobody but itself could
        # renew them: it serves nobody until it was told that it is down.
        self.ceph("osd", "down", "0")
        self._wait_for_osd(osd)
        self._run("rbd", "--pool", self.pool, "ls")

    def kill(self) -> None:
        """Kill the whole cluster, for good: who connects is refused."""
        self.stop()

    def log(self) -> str:
        """What its daemons wrote."""
        files = sorted(self.directory.glob("*.log"))
        return "\n".join(file.read_text(errors="replace") for file in files)

    # -- use

    @property
    def fsid(self) -> str:
        """The cluster's id."""
        lines = self.conf.read_text().splitlines()
        return next(line.split()[2] for line in lines if line.startswith("fsid"))

    def ceph(self, *args: str) -> Json:
        """Run the command ``ceph`` as administrator; return what it printed, from JSON."""
        printed = self._run("ceph", "--connect-timeout", "20", "--format", "json", *args)
        return json.loads(printed) if printed.strip() else None

    def rbd(self, *args: str, pool: str | None = None) -> str:
        """Run the command ``rbd`` as `user`, in `pool` or another; return what it printed."""
        return self._run("rbd", "--id", self.user, "--pool", pool or self.pool, *args)

    def rbd_json(self, *args: str, pool: str | None = None) -> Json:
        """Run the command ``rbd`` as `rbd` does; return what it printed, from JSON."""
        return json.loads(self.rbd("--format", "json", *args, pool=pool))

    def contents(self, pool: str | None = None) -> list[str]:
        """The names of all objects in a pool, but for RBD's lists of what there is."""
        return sorted(set(self._rados(pool or self.pool, "ls").split()) - _LISTS)

    def copy_object(self, pool: str, name: str, to: str) -> None:
        """Copy an object of a pool, whatever it is."""
        file = str(self.directory / f"copy-{uuid.uuid4().hex}")
        self._rados(pool, "get", name, file)
        self._rados(pool, "put", to, file)

    def watchers(self, pool: str) -> list[str]:
        """The addresses of those who have images of a pool open."""
        heads = [name for name in self.contents(pool) if name.startswith("rbd_header.")]
        found = "".join(self._rados(pool, "listwatchers", name) for name in heads)
        return re.findall(r"watcher=(\S+)", found)

    def shut_out(self, client: str) -> None:
        """Let nobody serve a client of this address any more."""
        self.ceph("osd", "blocklist", "add", client)

    def fill(self) -> None:
        """Have the cluster find itself full; return when it does."""
        self._limit("0.0000001", "0.0000001", "0.0000001")
        wait_until(lambda: "OSD_FULL" in self._health(), what="a full cluster", timeout=60)

    def make_room(self) -> None:
        """Have it find that it has room again."""
        self._limit("0.95", "0.9", "0.85")
        wait_until(lambda: "OSD_FULL" not in self._health(), what="a cluster with room")

    def make_pool(self, name: str | None = None) -> str:
        """Make an empty pool for RBD, ready for use, and return its name."""
        name = name or f"pool-{uuid.uuid4().hex[:8]}"
        self.ceph("osd", "pool", "create", name)
        self.ceph("osd", "pool", "application", "enable", name, "rbd")
        # Answers when the pool does.
        self._run("rbd", "--pool", name, "ls")
        return name

    def make_user(self, name: str, *caps: str) -> str:
        """Make a user and its key where the configuration looks for it; return the name.

        Args:
            name: Without the ``client.``.
            caps: Service and permission in turn; by default RBD's on every pool.
        """
        granted = caps or ("mon", "profile rbd", "osd", "profile rbd", "mgr", "profile rbd")
        keyring = self.directory / f"client.{name}.keyring"
        self._run("ceph", "auth", "get-or-create", f"client.{name}", *granted, "-o", str(keyring))
        return name

    def radosgw(self) -> Gateway:
        """Start the S3 gateway, the first time; return where it is when it answers."""
        note = self.directory / "radosgw.json"
        with (self.directory / "radosgw.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if note.exists():
                return Gateway(**json.loads(note.read_text()))
            found = self._start_gateway()
            note.write_text(json.dumps(attrs.asdict(found)))
            return found

    # -- inside

    def _start(self, name: str, command: str, *args: str) -> Program:
        log = self.directory / f"{name}.log"
        program = Program([command, "-c", self.conf, *args], log_file=log, owner=self._owner)
        program.start()
        if self._owner is None:
            self._programs[name] = program
        else:
            program.release()
        return program

    def _rados(self, pool: str, *args: str) -> str:
        return self._run("rados", "--id", self.user, "--pool", pool, *args)

    def _health(self) -> Json:
        return self.ceph("health")["checks"]

    def _limit(self, full: str, backfill_full: str, nearly_full: str) -> None:
        self.ceph("osd", "set-nearfull-ratio", nearly_full)
        self.ceph("osd", "set-backfillfull-ratio", backfill_full)
        self.ceph("osd", "set-full-ratio", full)

    def _make(self) -> None:
        self.directory.mkdir(parents=True)
        port, fsid = free_port(), str(uuid.uuid4())
        text = _CONFIGURATION.format(
            fsid=fsid, port=port, directory=self.directory, size=self._size
        )
        self.conf.write_text(text)
        for name, caps in (
            ("mon.", ("mon", "allow *")),
            ("client.admin", _ALL),
            ("osd.0", ("mon", "allow profile osd", "osd", "allow *")),
        ):
            keyring = self.directory / f"{name}.keyring"
            pairs = zip(caps[::2], caps[1::2], strict=True)
            granted = [word for pair in pairs for word in ("--cap", *pair)]
            self._run("ceph-authtool", "-C", str(keyring), "--gen-key", "-n", name, *granted)
        # The monitor begins with all keys.
        keys = self.directory / "mon.a.keyring"
        parts = ("mon.", "client.admin", "osd.0")
        texts = [(self.directory / f"{part}.keyring").read_text() for part in parts]
        keys.write_text("".join(texts))
        address = f"[v2:127.0.0.1:{port}]"
        monmap = str(self.directory / "monmap")
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, monmap)
        (self.directory / "mon.a").mkdir()
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", str(keys))

    def _wait_for_osd(self, program: Program) -> None:
        def up() -> bool:
            assert program.pids(), program.log(last=40)
            return bool(self.ceph("osd", "stat")["num_up_osds"])

        wait_until(up, what="the object store daemon", timeout=60)

    def _start_gateway(self) -> Gateway:
        require_command("radosgw")
        port = free_port()
        self.make_user("rgw", "mon", "allow rw", "osd", "allow rwx")
        (self.directory / "rgw").mkdir(exist_ok=True)
        where = f"--rgw-frontends=beast endpoint=127.0.0.1:{port}"
        self._start("rgw", "radosgw", "-f", "-n", "client.rgw", where)
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(url), what="the S3 gateway", timeout=120)
        found = Gateway(url=url, access_key="loopback", secret_key="loopback-only")
        command = ["radosgw-admin", "-n", "client.rgw", "user", "create", "--uid", "glance"]
        command += ["--display-name", "glance", "--access-key", found.access_key]
        self._run(*command, "--secret-key", found.secret_key)
        return found

    def _run(self, *command: str) -> str:
        """Run one of Ceph's programs with this configuration; return what it printed."""
        program, *args = command
        plain = {"ceph-authtool", "monmaptool"}
        if program not in plain:
            args = ["-c", str(self.conf), *args]
        ran = subprocess.run(
            [program, *args], check=False, capture_output=True, text=True, timeout=120
        )
        if ran.returncode:
            raise AssertionError(f"{' '.join(command)}: {ran.returncode}: {ran.stderr}")
        return ran.stdout


def shared_ceph(directory: Path, owner: int) -> Ceph:
    """The one Ceph of a test run, started by whoever asks first.

    Args:
        directory: The same for all processes of the run, and for no other run.
        owner: The process whose end is the end of the run.
    """
    directory.mkdir(parents=True, exist_ok=True)
    note = directory / "ceph.started"
    with (directory / "ceph.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ceph = Ceph(directory / "ceph", owner=owner)
        if not note.exists():
            ceph.start()
            note.touch()
        return ceph


@contextlib.contextmanager
def own_ceph(directory: Path, *, size: int = 3 * GIB) -> Iterator[Ceph]:
    """A running cluster for as long as the context lasts."""
    ceph = Ceph(directory, size=size)
    try:
        ceph.start()
        yield ceph
    finally:
        ceph.stop()
