"""Policy checks as plain Python predicates.

oslo.policy walks the tree of a check anew for every question, which takes around
a tenth of a millisecond; a list of a thousand images asks a thousand times. Here
a tree and one caller's credentials become a predicate over targets, in which
everything that is known of the caller has been worked out already.

The answers are those of oslo.policy, to the letter. What cannot be foreseen, such
as a check that asks a remote service, is refused with `CannotCompile`.
"""

import ast
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, TypeAlias

import attrs
from oslo_policy import _checks as checks

Target: TypeAlias = Mapping[str, object]
Predicate: TypeAlias = Callable[[Target], bool]
Credentials: TypeAlias = Mapping[str, object]

_WHOLE_ATTRIBUTE: Final = re.compile(r"%\(([^()]*)\)s")


class CannotCompile(Exception):
    """The check is of a kind that only oslo.policy itself can evaluate."""


def always(_target: Target) -> bool:
    """Hold for every target."""
    return True


def never(_target: Target) -> bool:
    """Hold for no target."""
    return False


def compile_check(
    check: checks.BaseCheck,
    rules: Mapping[str, checks.BaseCheck],
    credentials: Credentials,
    within: tuple[str, ...] = (),
) -> Predicate:
    """Return a predicate that answers as *check* would for these credentials.

    Args:
        check: The tree.
        rules: The checks that ``rule:`` refers to.
        credentials: What is known of the caller.
        within: The names of the rules on the way to *check*.

    Raises:
        CannotCompile: The tree holds a check of an unknown kind, or refers to itself.
    """
    # By the exact class: one that is derived from these may do anything.
    compiler = _COMPILERS.get(type(check))
    if compiler is None:
        raise CannotCompile(str(check))
    return compiler(check, _Surroundings(rules=rules, credentials=credentials, within=within))


@attrs.frozen(kw_only=True)
class _Surroundings:
    rules: Mapping[str, checks.BaseCheck]
    credentials: Credentials
    within: tuple[str, ...]

    def compiled(self, check: checks.BaseCheck) -> Predicate:
        return compile_check(check, self.rules, self.credentials, self.within)


def _compile_or(check: checks.OrCheck, around: _Surroundings) -> Predicate:
    return _any(around.compiled(part) for part in check.rules)


def _compile_and(check: checks.AndCheck, around: _Surroundings) -> Predicate:
    return _all(around.compiled(part) for part in check.rules)


def _compile_not(check: checks.NotCheck, around: _Surroundings) -> Predicate:
    return _not(around.compiled(check.rule))


def _compile_rule(check: checks.RuleCheck, around: _Surroundings) -> Predicate:
    if check.match in around.within:
        raise CannotCompile(check.match)
    try:
        # Not get(): the mapping may have a default for what it does not hold.
        named = around.rules[check.match]
    except KeyError:
        return never
    return compile_check(named, around.rules, around.credentials, (*around.within, check.match))


def _compile_role(check: checks.RoleCheck, around: _Surroundings) -> Predicate:
    return _matches(check.match, _roles(around.credentials), str.lower)


def _compile_generic(check: checks.GenericCheck, around: _Surroundings) -> Predicate:
    return _matches(check.match, _values(check.kind, around.credentials), str)


_COMPILERS: Final[Mapping[type[checks.BaseCheck], Callable[[Any, _Surroundings], Predicate]]] = {
    checks.OrCheck: _compile_or,
    checks.AndCheck: _compile_and,
    checks.NotCheck: _compile_not,
    checks.TrueCheck: lambda _check, _around: always,
    checks.FalseCheck: lambda _check, _around: never,
    checks.RuleCheck: _compile_rule,
    checks.RoleCheck: _compile_role,
    checks.GenericCheck: _compile_generic,
}


