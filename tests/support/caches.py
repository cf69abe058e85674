"""Servers with an image cache, and what is in it."""

from pathlib import Path

import attrs
import requests

from tests.support.clients import Api, Json
from tests.support.processes import wait_until
from tests.support.server import Config, Server

DRIVERS = ("centralized_db", "sqlite", "xattr")
CLEAR = "x-image-cache-clear-target"


def with_cache(directory: Path, **options: object) -> Config:
    """Return a configuration with stores of files and a cache below *directory*."""
    return {
        "DEFAULT": {
            "image_cache_dir": directory / "cache",
            "worker_self_reference_url": "http://one.example.org:9292",
            "enabled_backends": "fast:file, slow:file",
            **options,
        },
        "glance_store": {"default_backend": "fast"},
        **{name: {"filesystem_store_datadir": directory / name} for name in ("fast", "slow")},
    }


@attrs.frozen
class Cached:
    """The cache of *server*, whose files lie below *directory*; *api* is an administrator."""

    server: Server
    api: Api
    directory: Path

    def image(self, data: bytes = b"bytes", **fields: object) -> str:
        """Return the id of an active image of demo."""
        made = self.api.as_("demo").active_image(data, **fields)
        return str(made["id"])

    def cached_image(self, data: bytes = b"bytes") -> str:
        """Return the id of an image that a download has brought into the cache."""
        image = self.image(data)
        assert self.read(image).content == data
        wait_until(lambda: self.holds(image), what="the image to be cached")
        return image

    def read(self, image: str, user: str = "demo", **headers: str) -> requests.Response:
        """Download an image."""
        return self.api.as_(user).get(f"/v2/images/{image}/file", headers=headers)

    def contents(self) -> Json:
        """Return what ``GET /v2/cache`` says."""
        answer = self.api.get("/v2/cache")
        assert answer.status_code == 200, answer.text
        contents: Json = answer.json()
        return contents

    def entry(self, image: str) -> Json | None:
        """Return what is said of one image, None if it is not cached."""
        found = [each for each in self.contents()["cached_images"] if each["image_id"] == image]
        return found[0] if found else None

    def holds(self, image: str) -> bool:
        """Return whether an image is cached."""
        return self.entry(image) is not None

    def queued(self) -> list[str]:
        """Return the images that wait."""
        waiting: list[str] = self.contents()["queued_images"]
        return waiting

    @property
    def files(self) -> Path:
        """Where the bytes that are cached lie."""
        return self.directory / "cache"

    def stored(self, image: str) -> Path:
        """Return where the image's own bytes lie."""
        return self.directory / "fast" / image

    def spoil(self, image: str, data: bytes = b"other") -> None:
        """Write something else over the cached bytes, to tell them from those of the store."""
        (self.files / image).write_bytes(data)
