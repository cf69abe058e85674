"""A real Swift on this machine, whose proxy also speaks S3.

Everything it stores is in memory and goes with it.
"""

import fcntl
import json
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path

import attrs
import requests

from tests.support.processes import Program, answers, free_port
from tests.support.services import CACHE, Json, Keystone, missing, require_command

_STORAGE = Path(__file__).resolve().parents[1] / "integration/services/swift_storage.py"
_SERVERS = ("account", "container", "object")
_MIDDLEWARE = (
    "catch_errors gatekeeper healthcheck proxy-logging {before} listing_formats bulk {auth} "
    "copy container-quotas account-quotas slo dlo proxy-logging proxy-server"
)
_FILTERS = {
    "catch_errors": "catch_errors",
    "gatekeeper": "gatekeeper",
    "healthcheck": "healthcheck",
    "proxy-logging": "proxy_logging",
    "listing_formats": "listing_formats",
    "bulk": "bulk",
    "copy": "copy",
    "slo": "slo",
    "dlo": "dlo",
    "account-quotas": "account_quotas",
    "container-quotas": "container_quotas",
}


@attrs.frozen(kw_only=True)
class _Ports:
    """Where everything listens on 127.0.0.1."""

    proxy: int = attrs.field(factory=free_port)
    keystone_proxy: int = attrs.field(factory=free_port)
    account: int = attrs.field(factory=free_port)
    container: int = attrs.field(factory=free_port)
    object: int = attrs.field(factory=free_port)
    memcached: int = attrs.field(factory=free_port)


