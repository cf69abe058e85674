"""Imports: what is asked for, and what an image shows of one that is under way."""

import enum
from collections.abc import Collection, Iterable, Mapping
from typing import Final

import attrs

from vitrine.core.images.image import Image


class Method(enum.StrEnum):
    """Where the data of an import comes from."""

    GLANCE_DIRECT = "glance-direct"  # it was staged
    WEB_DOWNLOAD = "web-download"  # from a URL
    GLANCE_DOWNLOAD = "glance-download"  # from the image service of another region
    COPY_IMAGE = "copy-image"  # from a store that has it already


PENDING: Final = "os_glance_importing_to_stores"
"""The property that lists the stores which an import has still to fill."""

FAILED: Final = "os_glance_failed_import"
"""The property that lists the stores which the last import could not fill."""

STAGE_HOST: Final = "os_glance_stage_host"
"""The property that names the worker which holds the staged data. Never shown."""


@attrs.frozen(kw_only=True)
class ImportRequest:
    """What a caller asks for.

    Attributes:
        method: Where the data comes from.
        uri: The address of a web-download.
        region: The region of a glance-download.
        remote_id: The image there, a UUID.
        interface: Which of its endpoints is used.
        stores: The stores that were named; None if none was.
        all_stores: Whether every store that takes data is meant.
        all_must_succeed: Whether one store that fails fails the import.
    """

    method: Method
    uri: str | None = attrs.field(default=None, repr=False)
    region: str | None = None
    remote_id: str | None = None
    interface: str = "public"
    stores: tuple[str, ...] | None = None
    all_stores: bool = False
    all_must_succeed: bool = True


@attrs.frozen(kw_only=True)
class ImportPlan:
    """What a job does.

    Attributes:
        method: Where the data comes from.
        targets: The stores that get it, at least one, in the order of filling.
        all_must_succeed: Whether one store that fails fails the import.
        uri: The address of a web-download.
        region: The region of a glance-download.
        remote_id: The image there.
        interface: Which of its endpoints is used.
    """

    method: Method
    targets: tuple[str, ...]
    all_must_succeed: bool = True
    uri: str | None = attrs.field(default=None, repr=False)
    region: str | None = None
    remote_id: str | None = None
    interface: str = "public"


def pending_of(image: Image) -> frozenset[str]:
    """Return the stores that an import has still to fill."""
    return _split(image.properties.get(PENDING))


def failed_of(image: Image) -> frozenset[str]:
    """Return the stores that the last import could not fill."""
    return _split(image.properties.get(FAILED))


def with_progress(image: Image, *, pending: Iterable[str], failed: Iterable[str]) -> Image:
    """Return *image* with these stores still to fill, and these that failed."""
    lists = {PENDING: _join(pending), FAILED: _join(failed)}
    return attrs.evolve(image, properties={**image.properties, **lists})


def _split(text: str | None) -> frozenset[str]:
    return frozenset(name for name in (text or "").split(",") if name)


def _join(names: Iterable[str]) -> str:
    return ",".join(sorted(set(names)))


def progress_for_events(image: Image) -> Mapping[str, Collection[str]]:
    """Return what events of data say of an import: stores still to fill, and failed ones."""
    return {PENDING: sorted(pending_of(image)), FAILED: sorted(failed_of(image))}
