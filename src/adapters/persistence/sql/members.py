"""Members of images."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vitrine.adapters.persistence.sql.database import Database, storable
from vitrine.adapters.persistence.sql.shelves import UNLISTED
from vitrine.adapters.persistence.sql.tables import image_members, images
from vitrine.adapters.persistence.sql.types import from_moment, to_moment
from vitrine.core.images.members import Member, MemberStatus
from vitrine.ports.persistence import Members

_table: Final = image_members


def to_row(member: Member) -> dict[str, Any]:
    """Return the columns that come from the member itself."""
    return {
        "image_id": member.image_id,
        "member_id": member.member_id,
        "status": member.status.value,
        "created_at": to_moment(member.created_at),
        "updated_at": to_moment(member.updated_at),
    }


def _from_row(row: sa.Row[Any]) -> Member:
    return Member(
        image_id=row.image_id,
        member_id=row.member_id,
        status=MemberStatus(row.status),
        created_at=from_moment(row.created_at),
        updated_at=from_moment(row.updated_at),
    )


_OF_IMAGE: Final = (
    sa.select(_table)
    .where(_table.c.image_id == sa.bindparam("image_id"))
    .order_by(_table.c.position)
)
_GET: Final = sa.select(_table).where(
    _table.c.image_id == sa.bindparam("image_id"), _table.c.member_id == sa.bindparam("member_id")
)


class SqlMembers(Members):
    """Members in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, image_id: str, member_id: str) -> Member | None:
        if not storable(image_id + member_id):
            return None
        values = {"image_id": image_id, "member_id": member_id}

        def work(connection: Connection) -> sa.Row[Any] | None:
            return connection.execute(_GET, values).first()

        row = self._database.read(work)
        return None if row is None else _from_row(row)

    def of(self, image_id: str) -> Sequence[Member]:
        if not storable(image_id):
            return []

        def work(connection: Connection) -> Sequence[sa.Row[Any]]:
            return connection.execute(_OF_IMAGE, {"image_id": image_id}).all()

        return [_from_row(row) for row in self._database.read(work)]


# --- writing, inside a transaction ---------------------------------------------------

_REPLACE: Final = (
    sa.update(_table)
    .where(
        _table.c.image_id == sa.bindparam("of_image"),
        _table.c.member_id == sa.bindparam("of_member"),
    )
    .values({name: sa.bindparam(f"new_{name}") for name in ("status", "created_at", "updated_at")})
)
_of_the_image: Final = images.c.id == sa.bindparam("image_id", type_=images.c.id.type)
_others: Final = _table.alias("others")
# The image's row is not locked for this: who changes members touches the image too.
_ADD: Final = sa.insert(_table).from_select(
    [*(column.name for column in _table.c)],
    sa.select(
        *(
            sa.bindparam(name, type_=_table.c[name].type)
            for name in ("image_id", "member_id", "status", "created_at", "updated_at")
        ),
        sa.select(sa.func.coalesce(sa.func.max(_others.c.position), 0) + 1)
        .where(_others.c.image_id == sa.bindparam("image_id", type_=images.c.id.type))
        .scalar_subquery(),
        *(
            sa.func.coalesce(
                sa.select(column).where(_of_the_image).scalar_subquery(),
                sa.literal_column(str(UNLISTED)),
            )
            for column in (images.c.shelf, images.c.created_at)
        ),
    ),
)
_REMOVE: Final = sa.delete(_table).where(
    _table.c.image_id == sa.bindparam("image_id"), _table.c.member_id == sa.bindparam("member_id")
)


def put(connection: Connection, member: Member) -> None:
    """Carry out `PutMember`."""
    row = to_row(member)
    values = {"of_image": member.image_id, "of_member": member.member_id}
    values |= {f"new_{name}": row[name] for name in ("status", "created_at", "updated_at")}
    if not connection.execute(_REPLACE, values).rowcount:
        connection.execute(_ADD, row)


def remove(connection: Connection, image_id: str, member_id: str) -> None:
    """Carry out `RemoveMember`."""
    connection.execute(_REMOVE, {"image_id": image_id, "member_id": member_id})
