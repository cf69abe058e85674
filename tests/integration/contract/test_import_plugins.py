"""The steps that an operator has done on the way of an import, with real images."""

import gzip
import hashlib
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.support.archives import lha, zipped
from tests.support.clients import DATA_TYPE, Api, Json
from tests.support.images import SIZE, Images, iso, mbr, pattern
from tests.support.origin import Origin, origin
from tests.support.processes import NotReady, wait_until
from tests.support.server import Config, OwnServers, Server, Servers
from tests.support.services import require_command
from tests.support.transfers import stored_files
from vitrine.core.jobs import JobKind

MakeApi = Callable[..., Api]

DISK: Final = pattern(SIZE)
LOCK: Final = "os_glance_import_task"
PENDING: Final = "os_glance_importing_to_stores"
FAILED: Final = "os_glance_failed_import"


@pytest.fixture(scope="module")
def far() -> Iterator[Origin]:
    with origin() as made:
        yield made


class Plugins:
    """Services with steps on the way of imports, and two stores."""

    def __init__(self, served: Servers, directory: Path) -> None:
        self._served = served
        self._directory = directory

    def config(self, *names: str, **sections: Mapping[str, object]) -> Config:
        """Options for these steps, in this order."""
        return {
            "DEFAULT": {"enabled_backends": "a:file, b:file", "image_size_cap": 64 * SIZE},
            "glance_store": {"default_backend": "a"},
            "a": {"filesystem_store_datadir": self._directory / "a"},
            "b": {"filesystem_store_datadir": self._directory / "b"},
            "image_import_opts": {"image_import_plugins": f"[{','.join(names)}]"},
            **sections,
        }

    def __call__(self, *names: str, **sections: Mapping[str, object]) -> Server:
        """A server with these steps, in this order."""
        if "image_conversion" in names:
            require_command("qemu-img")
        return self._served(self.config(*names, **sections))

    def copies(self, image: Json) -> int:
        """How many files there are of an image, but for those that wait."""
        return len([path for path in self._directory.rglob("*") if image["id"] in path.name])


@pytest.fixture
def plugins(served: Servers, directory: Path) -> Plugins:
    return Plugins(served, directory)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stores")


def imported(
    api: Api,
    data: bytes,
    *,
    method: dict[str, str] | None = None,
    stores: Sequence[str] = ("a",),
    **fields: object,
) -> Json:
    """Have *data* imported, or what *method* says, and return the image when that is over."""
    image = api.create_image(**fields)
    path = f"/v2/images/{image['id']}"
    if method is None:
        staged = api.put(f"{path}/stage", data=data, headers={"Content-Type": DATA_TYPE})
        assert staged.status_code == 204, staged.text
    body = {"method": method or {"name": "glance-direct"}, "stores": [*stores]}
    answer = api.post(f"{path}/import", body)
    assert answer.status_code == 202, answer.text
    return settled(api, image["id"])


def settled(api: Api, image_id: object) -> Json:
    wait_until(lambda: LOCK not in api.image(image_id), what="the end of an import")
    return api.image(image_id)


def holds(api: Api, image: Json, data: bytes) -> None:
    """The image is active, and everything that is said of it is true of *data*."""
    assert image["status"] == "active"
    assert api.download(image["id"]) == data
    assert image["size"] == len(data)
    assert image["checksum"] == hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert image["os_hash_value"] == hashlib.sha512(data).hexdigest()
    assert image[PENDING] == image[FAILED] == ""


def told(api: Api, image: Json) -> str:
    """What the task of an import that failed says."""
    (task,) = api.get(f"/v2/images/{image['id']}/tasks").json()["tasks"]
    assert task["type"] == JobKind.API_IMAGE_IMPORT
    assert task["status"] == "failure"
    return str(task["message"])


