"""The step that only tells that it was there."""

import logging
from typing import Final

from vitrine.core.images.image import Image
from vitrine.usecases.jobs import Work
from vitrine.usecases.preparing import Preparation

_log: Final = logging.getLogger(__name__)


class NoOp(Preparation):
    """Shows operators that steps are taken."""

    def adorn(self, work: Work, image: Image) -> Image:
        """Say so."""
        _log.info("The step no_op of task %s was taken for image %s.", work.job.id, image.id)
        return image