class Swift:
    """A Swift of one node, with one account for v1 authentication and one proxy.

    Attributes:
        user: ``ACCOUNT:USER``, who may do everything in its account.
        key: Its password.
        admin: ``ACCOUNT:USER`` of whoever may do everything in every account.
        admin_key: Its password.
        s3_access_key: What S3 clients call themselves.
        s3_secret_key: And their secret.
        s3_region: The only location that new buckets can have.
        directory: Its configuration and logs.
    """

    user = "glance:glance"
    key = "glance-secret"
    admin = "admin:admin"
    admin_key = "admin-secret"
    s3_access_key = user
    s3_secret_key = key
    s3_region = "us-east-1"

    def __init__(self, directory: Path, *, ports: _Ports | None = None) -> None:
        """Describe a Swift in *directory*; one that runs there already if *ports* are given."""
        self.directory = directory
        self._ports = ports or _Ports()
        self._programs: dict[str, Program] = {}

    @staticmethod
    def require() -> None:
        """Skip the test if Swift was not installed by setup.sh."""
        if not (CACHE / "swift/.installed").is_file():
            missing("Swift")
        require_command("memcached")

    @property
    def url(self) -> str:
        """Of the proxy, for v1 authentication and S3."""
        return f"http://127.0.0.1:{self._ports.proxy}"

    @property
    def auth_url(self) -> str:
        """For v1 authentication."""
        return f"{self.url}/auth/v1.0"

    @property
    def storage_url(self) -> str:
        """What v1 authentication gives for the account of `user`."""
        return f"{self.url}/v1/AUTH_{self.user.partition(':')[0]}"

    @property
    def s3_url(self) -> str:
        """For S3, with the bucket in the path."""
        return self.url

    @property
    def keystone_url(self) -> str:
        """Of the proxy that believes Keystone."""
        return f"http://127.0.0.1:{self._ports.keystone_proxy}"

    # -- life

    def start(self, *, owner: int | None = None) -> None:
        """Start all but the proxy for Keystone; return when it answers.

        Args:
            owner: The process whose end ends it; by default the present one.
        """
        if not self.directory.exists():
            self._configure()
        command: list[str | Path] = [CACHE / "swift/bin/python", _STORAGE, self.directory]
        storage = self._program("storage", command, owner)
        storage.start()
        ports = (self._ports.account, self._ports.container, self._ports.object)
        urls = [f"http://127.0.0.1:{port}/healthcheck" for port in ports]
        storage.wait_for(lambda: all(answers(url) for url in urls))
        self.start_proxy(owner=owner)

    def start_proxy(self, *, owner: int | None = None) -> None:
        """Start the proxy, for the first time or again; return when it answers."""
        self._start_proxy("proxy", self.url, owner)

    def start_keystone(self, keystone: Keystone, *, owner: int | None = None) -> None:
        """Start a second proxy that believes *keystone*, whose catalog then has it.

        Members of a project may do everything in its account, and the role service may
        in all accounts.
        """
        path = self.directory / "keystone-proxy.conf"
        if not path.exists():
            validator = keystone.make_user("service", ("service",))
            path.write_text(self._keystone_proxy(keystone, validator))
            url = f"{self.keystone_url}/v1/AUTH_%(project_id)s"
            keystone.enter("object-store", "swift", url)
        self._start_proxy("keystone-proxy", self.keystone_url, owner)

    def kill_proxy(self) -> None:
        """Kill the proxy; `start_proxy` continues."""
        self._programs["proxy"].kill()

    def pause_proxy(self) -> None:
        """Let the proxy take connections and answer none, until `resume_proxy`."""
        self._programs["proxy"].signal(signal.SIGSTOP)

    def resume_proxy(self) -> None:
        """Let the proxy go on."""
        self._programs["proxy"].signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it, with all that was stored."""
        for name, program in list(self._programs.items()):
            if name != "storage":
                program.kill()
        self._programs["storage"].stop()
        shutil.rmtree(self._devices, ignore_errors=True)

    def release(self) -> None:
        """Leave it running until its owner ends."""
        for program in self._programs.values():
            program.release()

    def log(self) -> str:
        """What all its programs wrote."""
        return "\n".join(
            f"--- {file.name}\n{file.read_text(errors='replace')}"
            for file in sorted(self.directory.glob("*.log"))
        )

    # -- for those who look from outside

    def token(self, user: str | None = None, key: str | None = None) -> str:
        """A token of v1 authentication, by default of `user`."""
        headers = {"X-Auth-User": user or self.user, "X-Auth-Key": key or self.key}
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(self.auth_url, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.headers["X-Auth-Token"]

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        storage_url: str | None = None,
    ) -> requests.Response:
        """Call the storage API below the account, by default that of `user`."""
        sent = {"X-Auth-Token": token or self.token(), **(headers or {})}
        url = f"{storage_url or self.storage_url}{path}"
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, url, headers=sent, data=body, timeout=60)

    def names(
        self, container: str, *, token: str | None = None, storage_url: str | None = None
    ) -> list[str]:
        """The names of all objects in a container, none if there is no such container."""
        answer = self.call("GET", f"/{container}", token=token, storage_url=storage_url)
        if answer.status_code == requests.codes.not_found:
            return []
        answer.raise_for_status()
        return answer.text.split("\n")[:-1]

    # -- inside

    @property
    def _devices(self) -> Path:
        return Path(json.loads((self.directory / "storage.json").read_text())["devices"])

    def _program(self, name: str, command: Sequence[str | Path], owner: int | None) -> Program:
        log = self.directory / f"{name}.log"
        self._programs[name] = Program(command, log_file=log, owner=owner)
        return self._programs[name]

    def _start_proxy(self, name: str, url: str, owner: int | None) -> None:
        config = self.directory / f"{name}.conf"
        program = CACHE / "swift/bin/swift-proxy-server"
        command: list[str | Path] = [program, config, "verbose"]
        proxy = self._program(name, command, owner)
        proxy.start()
        proxy.wait_for(lambda: answers(f"{url}/healthcheck"))

    def _configure(self) -> None:
        self.directory.mkdir(parents=True)
        # On other file systems there may be little room for what describes an object.
        memory = Path("/dev/shm")  # noqa: S108 - a directory of its own is made in it
        parent = memory if os.access(memory, os.W_OK) else self.directory
        devices = tempfile.mkdtemp(prefix="vitrine-test-swift-", dir=parent)
        ports = attrs.asdict(self._ports)
        limits = ["-m", "64", "-U", "0"]
        where = ["-l", "127.0.0.1", "-p", str(self._ports.memcached)]
        plan = {
            "devices": devices,
            "ports": ports,
            "memcached": require_command("memcached"),
            "memcached_arguments": [*limits, *where, *(["-u", "root"] * (os.getuid() == 0))],
        }
        (self.directory / "storage.json").write_text(json.dumps(plan))
        secrets = {"swift_hash_path_prefix": "vitrine", "swift_hash_path_suffix": "tests"}
        policy = {"name": "one", "default": "yes"}
        (self.directory / "swift.conf").write_text(
            _ini({"swift-hash": secrets, "storage-policy:0": policy})
        )
        for server in _SERVERS:
            sections = {
                "DEFAULT": {
                    **self._served(ports[server]),
                    "devices": devices,
                    "mount_check": "false",
                    "fallocate_reserve": "0",
                },
                "pipeline:main": {"pipeline": f"healthcheck {server}-server"},
                f"app:{server}-server": {"use": f"egg:swift#{server}"},
                "filter:healthcheck": {"use": "egg:swift#healthcheck"},
            }
            (self.directory / f"{server}-server.conf").write_text(_ini(sections))
        (self.directory / "proxy.conf").write_text(
            self._proxy(
                self._ports.proxy,
                {
                    "s3api": {
                        "use": "egg:swift#s3api",
                        "s3_acl": "false",
                        "location": self.s3_region,
                        "dns_compliant_bucket_names": "true",
                    },
                    "tempauth": {
                        "use": "egg:swift#tempauth",
                        _user(self.user): f"{self.key} .admin",
                        _user(self.admin): f"{self.admin_key} .admin .reseller_admin",
                    },
                },
            )
        )

    def _keystone_proxy(self, keystone: Keystone, validator: str) -> str:
        return self._proxy(
            self._ports.keystone_proxy,
            {
                "authtoken": {
                    "paste.filter_factory": "keystonemiddleware.auth_token:filter_factory",
                    **keystone.authtoken(username=validator),
                    "delay_auth_decision": "true",
                    # A revoked token is refused at once.
                    "token_cache_time": "-1",
                },
                "keystoneauth": {
                    "use": "egg:swift#keystoneauth",
                    "operator_roles": "admin, member, swiftoperator",
                    "reseller_admin_role": "service",
                },
            },
            # So it always knows how much there is in a container, and what its quota is.
            cached=False,
        )

    def _proxy(self, port: int, auth: dict[str, dict[str, str]], *, cached: bool = True) -> str:
        sections = {
            "DEFAULT": self._served(port),
            "pipeline:main": {
                "pipeline": _MIDDLEWARE.format(before="cache" * cached, auth=" ".join(auth))
            },
            "app:proxy-server": {
                "use": "egg:swift#proxy",
                "account_autocreate": "true",
                "allow_account_management": "true",
                # The only node is never left out for having been full once.
                "error_suppression_interval": "1",
                "error_suppression_limit": "1000",
            },
            "filter:cache": {
                "use": "egg:swift#memcache",
                "memcache_servers": f"127.0.0.1:{self._ports.memcached}",
            },
        }
        for name, egg in _FILTERS.items():
            sections[f"filter:{name}"] = {"use": f"egg:swift#{egg}"}
        # Readers of many small segments are slowed down otherwise.
        sections["filter:slo"]["rate_limit_under_size"] = "0"
        sections["filter:dlo"]["rate_limit_segments_per_sec"] = "100000"
        for name, options in auth.items():
            sections[f"filter:{name}"] = options
        return _ini(sections)

    def _served(self, port: int) -> dict[str, str]:
        return {
            "bind_ip": "127.0.0.1",
            "bind_port": str(port),
            "workers": "0",
            "user": _me(),
            "swift_dir": str(self.directory),
        }


def _me() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def _user(name: str) -> str:
    return "user_" + name.replace(":", "_")


def _ini(sections: Json) -> str:
    lines: list[str] = []
    for section, options in sections.items():
        lines.append(f"[{section}]")
        lines.extend(f"{name} = {value}" for name, value in options.items())
    return "\n".join(lines) + "\n"


def shared_swift(directory: Path, owner: int, keystone: Keystone | None = None) -> Swift:
    """The one Swift of a test run, started by whoever asks first. Others must not pause it.

    Args:
        directory: The same for all processes of the run, and for no other run.
        owner: The process whose end is the end of the run.
        keystone: The shared one, for whoever needs the second proxy.
    """
    directory.mkdir(parents=True, exist_ok=True)
    note = directory / "swift.json"
    known_to_keystone = directory / "swift-keystone"
    with (directory / "swift.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if note.exists():
            swift = Swift(directory / "swift", ports=_Ports(**json.loads(note.read_text())))
        else:
            swift = Swift(directory / "swift")
            swift.start(owner=owner)
            swift.release()
            note.write_text(json.dumps(attrs.asdict(swift._ports)))
        if keystone is not None and not known_to_keystone.exists():
            swift.start_keystone(keystone, owner=owner)
            swift.release()
            known_to_keystone.touch()
        return swift
