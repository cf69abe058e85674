"""Which words of a configuration nobody else is to see."""

from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from vitrine.adapters.config.reading import Configuration

# Shorter ones are in many words that are none, and no secrets to speak of.
_SHORTEST = 6  # characters


def secrets_of(configuration: Configuration) -> tuple[str, ...]:
    """Return the values of secret options; of URLs the passwords, as written and as meant."""
    found: set[str] = set()
    for section, option, value in configuration.values():
        if option.secret and configuration.section(section).is_set(option.dest):
            for text in _texts(value):
                found.update(_parts(text))
    return tuple(sorted(word for word in found if len(word) >= _SHORTEST))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from map(str, value.values())
    elif isinstance(value, list | tuple):
        yield from map(str, value)


def _parts(text: str) -> Iterator[str]:
    if "://" not in text:
        yield text
        return
    # Several brokers: one URL whose hosts each have an account of their own.
    scheme, _, rest = text.partition("://")
    for part in rest.split(","):
        try:
            word = urlsplit(f"{scheme}://{part}").password
        except ValueError:
            continue
        if word:
            yield from (word, unquote(word))
