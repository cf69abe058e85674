"""Where log lines go."""

import logging
import logging.handlers
import sys

from vitrine.adapters.config.settings import LoggingSettings
from vitrine.core.errors import Misconfigured

_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"


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
    logging.basicConfig(
        format=_FORMAT,
        datefmt=settings.date_format,
        level=logging.DEBUG if settings.debug else logging.INFO,
        handlers=handlers,
        force=True,
    )
