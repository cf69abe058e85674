"""Members of images."""

from datetime import UTC, datetime
from typing import Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strategies
from vitrine.core.errors import InvalidValue
from vitrine.core.images.members import Member, MemberStatus, new_member

NOW: Final = datetime(2026, 5, 5, 5, 5, 5, 555_555, tzinfo=UTC)
SECOND: Final = datetime(2026, 5, 5, 5, 5, 5, tzinfo=UTC)


@given(strategies.any_kept_text().filter(bool) | st.just("x" * 255))
def test_an_offer_begins_unanswered(project: str) -> None:
    assert new_member("i", project, NOW) == Member(
        image_id="i",
        member_id=project,
        status=MemberStatus.PENDING,
        created_at=SECOND,
        updated_at=SECOND,
    )


@given(st.just("") | st.just("x" * 256) | strategies.text_nobody_keeps())
def test_an_impossible_project_is_no_member(project: str) -> None:
    with pytest.raises(InvalidValue) as raised:
        new_member("i", project, NOW)
    assert raised.value.field == "member"


@given(strategies.members(), st.sampled_from(MemberStatus))
def test_any_answer_may_follow_any(member: Member, answer: MemberStatus) -> None:
    assert member.answered(answer, NOW) == attrs.evolve(member, status=answer, updated_at=SECOND)
