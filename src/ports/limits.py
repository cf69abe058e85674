"""How much a project may have."""

from typing import Protocol

from vitrine.core.quota import Resource


class Limits(Protocol):
    """Knows the limits of projects. Safe to share between threads."""

    def of(self, project: str, resource: Resource) -> int | None:
        """Return how much of a resource a project may have; sizes in bytes.

        None means no limit. The answer may be up to a minute old.

        Raises:
            Misconfigured: The source of limits does not work as it is set up.
            Unavailable: It is away.
        """
        ...
