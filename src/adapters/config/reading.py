"""Typed, checked access to what oslo.config found."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeVar

import attrs
from oslo_config import cfg

from vitrine.core.errors import Misconfigured

_DEFAULT = "DEFAULT"
_T = TypeVar("_T")


@attrs.define(eq=False)
class Configuration:
    """oslo.config's options, and which of them we asked it to know.

    Attributes:
        conf: Parsed, or about to be.
        known: The options of every section, by the section's name.
    """

    conf: cfg.ConfigOpts = attrs.field(factory=cfg.ConfigOpts)
    known: dict[str, dict[str, cfg.Opt]] = attrs.field(factory=dict)

    def add(self, section: str, options: Iterable[cfg.Opt]) -> None:
        """Know these *options* in *section*, from now on; also after parsing."""
        options = tuple(options)
        self.conf.register_opts(options, group=None if section == _DEFAULT else section)
        self.known.setdefault(section, {}).update({option.dest: option for option in options})

    def section(self, name: str) -> "Values":
        """Return the values of a section that was added."""
        return Values(
            section=name,
            options=self.known[name],
            conf=self.conf,
        )

    def values(self) -> Iterator[tuple[str, cfg.Opt, object]]:
        """Yield every option with its section and its value.

        Raises:
            Misconfigured: A value is not acceptable. Comes before the first one is
                yielded, and speaks of all of them.
        """
        found: list[tuple[str, cfg.Opt, object]] = []
        refused: list[str] = []
        for name, options in self.known.items():
            values = self.section(name)
            for option in options.values():
                try:
                    found.append((name, option, values.get(option.dest)))
                except Misconfigured as error:
                    refused.append(str(error))
        if refused:
            raise Misconfigured("\n".join(refused))
        yield from found


@attrs.frozen(kw_only=True)
class Values:
    """The values of one section, each as the type that its option has.

    Asking for an option as another type than it was registered with is a
    defect, and raises `TypeError`.
    """

    section: str
    options: Mapping[str, cfg.Opt] = attrs.field(repr=False)
    conf: cfg.ConfigOpts = attrs.field(repr=False)

    def get(self, name: str) -> object:
        """Return a value of any type.

        Raises:
            Misconfigured: It is not acceptable. What it is stays unsaid when it is
                secret.
        """
        where = f"[{self.section}] {name}"
        source = self.conf if self.section == _DEFAULT else self.conf[self.section]
        try:
            value: object = source[name]
        except cfg.ConfigSourceValueError as error:
            reason = f"{error.__context__ or error}"
            if self.options[name].secret:
                reason = "its form is wrong"
            raise Misconfigured(f"{where} is not acceptable: {reason}.") from None
        except (cfg.NoSuchOptError, cfg.TemplateSubstitutionError):
            raise Misconfigured(
                f"{where} holds a '$' that names no option; write '$$' for a plain '$'."
            ) from None
        return value

    def is_set(self, name: str) -> bool:
        """Return whether somebody chose the value, rather than left it to the default."""
        found = self.conf.get_location(name, None if self.section == _DEFAULT else self.section)
        return found is not None and (
            found.location.is_user_controlled or found.location is cfg.Locations.set_override
        )

    def text(self, name: str) -> str:
        """Return a string that is always there."""
        return _expect(str, self.get(name), name)

    def maybe(self, name: str) -> str | None:
        """Return a string, or None; an empty one is None too."""
        value = self.get(name)
        return None if value is None else _expect(str, value, name) or None

    def number(self, name: str) -> int:
        """Return a whole number that is always there."""
        return _expect(int, self.get(name), name)

    def maybe_number(self, name: str) -> int | None:
        """Return a whole number, or None."""
        value = self.get(name)
        return None if value is None else _expect(int, value, name)

    def real(self, name: str) -> float:
        """Return a number that is always there."""
        value = self.get(name)
        return float(value) if isinstance(value, int) else _expect(float, value, name)

    def flag(self, name: str) -> bool:
        """Return a truth value."""
        return _expect(bool, self.get(name), name)

    def words(self, name: str) -> tuple[str, ...]:
        """Return a list of strings, without empty ones; none when it is unset."""
        return tuple(_expect(str, word, name) for word in self._items(name) if word != "")

    def numbers(self, name: str) -> tuple[int, ...]:
        """Return a list of whole numbers; none when it is unset."""
        return tuple(_expect(int, number, name) for number in self._items(name))

    def table(self, name: str) -> Mapping[str, str]:
        """Return names and their strings; none when it is unset."""
        value = self.get(name)
        items: dict[object, object] = {} if value is None else _expect(dict, value, name)
        return MappingProxyType({str(key): str(item) for key, item in items.items()})

    def _items(self, name: str) -> list[object]:
        value = self.get(name)
        return [] if value is None else _expect(list, value, name)


def _expect(kind: type[_T], value: object, name: str) -> _T:
    if not isinstance(value, kind):
        raise TypeError(f"{name} is {type(value).__name__}, not {kind.__name__}")
    return value
