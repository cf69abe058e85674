"""What is in the image caches of all nodes."""

import sqlalchemy as sa
from alembic import op

from vitrine.adapters.persistence.sql.types import ExactText, Moment

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "cached_images",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("node", ExactText(255), nullable=False),
        sa.Column("image_id", ExactText(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("hits", sa.BigInteger, nullable=False),
        sa.Column("last_modified", Moment, nullable=False),
        sa.Column("last_accessed", Moment, nullable=False),
        mysql_row_format="DYNAMIC",
    )
    op.create_index("cached_images_image", "cached_images", ["image_id", "node"], unique=True)
    op.create_index("cached_images_node", "cached_images", ["node", "number"])
    op.create_table(
        "cache_queue",
        sa.Column("node", ExactText(255), primary_key=True),
        sa.Column("image_id", ExactText(64), primary_key=True),
        sa.Column("queued_at", Moment, nullable=False),
        mysql_row_format="DYNAMIC",
    )
