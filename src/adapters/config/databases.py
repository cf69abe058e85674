"""The catalogue's database, from its section to its settings."""

import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qs

from vitrine.adapters.config.reading import Values
from vitrine.adapters.config.settings import DatabaseSettings
from vitrine.core.errors import Misconfigured

_URL: Final = re.compile(
    r"(?P<kind>sqlite|postgresql|mysql|mariadb)(\+(?P<driver>[a-z0-9_]+))?://[^?]*(\?(?P<query>.*))?",
    re.ASCII | re.DOTALL,
)
_DEFAULT_POOL_TIMEOUT: Final = 30  # seconds
_MYSQL_DRIVERS: Final = frozenset(
    {
        "aiomysql",
        "asyncmy",
        "cymysql",
        "mariadbconnector",
        "mysqlconnector",
        "mysqldb",
        "pymysql",
        "pyodbc",
    }
)
# What files may name: each reaches the same database. The service takes its own driver.
_DRIVERS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "sqlite": frozenset({"aiosqlite", "pysqlite"}),
        "postgresql": frozenset({"asyncpg", "pg8000", "psycopg", "psycopg2", "psycopg2cffi"}),
        "mysql": _MYSQL_DRIVERS,
        "mariadb": _MYSQL_DRIVERS,
    }
)
_EXTRAS: Final[Mapping[str, str]] = MappingProxyType(
    {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
)


def read_database(values: Values, data_dir: Path) -> DatabaseSettings:
    """Return where the catalogue is.

    Raises:
        Misconfigured: A URL is none, or one that nothing here can use. What was written
            is not repeated: it may be a password.
    """
    url = values.maybe("connection")
    replica = values.maybe("slave_connection")
    for name, written in (("connection", url), ("slave_connection", replica)):
        if written is not None:
            _check(name, written)
    return DatabaseSettings(
        url=f"sqlite:///{data_dir / 'vitrine.sqlite'}" if url is None else url,
        replica_url=replica,
        embedded=url is None,
        pool_size=values.number("max_pool_size"),
        max_overflow=values.number("max_overflow"),
        pool_timeout=values.maybe_number("pool_timeout") or _DEFAULT_POOL_TIMEOUT,
        recycle_time=values.number("connection_recycle_time"),
    )


def is_in_memory(database: DatabaseSettings) -> bool:
    """Return whether the catalogue is in the memory of one process."""
    scheme, _, place = database.url.partition("://")
    return scheme.startswith("sqlite") and (
        place in ("", "/") or ":memory:" in place or "mode=memory" in place
    )


def _check(name: str, written: str) -> None:
    found = _URL.fullmatch(written)
    if found is None:
        raise Misconfigured(
            f"[database] {name} must be a URL that begins with sqlite://, postgresql:// or "
            "mysql://, with or without a driver's name as in mysql+pymysql://."
        )
    kind, driver = found["kind"], found["driver"]
    if driver is not None and driver not in _DRIVERS[kind]:
        extra = _EXTRAS.get(kind)
        how = "" if extra is None else f" and pip install 'vitrine[{extra}]'"
        raise Misconfigured(
            f"[database] {name} names a driver that is unknown; write {kind}:// without one{how}."
        )
    wanted = parse_qs(found["query"] or "").get("plugin", [])
    if not {point.name for point in entry_points(group="sqlalchemy.plugins")}.issuperset(wanted):
        raise Misconfigured(f"[database] {name} asks for a plugin that is not installed.")
