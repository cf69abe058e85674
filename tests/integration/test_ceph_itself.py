"""The Ceph that tests use: it is there, it is shared, and it can be away."""

import contextlib
from pathlib import Path

import boto3
import pytest

from tests.support.ceph import Ceph, shared_ceph
from tests.support.processes import Program, wait_until


def test_rbd_images_can_be_made_in_pools_of_ones_own(ceph: Ceph) -> None:
    pool = ceph.make_pool()
    ceph.rbd("create", "--size", "10", "image", pool=pool)
    assert ceph.rbd("ls", pool=pool).split() == ["image"]
    assert "image" not in ceph.rbd("ls").split()
    assert ceph.fsid == ceph.ceph("fsid")["fsid"]


def test_the_gateway_speaks_s3(ceph: Ceph) -> None:
    gateway = ceph.radosgw()
    assert ceph.radosgw() == gateway
    with contextlib.closing(
        boto3.client(
            "s3",
            endpoint_url=gateway.url,
            aws_access_key_id=gateway.access_key,
            aws_secret_access_key=gateway.secret_key,
            region_name="default",
        )
    ) as s3:
        s3.create_bucket(Bucket="seen-to-work")
        s3.put_object(Bucket="seen-to-work", Key="key", Body=b"data")
        with contextlib.closing(s3.get_object(Bucket="seen-to-work", Key="key")["Body"]) as body:
            assert body.read() == b"data"


def test_what_is_shared_ends_with_its_owner(tmp_path: Path) -> None:
    Ceph.require(bindings=False)
    owner = Program(["sleep", "600"], log_file=tmp_path / "owner.log")
    owner.start()
    first = shared_ceph(tmp_path / "services", owner.pid)
    second = shared_ceph(tmp_path / "services", owner.pid)
    assert second.rbd("ls") == ""
    assert first.conf == second.conf
    owner.stop()
    wait_until(lambda: not _running(first), what="the daemons to end")


def _running(ceph: Ceph) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(ceph.conf) in entry.read_text():
                found.append(str(entry))
    return found


@pytest.mark.parametrize("then", ["resume", "stop"])
def test_it_can_be_away(lone_ceph: Ceph, then: str) -> None:
    lone_ceph.pause()
    with pytest.raises(AssertionError):
        lone_ceph.rbd("ls", "--rados-osd-op-timeout", "1")
    if then == "resume":
        lone_ceph.resume()
        assert lone_ceph.rbd("ls") == ""
    # Or else it is stopped while it is paused, which the fixture does.
