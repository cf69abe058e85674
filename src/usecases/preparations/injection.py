"""Properties that the operator adds to what is imported."""

import logging
from collections.abc import Iterable, Mapping
from typing import Final

from vitrine.core.images.image import Image
from vitrine.core.images.properties import MUTABLE_BASE, READ_ONLY, RESERVED, is_internal
from vitrine.usecases.jobs import Work
from vitrine.usecases.preparing import Preparation, added

_log: Final = logging.getLogger(__name__)

_TAKEN: Final = RESERVED | READ_ONLY | MUTABLE_BASE


class Injection(Preparation):
    """Adds the same properties to every image, unless who imports it is spared that."""

    def __init__(self, properties: Mapping[str, str], *, spared: Iterable[str]) -> None:
        """Take the decisions.

        Args:
            properties: What is added, but for names that belong to the service.
            spared: Roles whose imports get nothing.
        """
        self._properties = {
            name: value
            for name, value in properties.items()
            if name not in _TAKEN and not is_internal(name)
        }
        for name in properties.keys() - self._properties.keys():
            _log.warning("No image is given the property %s: the name is taken.", name)
        self._spared = frozenset(role.lower() for role in spared)

    def adorn(self, work: Work, image: Image) -> Image:
        """Return *image* with the properties, if whoever imports it has none of the roles."""
        if work.job.roles & self._spared:
            return image
        return added(image, self._properties)
