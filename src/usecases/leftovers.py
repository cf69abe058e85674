"""What lies in the staging place and is of no use any more.

Data that was staged goes when its image is imported or deleted. What a crash left, or a
step of an import that was cut off, is found here by its name, which begins with the id of
an image. Nothing else that lies there is touched.
"""

import logging
from datetime import timedelta
from typing import Final

from vitrine.core import errors
from vitrine.core.events import EventType
from vitrine.core.images.image import Image, is_image_id
from vitrine.core.images.query import (
    Comparison,
    ImageQuery,
    Scope,
    SortField,
    SortKey,
    TextField,
    TextIn,
    TimeCompares,
    TimeField,
    total_order,
)
from vitrine.core.images.status import FINDABLE, Status
from vitrine.core.importing import at_host
from vitrine.core.jobs import holder_of, unlocked
from vitrine.core.sessions import blob_key
from vitrine.ports.clock import Clock
from vitrine.ports.persistence import Persistence
from vitrine.ports.staging import Staged, Staging
from vitrine.usecases.units import Unit, Units

_log: Final = logging.getLogger(__name__)

_LONGEST_PAUSE: Final = timedelta(minutes=10)
_LENGTH_OF_ID: Final = 36  # characters
_BATCH: Final = 100  # images looked at in one round


class Leftovers:
    """Sweeps the staging place. Safe to run in every process at once."""

    def __init__(  # noqa: PLR0913 - it asks all of these
        self,
        *,
        persistence: Persistence,
        units: Units,
        staging: Staging,
        clock: Clock,
        grace: timedelta,
        ttl: timedelta | None = None,
    ) -> None:
        """Take the parts.

        Args:
            persistence: Knows whose things are.
            units: Queue images again.
            staging: Where things lie.
            clock: Tells when to look again.
            grace: For how long what seems to be nobody's is left alone, since its owner
                may be about to say so; more than a lease lasts.
            ttl: For how long data is kept that nobody imports; None for ever.
        """
        self._persistence = persistence
        self._units = units
        self._staging = staging
        self._clock = clock
        self._grace = grace
        self._ttl = ttl
        self._pause = _LONGEST_PAUSE if ttl is None else min(_LONGEST_PAUSE, ttl / 2)
        self._next_look = clock.now()

    def sweep(self) -> None:
        """Remove what is of no use, unless that was done a short while ago."""
        now = self._clock.now()
        if now < self._next_look:
            return
        for staged in self._staging.listed():
            try:
                self._look_at(staged)
            except errors.VitrineError as error:
                _log.warning("Something that was staged stays for now: %s", error)
        if self._ttl is not None:
            self._expire(self._ttl)
        self._next_look = now + self._pause

    def _look_at(self, staged: Staged) -> None:
        if staged.session_id is not None:
            if staged.age > self._grace and not self._is_alive(staged.session_id):
                self._staging.sweep_away(staged)
            return
        image_id = staged.name[:_LENGTH_OF_ID]
        if not is_image_id(image_id):
            return
        record = self._persistence.images.get(image_id)
        if record is None:
            self._remove_if_old(staged, image_id)
            return
        image = record.image
        if image.status not in FINDABLE:
            self._remove(staged, image_id)
        elif self._is_held(image):
            return
        elif image.status is not Status.UPLOADING or staged.key != blob_key(
            image.id, image.attempts
        ):
            self._remove_if_old(staged, image_id)
        elif self._ttl is not None and staged.age > self._ttl:
            self._give_up(image)

    def _is_alive(self, session_id: str) -> bool:
        """Return whether somebody may still be writing, or will clean up after who did."""
        if self._persistence.sessions.get(session_id) is not None:
            return True
        job = self._persistence.jobs.get(session_id)
        return job is not None and not job.ended

    def _is_held(self, image: Image) -> bool:
        """Return whether a job has the image, and with it all that lies there for it."""
        job_id = holder_of(image)
        job = None if job_id is None else self._persistence.jobs.get(job_id)
        return job is not None and not job.ended

    def _remove_if_old(self, staged: Staged, image_id: str) -> None:
        if staged.age > self._grace:
            self._remove(staged, image_id)

    def _remove(self, staged: Staged, image_id: str) -> None:
        self._staging.sweep_away(staged)
        _log.info("Something that was staged for image %s, and of no use, was removed.", image_id)

    # --- what nobody imports ---------------------------------------------------------

    def _expire(self, ttl: timedelta) -> None:
        """Queue images again whose data has waited for too long, and may be lost."""
        query = ImageQuery(
            scope=Scope(everything=True, all_visibilities=True),
            filters=(
                TextIn(TextField.STATUS, (Status.UPLOADING.value,)),
                TimeCompares(TimeField.UPDATED_AT, Comparison.LT, self._clock.now() - ttl),
            ),
            sort=total_order([SortKey(SortField.UPDATED_AT, descending=False)]),
            limit=_BATCH,
        )
        for record in self._persistence.images.page(query):
            if record.image.size is not None and not self._is_held(record.image):
                self._give_up(record.image)

    def _give_up(self, image: Image) -> None:
        """Queue an image again that has waited for its import, and remove its data."""

        def story(unit: Unit) -> bool:
            record = self._persistence.images.get(image.id)
            if record is None or record.image.version != image.version or image.size is None:
                return False
            queued = at_host(unlocked(image.requeued(self._clock.now())), None)
            unit.tell_image(EventType.IMAGE_UPDATE, unit.save(image, queued))
            return True

        if self._units.run(story):
            self._staging.delete(blob_key(image.id, image.attempts))
            _log.info("Image %s is queued again: nobody imported its data.", image.id)
