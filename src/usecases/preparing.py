"""What is done to the data of an import, and to its image, before it goes to the stores."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import attrs

from vitrine.core.images.image import Image
from vitrine.usecases.jobs import Work

_DECIDED: Final = ("disk_format", "container_format", "min_disk", "min_ram")


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
    """One step. Who has nothing to do at a place inherits that."""

    @property
    def reads_data(self) -> bool:
        """Whether it looks at the data, which has to be staged for it, or changes it."""
        return False

    def prepare(self, work: Work, prepared: Prepared) -> Prepared:  # noqa: ARG002 - for those who read data
        """Do it. What it writes under a new key it names in the result.

        The old key is the caller's to delete. Whoever fails leaves nothing; whoever is
        cut off nothing but what `new_key` names, which is swept away.

        Raises:
            VitrineError: The import fails.
        """
        return prepared

    def adorn(self, work: Work, image: Image) -> Image:  # noqa: ARG002 - for those who add something
        """Return *image* with what this step adds to it whatever the data is. Not saved."""
        return image


def _keep(_key: str) -> None:
    """Delete nothing."""


class Preparations:
    """All steps, in the operator's order."""

    def __init__(
        self, steps: Sequence[Preparation] = (), *, delete: Callable[[str], None] = _keep
    ) -> None:
        """Take the steps, and how to delete what one has staged and the next has replaced."""
        self._steps = tuple(steps)
        self._delete = delete

    @property
    def read_data(self) -> bool:
        """Whether any step needs the data, so that it has to be staged first."""
        return any(step.reads_data for step in self._steps)

    def prepare(self, work: Work, prepared: Prepared) -> Prepared:
        """Do every step that needs the data, looking up between them.

        What is staged under the first key stays there; of what comes after it, only the
        last does.
        """
        first = prepared.key
        for step in self._steps:
            work.check()
            if step.reads_data:
                prepared = self._prepare(step, work, prepared, first)
        return prepared

    def _prepare(self, step: Preparation, work: Work, prepared: Prepared, first: str) -> Prepared:
        between = prepared.key if prepared.key != first else None
        try:
            done = step.prepare(work, prepared)
        except BaseException:
            if between is not None:
                self._delete(between)
            raise
        if between is not None and done.key != between:
            self._delete(between)
        return done

    def adorn(self, work: Work, image: Image) -> Image:
        """Return *image* with what every step adds to it."""
        for step in self._steps:
            image = step.adorn(work, image)
        return image


def new_key(image: Image, unique: str) -> str:
    """Return under which key a step stages something else for *image*.

    One that nobody has used before, so that somebody who lost the job, and has not
    noticed yet, writes elsewhere.
    """
    return f"{image.id}.{unique}"


def added(image: Image, properties: Mapping[str, str]) -> Image:
    """Return *image* with these properties, over those of the same names."""
    return attrs.evolve(image, properties={**image.properties, **properties})


def differences(before: Image, after: Image) -> Callable[[Image], Image]:
    """Return what makes of an image like *before* one like *after*, whatever else it says."""
    fields = {
        name: getattr(after, name)
        for name in _DECIDED
        if getattr(after, name) != getattr(before, name)
    }
    gone = before.properties.keys() - after.properties.keys()
    new = {
        name: value
        for name, value in after.properties.items()
        if name not in before.properties or before.properties[name] != value
    }

    def change(image: Image) -> Image:
        kept = {name: value for name, value in image.properties.items() if name not in gone}
        return attrs.evolve(image, properties={**kept, **new}, **fields)

    return change
