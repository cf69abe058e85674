"""Sessions."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support import strategies
from vitrine.core.sessions import blob_key


@given(strategies.uuids(), strategies.uuids(), st.integers(1, 100), st.integers(1, 100))
def test_no_two_attempts_write_to_the_same_place(one: str, other: str, m: int, n: int) -> None:
    assert (blob_key(one, m) == blob_key(other, n)) is ((one, m) == (other, n))


@given(strategies.uuids())
def test_the_first_attempt_writes_where_others_look(image_id: str) -> None:
    assert blob_key(image_id, 1) == image_id
    assert blob_key(image_id, 2) == f"{image_id}.2"