def is_refused(plugins: Plugins, server: Server, api: Api, image: Json) -> str:
    """The image is queued, nothing of its data is left, and nobody is told where it was."""
    assert image["status"] == "queued"
    assert image["size"] is None
    assert image[PENDING] == ""
    assert plugins.copies(image) == 0
    wait_until(lambda: not waiting(server, image), what="nothing of the image")
    message = told(api, image)
    assert "/" not in message
    return message


def waiting(server: Server, image: Json) -> bool:
    """Whether there is a file of the image at the server, which has no stores there."""
    return any(image["id"] in path.name for path in stored_files(server))


# --- no_op ---------------------------------------------------------------------------


@pytest.mark.contract("IMP-023")
def test_no_op_changes_nothing_and_is_in_the_log(plugins: Plugins, make_api: MakeApi) -> None:
    server = plugins("no_op")
    api = make_api(server, "demo")
    archive = gzip.compress(DISK)
    image = imported(api, archive)
    holds(api, image, archive)
    assert image["disk_format"] == "raw"
    assert "no_op of task" in server.log()
    assert image["id"] in server.log()


# --- image_decompression -------------------------------------------------------------


@pytest.mark.contract("IMP-024")
@pytest.mark.parametrize("form", ["gzip", "zip", "lha"])
def test_an_archive_is_stored_as_what_is_in_it(
    plugins: Plugins, make_api: MakeApi, form: str
) -> None:
    unpacking = plugins("image_decompression")
    api = make_api(unpacking, "demo")
    if form == "lha":
        require_command("lha")
    archive = {
        "gzip": lambda: gzip.compress(DISK),
        "zip": lambda: zipped({"some/disk.raw": DISK}),
        "lha": lambda: lha(DISK),
    }[form]()
    image = imported(api, archive, stores=["a", "b"])
    holds(api, image, DISK)
    assert image["virtual_size"] == SIZE
    assert plugins.copies(image) == 2
    assert not waiting(unpacking, image)


@pytest.mark.contract("IMP-024")
def test_an_archive_is_unpacked_also_where_it_is_downloaded(
    plugins: Plugins, make_api: MakeApi, far: Origin
) -> None:
    sections = {"allowed_hosts": "127.0.0.1", "allowed_ports": far.port}
    api = make_api(plugins("image_decompression", import_filtering_opts=sections), "demo")
    far.serve("/disk.gz", gzip.compress(DISK))
    method = {"name": "web-download", "uri": far.url("/disk.gz")}
    holds(api, imported(api, b"", method=method), DISK)


@pytest.mark.contract("IMP-024")
def test_what_is_to_be_compressed_is_not_unpacked(plugins: Plugins, make_api: MakeApi) -> None:
    unpacking = plugins("image_decompression")
    api = make_api(unpacking, "demo")
    archive = gzip.compress(DISK)
    holds(api, imported(api, archive, container_format="compressed"), archive)
    holds(api, imported(api, DISK), DISK)


@pytest.mark.contract("IMP-024")
def test_an_archive_that_cannot_be_unpacked_leaves_the_image_queued(
    plugins: Plugins, make_api: MakeApi
) -> None:
    unpacking = plugins("image_decompression")
    api = make_api(unpacking, "demo")
    for archive in (zipped({"a": DISK, "b": DISK}), gzip.compress(DISK)[:-20]):
        image = imported(api, archive)
        assert "archive" in is_refused(plugins, unpacking, api, image)
        assert image[FAILED] == "a"


@pytest.mark.contract("IMP-024")
def test_an_archive_does_not_grow_beyond_the_cap(plugins: Plugins, make_api: MakeApi) -> None:
    unpacking = plugins("image_decompression")
    api = make_api(unpacking, "demo")
    bomb = gzip.compress(bytes(65 * SIZE))
    assert len(bomb) < SIZE
    assert str(64 * SIZE) in is_refused(plugins, unpacking, api, imported(api, bomb))


# --- image_conversion ----------------------------------------------------------------


