"""From which level on the lines of single loggers are logged."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from vitrine.core.errors import Misconfigured

FLOORS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "boto3": logging.WARNING,
        "botocore": logging.WARNING,
        "cinderclient": logging.WARNING,
        "keystoneauth": logging.WARNING,
        "requests": logging.WARNING,
        "s3transfer": logging.WARNING,
        "suds": logging.WARNING,
        "swiftclient": logging.WARNING,
        "urllib3": logging.WARNING,
        # Below, it shows rows, and so the locations of data.
        "sqlalchemy": logging.INFO,
    }
)
"""Talkative loggers, with those below them, and the least level that may be heard.

What most of them say of requests that they make holds headers, signatures and queries, and
so what gives access. Whatever matters of it, the adapters that use them say themselves.
"""

_LEVELS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "CRITICAL": logging.CRITICAL,
        "FATAL": logging.CRITICAL,
        "ERROR": logging.ERROR,
        "WARNING": logging.WARNING,
        "WARN": logging.WARNING,
        "INFO": logging.INFO,
        "DEBUG": logging.DEBUG,
        "TRACE": 5,  # as oslo.log has it
    }
)


def read_levels(pairs: Iterable[str]) -> Mapping[str, int]:
    """Return the levels that *pairs* of the form ``LOGGER=LEVEL`` ask for, by logger.

    The last one of a logger counts.

    Raises:
        Misconfigured: One is of another form, or no level.
    """
    levels: dict[str, int] = {}
    for pair in pairs:
        name, _, text = (part.strip() for part in pair.partition("="))
        level = _LEVELS.get(text.upper())
        if not name or level is None:
            raise Misconfigured(
                f"[DEFAULT] default_log_levels: '{pair}' is not of the form LOGGER=LEVEL; levels "
                f"are {', '.join(_LEVELS)}."
            )
        levels[name] = level
    return MappingProxyType(levels)


def floor(logger: str) -> int:
    """Return the least level that may be heard of a *logger*."""
    return max(
        (
            level
            for name, level in FLOORS.items()
            if logger == name or logger.startswith(f"{name}.")
        ),
        default=logging.NOTSET,
    )


def raised(levels: Mapping[str, int]) -> Iterator[str]:
    """Yield a sentence for every logger that will not be heard as it was asked for."""
    for name, level in levels.items():
        if level < floor(name):
            yield (
                f"[DEFAULT] default_log_levels: of {name} nothing below "
                f"{logging.getLevelName(floor(name))} is logged, as it can hold secrets."
            )
