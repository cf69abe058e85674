"""Tasks of type import, as the operator provided for them."""

from pathlib import Path

from vitrine.adapters.config.settings import Settings
from vitrine.adapters.http.documents import new_image
from vitrine.adapters.http.schemas.image import ImageSchema
from vitrine.adapters.stores.staging import FileStaging
from vitrine.bootstrap.preparations import make_conversion
from vitrine.ports.clock import Ids
from vitrine.ports.fetching import Fetcher
from vitrine.ports.inspection import Inspector
from vitrine.ports.persistence import Persistence
from vitrine.ports.staging import Staging
from vitrine.ports.stores import Stores
from vitrine.usecases.callers import Callers
from vitrine.usecases.catalogue import Images
from vitrine.usecases.filling import Filling
from vitrine.usecases.gate import Gate
from vitrine.usecases.preparations.room import Rooms
from vitrine.usecases.preparing import Preparations
from vitrine.usecases.task_import import TaskImport
from vitrine.usecases.undoing import Undoing
from vitrine.usecases.units import Units


def task_place(settings: Settings) -> Path:
    """Return where the data of tasks lies while it is worked on."""
    work_dir = settings.work.task_work_dir
    # Where stores have names there is a section for this one, too.
    return settings.stores.tasks if work_dir is None or settings.stores.multiple else work_dir


def make_task_staging(settings: Settings) -> Staging:
    """Return that place, which was not looked at."""
    return FileStaging(task_place(settings))


def make_task_preparations(
    settings: Settings, *, staging: Staging, inspector: Inspector, rooms: Rooms, ids: Ids
) -> Preparations:
    """Return what is done to the data first.

    Raises:
        Misconfigured: A program that is needed for it is missing.
    """
    output_format = settings.work.task_conversion_format
    if output_format is None:
        return Preparations()
    conversion = make_conversion(
        output_format, settings, staging=staging, inspector=inspector, rooms=rooms, ids=ids
    )
    return Preparations([conversion], delete=staging.delete)


def make_task_import(  # noqa: PLR0913 - it makes an image and fills it
    settings: Settings,
    *,
    persistence: Persistence,
    units: Units,
    gate: Gate,
    images: Images,
    stores: Stores,
    fetcher: Fetcher,
    filling: Filling,
    undoing: Undoing,
    callers: Callers,
    schema: ImageSchema,
) -> TaskImport:
    """Return what does them."""
    return TaskImport(
        persistence=persistence,
        units=units,
        gate=gate,
        images=images,
        stores=stores,
        fetcher=fetcher,
        filling=filling,
        undoing=undoing,
        callers=callers,
        read_image=lambda document: new_image(document, schema),
        has_place=settings.work.task_work_dir is not None,
    )
