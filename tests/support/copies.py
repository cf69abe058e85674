"""A server with several stores, and images that have a copy in some of them."""

from collections.abc import Mapping
from pathlib import Path

import attrs

from tests.support.catalogue import rewrite
from tests.support.clients import DATA_TYPE, Api
from tests.support.server import Config, Server
from vitrine.core.images.image import Location

DATA = b"bytes of an image, the same in every store"
USERS = (
    "admin:admin:admin|member|reader, demo:demo:member|reader, demo_reader:demo:reader, "
    "demo_none:demo:other, alt:alt:member|reader, nova:service:service|member|reader, "
    "helper:demo:service|member|reader"
)


def several_stores(directory: Path, **sections: Mapping[str, object]) -> Config:
    """Return a configuration with the stores ``fast``, ``slow`` and ``empty``, all of files.

    *sections* are added to it, option by option.
    """
    config: dict[str, dict[str, object]] = {
        "DEFAULT": {
            "enabled_backends": "fast:file, slow:file, empty:file",
            "show_multiple_locations": True,
        },
        "glance_store": {"default_backend": "fast"},
        "local_identity": {"users": USERS},
        **{
            name: {"filesystem_store_datadir": directory / name}
            for name in ("fast", "slow", "empty")
        },
    }
    for name, options in sections.items():
        config.setdefault(name, {}).update(options)
    return config


@attrs.frozen
class Copies:
    """Images in the stores under *directory* of *server*, as its caller *api* has them."""

    server: Server
    api: Api
    directory: Path

    def path(self, image: str, store: str) -> Path:
        """Return where the copy in a store is."""
        return self.directory / store / image

    def location(self, image: str, store: str) -> Location:
        """Return the location of the copy in a store."""
        return Location(url=f"file://{self.path(image, store)}", metadata={"store": store})

    def make(self, *stores: str, **fields: object) -> str:
        """Return the id of an image of which there is a copy in each of *stores*."""
        image = str(self.api.create_image(**fields)["id"])
        headers = {"Content-Type": DATA_TYPE, "X-Image-Meta-Store": stores[0]}
        answer = self.api.put(f"/v2/images/{image}/file", data=DATA, headers=headers)
        assert answer.status_code == 204
        for store in stores[1:]:
            path = self.path(image, store)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(DATA)
        self.write_down(image, *(self.location(image, store) for store in stores))
        return image

    def write_down(self, image: str, *locations: Location) -> None:
        """Have the catalogue say that the copies are there."""
        rewrite(self.server, image, locations=locations)

    def kept(self, image: str) -> set[str]:
        """Return the stores in which there is a copy."""
        return {path.parent.name for path in self.directory.glob(f"*/{image}*")}
