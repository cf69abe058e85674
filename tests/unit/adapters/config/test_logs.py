"""Where log lines go."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.unit.adapters.config.deployed import Load
from vitrine.adapters.config.levels import FLOORS
from vitrine.adapters.config.logs import start_logging
from vitrine.adapters.config.settings import LoggingSettings
from vitrine.core.errors import Misconfigured

LOGGERS = ("quiet", "loud", "botocore.auth", "sqlalchemy.engine", "urllib3.connectionpool")


@pytest.fixture(autouse=True)
def _root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in (*FLOORS, *LOGGERS)}
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


def test_a_directory_without_a_file_is_no_place_to_log_to_and_that_is_said(
    load_text: Load,
) -> None:
    settings = load_text("[DEFAULT]\nlog_dir = /var/log/glance\n")
    assert settings.logging.file is None
    (warning,) = settings.warnings
    assert "log_dir" in warning
    together = load_text("[DEFAULT]\nlog_dir = /var/log/glance\nlog_file = vitrine.log\n")
    assert together.logging.file == Path("/var/log/glance/vitrine.log")
    assert together.warnings == ()


# --- levels of single loggers


def test_single_loggers_are_heard_from_levels_of_their_own(load_text: Load, tmp_path: Path) -> None:
    file = tmp_path / "vitrine.log"
    settings = load_text(
        f"[DEFAULT]\nlog_file = {file}\n"
        "default_log_levels = quiet=DEBUG, loud = debug, quiet=WARN\n"
    )
    assert settings.warnings == ()

    start_logging(settings.logging)
    for name in ("quiet", "loud", "other"):
        logging.getLogger(name).debug("debug")
        logging.getLogger(name).info("info")
        logging.getLogger(name).warning("warning")

    heard = re.findall(r" ([A-Z]+) (quiet|loud|other): ", file.read_text())
    assert heard == [
        ("WARNING", "quiet"),
        *(("DEBUG", "loud"), ("INFO", "loud"), ("WARNING", "loud")),
        *(("INFO", "other"), ("WARNING", "other")),
    ]


@pytest.mark.parametrize(
    ("pair", "least"),
    [
        ("urllib3=DEBUG", logging.WARNING),
        ("urllib3.connectionpool=DEBUG", logging.WARNING),
        ("botocore.auth=INFO", logging.WARNING),
        ("sqlalchemy.engine=DEBUG", logging.INFO),
    ],
)
def test_what_can_show_secrets_is_not_made_louder_and_that_is_said(
    load_text: Load, pair: str, least: int
) -> None:
    name = pair.partition("=")[0]
    settings = load_text(f"[DEFAULT]\ndebug = true\ndefault_log_levels = {pair}\n")
    (warning,) = settings.warnings
    assert name in warning
    assert logging.getLevelName(least) in warning

    start_logging(settings.logging)

    assert not logging.getLogger(name).isEnabledFor(least - 1)
    assert logging.getLogger(name).isEnabledFor(least)


def test_what_can_show_secrets_is_made_quieter(load_text: Load) -> None:
    settings = load_text("[DEFAULT]\ndefault_log_levels = urllib3=ERROR\n")
    assert settings.warnings == ()

    start_logging(settings.logging)

    assert not logging.getLogger("urllib3").isEnabledFor(logging.WARNING)


@pytest.mark.parametrize("pair", ["urllib3", "=DEBUG", "urllib3=LOUD", "urllib3=", "a:DEBUG"])
def test_a_level_of_another_form_is_refused(load_text: Load, pair: str) -> None:
    with pytest.raises(Misconfigured, match="default_log_levels"):
        load_text(f"[DEFAULT]\ndefault_log_levels = {pair}\n")