@pytest.mark.contract("IMP-025")
@pytest.mark.parametrize(
    ("kind", "disk_format"),
    [
        ("qcow2", "qcow2"),
        ("vdi", "vdi"),
        ("vhdx", "vhdx"),
        ("vmdk-sparse", "vmdk"),
        ("vmdk-stream", "vmdk"),
        ("raw", "raw"),
        ("gpt", "raw"),
    ],
)
def test_a_disk_is_stored_raw(
    plugins: Plugins,
    make_api: MakeApi,
    disk_images: Images,
    kind: str,
    disk_format: str,
) -> None:
    converting = plugins("image_conversion")
    api = make_api(converting, "demo")
    image = imported(
        api,
        disk_images.data(kind),
        stores=["a", "b"],
        disk_format=disk_format,
        container_format="ovf",
    )
    holds(api, image, disk_images.data("gpt") if kind == "gpt" else DISK)
    assert image["disk_format"] == "raw"
    assert image["container_format"] == "bare"
    assert image["virtual_size"] == SIZE
    assert plugins.copies(image) == 2
    assert not waiting(converting, image)


@pytest.mark.contract("IMP-025")
@pytest.mark.parametrize("output", ["qcow2", "vmdk"])
def test_a_disk_is_stored_in_the_format_that_the_operator_wants(
    plugins: Plugins, make_api: MakeApi, tmp_path: Path, output: str
) -> None:
    qemu = require_command("qemu-img")
    server = plugins("image_conversion", image_conversion={"output_format": output})
    api = make_api(server, "demo")
    image = imported(api, mbr())
    made, back = tmp_path / "made", tmp_path / "back"
    made.write_bytes(api.download(image["id"]))
    holds(api, image, made.read_bytes())
    assert image["disk_format"] == output
    assert image["virtual_size"] == SIZE
    subprocess.run([qemu, "convert", "-f", output, "-O", "raw", made, back], check=True)
    assert back.read_bytes() == mbr()


@pytest.mark.contract("IMP-025")
def test_an_iso_is_kept_as_it_is(plugins: Plugins, make_api: MakeApi) -> None:
    converting = plugins("image_conversion")
    api = make_api(converting, "demo")
    image = imported(api, iso(), disk_format="iso")
    holds(api, image, iso())
    assert image["disk_format"] == "iso"


@pytest.mark.contract("IMP-025")
@pytest.mark.parametrize(
    ("kind", "claimed"),
    [
        ("qcow2", "raw"),
        ("raw", "qcow2"),
        ("qcow2-backing", "qcow2"),
        ("qcow2-backing", "raw"),
        ("qcow2-data-file", "qcow2"),
        ("vmdk-flat", "vmdk"),
    ],
)
def test_a_disk_that_is_something_else_or_needs_other_files_leaves_the_image_queued(
    plugins: Plugins, make_api: MakeApi, disk_images: Images, kind: str, claimed: str
) -> None:
    converting = plugins("image_conversion")
    api = make_api(converting, "demo")
    image = imported(api, disk_images.data(kind), disk_format=claimed)
    is_refused(plugins, converting, api, image)
    assert image["disk_format"] == claimed
    assert image[FAILED] == "a"


@pytest.mark.contract("IMP-025")
def test_vmdk_is_converted_only_of_the_allowed_types(
    plugins: Plugins, make_api: MakeApi, disk_images: Images
) -> None:
    allowed = {"vmdk_allowed_types": "monolithicSparse"}
    server = plugins("image_conversion", image_format=allowed)
    api = make_api(server, "demo")
    holds(api, imported(api, disk_images.data("vmdk-sparse"), disk_format="vmdk"), DISK)
    image = imported(api, disk_images.data("vmdk-stream"), disk_format="vmdk")
    is_refused(plugins, server, api, image)


