"""The file in which an operator writes property protections down."""

import configparser
from collections.abc import Callable
from pathlib import Path

from vitrine.core.errors import Misconfigured
from vitrine.core.protection import Protections, RuleFormat


def read_protections(
    path: Path, rule_format: RuleFormat, knows: Callable[[str], bool]
) -> Protections:
    """Return the protections in the INI file at *path*.

    Args:
        path: The file; UTF-8. Its sections are tried in the order of the file.
        rule_format: What the values in it are.
        knows: Whether there is a policy rule of a name; asked only in the policies format.

    Raises:
        Misconfigured: The file cannot be read, or says something impossible.
    """
    # A regular expression may hold a per cent sign, and so may the name of a role.
    parser = configparser.ConfigParser(interpolation=None)
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(file, source="property_protection_file")
    except OSError as error:
        raise _unusable(error.strerror or "it cannot be read") from error
    except UnicodeDecodeError as error:
        raise _unusable("it is not UTF-8") from error
    except configparser.Error as error:
        raise _unusable(error.message) from error
    sections = {section: dict(parser[section]) for section in parser.sections()}
    return Protections.parse(sections, rule_format, knows)


def _unusable(reason: str) -> Misconfigured:
    return Misconfigured(f"The property_protection_file is not usable: {reason}")
