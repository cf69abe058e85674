"""Jobs."""

import sqlalchemy as sa
from alembic import op

from vitrine.adapters.persistence.sql.types import Document, ExactText, Moment

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make their table."""
    op.create_table(
        "jobs",
        sa.Column("id", ExactText(64), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("kind", ExactText(64), nullable=False),
        sa.Column("status", ExactText(64), nullable=False),
        sa.Column("image_id", ExactText(64)),
        sa.Column("owner", ExactText(255)),
        sa.Column("user_id", ExactText(255)),
        sa.Column("request_id", ExactText(255)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("expires_at", Moment),
        sa.Column("message", Document, nullable=False),
        sa.Column("input", Document, nullable=False),
        sa.Column("result", Document),
        mysql_row_format="DYNAMIC",
    )
    op.create_index("jobs_status", "jobs", ["status", "created_at", "id"])
    op.create_index("jobs_image", "jobs", ["image_id", "created_at", "id"])
    op.create_index("jobs_owner", "jobs", ["owner", "created_at", "id"])
