"""The clients that users have, importing images."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import glanceclient.exc as glance_errors
import openstack.exceptions
import pytest
from openstack.connection import Connection

from tests.support.clients import Access, Api, Glance, Json, Mode, OpenStack, unique
from tests.support.images import Images
from tests.support.origin import Origin, origin
from tests.support.processes import wait_until
from tests.support.server import Config, Server, Servers
from tests.support.services import Keystone

pytestmark = [
    # As in conftest.py: openstacksdk, of its own calls of itself.
    pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK60Warning"),
    # It does not close the file that it stages.
    pytest.mark.filterwarnings("ignore:unclosed file .*qcow2.img:ResourceWarning"),
]

MODES: tuple[Mode, ...] = ("none", "keystone")
METHODS = {"glance-direct", "web-download", "copy-image"}
FORMATS = {"disk_format": "qcow2", "container_format": "bare"}
OPTIONS = ("--disk-format", "qcow2", "--container-format", "bare")


class Client(Protocol):
    """What every client can do with imports, in its own way."""

    def methods(self) -> set[str]:
        """The methods that it finds."""
        ...

    def stores(self) -> set[str]:
        """The stores that it finds."""
        ...

    def create(self, name: str) -> str:
        """Make an image without data and return its id."""
        ...

    def stage(self, image_id: str, path: Path) -> None: ...

    def import_(
        self, image_id: str, method: str, *, uri: str | None = None, stores: Sequence[str] = ()
    ) -> None:
        """Ask for the import."""
        ...

    def create_by_import(self, name: str, path: Path) -> str:
        """Make an image of a file in one go and return its id."""
        ...

    def show(self, image_id: str) -> Json:
        """The image, with its own properties among the others."""
        ...


class ByGlanceclient(Client):
    def __init__(self, client: Any) -> None:  # noqa: ANN401 - it has no types
        self._images = client.images

    def methods(self) -> set[str]:
        return set(self._images.get_import_info()["import-methods"]["value"])

    def stores(self) -> set[str]:
        return {store["id"] for store in self._images.get_stores_info()["stores"]}

    def create(self, name: str) -> str:
        return str(self._images.create(name=name, **FORMATS).id)

    def stage(self, image_id: str, path: Path) -> None:
        with path.open("rb") as file:
            self._images.stage(image_id, file, path.stat().st_size)

    def import_(
        self, image_id: str, method: str, *, uri: str | None = None, stores: Sequence[str] = ()
    ) -> None:
        self._images.image_import(image_id, method, uri=uri, stores=list(stores))

    def create_by_import(self, name: str, path: Path) -> str:
        image_id = self.create(name)
        self.stage(image_id, path)
        self.import_(image_id, "glance-direct")
        return image_id

    def show(self, image_id: str) -> Json:
        return dict(self._images.get(image_id))


class BySdk(Client):
    def __init__(self, connection: Connection) -> None:
        self._image: Any = connection.image  # which may be of another version

    def methods(self) -> set[str]:
        found: Any = self._image.get_import_info().import_methods
        return set(found["value"])

    def stores(self) -> set[str]:
        return {str(store.id) for store in self._image.stores()}

    def create(self, name: str) -> str:
        formats: dict[str, Any] = FORMATS
        return str(self._image.create_image(name, **formats).id)

    def stage(self, image_id: str, path: Path) -> None:
        image = self._image.get_image(image_id)
        assert self._image.stage_image(image, filename=str(path)).status == "uploading"

    def import_(
        self, image_id: str, method: str, *, uri: str | None = None, stores: Sequence[str] = ()
    ) -> None:
        image = self._image.get_image(image_id)
        answer = self._image.import_image(image, method, uri=uri, stores=list(stores))
        assert answer.status_code == 202
        assert answer.content == b""

    def create_by_import(self, name: str, path: Path) -> str:
        formats: dict[str, Any] = FORMATS
        image = self._image.create_image(
            name, filename=str(path), use_import=True, wait=True, timeout=60, **formats
        )
        return str(image.id)

    def show(self, image_id: str) -> Json:
        known: Json = self._image.get_image(image_id).to_dict()
        own: Json = known.pop("properties") or {}
        return {**known, **own, "os_hash_value": known["hash_value"]}


class ByOpenStack(Client):
    def __init__(self, run: OpenStack) -> None:
        self._run = run

    def methods(self) -> set[str]:
        found: Any = self._run.json("image", "import", "info")
        return set(found["import-methods"])

    def stores(self) -> set[str]:
        found: Any = self._run.json("image", "stores", "list")
        return {store["ID"] for store in found}

    def create(self, name: str) -> str:
        # It would take whatever it reads from for data, but not a terminal.
        made: Any = self._run.json("image", "create", name, *OPTIONS, stdin=None)
        return str(made["id"])

    def stage(self, image_id: str, path: Path) -> None:
        ran = self._run("image", "stage", "--file", path, image_id)
        assert ran.status == 0, ran.err

    def import_(
        self, image_id: str, method: str, *, uri: str | None = None, stores: Sequence[str] = ()
    ) -> None:
        options = ["--uri", uri] if uri else []
        # Of several of these options it takes the last.
        options += ["--store", *stores] if stores else []
        ran = self._run("image", "import", image_id, "--method", method, *options)
        assert ran.status == 0, ran.err

    def create_by_import(self, name: str, path: Path) -> str:
        made: Any = self._run.json("image", "create", name, *OPTIONS, "--import", "--file", path)
        return str(made["id"])

    def show(self, image_id: str) -> Json:
        image: Any = self._run.json("image", "show", image_id)
        return {**image, **image["properties"]}


class ByGlance(Client):
    def __init__(self, run: Glance) -> None:
        self._run = run

    def methods(self) -> set[str]:
        return set(json.loads(self._run.table("import-info")["import-methods"])["value"])

    def stores(self) -> set[str]:
        return {store["id"] for store in json.loads(self._run.table("stores-info")["stores"])}

    def create(self, name: str) -> str:
        return self._run.table("image-create", "--name", name, *OPTIONS)["id"]

    def stage(self, image_id: str, path: Path) -> None:
        ran = self._run("image-stage", "--file", path, image_id)
        assert ran.status == 0, ran.err

    def import_(
        self, image_id: str, method: str, *, uri: str | None = None, stores: Sequence[str] = ()
    ) -> None:
        options = ["--uri", uri] if uri else []
        options += ["--stores", ",".join(stores)] if stores else []
        ran = self._run("image-import", image_id, "--import-method", method, *options)
        assert ran.status == 0, ran.err

    def create_by_import(self, name: str, path: Path) -> str:
        made = self._run.table("image-create-via-import", "--name", name, *OPTIONS, "--file", path)
        return made["id"]

    def show(self, image_id: str) -> Json:
        return dict(self._run.table("image-show", image_id))


@pytest.fixture(scope="module")
def far() -> Iterator[Origin]:
    """A web server with images."""
    with origin() as made:
        yield made


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    """How the server knows its callers."""
    chosen: Mode = request.param
    return chosen


@pytest.fixture
def place(served: Servers, mode: Mode, request: pytest.FixtureRequest, far: Origin) -> Server:
    """A server of that mode with two stores."""
    config: Config = {
        "DEFAULT": {
            "enabled_backends": "fast:file, slow:memory",
            "enabled_import_methods": "[glance-direct,web-download,copy-image]",
        },
        "glance_store": {"default_backend": "fast"},
        "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": far.port},
    }
    if mode != "keystone":
        return served(config, identity=mode)
    keystone: Keystone = request.getfixturevalue("keystone")
    return served({**config, "keystone_authtoken": keystone.authtoken()}, identity="keystone")


@pytest.fixture
def glance_cli(access: Callable[..., Access], tmp_path: Path) -> Callable[..., Glance]:
    """Makes a runner of the `glance` command; takes what `access` takes."""
    home = tmp_path / "glance-home"
    home.mkdir()
    return lambda *args, **kwargs: Glance(access(*args, **kwargs), home)


CLIENTS: dict[str, Callable[[Any], Client]] = {
    # by the names of the fixtures that make what each of them drives
    "glanceclient": ByGlanceclient,
    "sdk": BySdk,
    "openstack_cli": ByOpenStack,
    "glance_cli": ByGlance,
}


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, place: Server, mode: Mode) -> Client:
    """A client of that server, of somebody who may copy images too."""
    make: Callable[..., Any] = request.getfixturevalue(request.param)
    return CLIENTS[request.param](make(place, mode=mode, user="admin"))


def _imported(client: Client, image_id: str) -> Json:
    """Return the image once its import has ended, as those see who only ask for the image."""

    def over() -> bool:
        image = client.show(image_id)
        return image["status"] not in {"uploading", "importing"} and not image.get(
            "os_glance_importing_to_stores"
        )

    wait_until(over, what="the end of an import")
    return client.show(image_id)


def _assert_whole(image: Json, data: bytes, *stores: str) -> None:
    assert image["status"] == "active"
    assert int(image["size"]) == len(data)
    assert image["os_hash_value"] == hashlib.sha512(data).hexdigest()
    assert set(str(image["stores"]).split(",")) == set(stores)
    # Clients split these at commas, and take nothing for nothing.
    assert image["os_glance_importing_to_stores"] == ""
    assert image["os_glance_failed_import"] == ""


def test_methods_and_stores_are_found(client: Client) -> None:
    assert client.methods() == METHODS
    assert client.stores() == {"fast", "slow"}


@pytest.mark.contract("QRK-003", "QRK-004")
def test_an_image_is_staged_imported_and_copied(client: Client, disk_images: Images) -> None:
    source = disk_images.path("qcow2")
    data = source.read_bytes()
    image_id = client.create(unique())
    client.stage(image_id, source)
    image = client.show(image_id)
    assert (image["status"], int(image["size"])) == ("uploading", len(data))

    client.import_(image_id, "glance-direct")
    _assert_whole(_imported(client, image_id), data, "fast")

    client.import_(image_id, "copy-image", stores=["slow"])
    _assert_whole(_imported(client, image_id), data, "fast", "slow")


def test_an_image_is_imported_from_a_web_server(
    client: Client, far: Origin, disk_images: Images
) -> None:
    data = disk_images.path("qcow2").read_bytes()
    image_id = client.create(unique())
    client.import_(image_id, "web-download", uri=far.serve("/image", data), stores=["fast", "slow"])
    _assert_whole(_imported(client, image_id), data, "fast", "slow")


def test_an_image_is_made_of_a_file_by_import(client: Client, disk_images: Images) -> None:
    source = disk_images.path("qcow2")
    image_id = client.create_by_import(unique(), source)
    _assert_whole(_imported(client, image_id), source.read_bytes(), "fast")


# --- where stores have no names ------------------------------------------------------


@pytest.mark.parametrize("kind", CLIENTS)
def test_by_default_an_image_is_made_of_a_file_by_import(
    request: pytest.FixtureRequest, kind: str, disk_images: Images
) -> None:
    client = CLIENTS[kind](request.getfixturevalue(kind)())
    source = disk_images.path("qcow2")
    image_id = client.create_by_import(unique(), source)
    image = _imported(client, image_id)
    assert (image["status"], int(image["size"])) == ("active", source.stat().st_size)


def test_by_default_the_command_has_to_say_that_every_store_must_succeed(
    openstack_cli: Callable[..., OpenStack], disk_images: Images
) -> None:
    run = openstack_cli()
    client = ByOpenStack(run)
    image_id = client.create(unique())
    client.stage(image_id, disk_images.path("qcow2"))
    # It asks for what only several stores can do, and does not look at the answer.
    ran = run("image", "import", image_id)
    assert ran.status == 0
    image = client.show(image_id)
    assert image["status"] == "uploading"
    assert "os_glance_importing_to_stores" not in image
    ran = run("image", "import", image_id, "--disallow-failure")
    assert ran.status == 0, ran.err
    assert _imported(client, image_id)["status"] == "active"


def test_a_client_that_stages_too_late_is_told_so(
    sdk: Callable[..., Connection], api: Api, disk_images: Images
) -> None:
    images: Any = sdk().image
    image_id = str(images.create_image(unique(), **FORMATS).id)
    image = images.get_image(image_id)
    api.upload(image_id, disk_images.path("qcow2").read_bytes())
    with pytest.raises(openstack.exceptions.ConflictException):
        images.stage_image(image, filename=str(disk_images.path("qcow2")))
    assert api.image(image_id)["status"] == "active"


def test_a_client_that_asks_for_what_is_not_there_is_told_so(
    glanceclient: Callable[..., Any], disk_images: Images
) -> None:
    client = ByGlanceclient(glanceclient())
    image_id = client.create(unique())
    with pytest.raises(glance_errors.HTTPConflict):  # nothing is staged
        client.import_(image_id, "glance-direct")
    with pytest.raises(glance_errors.HTTPBadRequest):
        client.import_(image_id, "no-such-method")
    client.stage(image_id, disk_images.path("qcow2"))
    with pytest.raises(glance_errors.HTTPConflict):
        client.stage(image_id, disk_images.path("qcow2"))
    client.import_(image_id, "glance-direct")
    assert _imported(client, image_id)["status"] == "active"
    with pytest.raises(glance_errors.HTTPConflict):
        client.import_(image_id, "glance-direct")
