import hypothesis
import pytest
import sqlalchemy as sa

from tests.contracts.persistence import PersistenceContract
from tests.contracts.persistence_base import LONG, an_event, changeset, new_id
from vitrine.adapters.persistence.sql.persistence import SqlPersistence
from vitrine.adapters.persistence.sql.tables import outbox, outbox_claims


class TestSqlPersistenceOnSqlite(PersistenceContract):
    examples = hypothesis.settings(max_examples=max(20, hypothesis.settings().max_examples // 2))

    @pytest.fixture
    def persistence(self, opened: SqlPersistence) -> SqlPersistence:
        return opened


def test_an_event_of_a_newer_release_holds_up_nothing_but_its_own_image(
    opened: SqlPersistence, caplog: pytest.LogCaptureFixture
) -> None:
    image_id = new_id()
    given = [an_event(image_id, version) for version in (1, 2, 3)]
    others = [an_event(new_id()) for _ in range(3)]
    opened.commit(changeset(events=[*given, *others]))
    newer = sa.update(outbox).values(type="image.praise").where(outbox.c.id == given[1].id)
    with opened.database.engine.connect() as connection:
        connection.execute(newer)

    told: list[object] = []
    for holder in ("first", "second"):
        while batch := opened.outbox.claim(holder, LONG):
            told += batch.events
            opened.outbox.settle(batch, holder)
    assert sorted(map(str, told)) == sorted(map(str, (given[0], *others)))
    (said,) = caplog.messages
    assert "image.praise" in said
    assert image_id in said

    # The newer release is back, and so much time has passed.
    with opened.database.engine.connect() as connection:
        connection.execute(sa.update(outbox).values(type=given[1].type.value))
        connection.execute(sa.update(outbox_claims).values(expires_at=0))
    batch = opened.outbox.claim("third", LONG)
    assert batch is not None
    assert list(batch.events) == given[1:]
