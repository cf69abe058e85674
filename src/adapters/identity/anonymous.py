"""Callers whom nobody vouches for, and who may look all the same."""

from vitrine.core.context import Context
from vitrine.core.errors import Unauthenticated
from vitrine.ports.identity import Credentials, IdentityProvider, Request

_ANYBODY = Context(read_only=True)


class AnonymousAllowed(IdentityProvider):
    """Lets those whom *provider* does not know pass, without roles and for reading only.

    That is also what becomes of a caller with a token that is not, or no longer,
    valid. When the provider cannot tell, nobody passes.
    """

    def __init__(self, provider: IdentityProvider, *, tokens_only: bool = True) -> None:
        """Put *provider* behind this.

        Args:
            provider: Knows the others.
            tokens_only: Whether it knows nobody who brings no token, so that it need
                not be asked.
        """
        self._provider = provider
        self._tokens_only = tokens_only

    @property
    def challenge(self) -> str | None:
        return self._provider.challenge

    def identify(self, credentials: Credentials, request: Request) -> Context:
        if self._tokens_only and not (credentials.token or credentials.service_token):
            return _ANYBODY
        try:
            return self._provider.identify(credentials, request)
        except Unauthenticated:
            return _ANYBODY
