"""Property protections: which callers may do what with which custom properties.

The operator lists sections, each a regular expression with who may create, read,
update and delete the properties whose names it matches. The first section that
matches decides; a name that no section matches is out of bounds for everybody.

A regular expression is the operator's and the names it meets are the callers', so
a careless one would let any caller keep a worker busy. Names are at most 255
characters, expressions at most 1000, and a repetition inside a repetition, whose
cost grows exponentially, is refused. What remains, such as alternatives that
overlap inside a repetition, is the operator's care.
"""

import enum
import functools
import re
from collections.abc import Callable, Mapping
from typing import Final, Self

import attrs

from vitrine.core.errors import Misconfigured

_LONGEST_NAME: Final = 255  # characters
_LONGEST_EXPRESSION: Final = 1000  # characters
_REMEMBERED_NAMES: Final = 4096

_EVERYBODY: Final = "@"
_NOBODY: Final = "!"
_OWN_PREFIX: Final = "os_glance"


class Operation(enum.Enum):
    """What can be done with one property of an image."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"


class RuleFormat(enum.Enum):
    """What the values in the sections are."""

    ROLES = "roles"
    """Names of roles, separated by commas."""

    POLICIES = "policies"
    """The name of one policy rule."""


@attrs.frozen(kw_only=True)
class _Permission:
    """Who may perform one operation.

    `everybody` wins; otherwise one of the *roles*, or whoever the *rule* holds for.
    """

    everybody: bool = False
    roles: frozenset[str] = frozenset()
    rule: str | None = None

    def granted(self, roles: frozenset[str], holds: Callable[[str], bool]) -> bool:
        if self.everybody:
            return True
        if self.rule is not None:
            return holds(self.rule)
        return not self.roles.isdisjoint(roles)


@attrs.frozen(kw_only=True)
class _Section:
    expression: re.Pattern[str]
    permissions: Mapping[Operation, _Permission] = attrs.field(hash=False)


def _remembering(protections: "Protections") -> Callable[[str], _Section | None]:
    # The same few names come up on every image of every list.
    sections = protections.sections or ()

    def first_match(name: str) -> _Section | None:
        return next((each for each in sections if each.expression.search(name)), None)

    return functools.lru_cache(maxsize=_REMEMBERED_NAMES)(first_match)


@attrs.frozen(kw_only=True)
class Protections:
    """All protections of a deployment. Made by `parse` or `none`.

    Attributes:
        sections: In the order in which they are tried; None when nothing is
            protected, which is not the same as no section at all.
    """

    sections: tuple[_Section, ...] | None
    _first_match: Callable[[str], _Section | None] = attrs.field(
        init=False,
        eq=False,
        repr=False,
        default=attrs.Factory(_remembering, takes_self=True),
    )

    @classmethod
    def none(cls) -> Self:
        """Return protections under which everybody may do everything."""
        return cls(sections=None)

    @classmethod
    def parse(
        cls,
        sections: Mapping[str, Mapping[str, str]],
        rule_format: RuleFormat,
        knows: Callable[[str], bool],
    ) -> Self:
        """Return the protections that the operator wrote down.

        Args:
            sections: For each regular expression, in order, what is written behind
                ``create``, ``read``, ``update`` and ``delete``; other keys are
                ignored. Sections on the service's own ``os_glance`` properties
                are dropped: those are always allowed here, and guarded elsewhere.
            rule_format: What the values are.
            knows: Whether there is a policy rule of a name; asked only in the
                policies format.

        Raises:
            Misconfigured: An expression, a key or a value is wrong; the reason
                names the section.
        """
        own = _Section(
            expression=re.compile(f"^{_OWN_PREFIX}"),
            permissions=dict.fromkeys(Operation, _Permission(everybody=True)),
        )
        written = (
            _section(expression, values, rule_format, knows)
            for expression, values in sections.items()
            if not expression.removeprefix("^").startswith(_OWN_PREFIX)
        )
        return cls(sections=(own, *written))

    @property
    def active(self) -> bool:
        """Whether anything is protected; if not, `allows` need not be asked."""
        return self.sections is not None

    @property
    def rules(self) -> frozenset[str]:
        """The names of the policy rules that `allows` may ask for."""
        permissions = (
            permission
            for section in self.sections or ()
            for permission in section.permissions.values()
        )
        return frozenset(each.rule for each in permissions if each.rule is not None)

    def allows(
        self,
        operation: Operation,
        name: str,
        roles: frozenset[str],
        holds: Callable[[str], bool],
    ) -> bool:
        """Return whether a caller may perform *operation* on the property *name*.

        Args:
            operation: What is to be done.
            name: The name of the property. No protection allows anything on one
                of more than 255 characters.
            roles: The caller's roles, lower case, with those of the service that
                sent the request along.
            holds: Whether the policy rule of a name holds for the caller; asked
                only in the policies format.
        """
        if self.sections is None:
            return True
        if len(name) > _LONGEST_NAME:
            return False
        section = self._first_match(name)
        return section is not None and section.permissions[operation].granted(roles, holds)


def _section(
    expression: str,
    values: Mapping[str, str],
    rule_format: RuleFormat,
    knows: Callable[[str], bool],
) -> _Section:
    permissions: dict[Operation, _Permission] = {}
    for operation in Operation:
        if operation.value not in values:
            raise _wrong(expression, f"'{operation.value}' is missing")
        value = values[operation.value].strip()
        permissions[operation] = (
            _by_roles(expression, operation, value)
            if rule_format is RuleFormat.ROLES
            else _by_policy(expression, operation, value, knows)
        )
    return _Section(expression=_compiled(expression), permissions=permissions)


def _by_roles(expression: str, operation: Operation, value: str) -> _Permission:
    names = frozenset(name.strip().lower() for name in value.split(",")) - {""}
    if {_EVERYBODY, _NOBODY} <= names:
        raise _wrong(expression, f"'{operation.value}' says both everybody and nobody")
    if _EVERYBODY in names:
        return _Permission(everybody=True)
    if _NOBODY in names:
        return _Permission()
    return _Permission(roles=names)


def _by_policy(
    expression: str, operation: Operation, value: str, knows: Callable[[str], bool]
) -> _Permission:
    if "," in value:
        raise _wrong(expression, f"'{operation.value}' names more than one policy rule")
    if value == _EVERYBODY:
        return _Permission(everybody=True)
    if value in {_NOBODY, ""}:
        return _Permission()
    if not knows(value):
        raise _wrong(expression, f"'{operation.value}' names an unknown policy rule")
    return _Permission(rule=value)


def _compiled(expression: str) -> re.Pattern[str]:
    if len(expression) > _LONGEST_EXPRESSION:
        shown = f"{expression[:40]}..."
        raise _wrong(shown, f"it is longer than {_LONGEST_EXPRESSION} characters")
    try:
        compiled = re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        raise _wrong(expression, "it is not a regular expression") from error
    if _repeats_a_repetition(expression):
        raise _wrong(expression, "it repeats something that holds a repetition")
    return compiled


_TOKEN: Final = re.compile(
    r"""
    (?P<other>\\.|\[\^?\]?(?:\\.|[^\]\\])*\])  # an escape, or a set of characters
    |(?P<open>\((?!\?\#))
    |(?P<comment>\(\?\#[^)]*\))
    |(?P<close>\))
    |(?P<fixed>\{\d+\})                        # exactly so often
    |(?P<repeat>\*|\+|\{\d*,\d*\})
    |(?P<any>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def _repeats_a_repetition(expression: str) -> bool:
    """Return whether a valid *expression* repeats a group that repeats something."""
    # One entry per open group, and one for the whole: does it hold a repetition?
    repeating = [False]
    closed = False  # whether the group that has just been closed holds one
    for token in _TOKEN.finditer(expression):
        kind = token.lastgroup
        if kind == "open":
            repeating.append(False)
        elif kind == "close":
            closed = repeating.pop()
            repeating[-1] |= closed
            continue
        elif kind in {"repeat", "fixed"}:
            if closed and token[0] not in {"{0}", "{1}", "{0,1}", "{,1}"}:
                return True
            if kind == "repeat":
                repeating[-1] = True
        closed = False
    return False


def _wrong(expression: str, reason: str) -> Misconfigured:
    return Misconfigured(f"The property protection [{expression}] is not usable: {reason}.")
