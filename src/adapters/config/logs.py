"""Where log lines go."""

import logging
import logging.handlers
import re
import sys
from collections.abc import Iterable

from vitrine.adapters.config.levels import FLOORS, floor
from vitrine.adapters.config.settings import LoggingSettings
from vitrine.core.errors import Misconfigured

_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
_MASK = "***"


class MaskingFormatter(logging.Formatter):
    """Writes lines in which no *secrets* are left, whoever logged them."""

    def __init__(self, secrets: Iterable[str], *, datefmt: str) -> None:
        """Take what is to be masked, and the form of times."""
        super().__init__(_FORMAT, datefmt)
        # The longest first: one may begin another.
        words = sorted(set(secrets), key=len, reverse=True)
        self._secret = re.compile("|".join(map(re.escape, words))) if words else None

    def format(self, record: logging.LogRecord) -> str:
        """Return the whole text of *record*, its traceback as well."""
        text = super().format(record)
        return text if self._secret is None else self._secret.sub(_MASK, text)


def start_logging(settings: LoggingSettings) -> None:
    """Send the log of the whole process to where *settings* say.

    Raises:
        Misconfigured: The log file cannot be written.
    """
    handlers: list[logging.Handler] = []
    if settings.stderr:
        handlers.append(logging.StreamHandler(sys.stderr))
    if settings.file is not None:
        try:
            handlers.append(logging.handlers.WatchedFileHandler(settings.file, encoding="utf-8"))
        except OSError as error:
            raise Misconfigured(
                f"[DEFAULT] log_file cannot be written: {error.strerror}."
            ) from None
    formatter = MaskingFormatter(settings.secrets, datefmt=settings.date_format)
    for handler in handlers:
        handler.setFormatter(formatter)
    logging.basicConfig(
        level=logging.DEBUG if settings.debug else logging.INFO,
        handlers=handlers,
        force=True,
    )
    for name in FLOORS:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name, level in settings.levels.items():
        logging.getLogger(name).setLevel(max(level, floor(name)))
