"""What the operator's policy says."""

from collections.abc import Callable, Mapping
from typing import Protocol

from vitrine.core.context import Context

Predicate = Callable[[Mapping[str, object]], bool]


class Authorizer(Protocol):
    """Answers whether a rule holds. Safe to share between threads.

    Rules are named as in `vitrine.core.policy`; a target is what
    `vitrine.core.images.access.policy_target` makes. A key that a rule compares
    with and the target does not have makes that comparison false.
    """

    def allows(self, rule: str, context: Context, target: Mapping[str, object]) -> bool:
        """Return whether *rule* lets the caller do its action on *target*.

        Raises:
            Misconfigured: There is no such rule.
        """
        ...

    def compiled(self, rule: str, context: Context) -> Predicate:
        """Return *rule* for this caller as a function of the target alone.

        For asking about many targets in one request; it gives the answers that
        `allows` would give now, and is not to be kept.

        Raises:
            Misconfigured: There is no such rule.
        """
        ...

    def knows(self, rule: str) -> bool:
        """Return whether there is a rule of this name."""
        ...

    @property
    def legacy(self) -> bool:
        """Whether rules still grant what earlier releases granted.

        Such rules say less about roles, and the use cases check ownership where
        they did not.
        """
        ...
