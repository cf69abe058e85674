"""The tables, as data. docs/adr/0005-catalogue-rows.md says why they look so.

There are no foreign keys: rows that belong together are written in one
transaction by the code here, and MySQL would lock the parent for every child,
in an order of its own.
"""

from typing import Final

import sqlalchemy as sa

from vitrine.adapters.persistence.sql.types import Document, ExactText, Fingerprint, Moment

METADATA: Final = sa.MetaData()

_ID: Final = ExactText(64)
_NAME: Final = ExactText(255)
_WORD: Final = ExactText(64)

images: Final = sa.Table(
    "images",
    METADATA,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    # Where lists find it: see shelves.py.
    sa.Column("shelf", sa.SmallInteger, nullable=False),
    # A hash of everything that image_facets and image_members repeat.
    sa.Column("facets", Fingerprint, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("deleted_at", Moment),
    sa.Column("owner", _NAME),
    sa.Column("status", _WORD, nullable=False),
    sa.Column("visibility", _WORD, nullable=False),
    sa.Column("protected", sa.SmallInteger, nullable=False),
    sa.Column("hidden", sa.SmallInteger, nullable=False),
    # Lists are sorted by these, and null as '' or 0; `blanks` tells which were null.
    sa.Column("name", _NAME, nullable=False),
    sa.Column("container_format", _WORD, nullable=False),
    sa.Column("disk_format", _WORD, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("blanks", sa.SmallInteger, nullable=False),
    sa.Column("virtual_size", sa.BigInteger),
    sa.Column("min_disk", sa.Integer, nullable=False),
    sa.Column("min_ram", sa.Integer, nullable=False),
    sa.Column("checksum", _WORD),
    sa.Column("os_hash_algo", _WORD),
    sa.Column("os_hash_value", ExactText(255)),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("deletion", _WORD),
    # Properties, tags and locations.
    sa.Column("document", Document, nullable=False),
    sa.Index("images_shelf", "shelf", "created_at", "id"),
    sa.Index("images_shelf_name", "shelf", "name", "created_at", "id"),
    sa.Index("images_owner", "owner", "shelf", "created_at", "id"),
    sa.Index("images_owner_name", "owner", "shelf", "name", "created_at", "id"),
    sa.Index("images_checksum", "checksum"),
    sa.Index("images_os_hash_value", "os_hash_value"),
    mysql_row_format="DYNAMIC",
)

# One row per property, tag and location of an image that is not deleted: see facets.py.
image_facets: Final = sa.Table(
    "image_facets",
    METADATA,
    sa.Column("facet", Fingerprint, primary_key=True),
    sa.Column("shelf", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("created_at", Moment, primary_key=True, autoincrement=False),
    sa.Column("image_id", _ID, primary_key=True),
    sa.Column("owner", _NAME),
    sa.Index("image_facets_owner", "facet", "owner", "shelf", "created_at", "image_id"),
    sqlite_with_rowid=False,
    mysql_row_format="DYNAMIC",
)

image_members: Final = sa.Table(
    "image_members",
    METADATA,
    sa.Column("image_id", _ID, primary_key=True),
    sa.Column("member_id", _NAME, primary_key=True),
    sa.Column("status", _WORD, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    # Counts the members of an image in the order in which they were added.
    sa.Column("position", sa.BigInteger, nullable=False),
    # Repeated from the image, so that an index can serve a list.
    sa.Column("shelf", sa.SmallInteger, nullable=False),
    sa.Column("image_created_at", Moment, nullable=False),
    sa.Index("image_members_list", "member_id", "shelf", "status", "image_created_at", "image_id"),
    mysql_row_format="DYNAMIC",
)

sessions: Final = sa.Table(
    "sessions",
    METADATA,
    sa.Column("id", _WORD, primary_key=True),
    sa.Column("kind", _WORD, nullable=False),
    sa.Column("image_id", _ID, nullable=False),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("store_id", _NAME),
    sa.Column("blob_key", _NAME),
    sa.Column("handle", Document),
)

leases: Final = sa.Table(
    "leases",
    METADATA,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("holder", _NAME, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
)

ledger: Final = sa.Table(
    "ledger",
    METADATA,
    sa.Column("project", _NAME, primary_key=True),
    sa.Column("resource", _WORD, primary_key=True),
    sa.Column("used", sa.BigInteger, nullable=False),
    sa.Column("reserved", sa.BigInteger, nullable=False),
)

reservations: Final = sa.Table(
    "reservations",
    METADATA,
    sa.Column("session_id", _WORD, primary_key=True),
    sa.Column("project", _NAME, primary_key=True),
    sa.Column("resource", _WORD, primary_key=True),
    sa.Column("amount", sa.BigInteger, nullable=False),
)

outbox: Final = sa.Table(
    "outbox",
    METADATA,
    sa.Column("id", _WORD, primary_key=True),
    sa.Column("aggregate_id", _ID, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("type", _WORD, nullable=False),
    sa.Column("priority", _WORD, nullable=False),
    sa.Column("occurred_at", Moment, nullable=False),
    sa.Column("payload", Document, nullable=False),
    sa.Index("outbox_aggregate", "aggregate_id", "version", "position"),
    sa.Index("outbox_oldest", "occurred_at", "aggregate_id"),
)

outbox_claims: Final = sa.Table(
    "outbox_claims",
    METADATA,
    sa.Column("aggregate_id", _ID, primary_key=True),
    sa.Column("holder", _NAME, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
)

commits: Final = sa.Table(
    "commits",
    METADATA,
    sa.Column("id", _WORD, primary_key=True),
    sa.Column("committed_at", Moment, nullable=False),
    sa.Index("commits_committed_at", "committed_at"),
)
