"""A circuit beside a model of one: never refused too early, never let through too often."""

from collections.abc import Callable

import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from vitrine.adapters.stores.circuit import Circuit, Passage
from vitrine.testing.threads import at_once, results

THRESHOLD = 3
PAUSE = 4.0
LONGEST = 60.0
WINDOW = 60.0


def _circuit(now: Callable[[], float], chance: float = 0.0, pause: float = PAUSE) -> Circuit:
    return Circuit(threshold=THRESHOLD, pause=pause, monotonic=now, chance=lambda: chance)


@attrs.define
class Model:
    """What a circuit without chance does, said again and plainly.

    Attributes:
        row: The times of the failures in a row.
        refusing_until: While it is open.
        openings: In vain since the last answer.
    """

    row: list[float] = attrs.field(factory=list)
    refusing_until: float | None = None
    openings: int = 0

    def pause(self) -> float:
        return float(min(PAUSE * 2**self.openings, LONGEST))

    def enter(self, now: float) -> Passage:
        if self.refusing_until is None:
            return Passage.FREE
        if now < self.refusing_until:
            return Passage.REFUSED
        self.refusing_until = now + self.pause()
        return Passage.TRIAL

    def failed(self, passage: Passage, now: float) -> bool:
        if self.refusing_until is not None:
            if passage is Passage.TRIAL:
                self.open(now)
            return False
        if self.row and now - self.row[-1] > WINDOW:
            self.row.clear()
        self.row.append(now)
        if len(self.row) < THRESHOLD:
            return False
        self.open(now)
        return True

    def open(self, now: float) -> None:
        self.refusing_until = now + self.pause()
        self.openings += 1

    def answered(self) -> bool:
        was_open = self.refusing_until is not None
        self.row, self.refusing_until, self.openings = [], None, 0
        return was_open

    def began(self, passage: Passage, now: float) -> bool:
        if passage is not Passage.TRIAL or self.refusing_until is None:
            return False
        self.row, self.refusing_until = [now] * (THRESHOLD - 1), None
        return True


class CircuitsAgree(RuleBasedStateMachine):
    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.circuit = _circuit(lambda: self.now)
        self.model = Model()

    @rule(target=calls)
    def call(self) -> Passage:
        passage = self.circuit.enter()
        assert passage is self.model.enter(self.now)
        return passage

    @rule(passage=calls)
    def fail(self, passage: Passage) -> None:
        if passage is not Passage.REFUSED:
            assert self.circuit.failed(passage) == self.model.failed(passage, self.now)

    @rule(passage=calls)
    def answer(self, passage: Passage) -> None:
        if passage is not Passage.REFUSED:
            assert self.circuit.answered() == self.model.answered()

    @rule(passage=calls)
    def begin(self, passage: Passage) -> None:
        if passage is not Passage.REFUSED:
            assert self.circuit.began(passage) == self.model.began(passage, self.now)

    @rule(passage=calls)
    def tell_nothing(self, passage: Passage) -> None:
        if passage is not Passage.REFUSED:
            self.circuit.told_nothing(passage)
            if passage is Passage.TRIAL and self.model.refusing_until is not None:
                self.model.refusing_until = self.now

    @rule(seconds=st.sampled_from([0.5, 1, PAUSE, 2 * PAUSE, LONGEST, 3 * WINDOW]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def is_open_for_a_minute_at_most(self) -> None:
        until = self.model.refusing_until
        assert until is None or until <= self.now + LONGEST


TestCircuitsAgree = CircuitsAgree.TestCase


def _opened(circuit: Circuit) -> Circuit:
    assert [circuit.failed(Passage.FREE) for _ in range(THRESHOLD)] == [False, False, True]
    return circuit


def test_one_of_many_is_let_through_on_trial() -> None:
    now = [0.0]
    circuit = _opened(_circuit(lambda: now[0]))
    now[0] = PAUSE

    passages = results(at_once(8, lambda _: circuit.enter()))

    assert sorted(each.value for each in passages) == ["refused"] * 7 + ["trial"]


@pytest.mark.parametrize(("chance", "drawn_out"), [(0.0, 4.0), (0.5, 4.5), (1.0, 5.0)])
def test_pauses_are_drawn_out_by_chance(chance: float, drawn_out: float) -> None:
    now = [0.0]
    circuit = _opened(_circuit(lambda: now[0], chance))

    now[0] = drawn_out - 0.01
    assert circuit.enter() is Passage.REFUSED
    now[0] = drawn_out
    assert circuit.enter() is Passage.TRIAL


def test_a_pause_beyond_a_minute_stays_what_the_operator_said() -> None:
    now = [0.0]
    circuit = _opened(_circuit(lambda: now[0], pause=90.0))
    for _ in range(100):
        now[0] += 90.0
        passage = circuit.enter()
        assert passage is Passage.TRIAL
        circuit.failed(passage)
        now[0] += 89.0
        assert circuit.enter() is Passage.REFUSED
        now[0] += 1.0
