"""Why a rule of the policy holds for a caller, or does not: its check, part by part."""

from collections.abc import Iterator, Mapping

import attrs
from oslo_policy import _checks as checks

from vitrine.adapters.policy import compiling
from vitrine.adapters.policy.compiling import Credentials, Target


@attrs.frozen(kw_only=True)
class Explanation:
    """One part of a check, and what came of it.

    Attributes:
        text: The part as it is written; of one that joins others only how it does.
        holds: Whether it holds; None if only asking a remote service could tell.
        parts: What it is made of, or what the rule that it names says.
    """

    text: str
    holds: bool | None
    parts: tuple["Explanation", ...] = ()

    def lines(self, depth: int = 0) -> Iterator[str]:
        """Give the tree as text, a line for each part."""
        answer = "not asked" if self.holds is None else str(self.holds).lower()
        yield f"{'  ' * depth}{self.text}: {answer}"
        for part in self.parts:
            yield from part.lines(depth + 1)


def explain(
    name: str, rules: Mapping[str, checks.BaseCheck], credentials: Credentials, target: Target
) -> Explanation:
    """Return why the rule *name*, which is one of *rules*, holds or does not."""
    return _Explainer(rules, credentials, target).rule(name, ())


class _Explainer:
    def __init__(
        self,
        rules: Mapping[str, checks.BaseCheck],
        credentials: Credentials,
        target: Target,
    ) -> None:
        self._rules = rules
        self._credentials = credentials
        self._target = target

    def rule(self, name: str, within: tuple[str, ...]) -> Explanation:
        """Explain a rule, by what it says."""
        text = f"rule:{name}"
        if name in within or name not in self._rules:
            return Explanation(text=text, holds=False)
        part = self._check(self._rules[name], (*within, name))
        return Explanation(text=text, holds=part.holds, parts=(part,))

    def _check(self, check: checks.BaseCheck, within: tuple[str, ...]) -> Explanation:
        if type(check) is checks.RuleCheck:
            return self.rule(check.match, within)
        text, inner = str(check), tuple[checks.BaseCheck, ...]()
        match check:
            case checks.OrCheck():
                text, inner = "any of", tuple(check.rules)
            case checks.AndCheck():
                text, inner = "all of", tuple(check.rules)
            case checks.NotCheck():
                text, inner = "not", (check.rule,)
            case _:
                pass
        parts = tuple(self._check(each, within) for each in inner)
        return Explanation(text=text, holds=self._holds(check, within), parts=parts)

    def _holds(self, check: checks.BaseCheck, within: tuple[str, ...]) -> bool | None:
        try:
            predicate = compiling.compile_check(check, self._rules, self._credentials, within)
        except compiling.CannotCompile:
            return None
        return predicate(self._target)
