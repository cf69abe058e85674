"""What is asked is waited for, and not for ever."""

import threading

import pytest

from vitrine.adapters.signatures.lookups import Lookups
from vitrine.core.errors import KeyManagerUnavailable, SignatureInvalid

SHORT = 0.05  # seconds
LONG = 60.0  # seconds


def test_who_asks_gets_what_was_answered() -> None:
    assert Lookups(seconds=LONG).run(lambda: "answer") == "answer"


def test_who_asks_gets_what_went_wrong() -> None:
    def fail() -> None:
        raise SignatureInvalid("there is none")

    lookups = Lookups(seconds=LONG, threads=1)
    for _ in range(3):
        with pytest.raises(SignatureInvalid):
            lookups.run(fail)


def test_what_is_not_answered_in_time_is_given_up_and_keeps_its_place_until_it_ends() -> None:
    lookups = Lookups(seconds=SHORT, threads=1)
    answered, over = threading.Event(), threading.Event()
    asked: list[str] = []

    def silent() -> None:
        answered.wait(LONG)
        over.set()

    with pytest.raises(KeyManagerUnavailable):
        lookups.run(silent)
    with pytest.raises(KeyManagerUnavailable):
        lookups.run(lambda: asked.append("in vain"))
    assert not asked

    answered.set()
    assert over.wait(LONG)
    _until_answered(lookups)


def _until_answered(lookups: Lookups) -> None:
    """Ask until the place is free, which it is a moment after the answer."""
    for _ in range(100):
        try:
            assert lookups.run(lambda: "answer") == "answer"
        except KeyManagerUnavailable:
            continue
        return
    pytest.fail("The place was never given back.")
