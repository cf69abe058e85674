"""Verifying who made the bytes of an image."""

from typing import Protocol

from vitrine.core.context import Context
from vitrine.core.signatures import Signature


class Verification(Protocol):
    """The bytes of one image going by. Belongs to one thread at a time."""

    def update(self, piece: bytes) -> None:
        """Take the next piece. Never raises, whatever the bytes are."""
        ...

    def finish(self) -> None:
        """Return if the signature is that of all that went by; to be called once.

        Raises:
            SignatureInvalid: It is not.
        """
        ...


class Signatures(Protocol):
    """Verifies signatures. Safe to share between threads."""

    def begin(self, signature: Signature, caller: Context) -> Verification:
        """Begin to verify *signature*, in memory that does not grow with the image.

        The signer's certificate is fetched here, as *caller* may see it.

        Raises:
            SignatureInvalid: It can be no good one, whatever the bytes are.
            KeyManagerUnavailable: Who keeps certificates does not answer.
            Misconfigured: Nothing can be verified here.
        """
        ...
