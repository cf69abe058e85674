"""Run by Alembic. The connection, and the transaction on it, are `migrate`'s."""

from alembic import context

from vitrine.adapters.persistence.sql.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # The caller began, and will commit or roll back.
    transactional_ddl=False,
)
context.run_migrations()
