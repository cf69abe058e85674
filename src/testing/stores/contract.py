"""All that a store promises, put together."""

from collections.abc import Mapping
from typing import ClassVar

from vitrine.testing.stores.deletion import DeletionContract
from vitrine.testing.stores.keys import KeyContract
from vitrine.testing.stores.sessions import SessionContract
from vitrine.testing.stores.trouble import TROUBLES
from vitrine.testing.stores.writing import WritingContract


class StoreContract(WritingContract, KeyContract, DeletionContract, SessionContract):
    """Everything that a store which takes data promises, but for what troubles it."""

    untried: ClassVar[Mapping[type, str]] = {}
    """For each of the contracts of trouble that the class does not inherit, why."""

    def test_every_trouble_is_tried_or_there_is_a_reason(self) -> None:
        for trouble in TROUBLES:
            tried, reason = isinstance(self, trouble), self.untried.get(trouble)
            assert tried != bool(reason), trouble.__name__
