import hashlib
from datetime import UTC, datetime, timedelta

import attrs
import hypothesis
import pytest
from hypothesis import strategies as st

from vitrine.core.caching import (
    CacheEntry,
    ClearTarget,
    cacheable,
    clear_target,
    expected_digest,
    superfluous,
)
from vitrine.core.digests import Digest
from vitrine.core.errors import InvalidValue
from vitrine.core.images.image import Image
from vitrine.core.images.status import Status

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MD5 = hashlib.md5(b"").hexdigest()  # noqa: S324 - the API's own checksum
SHA = Digest(algorithm="sha512", value=hashlib.sha512(b"").hexdigest())
IMAGE = Image(
    id="i", created_at=NOON, updated_at=NOON, status=Status.ACTIVE, size=0, checksum=MD5, digest=SHA
)


def test_an_active_image_whose_bytes_can_be_verified_can_be_cached() -> None:
    assert cacheable(IMAGE)
    assert cacheable(attrs.evolve(IMAGE, digest=None))
    assert cacheable(attrs.evolve(IMAGE, checksum=None))


@pytest.mark.parametrize(
    "changes",
    [
        {"status": Status.DEACTIVATED},
        {"status": Status.QUEUED},
        {"status": Status.IMPORTING},
        {"status": Status.DELETED},
        {"deletion": "session"},
        {"size": None},
        {"checksum": None, "digest": None},
    ],
    ids=str,
)
def test_no_other_image_can(changes: dict[str, object]) -> None:
    assert not cacheable(attrs.evolve(IMAGE, **changes))  # type: ignore[arg-type]  # fields of images


def test_the_trusted_hash_is_expected_and_the_old_one_where_there_is_no_other() -> None:
    assert expected_digest(IMAGE) == SHA
    old = expected_digest(attrs.evolve(IMAGE, digest=None))
    assert old == Digest(algorithm="md5", value=MD5)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        (None, ClearTarget.CACHE | ClearTarget.QUEUE),
        ("", ClearTarget.CACHE | ClearTarget.QUEUE),
        ("cache", ClearTarget.CACHE),
        (" queue ", ClearTarget.QUEUE),
    ],
)
def test_a_word_says_what_is_to_be_cleared(text: str | None, target: ClearTarget) -> None:
    assert clear_target(text) is target


@pytest.mark.parametrize("text", ["both", "CACHE", "cache,queue"])
def test_another_word_says_nothing(text: str) -> None:
    with pytest.raises(InvalidValue):
        clear_target(text)


ENTRIES = st.lists(
    st.builds(
        CacheEntry,
        image_id=st.uuids().map(str),
        size=st.integers(0, 100),
        last_modified=st.just(NOON),
        last_accessed=st.integers(0, 5).map(lambda hours: NOON + timedelta(hours=hours)),
    ),
    unique_by=lambda entry: entry.image_id,
)


@hypothesis.given(entries=ENTRIES, limit=st.integers(0, 300))
def test_those_go_that_were_not_asked_for_longest_and_no_more_than_have_to(
    entries: list[CacheEntry], limit: int
) -> None:
    gone = superfluous(entries, limit)
    kept = [entry for entry in entries if entry not in gone]
    total = sum(entry.size for entry in kept)
    assert total <= limit or not kept
    assert all(old.last_accessed <= entry.last_accessed for old in gone for entry in kept)
    if gone:
        assert total + gone[-1].size > limit
