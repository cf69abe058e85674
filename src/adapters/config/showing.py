"""The configuration as text: a sample of all options, and the values in effect."""

import textwrap
from collections.abc import Iterator

from oslo_config import cfg

from vitrine.adapters.config.drivers import COMMON
from vitrine.adapters.config.loading import effective
from vitrine.adapters.config.options import all_sections
from vitrine.adapters.config.sources import CommandLine

_WIDTH = 79
_MASK = "****"
_HEAD = """\
# Every option of vitrine with its default, commented out. Made by
# 'vitrine config sample'. Options stand in /etc/vitrine/vitrine.conf, or where
# they are already: /etc/glance/glance-api.conf.
"""


def sample() -> str:
    """Return a configuration file with every option: help, default, commented out."""
    pieces = [_HEAD]
    for section in all_sections():
        pieces.append(f"\n[{section.name}]\n{_comment(section.help)}")
        pieces.extend(_sample_option(option) for option in section.options)
    pieces.append(
        "\n"
        + _comment(
            "With enabled_backends, the section of each store is named after its id, here 'fast', "
            "and holds these options and those of its type, which are under [glance_store]."
        )
        + "#[fast]\n"
    )
    pieces.extend(_sample_option(option) for option in COMMON)
    return "".join(pieces)


def show(command_line: CommandLine) -> str:
    """Return the values in effect as a configuration file, with secrets masked.

    Raises:
        Misconfigured: As `load` does.
    """
    lines: list[str] = []
    last = None
    for section, option, value in effective(command_line):
        if section != last:
            lines.extend(["", f"[{section}]"] if lines else [f"[{section}]"])
            last = section
        masked = option.secret and value not in (None, "", {}, [])
        lines.extend(
            f"#{option.dest} =" if written is None else f"{option.dest} = {written}"
            for written in ([_MASK] if masked else _written(option, value))
        )
    return "\n".join(lines) + "\n"


def _sample_option(option: cfg.Opt) -> str:
    lines = [_comment(option.help or "")]
    choices = getattr(option.type, "choices", None)
    if choices:
        lines.append(_comment(f"Values: {', '.join(str(choice) for choice in choices)}."))
    if option.sample_default is not None:
        lines.append(f"#{option.dest} = {option.sample_default}\n")
    else:
        lines.extend(
            f"#{option.dest} = {written}\n" if written else f"#{option.dest} =\n"
            for written in _written(option, option.default)
        )
    return "\n" + "".join(lines)


def _written(option: cfg.Opt, value: object) -> Iterator[str | None]:
    """Yield *value* as it would be written, once for each time; None for no value."""
    if value is None or (option.multi and value == []):
        yield None
    elif option.multi and isinstance(value, list):
        yield from (_one(each) for each in value)
    elif isinstance(value, list):
        inside = ",".join(_one(each) for each in value)
        yield f"[{inside}]" if getattr(option.type, "bounds", False) else inside
    elif isinstance(value, dict):
        yield ",".join(f"{_one(key)}:{_one(item)}" for key, item in value.items())
    else:
        yield _one(value)


def _one(value: object) -> str:
    """Return one value; a plain '$' is doubled, since a single one refers to an option."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).replace("$", "$$")


def _comment(text: str) -> str:
    wrapped = textwrap.wrap(text, _WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    return "".join(f"# {line}\n" for line in wrapped)
