"""Making what lies about in a shared place worth nothing to a stranger."""

import hashlib
import hmac
import os
from collections.abc import Callable
from typing import Protocol

from vitrine.core.errors import Misconfigured

_SALT = b"vitrine, shared tokens, 1"
_MAC = 32  # bytes
_NONCE = 12  # bytes
# What makes one guess at a weak password cost 16 MiB and some hundredths of a second:
# who can read the cache could otherwise try the service's password against it.
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**14, 8, 1


class Seal(Protocol):
    """Closes values under names, for whoever knows the same secret. Safe between threads."""

    def name_of(self, digest: bytes) -> str:
        """Return where what is known of a token lies: nothing to guess the token from.

        Args:
            digest: A hash of the token.
        """
        ...

    def close(self, name: str, text: bytes) -> bytes:
        """Return *text* as it may lie under *name*."""
        ...

    def open(self, name: str, sealed: bytes) -> bytes | None:
        """Return the text, or None when nobody with the secret put this under this *name*."""
        ...


def seal_of(secret: str, *, encrypt: bool) -> Seal:
    """Return the seal of a *secret*. Takes some hundredths of a second.

    Args:
        secret: Any text; all processes that share have the same.
        encrypt: Whether texts are hidden as well.

    Raises:
        Misconfigured: They are to be hidden, and what does that is not installed.
    """
    keys = hashlib.scrypt(
        secret.encode(), salt=_SALT, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P, dklen=3 * _MAC
    )
    names, values, hidden = (keys[start : start + _MAC] for start in range(0, 3 * _MAC, _MAC))
    return _Hiding(names, hidden) if encrypt else _Signing(names, values)


class _Naming:
    def __init__(self, names: bytes) -> None:
        self._names = names

    def name_of(self, digest: bytes) -> str:
        return f"vitrine-token-{hmac.digest(self._names, digest, 'sha256').hex()}"


class _Signing(_Naming, Seal):
    """Puts a signature before the text."""

    def __init__(self, names: bytes, key: bytes) -> None:
        super().__init__(names)
        self._key = key

    def close(self, name: str, text: bytes) -> bytes:
        return self._signature(name, text) + text

    def open(self, name: str, sealed: bytes) -> bytes | None:
        signature, text = sealed[:_MAC], sealed[_MAC:]
        good = hmac.compare_digest(signature, self._signature(name, text))
        return text if good else None

    def _signature(self, name: str, text: bytes) -> bytes:
        # Names are of one length, so that no other pair runs together to the same bytes.
        return hmac.digest(self._key, name.encode() + text, "sha256")


class _Hiding(_Naming, Seal):
    """Encrypts the text, and whoever changes it cannot be decrypted."""

    def __init__(self, names: bytes, key: bytes) -> None:
        super().__init__(names)
        self._encrypt, self._decrypt = _cipher(key)

    def close(self, name: str, text: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._encrypt(nonce, text, name.encode())

    def open(self, name: str, sealed: bytes) -> bytes | None:
        return self._decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())


def _cipher(
    key: bytes,
) -> tuple[
    Callable[[bytes, bytes, bytes], bytes],
    Callable[[bytes, bytes, bytes], bytes | None],
]:
    """Return what encrypts and what decrypts, the latter to None what it cannot."""
    try:
        # Only those who ask for it need it.
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
    except ModuleNotFoundError:
        raise Misconfigured(
            "[keystone_authtoken] memcache_security_strategy is ENCRYPT, and the Python package "
            "cryptography is not installed: pip install 'vitrine[cache]'."
        ) from None
    cipher = AESGCM(key)

    def decrypt(nonce: bytes, text: bytes, about: bytes) -> bytes | None:
        try:
            return cipher.decrypt(nonce, text, about)
        except (InvalidTag, ValueError):  # ValueError: not even as long as a nonce
            return None

    return cipher.encrypt, decrypt
