"""Barbican's application for gunicorn, as ``paste.ini`` in the present directory describes it."""

import sys
from pathlib import Path

# Barbican would read gunicorn's arguments as its own.
del sys.argv[1:]

from paste import deploy  # noqa: E402 - as it is.

application = deploy.loadapp(f"config:{Path('paste.ini').absolute()}")
