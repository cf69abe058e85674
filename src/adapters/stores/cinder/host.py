"""This machine as one that volumes can be attached to; the only module that knows os-brick."""

import contextlib
import logging
import os
import shlex
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import os_brick
import os_brick.privileged
import os_brick.privileged.rootwrap
from os_brick.initiator import connector
from oslo_config import cfg
from oslo_privsep import priv_context
from oslo_utils import netutils

from vitrine.adapters.stores.cinder.devices import Device, FileDevice, Machine, RbdDevice
from vitrine.core import errors

_log: Final = logging.getLogger(__name__)

# File systems that hold volumes as files, and are mounted below a directory of their own.
_MOUNTED: Final = frozenset({"nfs", "glusterfs", "scality", "quobyte", "vzstorage"})
_RAW: Final = frozenset({None, "raw"})

# Without these whoever uses an image waits for its cluster for ever. Seconds.
_CEPH: Final = "rados_osd_op_timeout = 60\nrados_mon_op_timeout = 30\nclient_mount_timeout = 30\n"

_setting_up: Final = threading.Lock()


@attrs.frozen(kw_only=True)
class Ways:
    """How volumes are attached.

    Attributes:
        rootwrap_config: The rules of the helper that works as root.
        use_multipath: Whether several paths to a volume are used together.
        enforce_multipath: Whether that must work.
        mount_point_base: Where file systems with volumes are mounted.
        lock_directory: Where processes of this machine wait for each other.
    """

    rootwrap_config: str
    use_multipath: bool
    enforce_multipath: bool
    mount_point_base: str
    lock_directory: Path


class Host(Machine):
    """This machine, by way of os-brick."""

    def __init__(self, ways: Ways) -> None:
        """Do nothing yet: what is done here belongs to the process that attaches."""
        self._ways = ways
        self._helper = "" if os.geteuid() == 0 else _helper(ways.rootwrap_config)
        self._properties: Mapping[str, object] | None = None
        self._lock = threading.Lock()

    def properties(self) -> Mapping[str, object]:
        with self._lock:
            found = self._properties
            if found is None:
                self._set_up()
                with _translated("learn how this machine attaches volumes"):
                    found = connector.get_connector_properties(
                        self._helper,
                        netutils.get_my_ipv4(),
                        self._ways.use_multipath,
                        self._ways.enforce_multipath,
                        host=socket.gethostname(),
                    )
                self._properties = found
            return found

    def open(self, info: dict[str, Any], *, writable: bool, is_alone: Callable[[], bool]) -> Device:
        if info.get("encrypted") or info.get("format") not in _RAW:
            _log.error("A volume is encrypted or in a format of its own: its type fits no images.")
            raise errors.StoreUnavailable
        with _translated("attach a volume"):
            info = _completed(info)
            brick = self._connector(info)
            device = brick.connect_volume(info)
        found = device["path"]
        common = isinstance(found, str | bytes)

        def disconnect() -> None:
            with _translated("detach a volume"):
                brick.disconnect_volume(info, device)

        try:
            if not common:
                return RbdDevice(found, disconnect)
            return self._file(os.fsdecode(found), disconnect, writable=writable)
        except BaseException:
            with contextlib.suppress(errors.VitrineError):
                if not common or is_alone():
                    disconnect()
            raise

    def extended(self, info: dict[str, Any]) -> None:
        with _translated("see the new size of a volume"):
            info = _completed(info)
            self._connector(info).extend_volume(info)

    def _connector(self, info: Mapping[str, Any]) -> Any:  # noqa: ANN401 - os-brick's
        kind = info["driver_volume_type"]
        base = {f"{kind}_mount_point_base": f"{self._ways.mount_point_base}/{kind}"}
        mounted = base if kind in _MOUNTED else {}
        return connector.InitiatorConnector.factory(
            kind,
            self._helper,
            use_multipath=self._ways.use_multipath,
            **{"do_local_attach": False, "conn": info, **mounted},
        )

    def _file(self, path: str, release: Callable[[], None], *, writable: bool) -> Device:
        wanted = os.R_OK | (os.W_OK if writable else 0)
        if os.access(path, wanted):
            return self._opened(path, release, writable=writable)
        owner = str(Path(path).stat().st_uid)

        def give_back() -> None:
            with contextlib.suppress(errors.StoreUnavailable):
                self._chown(owner, path)
            release()

        self._chown(str(os.getuid()), path)
        return self._opened(path, give_back, writable=writable)

    def _opened(self, path: str, release: Callable[[], None], *, writable: bool) -> Device:
        try:
            return FileDevice(path, writable=writable, release=release)
        except OSError as error:
            _log.warning("An attached volume cannot be opened: errno %s.", error.errno)
            raise errors.StoreUnavailable from None

    def _chown(self, owner: str, path: str) -> None:
        with _translated("own the device of a volume"):
            os_brick.privileged.rootwrap.execute("chown", owner, path, run_as_root=True)

    def _set_up(self) -> None:
        """Tell os-brick, which has one configuration for a process, how it works here."""
        with _setting_up:
            self._ways.lock_directory.mkdir(parents=True, exist_ok=True)
            os_brick.setup(cfg.CONF)
            cfg.CONF.set_override("lock_path", str(self._ways.lock_directory), "os_brick")
            if self._helper:
                priv_context.init(root_helper=shlex.split(self._helper))
                return
            # Root needs nobody's help, and the program is the one that came with the library.
            beside = Path(sys.executable).parent / "privsep-helper"
            program = beside if beside.exists() else shutil.which(beside.name) or beside.name
            cfg.CONF.set_override("helper_command", str(program), "privsep_osbrick")


def _helper(rootwrap_config: str) -> str:
    # The customary wrapper comes with Glance; without it sudo's own rules decide.
    wrapped = shutil.which("glance-rootwrap") is not None
    return f"sudo glance-rootwrap {rootwrap_config}" if wrapped else "sudo"


def _completed(info: dict[str, Any]) -> dict[str, Any]:
    """Return what os-brick needs to know of a connection besides what Cinder says."""
    if info["driver_volume_type"] != "rbd" or info.get("keyring"):
        return info
    # os-brick would look for the key at the same place; what is said here, it adds to the
    # configuration that it makes for Ceph's library.
    user = info["auth_username"]
    keyring = f"/etc/ceph/{info['cluster_name']}.client.{user}.keyring"
    return {**info, "keyring": _CEPH + (Path(keyring).read_text() if user else "")}


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except errors.VitrineError:
        raise
    except Exception as error:  # noqa: BLE001 - os-brick, its helper and its programs raise what they like
        # What they say names hosts and paths.
        _log.warning("This machine could not %s: %s.", what, type(error).__name__)
        raise errors.StoreUnavailable from None
