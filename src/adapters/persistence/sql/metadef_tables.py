"""The tables of metadata definitions. As in `tables`, there are no foreign keys."""

from typing import Final

import sqlalchemy as sa

from vitrine.adapters.persistence.sql.tables import METADATA
from vitrine.adapters.persistence.sql.types import Document, ExactText, Moment

# One row per namespace, with everything in it.
metadef_namespaces: Final = sa.Table(
    "metadef_namespaces",
    METADATA,
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
    # What lists show too.
    sa.Column("associations", Document, nullable=False),
    # Properties, objects and tags.
    sa.Column("content", Document, nullable=False),
    sa.Index("metadef_namespaces_name", "name", unique=True),
    sa.Index("metadef_namespaces_created", "created_at", "id"),
    mysql_row_format="DYNAMIC",
)

# The associations again, for filters.
metadef_associations: Final = sa.Table(
    "metadef_associations",
    METADATA,
    sa.Column("namespace_id", ExactText(64), primary_key=True),
    sa.Column("resource_type", ExactText(80), primary_key=True),
    mysql_row_format="DYNAMIC",
)

metadef_resource_types: Final = sa.Table(
    "metadef_resource_types",
    METADATA,
    sa.Column("name", ExactText(80), primary_key=True),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    mysql_row_format="DYNAMIC",
)
