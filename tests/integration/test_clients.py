"""The clients that users have, from an image's first day to its last."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import glanceclient.exc
import openstack.exceptions
import pytest
from openstack.connection import Connection

from tests.support.clients import Json, Mode, OpenStack, unique
from tests.support.images import Images
from tests.support.server import Server, Servers
from tests.support.services import Keystone

MODES: tuple[Mode, ...] = ("none", "local", "keystone")
pytestmark = [
    # As in conftest.py: openstacksdk, of its own calls of itself.
    pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK60Warning"),
    # It does not close the file that it uploads.
    pytest.mark.filterwarnings("ignore:unclosed file .*qcow2.img:ResourceWarning"),
]

FORMATS = {"disk_format": "qcow2", "container_format": "bare"}


class Client(Protocol):
    """What every client can do with images, in its own way."""

    def create(self, name: str, path: Path) -> str:
        """Make an image of a file and return its id."""
        ...

    def names(self) -> set[str]:
        """The names of all images that are listed."""
        ...

    def show(self, image_id: str) -> Json:
        """The image, with its own properties among the others."""
        ...

    def change(self, image_id: str, name: str, colour: str) -> None:
        """Give it a name and a property."""
        ...

    def save(self, image_id: str, path: Path) -> None:
        """Write its bytes to a file."""
        ...

    def delete(self, image_id: str) -> None: ...

    def is_gone(self, image_id: str) -> bool:
        """Whether the client says that there is no such image."""
        ...


class ByGlanceclient(Client):
    def __init__(self, client: Any) -> None:  # noqa: ANN401 - it has no types
        self._images = client.images

    def create(self, name: str, path: Path) -> str:
        image_id = str(self._images.create(name=name, **FORMATS).id)
        with path.open("rb") as file:
            self._images.upload(image_id, file)
        return image_id

    def names(self) -> set[str]:
        return {image.name for image in self._images.list()}

    def show(self, image_id: str) -> Json:
        return dict(self._images.get(image_id))

    def change(self, image_id: str, name: str, colour: str) -> None:
        self._images.update(image_id, name=name, colour=colour)

    def save(self, image_id: str, path: Path) -> None:
        with path.open("wb") as file:
            # Iterating checks the hashes.
            file.writelines(self._images.data(image_id))

    def delete(self, image_id: str) -> None:
        self._images.delete(image_id)

    def is_gone(self, image_id: str) -> bool:
        try:
            self._images.get(image_id)
        except glanceclient.exc.HTTPNotFound:
            return True
        return False


class BySdk(Client):
    def __init__(self, connection: Connection) -> None:
        self._image = connection.image

    def create(self, name: str, path: Path) -> str:
        formats: dict[str, Any] = FORMATS
        image = self._image.create_image(name, filename=str(path), wait=True, **formats)
        return str(image.id)

    def names(self) -> set[str]:
        return {str(image.name) for image in self._image.images()}

    def show(self, image_id: str) -> Json:
        image = self._image.get_image(image_id)
        known: Json = image.to_dict()
        own: Json = known.pop("properties") or {}
        renamed = {"os_hash_algo": known["hash_algo"], "os_hash_value": known["hash_value"]}
        return {**known, **own, **renamed}

    def change(self, image_id: str, name: str, colour: str) -> None:
        self._image.update_image(image_id, name=name, colour=colour)

    def save(self, image_id: str, path: Path) -> None:
        self._image.download_image(image_id, output=str(path))

    def delete(self, image_id: str) -> None:
        self._image.delete_image(image_id, ignore_missing=False)

    def is_gone(self, image_id: str) -> bool:
        try:
            self._image.get_image(image_id)
        except openstack.exceptions.NotFoundException:
            return True
        return False


class ByCommand(Client):
    def __init__(self, run: OpenStack) -> None:
        self._run = run

    def create(self, name: str, path: Path) -> str:
        formats = ("--disk-format", "qcow2", "--container-format", "bare")
        made: Any = self._run.json("image", "create", name, *formats, "--file", path)
        return str(made["id"])

    def names(self) -> set[str]:
        listed: Any = self._run.json("image", "list")
        return {image["Name"] for image in listed}

    def show(self, image_id: str) -> Json:
        image: Any = self._run.json("image", "show", image_id)
        return {**image, **image["properties"]}

    def change(self, image_id: str, name: str, colour: str) -> None:
        ran = self._run("image", "set", "--name", name, "--property", f"colour={colour}", image_id)
        assert ran.status == 0, ran.err

    def save(self, image_id: str, path: Path) -> None:
        ran = self._run("image", "save", "--file", path, image_id)
        assert ran.status == 0, ran.err

    def delete(self, image_id: str) -> None:
        ran = self._run("image", "delete", image_id)
        assert ran.status == 0, ran.err

    def is_gone(self, image_id: str) -> bool:
        ran = self._run("image", "show", image_id)
        return ran.status != 0 and "No Image found" in ran.err


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    """How the server knows its callers."""
    chosen: Mode = request.param
    return chosen


@pytest.fixture
def place(served: Servers, mode: Mode, request: pytest.FixtureRequest) -> Server:
    """A server of that mode."""
    if mode != "keystone":
        return served(identity=mode)
    keystone: Keystone = request.getfixturevalue("keystone")
    return served({"keystone_authtoken": keystone.authtoken()}, identity="keystone")


CLIENTS: dict[str, Callable[[Any], Client]] = {
    # by the names of the fixtures that make what each of them drives
    "glanceclient": ByGlanceclient,
    "sdk": BySdk,
    "openstack_cli": ByCommand,
}


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, place: Server, mode: Mode) -> Client:
    """A client of that server."""
    make: Callable[..., Any] = request.getfixturevalue(request.param)
    return CLIENTS[request.param](make(place, mode=mode))


def test_an_image_lives_from_a_file_to_a_file(
    client: Client, disk_images: Images, tmp_path: Path
) -> None:
    source, saved, name = disk_images.path("qcow2"), tmp_path / "saved", unique()
    digest = hashlib.sha512(source.read_bytes()).hexdigest()

    image_id = client.create(name, source)
    assert name in client.names()
    image = client.show(image_id)
    assert (image["name"], image["status"]) == (name, "active")
    assert (image["size"], image["disk_format"]) == (source.stat().st_size, "qcow2")
    assert (image["os_hash_algo"], image["os_hash_value"]) == ("sha512", digest)

    client.change(image_id, f"{name}-later", "red")
    image = client.show(image_id)
    assert (image["name"], image["colour"]) == (f"{name}-later", "red")

    client.save(image_id, saved)
    assert hashlib.sha512(saved.read_bytes()).hexdigest() == digest

    client.delete(image_id)
    assert client.is_gone(image_id)
    assert not {name, f"{name}-later"} & client.names()