@pytest.mark.contract("IMP-025")
def test_an_image_that_was_refused_can_be_given_other_data(
    plugins: Plugins, make_api: MakeApi, disk_images: Images
) -> None:
    converting = plugins("image_conversion")
    api = make_api(converting, "demo")
    image = imported(api, disk_images.data("qcow2-backing"), disk_format="qcow2")
    path = f"/v2/images/{image['id']}"
    data = disk_images.data("qcow2")
    staged = api.put(f"{path}/stage", data=data, headers={"Content-Type": DATA_TYPE})
    assert staged.status_code == 204
    api.post(f"{path}/import", {"method": {"name": "glance-direct"}})
    holds(api, settled(api, image["id"]), DISK)


def test_conversion_without_its_program_does_not_start(
    make_server: OwnServers, plugins: Plugins
) -> None:
    server = make_server(plugins.config("image_conversion"), env={"PATH": "/nonexistent"})
    with pytest.raises(NotReady, match="qemu-img"):
        server.start()


# --- inject_image_metadata -----------------------------------------------------------


@pytest.mark.contract("IMP-026")
def test_properties_are_injected_but_for_spared_roles(plugins: Plugins, make_api: MakeApi) -> None:
    injected = {"inject": '"os_distro":"debian","hw_disk_bus":"scsi","os_glance_spy":"x"'}
    server = plugins("inject_image_metadata", inject_metadata_properties=injected)
    api = make_api(server, "demo")
    image = imported(api, DISK, os_distro="unknown", os_version="12")
    holds(api, image, DISK)
    assert (image["os_distro"], image["hw_disk_bus"]) == ("debian", "scsi")
    assert image["os_version"] == "12"
    assert "os_glance_spy" not in image
    spared = imported(api.as_("admin"), DISK, os_distro="unknown")
    holds(api.as_("admin"), spared, DISK)
    assert spared["os_distro"] == "unknown"
    assert "hw_disk_bus" not in spared


@pytest.mark.contract("IMP-026")
def test_the_operator_says_which_roles_are_spared(plugins: Plugins, make_api: MakeApi) -> None:
    server = plugins(
        "inject_image_metadata",
        inject_metadata_properties={"inject": "os_distro:debian", "ignore_user_roles": "reader"},
    )
    api = make_api(server, "demo")
    assert "os_distro" not in imported(api, DISK)


# --- together ------------------------------------------------------------------------


@pytest.mark.contract("IMP-024", "IMP-025", "IMP-026")
def test_the_steps_are_taken_in_the_operators_order(
    plugins: Plugins, make_api: MakeApi, disk_images: Images
) -> None:
    names = ["image_decompression", "image_conversion", "inject_image_metadata"]
    injected = {"inject": "os_distro:debian"}
    packed = gzip.compress(disk_images.data("qcow2"))
    server = plugins(*names, inject_metadata_properties=injected)
    api = make_api(server, "demo")
    image = imported(api, packed, disk_format="qcow2")
    holds(api, image, DISK)
    assert (image["disk_format"], image["os_distro"]) == ("raw", "debian")
    names[:2] = names[1::-1]
    server = plugins(*names, inject_metadata_properties=injected)
    api = make_api(server, "demo")
    image = imported(api, packed, disk_format="qcow2")
    is_refused(plugins, server, api, image)
    assert "os_distro" not in image


@pytest.mark.contract("IMP-024", "IMP-026")
def test_copies_of_an_image_are_left_alone(plugins: Plugins, make_api: MakeApi) -> None:
    names = ["image_decompression", "inject_image_metadata"]
    injected = {"inject": "os_distro:debian", "ignore_user_roles": "nobody"}
    server = plugins(*names, inject_metadata_properties=injected)
    api = make_api(server, "admin")
    archive = gzip.compress(DISK)
    image = api.active_image(archive)
    body = {"method": {"name": "copy-image"}, "stores": ["b"]}
    assert api.post(f"/v2/images/{image['id']}/import", body).status_code == 202
    after = settled(api, image["id"])
    holds(api, after, archive)
    assert after["stores"].split(",") == ["a", "b"]
    assert "os_distro" not in after
