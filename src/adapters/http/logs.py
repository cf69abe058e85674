"""What the HTTP side writes into the log, and what it keeps out of it."""

import logging
import re
import traceback
from contextvars import ContextVar

REQUEST_ID: ContextVar[str | None] = ContextVar("vitrine_request_id", default=None)
"""The id of the request that this thread is busy with."""

_MASK = "***"

_SECRETS = (
    # What SQLAlchemy appends to a failed statement.
    (re.compile(r"\[parameters: .*?\]$", re.MULTILINE | re.DOTALL), f"[parameters: {_MASK}]"),
    # Credentials and queries in URLs.
    (re.compile(r"://[^\s/@'\"]+@"), f"://{_MASK}@"),
    (re.compile(r"\?[^\s?'\"<>=]+=[^\s'\"<>]*"), f"?{_MASK}"),
    # Fernet tokens, wherever they stand.
    (re.compile(r"gAAAA[\w=-]{16,}"), _MASK),
    # name=value, name: value and "name": "value".
    (
        re.compile(
            r"(?i)((?:[\w-]*(?:token|password|passwd|secret|api[_-]?key)|authorization)"
            r"[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&)]+"
        ),
        rf"\g<1>{_MASK}",
    ),
)


def scrub(text: str) -> str:
    """Return *text* with what looks like a secret masked."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def describe(error: BaseException) -> str:
    """Return the traceback of *error* and its causes, with secrets masked."""
    return scrub("".join(traceback.format_exception(error))).rstrip()


class RequestIdFilter(logging.Filter):
    """Gives every record a ``request_id``, ``-`` outside of requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the id; never drop the record."""
        record.request_id = REQUEST_ID.get() or "-"
        return True
