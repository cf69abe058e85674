"""What Keystone said of a token, written down for other processes."""

import json
from datetime import datetime
from typing import Any

import attrs

from vitrine.adapters.identity.access_rules import AccessRule
from vitrine.adapters.identity.tokens import Vouched
from vitrine.core.context import Context


@attrs.frozen(kw_only=True)
class Record:
    """A good token, and since when that is known.

    Attributes:
        vouched: What Keystone said.
        asked_at: When it was asked, aware of its zone.
    """

    vouched: Vouched
    asked_at: datetime


def write(record: Record) -> bytes:
    """Return *record* as bytes that `read` understands."""
    vouched = record.vouched
    context = vouched.context
    rules = vouched.access_rules
    document = {
        "asked_at": record.asked_at.isoformat(),
        "expires_at": vouched.expires_at.isoformat(),
        "access_rules": None if rules is None else [attrs.asdict(rule) for rule in rules],
        "context": {
            "user_id": context.user_id,
            "project_id": context.project_id,
            "domain_id": context.domain_id,
            "system_scope": context.system_scope,
            "user_domain_id": context.user_domain_id,
            "project_domain_id": context.project_domain_id,
            "roles": sorted(context.roles),
        },
    }
    return json.dumps(document).encode()


def read(text: bytes) -> Record | None:
    """Return what `write` wrote; None for what another version did in another form."""
    try:
        return _record(json.loads(text))
    except (ValueError, TypeError, KeyError):
        return None


def _record(document: dict[str, Any]) -> Record:
    rules = document["access_rules"]
    return Record(
        vouched=Vouched(
            context=Context(**document["context"]),
            expires_at=datetime.fromisoformat(document["expires_at"]),
            access_rules=None if rules is None else tuple(AccessRule(**rule) for rule in rules),
        ),
        asked_at=datetime.fromisoformat(document["asked_at"]),
    )
