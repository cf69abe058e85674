"""Tasks of type import: an image is made and gets its data from an address."""

import contextlib
import uuid
from collections.abc import Callable, Mapping
from typing import Final, cast

import attrs

from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.events import EventType
from vitrine.core.images.creation import NewImage
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status
from vitrine.core.importing import ImportPlan, Method
from vitrine.core.jobs import Job, locked
from vitrine.core.policy import CONTEXT_IS_ADMIN
from vitrine.ports.fetching import Fetcher
from vitrine.ports.jobs import SaveJob
from vitrine.ports.persistence import Persistence
from vitrine.ports.stores import Stores
from vitrine.usecases.callers import Callers
from vitrine.usecases.catalogue import Images
from vitrine.usecases.filling import Filling
from vitrine.usecases.gate import Gate
from vitrine.usecases.jobs import Handler, Work
from vitrine.usecases.sources import WebSource
from vitrine.usecases.tasks import IMPORT_FROM
from vitrine.usecases.undoing import Undoing
from vitrine.usecases.units import Unit, Units

_FORMAT: Final = "import_from_format"
_PROPERTIES: Final = "image_properties"
_NO_PLACE: Final = "Tasks of type import cannot be done here: they have no work_dir."
# What an image is of which nothing is said.
_FORMATS: Final[Mapping[str, object]] = {"disk_format": "qcow2", "container_format": "bare"}


@attrs.frozen(kw_only=True)
class _Given:
    """What a task was given.

    Attributes:
        url: Where the data is.
        properties: What the image shall be like, as the API has it.
    """

    url: str = attrs.field(repr=False)
    properties: Mapping[str, object]

    @classmethod
    def read(cls, given: Mapping[str, object]) -> "_Given":
        """Return what is needed out of the input of a task.

        Raises:
            InvalidRequest: Something is missing, or of another type than it has to be.
        """
        for name, kind, what in (
            (IMPORT_FROM, str, "a string"),
            (_FORMAT, str, "a string"),
            (_PROPERTIES, dict, "an object"),
        ):
            if not isinstance(given.get(name), kind):
                raise errors.InvalidRequest(f"The input needs '{name}', which is {what}.")
        properties = cast("Mapping[str, object]", given[_PROPERTIES])
        return cls(url=cast("str", given[IMPORT_FROM]), properties=properties or _FORMATS)


class TaskImport(Handler):
    """Makes an image and gives it its data.

    An image whose data could not be had stays, without data; the task names it.
    """

    def __init__(  # noqa: PLR0913 - it makes an image and fills it
        self,
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
        read_image: Callable[[Mapping[str, object]], NewImage],
        has_place: bool,
    ) -> None:
        """Take the parts.

        Args:
            persistence: Knows how far a task came that is begun again.
            units: Write it down.
            gate: Tells whether the caller is an administrator.
            images: Makes the image.
            stores: Know the one that gets the data.
            fetcher: Fetches it.
            filling: Puts it there.
            undoing: Puts the image back where that failed.
            callers: Know who asked.
            read_image: Reads what an image shall be like, as the API has it.
            has_place: Whether the operator provided for such tasks at all.
        """
        self._persistence = persistence
        self._units = units
        self._gate = gate
        self._images = images
        self._stores = stores
        self._fetcher = fetcher
        self._filling = filling
        self._undoing = undoing
        self._callers = callers
        self._read_image = read_image
        self._has_place = has_place

    def run(self, work: Work) -> None:
        """Make the image, and fill it."""
        if not self._has_place:
            raise errors.InvalidRequest(_NO_PLACE)
        given = _Given.read(work.job.input)
        # The operator may have thought better of it since.
        self._fetcher.check(given.url)
        image_id = self._image_for(work, given)
        source = WebSource(fetcher=self._fetcher, url=given.url)
        plan = self._plan(given.url)
        image = self._filling.begin(work, image_id, source, plan)
        self._filling.fill(work, image, source, plan)

    def give_up(self, unit: Unit, job: Job) -> None:
        """Queue the image again, if there is one that the task holds."""
        self._undoing.give_up(unit, job, _image_id(job), (self._stores.default_id,))

    def clean_up(self, job: Job) -> None:
        """Forget who asked, and remove what was staged."""
        self._callers.forget(job.id)
        self._undoing.tidy(_image_id(job))

    def _plan(self, url: str) -> ImportPlan:
        return ImportPlan(
            method=Method.WEB_DOWNLOAD, targets=(self._stores.default_id,), named=False, uri=url
        )

    # --- the image -------------------------------------------------------------------

    def _image_for(self, work: Work, given: _Given) -> str:
        """Return the id of the image, which is there and in the hands of the task."""
        image_id = _image_id(work.job)
        if self._persistence.images.get(image_id) is None:
            new = attrs.evolve(self._read_image(given.properties), id=image_id)
            if not (new.disk_format and new.container_format):
                raise errors.FormatsMissing(image_id)
            # Somebody may have come as far as this and be slow to notice that it is over.
            with contextlib.suppress(errors.ImageExists):
                self._images.create(self._caller(work.job), new)
        self._units.run(lambda unit: self._take(unit, work, image_id))
        return image_id

    def _caller(self, job: Job) -> Context:
        caller = self._callers.of(job)
        holds = self._gate.holds(caller, {})
        return attrs.evolve(caller, is_admin=holds(CONTEXT_IS_ADMIN))

    def _take(self, unit: Unit, work: Work, image_id: str) -> None:
        """Let *unit* take the image into the hands of the task, and say so on both sides."""
        job = work.step(unit)
        if job.image_id is not None:
            return
        image = self._found(image_id)
        if image.status is not Status.QUEUED:
            # Whoever learned its id was faster, and has filled it.
            raise errors.NotAllowedNow(image_id, image.status.value, Status.IMPORTING.value)
        unit.do(SaveJob(attrs.evolve(job, image_id=image_id)))
        saved = unit.save(image, locked(image, job.id))
        unit.tell_image(EventType.IMAGE_UPDATE, saved)

    def _found(self, image_id: str) -> Image:
        record = self._persistence.images.get(image_id)
        if record is None or record.image.status is Status.DELETED:
            raise errors.DeletedMeanwhile(image_id)
        record.image.check_not_being_deleted()
        return record.image


def _image_id(job: Job) -> str:
    """Return the id of the image of a task: the same one, however often it is begun."""
    return str(uuid.uuid5(uuid.UUID(job.id), "image"))
