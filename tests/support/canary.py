"""Looking for secrets where there must be none."""

import base64
import os
import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

ON = bool(os.environ.get("VITRINE_CANARY"))
"""Whether all servers log in detail, and are searched for their secrets when they end."""

_NAMES = ("password", "secret", "secret_key", "access_key", "encryption_key", "store_key")
# What identifies somebody, whatever it was: Fernet tokens, and credentials in headers.
_FORMS = (
    re.compile(r"gAAAA[\w=-]{40,}"),
    re.compile(r"(?i)\bauthorization['\"]?\s*[:=]\s*['\"]?(?:basic|bearer|aws4?)[\w-]* \w{4}"),
    re.compile(r"://[^/\s:@*'\"]+:[^/\s@*'\"]+@"),
)


def forms_of(secret: str) -> tuple[str, ...]:
    """*secret* as it is, and as it might be carried."""
    plain = secret.encode()
    found = {secret, plain.hex(), base64.b64encode(plain).decode().rstrip("=")}
    # Behind a user's name, in the header of basic authentication: by what comes before it,
    # it is shifted, and its first and last characters are mixed with others.
    for shift in range(3):
        found.add(base64.b64encode(b"x" * shift + plain).decode()[4:-4])
    return tuple(form for form in found if len(form) > 7)


def secrets_in(config: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    """What a configuration holds that nobody else is to see."""
    for options in config.values():
        for name, value in options.items():
            text = str(value)
            if "://" in text and (password := urlsplit(text.split(",", maxsplit=1)[0]).password):
                yield unquote(password)
            elif name.endswith(_NAMES) and not text.startswith("/"):
                yield text


def leaks(text: str, config: Mapping[str, Mapping[str, object]]) -> list[str]:
    """The lines of *text* that hold a secret of *config*, or what can only be one."""
    forms = [form for secret in secrets_in(config) if len(secret) > 7 for form in forms_of(secret)]
    return [
        line
        for line in text.splitlines()
        if any(form in line for form in forms) or any(form.search(line) for form in _FORMS)
    ]
