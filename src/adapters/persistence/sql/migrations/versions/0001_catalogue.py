"""The catalogue, sessions, leases, the ledger and the outbox."""

import sqlalchemy as sa
from alembic import op

from vitrine.adapters.persistence.sql.types import Document, ExactText, Fingerprint, Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "images",
        sa.Column("id", ExactText(64), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("shelf", sa.SmallInteger, nullable=False),
        sa.Column("facets", Fingerprint, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("deleted_at", Moment),
        sa.Column("owner", ExactText(255)),
        sa.Column("status", ExactText(64), nullable=False),
        sa.Column("visibility", ExactText(64), nullable=False),
        sa.Column("protected", sa.SmallInteger, nullable=False),
        sa.Column("hidden", sa.SmallInteger, nullable=False),
        sa.Column("name", ExactText(255), nullable=False),
        sa.Column("container_format", ExactText(64), nullable=False),
        sa.Column("disk_format", ExactText(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("blanks", sa.SmallInteger, nullable=False),
        sa.Column("virtual_size", sa.BigInteger),
        sa.Column("min_disk", sa.Integer, nullable=False),
        sa.Column("min_ram", sa.Integer, nullable=False),
        sa.Column("checksum", ExactText(64)),
        sa.Column("os_hash_algo", ExactText(64)),
        sa.Column("os_hash_value", ExactText(255)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("deletion", ExactText(64)),
        sa.Column("document", Document, nullable=False),
        mysql_row_format="DYNAMIC",
    )
    op.create_index("images_shelf", "images", ["shelf", "created_at", "id"])
    op.create_index("images_shelf_name", "images", ["shelf", "name", "created_at", "id"])
    op.create_index("images_owner", "images", ["owner", "shelf", "created_at", "id"])
    op.create_index("images_owner_name", "images", ["owner", "shelf", "name", "created_at", "id"])
    op.create_index("images_checksum", "images", ["checksum"])
    op.create_index("images_os_hash_value", "images", ["os_hash_value"])
    op.create_table(
        "image_facets",
        sa.Column("facet", Fingerprint, primary_key=True),
        sa.Column("shelf", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("created_at", Moment, primary_key=True, autoincrement=False),
        sa.Column("image_id", ExactText(64), primary_key=True),
        sa.Column("owner", ExactText(255)),
        sqlite_with_rowid=False,
        mysql_row_format="DYNAMIC",
    )
    op.create_index(
        "image_facets_owner",
        "image_facets",
        ["facet", "owner", "shelf", "created_at", "image_id"],
    )
    op.create_table(
        "image_members",
        sa.Column("image_id", ExactText(64), primary_key=True),
        sa.Column("member_id", ExactText(255), primary_key=True),
        sa.Column("status", ExactText(64), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("shelf", sa.SmallInteger, nullable=False),
        sa.Column("image_created_at", Moment, nullable=False),
        mysql_row_format="DYNAMIC",
    )
    op.create_index(
        "image_members_list",
        "image_members",
        ["member_id", "shelf", "status", "image_created_at", "image_id"],
    )
    op.create_table(
        "sessions",
        sa.Column("id", ExactText(64), primary_key=True),
        sa.Column("kind", ExactText(64), nullable=False),
        sa.Column("image_id", ExactText(64), nullable=False),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("store_id", ExactText(255)),
        sa.Column("blob_key", ExactText(255)),
        sa.Column("handle", Document),
    )
    op.create_table(
        "leases",
        sa.Column("name", ExactText(255), primary_key=True),
        sa.Column("holder", ExactText(255), nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
    )
    op.create_table(
        "ledger",
        sa.Column("project", ExactText(255), primary_key=True),
        sa.Column("resource", ExactText(64), primary_key=True),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "reservations",
        sa.Column("session_id", ExactText(64), primary_key=True),
        sa.Column("project", ExactText(255), primary_key=True),
        sa.Column("resource", ExactText(64), primary_key=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("id", ExactText(64), primary_key=True),
        sa.Column("aggregate_id", ExactText(64), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("type", ExactText(64), nullable=False),
        sa.Column("priority", ExactText(64), nullable=False),
        sa.Column("occurred_at", Moment, nullable=False),
        sa.Column("payload", Document, nullable=False),
    )
    op.create_index("outbox_aggregate", "outbox", ["aggregate_id", "version", "position"])
    op.create_index("outbox_oldest", "outbox", ["occurred_at", "aggregate_id"])
    op.create_table(
        "outbox_claims",
        sa.Column("aggregate_id", ExactText(64), primary_key=True),
        sa.Column("holder", ExactText(255), nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
    )
    op.create_table(
        "commits",
        sa.Column("id", ExactText(64), primary_key=True),
        sa.Column("committed_at", Moment, nullable=False),
    )
    op.create_index("commits_committed_at", "commits", ["committed_at"])