def _any(parts: Iterable[Predicate]) -> Predicate:
    left = [part for part in parts if part is not never]
    if always in left:
        return always
    if not left:
        return never
    first, *others = left
    if not others:
        return first
    if len(others) == 1:
        second = others[0]
        return lambda target: first(target) or second(target)
    several = tuple(left)

    def any_of(target: Target) -> bool:
        for part in several:  # noqa: SIM110 - any() with a generator takes three times as long
            if part(target):
                return True
        return False

    return any_of


def _all(parts: Iterable[Predicate]) -> Predicate:
    left = [part for part in parts if part is not always]
    if never in left:
        return never
    if not left:
        return always
    first, *others = left
    if not others:
        return first
    if len(others) == 1:
        second = others[0]
        return lambda target: first(target) and second(target)
    several = tuple(left)

    def all_of(target: Target) -> bool:
        for part in several:  # noqa: SIM110 - all() with a generator takes three times as long
            if not part(target):
                return False
        return True

    return all_of


def _not(part: Predicate) -> Predicate:
    if part is always:
        return never
    if part is never:
        return always
    return lambda target: not part(target)


def _matches(
    pattern: str, accepted: Collection[str], normalised: Callable[[str], str]
) -> Predicate:
    """Return whether *pattern*, filled in from the target, is one of *accepted*."""
    if not accepted:
        return never
    if "%" not in pattern:
        return always if normalised(pattern) in accepted else never
    if whole := _WHOLE_ATTRIBUTE.fullmatch(pattern):
        name = whole[1]

        def attribute_matches(target: Target) -> bool:
            try:
                value = target[name]
            except KeyError:
                return False
            return normalised(str(value)) in accepted

        return attribute_matches

    def text_matches(target: Target) -> bool:
        try:
            value = pattern % target
        except KeyError:
            return False
        return normalised(value) in accepted

    return text_matches


def _roles(credentials: Credentials) -> frozenset[str]:
    roles = credentials.get("roles", ())
    if not isinstance(roles, list | tuple | set | frozenset):
        raise CannotCompile("roles")
    return frozenset(str(role).lower() for role in roles)


def _values(kind: str, credentials: Credentials) -> frozenset[str]:
    """Return what the left side of a check stands for: a literal, or the caller's values."""
    try:
        return frozenset({str(ast.literal_eval(kind))})
    except ValueError:
        pass
    except (SyntaxError, TypeError, MemoryError, RecursionError):
        raise CannotCompile(kind) from None
    values: list[object] = [credentials]
    for key in kind.split("."):
        values = [each for value in values for each in _under(value, key)]
    return frozenset(map(str, values))


def _under(value: object, key: str) -> list[object]:
    if not isinstance(value, Mapping):
        raise CannotCompile(key)
    if key not in value:
        return []
    found = value[key]
    return list(found) if isinstance(found, list) else [found]


def flaws(check: checks.BaseCheck, credentials: Collection[str]) -> Iterable[str]:
    """Yield the parts of a check that could only ever fail with an error, as texts.

    Args:
        check: The tree; the rules it refers to are not followed.
        credentials: The names of all credentials that callers may have. None of
            them has parts.
    """
    if isinstance(check, checks.OrCheck | checks.AndCheck):
        for part in check.rules:
            yield from flaws(part, credentials)
    elif isinstance(check, checks.NotCheck):
        yield from flaws(check.rule, credentials)
    elif isinstance(check, checks.RoleCheck | checks.GenericCheck):
        found = type(check) is not checks.GenericCheck or _can_be_found(check.kind, credentials)
        if not found or not _can_be_filled_in(check.match):
            yield str(check)


class _Anything(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return key


def _can_be_filled_in(pattern: str) -> bool:
    try:
        pattern % _Anything()  # pyright: ignore[reportUnusedExpression] - the error is the answer
    except (ValueError, TypeError):
        return False
    return True


def _can_be_found(kind: str, credentials: Collection[str]) -> bool:
    try:
        ast.literal_eval(kind)
    except ValueError:
        first, *parts = kind.split(".")
        return not (parts and first in credentials)
    except (SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return True
