"""Options that say where the catalogue and the data are."""

from oslo_config import cfg

from vitrine.adapters.config.sections import Section

STAGING = "os_glance_staging_store"
TASKS = "os_glance_tasks_store"


_DATABASE = (
    cfg.StrOpt(
        "connection",
        secret=True,
        deprecated_opts=[
            cfg.DeprecatedOpt("sql_connection", group="DEFAULT"),
            cfg.DeprecatedOpt("sql_connection", group="DATABASE"),
        ],
        help="The database, as a URL of SQLAlchemy. Without a value it is an SQLite file in "
        "[vitrine] data_dir.",
    ),
    cfg.StrOpt("slave_connection", secret=True, help="A replica to read from."),
    cfg.IntOpt(
        "connection_recycle_time",
        default=3600,
        min=-1,
        deprecated_name="idle_timeout",
        help="Seconds after which a connection is replaced; -1 for never.",
    ),
    cfg.IntOpt("max_pool_size", default=5, min=0, help="Connections kept by each process."),
    cfg.IntOpt("max_overflow", default=50, min=-1, help="Connections beyond these."),
    cfg.IntOpt("pool_timeout", min=1, help="Seconds to wait for one; unset: 10."),
    cfg.IntOpt("max_retries", default=10, min=-1, help="No effect."),
    cfg.IntOpt("retry_interval", default=10, min=0, help="No effect."),
    cfg.StrOpt("backend", default="sqlalchemy", help="No effect."),
    cfg.BoolOpt("sqlite_synchronous", default=True, help="No effect: writes are synchronous."),
    cfg.StrOpt("mysql_sql_mode", default="TRADITIONAL", help="No effect: it is strict."),
    cfg.IntOpt("mysql_wsrep_sync_wait", help="No effect."),
    cfg.BoolOpt("mysql_enable_ndb", default=False, help="No effect."),
    cfg.IntOpt("connection_debug", default=0, min=0, max=100, help="No effect."),
    cfg.BoolOpt("connection_trace", default=False, help="No effect."),
    cfg.StrOpt("connection_parameters", default="", help="No effect: write them in the URL."),
    cfg.BoolOpt("use_db_reconnect", default=False, help="No effect: it is always done."),
    cfg.IntOpt("db_retry_interval", default=1, help="No effect."),
    cfg.BoolOpt("db_inc_retry_interval", default=True, help="No effect."),
    cfg.IntOpt("db_max_retry_interval", default=10, help="No effect."),
    cfg.IntOpt("db_max_retries", default=20, help="No effect."),
)


_GLANCE_STORE = (
    cfg.StrOpt(
        "default_backend",
        help="The store that new images go to, of enabled_backends; required with these.",
    ),
    cfg.ListOpt(
        "stores",
        default=["file", "http"],
        help="The stores that are open when enabled_backends is unset, one of each type: types, or "
        "schemes of their locations.",
    ),
    cfg.StrOpt(
        "default_store",
        default="file",
        help="The one of these that new images go to.",
    ),
)


def _work_place(name: str) -> cfg.Opt:
    return cfg.StrOpt(
        "filesystem_store_datadir",
        sample_default=f"/var/lib/glance/{name}",
        help=f"The directory. Without a value it is '{name}' in [vitrine] data_dir.",
    )


DATABASE = Section(name="database", help="The catalogue's database.", options=_DATABASE)


GLANCE_STORE = Section(
    name="glance_store",
    help="Which store is the default; and the single store, without enabled_backends.",
    options=_GLANCE_STORE,
)


STAGING_STORE = Section(
    name=STAGING,
    help="Where data waits for its import, with enabled_backends.",
    options=(_work_place(STAGING),),
)


TASKS_STORE = Section(
    name=TASKS,
    help="Where imports work on data, with enabled_backends.",
    options=(_work_place(TASKS),),
)
