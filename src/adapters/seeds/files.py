"""Reading and writing directories of JSON files, one namespace in each."""

import hashlib
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import attrs
import orjson

from vitrine.core import errors

BUNDLED: Final = Path(__file__).with_name("namespaces")
"""The directory of the definitions that come along."""

_LARGEST: Final = 16 * 1024 * 1024  # bytes of one file
_LONGEST_NAME: Final = 200  # characters of a file's name


@attrs.frozen
class Seed:
    """What one file holds: a JSON object."""

    file_name: str
    document: dict[str, Any]


def read_seeds(directory: Path) -> list[Seed]:
    """Return what the ``*.json`` of *directory* hold, in the order of their names.

    Raises:
        Misconfigured: One cannot be read, or holds something else.
    """
    try:
        paths = sorted(path for path in directory.iterdir() if path.suffix == ".json")
    except OSError:
        raise errors.Misconfigured("The directory of definitions cannot be read.") from None
    return [Seed(path.name, _read(path)) for path in paths]


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
        document: object = orjson.loads(text) if len(text) <= _LARGEST else None
    except (OSError, orjson.JSONDecodeError):
        raise errors.Misconfigured(f"{path.name} cannot be read as JSON.") from None
    if not isinstance(document, dict):
        raise errors.Misconfigured(f"{path.name} holds no JSON object, or far too large a one.")
    return document


def write_seed(directory: Path, name: str, document: dict[str, object]) -> None:
    """Write the file of the namespace *name*, in the place of an older one.

    Raises:
        Misconfigured: It cannot be written.
    """
    path = directory / file_name(name)
    try:
        path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError:
        raise errors.Misconfigured(f"{path.name} cannot be written.") from None


def make_directory(directory: Path) -> None:
    """Make *directory* and what is above it, unless they are there.

    Raises:
        Misconfigured: That is impossible.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise errors.Misconfigured("The directory for definitions cannot be made.") from None


def file_name(namespace: str) -> str:
    """Return a file name that no other namespace has, and that leads nowhere else."""
    name = quote(namespace.replace("::", "-"), safe="")
    # Two names that were made alike must not meet in one file.
    if len(name) > _LONGEST_NAME or not _is_plain(namespace):
        digest = hashlib.sha256(namespace.encode()).hexdigest()[:16]
        name = f"{name[:_LONGEST_NAME]}-{digest}"
    return f"{name}.json"


def _is_plain(namespace: str) -> bool:
    return "-" not in namespace and namespace.replace("::", "").isalnum() and namespace.isascii()
