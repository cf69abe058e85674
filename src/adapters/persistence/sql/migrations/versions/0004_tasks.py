"""What the tasks API needs of jobs: with which roles they were asked for, and more indexes."""

import sqlalchemy as sa
from alembic import op

from vitrine.adapters.persistence.sql.types import Document

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to their table."""
    op.add_column("jobs", sa.Column("roles", Document))
    op.create_index("jobs_created_at", "jobs", ["created_at", "id"])
    op.create_index("jobs_expires_at", "jobs", ["expires_at"])
