"""What sections of the configuration are made of."""

import attrs
from oslo_config import cfg, types


@attrs.frozen(kw_only=True)
class Section:
    """One section of the configuration file.

    Attributes:
        name: As it is written between the brackets.
        help: What the section is for, one sentence.
        options: Its options, in the order in which the sample shows them.
    """

    name: str
    help: str
    options: tuple[cfg.Opt, ...]


def words(choices: tuple[str, ...]) -> types.String:
    """Return the type of a word that is one of *choices*."""
    return types.String(choices=list(choices), quotes=True)
