"""How stores prove themselves to an identity service, and what they find there.

A transfer may outlive the token it began with. So a store never keeps a token: it
asks for one before each request, and says when one was refused.
"""

from typing import Protocol

import attrs

from vitrine.core.context import Context


@attrs.frozen(kw_only=True)
class Account:
    """An account at an identity service, as the section of a store describes it.

    Either the user with a password and a project, or an application credential.

    Attributes:
        auth_url: The identity service; its version may follow or not.
        auth_version: ``1``, ``2`` or ``3``, as Swift's own authentication counts.
        username: With version 1, as it is sent: ``ACCOUNT:USER``.
        ca_file: The authorities that vouch for it; None for those of the system.
        insecure: Whether its certificate is taken as it is.
    """

    auth_url: str
    auth_version: str = "3"
    username: str | None = None
    user_id: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    user_domain_id: str | None = None
    user_domain_name: str | None = None
    project_name: str | None = None
    project_id: str | None = None
    project_domain_id: str | None = None
    project_domain_name: str | None = None
    application_credential_id: str | None = None
    application_credential_secret: str | None = attrs.field(default=None, repr=False)
    ca_file: str | None = None
    insecure: bool = False


class Access(Protocol):
    """The right to use other services as somebody. Safe to share between threads.

    Every method raises `StoreUnavailable` where the identity service does not answer,
    or does not let this account in; it comes within a bounded time. Of a caller that is
    not let in, or has no such service, it is `CallerNotAdmitted`, which is nobody else's
    trouble.
    """

    def token(self) -> str:
        """Return a token that is good for a while yet."""
        ...

    def refused(self, token: str) -> None:
        """Say that a service refused *token*: the next one is another, where there is another."""
        ...

    def project_id(self) -> str | None:
        """Return the project it is good for; None where accounts have no projects."""
        ...

    def endpoint(
        self,
        service_type: str,
        *,
        interface: str = "public",
        region: str | None = None,
        name: str | None = None,
    ) -> str:
        """Return the URL of a service in the catalogue, without a slash at the end."""
        ...

    def release(self) -> None:
        """End what was delegated for this access alone; never raises, may be called again.

        It is not used afterwards. Where nothing was delegated nothing happens, and
        what is not ended, since nobody answers, runs out by itself.
        """
        return


class StoreCredentials(Protocol):
    """Gives stores access. Contacts nobody by itself."""

    def account(self, account: Account, *, renew_before: float = 60.0) -> Access:
        """Return the access of a configured account. The same account shares its tokens.

        Args:
            account: The account.
            renew_before: Seconds before its end at which a token is no longer given out.
        """
        ...

    def has_service(self) -> bool:
        """Return whether the service has an account of its own.

        Without one neither it nor its callers have access; configured accounts have.
        """
        ...

    def service(self) -> Access:
        """Return the access of the service's own account, which clean-up uses.

        Raises:
            Misconfigured: The service has none.
        """
        ...

    def caller(self, context: Context, *, lasting: bool, renew_before: float = 60.0) -> Access:
        """Return the access of a caller, by the caller's own token.

        Whoever asks for a lasting one releases it.

        Args:
            context: Who asks.
            lasting: Whether it has to outlive that token: the caller's roles are then
                delegated to the service's account for the time of one transfer. Where
                the identity service does not allow that, the access ends with the token.
            renew_before: As for `account`.

        Raises:
            CallerNotAdmitted: The caller has no token.
            Misconfigured: The service has no account, and so no identity service to ask.
        """
        ...
