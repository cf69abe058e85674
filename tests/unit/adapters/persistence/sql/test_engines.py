import importlib.util

import pytest

from vitrine.adapters.persistence.sql.engines import Limits, make_engine, parse
from vitrine.adapters.persistence.sql.persistence import open_persistence
from vitrine.core.errors import Misconfigured


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("sqlite:////var/lib/vitrine.db", "sqlite+pysqlite"),
        ("sqlite:///relative.db", "sqlite+pysqlite"),
        ("postgresql://glance:pw@db/glance", "postgresql+psycopg"),
        ("postgresql+psycopg2://glance:pw@db/glance", "postgresql+psycopg"),
        ("postgres://glance:pw@db/glance", "postgresql+psycopg"),
        ("mysql://glance:pw@db/glance", "mysql+pymysql"),
        ("mysql+pymysql://glance:pw@db/glance?charset=utf8", "mysql+pymysql"),
        ("mysql+mysqldb://glance:pw@db/glance", "mysql+pymysql"),
        ("mariadb+pymysql://glance:pw@db/glance", "mysql+pymysql"),
    ],
)
def test_urls_of_other_drivers_are_understood(given: str, driver: str) -> None:
    url = parse(given)
    assert url.drivername == driver
    assert "charset" not in url.query
    assert (url.username, url.password) in {(None, None), ("glance", "pw")}


@pytest.mark.parametrize(
    "given",
    [
        "",
        "no url",
        "oracle://u:secret@db/x",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://u:secret@db:x/",
    ],
)
def test_what_cannot_be_used_is_refused_without_telling_secrets(given: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        open_persistence(given)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_missing_driver_is_named_by_its_extra(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(Misconfigured, match=rf"vitrine\[{kind}\]"):
        open_persistence(f"{kind}://db/vitrine")


def test_nothing_is_connected_before_the_first_call() -> None:
    open_persistence("postgresql://nobody@127.0.0.1:1/nothing").dispose()


def test_an_argument_that_no_driver_knows_is_the_operators_to_mend() -> None:
    engine = make_engine(parse("mysql://root:secret@127.0.0.1/x?unheard_of=1"), Limits())
    with pytest.raises(Misconfigured, match="argument") as raised:
        engine.connect()
    assert "secret" not in f"{raised.value}"
