"""Imports: what is asked for, and what an image shows of one that is under way."""

import enum
from collections.abc import Collection, Iterable, Mapping
from typing import Final, cast

import attrs

from vitrine.core import errors
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.core.jobs import Job


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
        document: All of it as it was sent, JSON-ready. It may lead to secrets.
    """

    method: Method
    uri: str | None = attrs.field(default=None, repr=False)
    region: str | None = None
    remote_id: str | None = None
    interface: str = "public"
    stores: tuple[str, ...] | None = None
    all_stores: bool = False
    all_must_succeed: bool = True
    document: Mapping[str, object] = attrs.field(factory=dict[str, object], repr=False)


@attrs.frozen(kw_only=True)
class ImportPlan:
    """What a job does.

    Attributes:
        method: Where the data comes from.
        targets: The stores that get it, at least one, in the order of filling.
        named: Whether callers know stores by their names. Where they do not, the lists
            of an image name none.
        all_must_succeed: Whether one store that fails fails the import.
        uri: The address of a web-download.
        region: The region of a glance-download.
        remote_id: The image there.
        interface: Which of its endpoints is used.
    """

    method: Method
    targets: tuple[str, ...]
    named: bool = True
    all_must_succeed: bool = True
    uri: str | None = attrs.field(default=None, repr=False)
    region: str | None = None
    remote_id: str | None = None
    interface: str = "public"


# --- what is asked for, and what is to be done ---------------------------------------


def read_import(document: Mapping[str, object]) -> ImportRequest:
    """Return what a decoded JSON object asks for.

    What a method needs besides its name is not looked for: the state of the image is
    more interesting to callers than that.

    Raises:
        InvalidRequest: It names no known method, or something in it is of another type
            than it has to be.
    """
    method = document.get("method")
    if not isinstance(method, dict):
        raise errors.InvalidRequest("The body must have a 'method', which is an object.")
    given = cast("dict[str, object]", method)
    return ImportRequest(
        method=_method(given.get("name")),
        uri=_text(given, "uri"),
        region=_text(given, "glance_region"),
        remote_id=_text(given, "glance_image_id"),
        interface=_text(given, "glance_service_interface") or "public",
        stores=_names(document.get("stores")),
        all_stores=_flag(document, "all_stores", default=False),
        all_must_succeed=_flag(document, "all_stores_must_succeed", default=True),
        document=document,
    )


def _method(name: object) -> Method:
    if not isinstance(name, str):
        raise errors.InvalidRequest("The method must have a 'name', which is a string.")
    try:
        return Method(name)
    except ValueError:
        raise errors.InvalidRequest("There is no import method of this name.") from None


def _text(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise errors.InvalidRequest(f"The value of '{name}' must be a string.")
    return value or None


def _flag(fields: Mapping[str, object], name: str, *, default: bool) -> bool:
    value = fields.get(name, default)
    if not isinstance(value, bool):
        raise errors.InvalidRequest(f"The value of '{name}' must be true or false.")
    return value


def _names(value: object) -> tuple[str, ...] | None:
    """Return the names in a list, each once; None for an empty one, which names nothing."""
    names = cast("list[object]", value) if isinstance(value, list) else None
    if value is not None and (names is None or not all(isinstance(n, str) for n in names)):
        raise errors.InvalidRequest("The value of 'stores' must be an array of strings.")
    return tuple(dict.fromkeys(cast("list[str]", names or []))) or None


def input_of(
    image_id: str, request: ImportRequest, targets: Iterable[str | None]
) -> dict[str, object]:
    """Return what a job is given; `plan_of` reads it. A target of None has no name."""
    return {
        "image_id": image_id,
        "import_req": dict(request.document),
        "backend": list(targets),
    }


def plan_of(job: Job, default_store: str) -> ImportPlan:
    """Return what a job of `JobKind.API_IMAGE_IMPORT` is to do.

    Args:
        job: The job.
        default_store: The id of the store that has no name, where there is only one.

    Raises:
        InvalidRequest: It was given something else than `input_of` gives.
    """
    document, backend = job.input.get("import_req"), job.input.get("backend")
    if not isinstance(document, dict) or not isinstance(backend, list) or not backend:
        raise errors.InvalidRequest("The task does not say what is to be imported.")
    request = read_import(cast("dict[str, object]", document))
    names = cast("list[str | None]", backend)
    return ImportPlan(
        method=request.method,
        targets=tuple(default_store if name is None else name for name in names),
        named=None not in names,
        all_must_succeed=request.all_must_succeed,
        uri=request.uri,
        region=request.region,
        remote_id=request.remote_id,
        interface=request.interface,
    )


@attrs.frozen(kw_only=True)
class StoreChoice:
    """The stores that an import can choose from.

    Attributes:
        default: The one that is meant when none is named.
        named: Whether callers know stores by their names; if not, there is only that one.
        ids: All that callers can name, in the operator's order.
        writable: Those that take data.
    """

    default: str
    named: bool
    ids: tuple[str, ...]
    writable: frozenset[str]


def targets_of(request: ImportRequest, header: str | None, choice: StoreChoice) -> tuple[str, ...]:
    """Return the stores that an import is to fill, each once, in that order.

    Args:
        request: What is asked for.
        header: The store that was named beside it, None for none.
        choice: What there is to choose from.

    Raises:
        InvalidRequest: Stores are named in two ways that do not go together.
        UnknownStore: One is none that callers can name.
        StoreReadOnly: One takes no data.
    """
    if not choice.named:
        return _taking_data((choice.default,), choice)
    if request.all_stores and (request.stores or header):
        raise errors.InvalidRequest("Either all stores are meant, or those that are named.")
    if request.stores and header:
        raise errors.InvalidRequest("Stores are named in the body or in the header, not in both.")
    if request.all_stores:
        return tuple(store for store in choice.ids if store in choice.writable)
    wanted = request.stores or ((header,) if header else (choice.default,))
    for store in wanted:
        if store not in choice.ids:
            raise errors.UnknownStore(store)
    return _taking_data(wanted, choice)


def _taking_data(stores: tuple[str, ...], choice: StoreChoice) -> tuple[str, ...]:
    for store in stores:
        if store not in choice.writable:
            raise errors.StoreReadOnly(store)
    return stores


def still_to_copy(
    image: Image, request: ImportRequest, targets: tuple[str, ...], choice: StoreChoice
) -> tuple[str, ...]:
    """Return those of *targets* that do not have the data of *image*.

    Raises:
        CopyExists: One that the caller chose has it.
    """
    present = {location.store_id for location in image.locations}
    if not choice.named and image.locations:
        present = {choice.default}
    if not request.all_stores or not choice.named:
        for store in targets:
            if store in present:
                raise errors.CopyExists(image.id, store if choice.named else None)
    return tuple(store for store in targets if store not in present)


def check_status(image: Image, method: Method) -> None:
    """Refuse an image that *method* cannot bring data into in its status.

    Raises:
        NotAllowedNow: It is such an image; data that is still being staged counts as none.
    """
    ready = image.status is _BEGINNING[method]
    if method is Method.GLANCE_DIRECT:
        ready = ready and image.size is not None
    if not ready:
        wanted = Status.ACTIVE if method is Method.COPY_IMAGE else Status.IMPORTING
        raise errors.NotAllowedNow(image.id, image.status.value, wanted.value)


_BEGINNING: Final = {
    Method.GLANCE_DIRECT: Status.UPLOADING,
    Method.WEB_DOWNLOAD: Status.QUEUED,
    Method.GLANCE_DOWNLOAD: Status.QUEUED,
    Method.COPY_IMAGE: Status.ACTIVE,
}


def stores_of(job: Job) -> frozenset[str]:
    """Return the names of the stores that *job* is to fill; none if it fills none by name."""
    backend = job.input.get("backend")
    names = cast("list[object]", backend) if isinstance(backend, list) else []
    return frozenset(name for name in names if isinstance(name, str))


# --- what an image shows -------------------------------------------------------------


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


def let_go(image: Image, stores: Iterable[str]) -> Image:
    """Return *image*, whose job is over, with no store to fill; *stores* did not fail either."""
    if PENDING not in image.properties and FAILED not in image.properties:
        return image
    return with_progress(image, pending=(), failed=failed_of(image) - frozenset(stores))


def _split(text: str | None) -> frozenset[str]:
    return frozenset(name for name in (text or "").split(",") if name)


def _join(names: Iterable[str]) -> str:
    return ",".join(sorted(set(names)))


def progress_for_events(image: Image) -> Mapping[str, Collection[str]]:
    """Return what events of data say of an import: stores still to fill, and failed ones."""
    return {PENDING: sorted(pending_of(image)), FAILED: sorted(failed_of(image))}


def at_host(image: Image, host: str | None) -> Image:
    """Return *image* with the worker that holds its staged data; None for no worker."""
    properties = {name: value for name, value in image.properties.items() if name != STAGE_HOST}
    if host is not None:
        properties[STAGE_HOST] = host
    return attrs.evolve(image, properties=properties)
