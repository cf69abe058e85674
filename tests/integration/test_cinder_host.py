"""This machine as one that volumes of Cinder are attached to, by way of os-brick."""

import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.ceph import Ceph
from vitrine.adapters.stores.cinder.devices import Device, Machine
from vitrine.core import errors
from vitrine.testing.stores import MIB, patterned


@pytest.fixture
def host() -> ModuleType:
    """The module."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from vitrine.adapters.stores.cinder import host  # noqa: PLC0415 - it warns

    return host


@pytest.fixture
def machine(host: ModuleType, tmp_path: Path) -> Machine:
    ways = host.Ways(
        rootwrap_config="/etc/glance/rootwrap.conf",
        use_multipath=False,
        enforce_multipath=False,
        mount_point_base=str(tmp_path / "mnt"),
        lock_directory=tmp_path / "locks",
    )
    made: Machine = host.Host(ways)
    return made


class Brick:
    """A connector of os-brick that finds a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.calls: list[str] = []
        self.fails: str | None = None

    def factory(self, protocol: str, root_helper: str, **options: Any) -> "Brick":  # noqa: ANN401 - os-brick's
        self.asked.append((protocol, options))
        return self

    def connect_volume(self, info: dict[str, Any]) -> dict[str, Any]:
        self._call("connect")
        return {"path": str(self.path)}

    def disconnect_volume(self, info: dict[str, Any], device: dict[str, Any]) -> None:
        self._call("disconnect")

    def extend_volume(self, info: dict[str, Any]) -> int:
        self._call("extend")
        return 0

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name == self.fails:
            raise OSError(5, "no device", "/dev/secret")


@pytest.fixture
def brick(host: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Brick:
    path = tmp_path / "volume"
    path.write_bytes(bytes(MIB))
    brick = Brick(path)
    monkeypatch.setattr(host.connector.InitiatorConnector, "factory", brick.factory)
    return brick


def alone() -> bool:
    return True


def in_company() -> bool:
    return False


def unknown() -> bool:
    raise errors.StoreUnavailable


ISCSI = {"driver_volume_type": "iscsi"}
NFS = {"driver_volume_type": "nfs", "export": "10.0.0.1:/volumes", "name": "v", "format": "raw"}


@pytest.mark.parametrize("info", [ISCSI, NFS], ids=["iscsi", "nfs"])
def test_what_os_brick_finds_is_written_read_and_let_go_of(
    machine: Machine,
    brick: Brick,
    tmp_path: Path,
    info: dict[str, Any],
) -> None:
    device = machine.open(info, writable=True, is_alone=alone)
    assert device.common
    device.write(5, b"data")
    device.flush()
    assert device.read(4, 6) == b"\0data\0"
    machine.extended(info)
    device.close()
    device.disconnect()
    assert brick.calls == ["connect", "extend", "disconnect"]
    protocol, options = brick.asked[0]
    assert protocol == info["driver_volume_type"]
    assert options["conn"] == info
    mounted = options.get("nfs_mount_point_base")
    assert mounted == (f"{tmp_path}/mnt/nfs" if protocol == "nfs" else None)


def test_a_device_that_others_here_use_is_not_disconnected(machine: Machine, brick: Brick) -> None:
    machine.open(ISCSI, writable=False, is_alone=in_company).close()
    assert brick.calls == ["connect"]


@pytest.mark.parametrize(
    "info", [{**NFS, "format": "qcow2"}, {**ISCSI, "encrypted": True}], ids=["qcow2", "encrypted"]
)
def test_volumes_whose_bytes_would_not_be_the_image_s_are_refused(
    machine: Machine,
    brick: Brick,
    info: dict[str, Any],
) -> None:
    with pytest.raises(errors.StoreUnavailable):
        machine.open(info, writable=True, is_alone=alone)
    assert brick.calls == []


def test_what_cannot_be_opened_is_disconnected(machine: Machine, brick: Brick) -> None:
    brick.path = brick.path.parent
    with pytest.raises(errors.StoreUnavailable):
        machine.open(ISCSI, writable=True, is_alone=alone)
    assert brick.calls == ["connect", "disconnect"]


@pytest.mark.parametrize("is_alone", [in_company, unknown])
def test_what_cannot_be_opened_stays_where_others_here_use_it_or_might(
    machine: Machine, brick: Brick, is_alone: Callable[[], bool]
) -> None:
    brick.path = brick.path.parent
    with pytest.raises(errors.StoreUnavailable):
        machine.open(ISCSI, writable=True, is_alone=is_alone)
    assert brick.calls == ["connect"]


@pytest.mark.parametrize("step", ["connect", "extend", "disconnect"])
def test_what_os_brick_cannot_do_makes_the_store_unavailable_and_names_nothing(
    machine: Machine,
    brick: Brick,
    caplog: pytest.LogCaptureFixture,
    step: str,
) -> None:
    brick.fails = step

    def use() -> None:
        device = machine.open(ISCSI, writable=True, is_alone=alone)
        try:
            machine.extended(ISCSI)
        finally:
            device.close()
            device.disconnect()

    with pytest.raises(errors.StoreUnavailable):
        use()
    assert "OSError" in caplog.text
    assert "/dev/secret" not in caplog.text


# --- Ceph ----------------------------------------------------------------------------


@pytest.fixture
def image(
    lone_ceph: Ceph, host: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """What Cinder says of an image in a Ceph that may be paused."""
    Ceph.require()
    short = host._CEPH.replace("= 60", "= 3").replace("= 30", "= 3")
    monkeypatch.setattr(host, "_CEPH", short)
    lone_ceph.rbd("create", "volume", "--size", "16M")
    monkeypatch.setenv("CEPH_KEYRING", str(lone_ceph.directory / "client.admin.keyring"))
    [monitor] = lone_ceph.ceph("mon", "dump")["mons"]
    [address] = monitor["public_addrs"]["addrvec"]
    where, _, port = address["addr"].rpartition(":")
    yield {
        "driver_volume_type": "rbd",
        "name": f"{lone_ceph.pool}/volume",
        "hosts": [where],
        "ports": [port],
        "cluster_name": "ceph",
        "auth_username": None,
    }
    lone_ceph.resume()


def test_an_image_of_ceph_is_used_without_the_kernel_and_nobody_waits_for_ceph_for_ever(
    machine: Machine,
    lone_ceph: Ceph,
    image: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    data = patterned(MIB)
    device = machine.open(image, writable=True, is_alone=alone)
    assert not device.common
    device.write(5, data)
    device.flush()
    assert device.read(5, MIB) == data
    lone_ceph.pause()
    waits: list[Callable[[], object]] = [
        lambda: device.read(0, 8 * MIB),
        lambda: _write_through(device, data),
        lambda: machine.open(image, writable=False, is_alone=alone),
    ]
    for act in waits:
        with pytest.raises(errors.StoreUnavailable):
            act()
    device.close()
    lone_ceph.resume()
    again = machine.open(image, writable=False, is_alone=alone)
    assert again.read(5, 10) == data[:10]
    again.close()
    # os-brick's configurations of Ceph, which it keeps as long as it needs them.
    assert list((tmp_path / "temporary").iterdir()) == []


def _write_through(device: Device, data: bytes) -> None:
    device.write(0, data)
    device.flush()
