"""What is done for a request to import an image, when the request is over."""

from collections.abc import Callable, Mapping
from typing import Final

from vitrine.core import errors
from vitrine.core.importing import ImportPlan, Method, plan_of, stores_of
from vitrine.core.jobs import Job
from vitrine.ports.stores import Stores
from vitrine.usecases.callers import Callers
from vitrine.usecases.filling import Filling
from vitrine.usecases.jobs import Handler, Work
from vitrine.usecases.sources import Source, SourceFactory
from vitrine.usecases.undoing import Undoing
from vitrine.usecases.units import Unit

_UNKNOWN: Final = "This service has no such way to import an image."


class ImageImport(Handler):
    """Gives an image its data, or copies the data it has to further stores."""

    def __init__(  # noqa: PLR0913 - what an import takes, by method
        self,
        *,
        filling: Filling,
        undoing: Undoing,
        sources: Mapping[Method, SourceFactory],
        stores: Stores,
        callers: Callers,
        here: Callable[[Job], bool],
    ) -> None:
        """Take the parts.

        Args:
            filling: Fills the stores.
            undoing: Puts images back.
            sources: How data is found by every method but copying, which needs none.
            stores: Know the default store.
            callers: Know who asked.
            here: Tells which imports are for this process.
        """
        self._filling = filling
        self._undoing = undoing
        self._sources = sources
        self._stores = stores
        self._callers = callers
        self._here = here

    def here(self, job: Job) -> bool:
        """Return whether the data can be had in this process."""
        return self._here(job)

    def run(self, work: Work) -> None:
        """Find the data, bring the image to where it is importing, and fill the stores."""
        plan = plan_of(work.job, self._stores.default_id)
        image_id = work.job.image_id or ""
        try:
            source = self._source(work, image_id, plan)
            image = self._filling.begin(work, image_id, source, plan)
        except (errors.LeaseLost, errors.PersistenceUnavailable):
            raise
        except errors.VitrineError as failure:
            self._undoing.fail(work, image_id, plan, failure)
        else:
            self._filling.fill(work, image, source, plan)

    def _source(self, work: Work, image_id: str, plan: ImportPlan) -> Source:
        image = self._filling.mine(work.job, image_id)
        if plan.method is Method.COPY_IMAGE or self._filling.goes_on(image):
            return self._filling.copies_of(image, work.job)
        factory = self._sources.get(plan.method)
        if factory is None:
            raise errors.InvalidRequest(_UNKNOWN)
        return factory(work, image, plan)

    def give_up(self, unit: Unit, job: Job) -> None:
        """Queue the image again; one that has data keeps it."""
        self._undoing.give_up(unit, job, job.image_id or "", stores_of(job))

    def clean_up(self, job: Job) -> None:
        """Remove what was staged, and forget who asked."""
        self._callers.forget(job.id)
        self._undoing.tidy(job.image_id or "")
