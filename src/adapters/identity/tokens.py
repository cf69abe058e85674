"""What Keystone says of a token."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Final, cast

import attrs

from vitrine.adapters.identity.access_rules import AccessRule
from vitrine.core.context import Context


@attrs.frozen(kw_only=True)
class Vouched:
    """A token that is good.

    Attributes:
        context: Its bearer; without the token, which nobody keeps.
        expires_at: When it ends by itself, aware of its zone.
        access_rules: The only requests it may be used for; None for all.
    """

    context: Context
    expires_at: datetime
    access_rules: tuple[AccessRule, ...] | None


class NoVerdict(Enum):
    """Why there is nothing to say of a bearer."""

    REFUSED = "the token is not good"
    AWAY = "nobody can tell"


REFUSED: Final = NoVerdict.REFUSED
AWAY: Final = NoVerdict.AWAY

Verdict = Vouched | NoVerdict


def read_token(document: object) -> Vouched:
    """Return what the answer to a validation says.

    Raises:
        ValueError: It is no such answer.
    """
    token = _object(_object(document).get("token"))
    user = _object(token.get("user"))
    project, domain = _maybe(token, "project"), _maybe(token, "domain")
    return Vouched(
        context=Context(
            user_id=_id_of(user),
            project_id=_id_of(project),
            domain_id=_id_of(domain),
            system_scope="all" if (_maybe(token, "system") or {}).get("all") is True else None,
            user_domain_id=_domain_of(user),
            project_domain_id=_domain_of(project),
            roles=[_text(_object(role).get("name")) for role in _list(token.get("roles", []))],
        ),
        expires_at=_moment(token.get("expires_at")),
        access_rules=_access_rules(_maybe(token, "application_credential")),
    )


def _access_rules(credential: Mapping[str, object] | None) -> tuple[AccessRule, ...] | None:
    rules = (credential or {}).get("access_rules")
    if rules is None:
        return None
    return tuple(
        AccessRule(
            service=_text(rule.get("service")),
            method=_text(rule.get("method")),
            path=_text(rule.get("path")),
        )
        for rule in map(_object, _list(rules))
    )


def _domain_of(thing: Mapping[str, object] | None) -> str | None:
    return None if thing is None else _id_of(_maybe(thing, "domain"))


def _id_of(thing: Mapping[str, object] | None) -> str | None:
    return None if thing is None else _text(thing.get("id"))


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _maybe(thing: Mapping[str, object], name: str) -> Mapping[str, object] | None:
    value = thing.get(name)
    return None if value is None else _object(value)


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - what is wrong is the document
    return cast("Mapping[str, object]", value)


def _list(value: object) -> Sequence[object]:
    if not isinstance(value, list):
        raise ValueError("not a list")  # noqa: TRY004 - what is wrong is the document
    return cast("Sequence[object]", value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")  # noqa: TRY004 - what is wrong is the document
    return value
