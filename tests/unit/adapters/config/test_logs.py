"""Where log lines go."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from vitrine.adapters.config.logs import start_logging
from vitrine.adapters.config.settings import LoggingSettings
from vitrine.core.errors import Misconfigured


@pytest.fixture(autouse=True)
def _root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    # basicConfig closes what it finds; pytest's own handlers must not be among that.
    root.handlers = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers, root.level = handlers, level


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
