"""What is done to the data of an import, and to its image, before it goes to the stores."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs

from vitrine.core.images.image import Image
from vitrine.usecases.jobs import Work


@attrs.frozen(kw_only=True)
class Prepared:
    """What an import is to go on with.

    Attributes:
        key: Where the data is staged now.
        image: The image with what was found out or decided on the way, such as another
            disk_format, a virtual_size or more properties. It was not saved.
    """

    key: str
    image: Image


class Preparation(Protocol):
    """One step."""

    @property
    def reads_data(self) -> bool:
        """Whether it looks at the data, which has to be staged for it, or changes it."""
        ...

    def prepare(self, work: Work, prepared: Prepared) -> Prepared:
        """Do it. What it writes under a new key it names in the result.

        The old key is the caller's to delete. Whoever is cut off leaves nothing but
        names that begin with the image's id, which are swept away.

        Raises:
            VitrineError: The import fails.
        """
        ...

    def adorn(self, work: Work, image: Image) -> Image:
        """Return *image* with what this step adds to it whatever the data is. Not saved."""
        ...


class Preparations:
    """All steps, in the operator's order."""

    def __init__(self, steps: Sequence[Preparation] = ()) -> None:
        """Take the steps."""
        self._steps = tuple(steps)

    @property
    def read_data(self) -> bool:
        """Whether any step needs the data, so that it has to be staged first."""
        return any(step.reads_data for step in self._steps)

    def prepare(self, work: Work, prepared: Prepared) -> Prepared:
        """Do every step that needs the data, looking up between them."""
        for step in self._steps:
            work.check()
            if step.reads_data:
                prepared = step.prepare(work, prepared)
        return prepared

    def adorn(self, work: Work, image: Image) -> Image:
        """Return *image* with what every step adds to it."""
        for step in self._steps:
            image = step.adorn(work, image)
        return image


def added(image: Image, properties: Mapping[str, str]) -> Image:
    """Return *image* with these properties, over those of the same names."""
    return attrs.evolve(image, properties={**image.properties, **properties})
