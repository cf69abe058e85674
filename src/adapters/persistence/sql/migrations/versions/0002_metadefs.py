"""Metadata definitions."""

import sqlalchemy as sa
from alembic import op

from vitrine.adapters.persistence.sql.types import Document, ExactText, Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "metadef_namespaces",
        sa.Column("id", ExactText(64), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("name", ExactText(80), nullable=False),
        sa.Column("display_name", ExactText(80)),
        sa.Column("description", ExactText(500)),
        sa.Column("visibility", ExactText(64), nullable=False),
        sa.Column("protected", sa.SmallInteger, nullable=False),
        sa.Column("owner", ExactText(255)),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("associations", Document, nullable=False),
        sa.Column("content", Document, nullable=False),
        mysql_row_format="DYNAMIC",
    )
    op.create_index("metadef_namespaces_name", "metadef_namespaces", ["name"], unique=True)
    op.create_index("metadef_namespaces_created", "metadef_namespaces", ["created_at", "id"])
    op.create_table(
        "metadef_associations",
        sa.Column("namespace_id", ExactText(64), primary_key=True),
        sa.Column("resource_type", ExactText(80), primary_key=True),
        mysql_row_format="DYNAMIC",
    )
    op.create_table(
        "metadef_resource_types",
        sa.Column("name", ExactText(80), primary_key=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        mysql_row_format="DYNAMIC",
    )
