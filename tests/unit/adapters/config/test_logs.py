"""Where log lines go."""

import logging
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.unit.adapters.config.deployed import Load
from vitrine.adapters.config.logs import _TALKATIVE, start_logging
from vitrine.adapters.config.settings import LoggingSettings
from vitrine.core.errors import Misconfigured


@pytest.fixture(autouse=True)
def _root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in _TALKATIVE}
    # basicConfig closes what it finds; pytest's own handlers must not be among that.
    root.handlers = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers, root.level = handlers, level
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def _settings(file: Path | None, *, debug: bool = False) -> LoggingSettings:
    return LoggingSettings(debug=debug, file=file, stderr=file is None, date_format="%Y")


def test_lines_go_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "vitrine.log"
    start_logging(_settings(file))

    logging.getLogger("vitrine").warning("naïve")
    logging.getLogger("vitrine").debug("unheard")

    text = file.read_text(encoding="utf-8")
    assert "WARNING vitrine: naïve\n" in text
    assert "unheard" not in text


def test_lines_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging(_settings(None, debug=True))

    logging.getLogger("vitrine").debug("heard")

    assert "DEBUG vitrine: heard" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="log_file"):
        start_logging(_settings(tmp_path / "gone" / "vitrine.log"))


def test_secrets_are_masked_whoever_logs_them(tmp_path: Path) -> None:
    file = tmp_path / "vitrine.log"
    start_logging(attrs.evolve(_settings(file, debug=True), secrets=("hushhush", "hushhush.more")))

    logging.getLogger("some.library").debug("key=%s, more=hushhush.more", "hushhush")
    try:
        int("hushhush")
    except ValueError:
        logging.getLogger("some.library").exception("It failed.")

    text = file.read_text(encoding="utf-8")
    assert "key=***, more=***\n" in text
    assert "'***'" in text
    assert "hush" not in text


@pytest.mark.parametrize("name", ["botocore.auth", "urllib3.connectionpool", "swiftclient"])
def test_what_shows_whole_requests_is_not_logged_even_in_detail(tmp_path: Path, name: str) -> None:
    file = tmp_path / "vitrine.log"
    start_logging(_settings(file, debug=True))

    logging.getLogger(name).info("GET /?signature=1234")
    logging.getLogger(name).warning("heard")

    text = file.read_text(encoding="utf-8")
    assert "signature" not in text
    assert "heard" in text


def test_what_is_masked_is_what_the_configuration_holds(load_text: Load) -> None:
    secrets = load_text(
        """
        [DEFAULT]
        transport_url = rabbit://a:first-word@h:1,b:second%2Dword@i:2/
        [database]
        connection = mysql://u:third-word@h/d
        [keystone_authtoken]
        username = not-a-secret
        password = fourth-word
        memcache_secret_key = short
        """
    ).logging.secrets
    words = {"first-word", "second%2Dword", "second-word", "third-word", "fourth-word"}
    assert set(secrets) == words


def test_settings_of_logging_show_no_secrets() -> None:
    assert "hush" not in repr(attrs.evolve(_settings(None), secrets=("hushhush",)))
