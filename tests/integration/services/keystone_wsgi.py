"""Keystone's application for gunicorn, whose own arguments Keystone would read as its."""

import sys

del sys.argv[1:]

from keystone.wsgi.api import application  # noqa: E402 - it reads sys.argv when imported.

__all__ = ["application"]
