"""What every database's schema must be: the one that the tables in the code say."""

from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from vitrine.adapters.persistence.sql.engines import Limits, make_engine, parse
from vitrine.adapters.persistence.sql.tables import METADATA


def differences(url: str) -> list[Any]:
    """Return in what the database at *url* is not what the code expects."""
    engine = make_engine(parse(url), Limits(connections=1))
    try:
        with engine.connect() as connection:
            # The types are the code's own, which reflection cannot find again.
            context = MigrationContext.configure(connection, opts={"compare_type": False})
            found = list(compare_metadata(context, METADATA))
            inspector = sa.inspect(connection)
            for table in METADATA.sorted_tables:
                stored = {column["name"]: column for column in inspector.get_columns(table.name)}
                made = table.to_metadata(sa.MetaData(), name=f"expected_{table.name}")
                for index in list(made.indexes):
                    made.indexes.remove(index)
                made.create(connection)
                inspector.clear_cache()
                expected = inspector.get_columns(made.name)
                made.drop(connection)
                found += [
                    (table.name, column["name"])
                    for column in expected
                    if repr(column["type"]) != repr(stored[column["name"]]["type"])
                    or _collation(column) != _collation(stored[column["name"]])
                ]
            return found
    finally:
        engine.dispose()


def _collation(column: Any) -> str | None:  # noqa: ANN401 - what the inspector tells of a column
    collation: str | None = getattr(column["type"], "collation", None)
    return collation
