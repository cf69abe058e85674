"""Which databases the service starts with, and how it refuses others."""

import pytest

from tests.unit.adapters.config.deployed import Load
from vitrine.core.errors import Misconfigured

SECRET = "hunter2hunter2"


@pytest.mark.parametrize("option", ["connection", "slave_connection"])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"nosuchdb://u:{SECRET}@h/d", "must be a URL that begins with"),
        (f"nosuchdb+psycopg://u:{SECRET}@h/d", "must be a URL that begins with"),
        (f"u:{SECRET}@h/d", "must be a URL that begins with"),
        (f"postgresql+{SECRET}://u@h/d", "pip install 'vitrine[postgresql]'"),
        (f"postgresql+nosuchdriver://u:{SECRET}@h/d", "pip install 'vitrine[postgresql]'"),
        (f"postgresql+pymysql://u:{SECRET}@h/d", "pip install 'vitrine[postgresql]'"),
        (f"mysql+nosuchdriver://u:{SECRET}@h/d", "pip install 'vitrine[mysql]'"),
        (f"mariadb+nosuchdriver://u:{SECRET}@h/d", "pip install 'vitrine[mysql]'"),
        (f"sqlite+pysqlcipher://:{SECRET}@/d", "write sqlite:// without one."),
        (f"mysql://u:{SECRET}@h/d?charset=utf8&plugin=nosuchplugin", "plugin"),
    ],
)
def test_what_no_driver_can_open_is_refused_without_its_secret(
    load_text: Load, option: str, url: str, said: str
) -> None:
    with pytest.raises(Misconfigured) as raised:
        load_text(f"[database]\n{option} = {url}\n")
    assert said in str(raised.value)
    assert f"[database] {option}" in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////var/lib/d",
        "sqlite+pysqlite:////var/lib/d",
        "postgresql://u@h/d",
        "postgresql+psycopg2://u@h/d",
        "mysql+mysqldb://u@h/d?charset=utf8",
        "mysql+pymysql://u@h/d?ssl_ca=/etc/ca.pem",
        "mariadb+mariadbconnector://u@h/d",
    ],
)
def test_whichever_driver_other_programs_take_is_no_reason_to_refuse(
    load_text: Load, url: str
) -> None:
    settings = load_text(f"[database]\nconnection = {url}\n")
    assert settings.database.url == url
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("url", "alone"),
    [("sqlite://", True), ("sqlite:///:memory:", True), ("sqlite:////var/lib/d", False)],
)
def test_a_catalogue_in_memory_is_for_one_process(
    load_text: Load, url: str, *, alone: bool
) -> None:
    text = f"[database]\nconnection = {url}\n[vitrine]\nworkers = 2\n"
    if not alone:
        assert load_text(text).server.workers == 2
        return
    with pytest.raises(Misconfigured, match="workers"):
        load_text(text)
