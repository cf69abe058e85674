"""How the service proves itself to Keystone."""

import attrs
from keystoneauth1.identity import v3
from keystoneauth1.plugin import BaseAuthPlugin

from vitrine.core.errors import Misconfigured


@attrs.frozen(kw_only=True)
class ServiceAccount:
    """The account that asks about callers' tokens, and how Keystone is reached.

    The names are those of ``[keystone_authtoken]``.

    Attributes:
        kind: ``password`` or ``application_credential``.
    """

    kind: str | None = "password"
    auth_url: str | None = None
    username: str | None = None
    user_id: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    user_domain_id: str | None = None
    user_domain_name: str | None = None
    project_name: str | None = None
    project_id: str | None = None
    project_domain_id: str | None = None
    project_domain_name: str | None = None
    domain_id: str | None = None
    domain_name: str | None = None
    system_scope: str | None = None
    trust_id: str | None = None
    application_credential_id: str | None = None
    application_credential_name: str | None = None
    application_credential_secret: str | None = attrs.field(default=None, repr=False)
    cafile: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    insecure: bool = False
    region_name: str | None = None

    @property
    def verify(self) -> bool | str:
        """Whether, or by which authorities, Keystone's certificate is verified."""
        return False if self.insecure else self.cafile or True

    @property
    def client_certificate(self) -> tuple[str, str] | str | None:
        """The file, or the files, of the certificate that is shown to Keystone."""
        if self.certfile and self.keyfile:
            return (self.certfile, self.keyfile)
        return self.certfile

    def plugin(self) -> BaseAuthPlugin:
        """Return what makes keystoneauth use this account. Calls nobody.

        Raises:
            Misconfigured: Something is missing.
        """
        if not self.auth_url:
            raise Misconfigured("[keystone_authtoken] lacks auth_url.")
        if self.kind == "application_credential":
            return self._application_credential(self.auth_url)
        if not self.password:
            raise Misconfigured("[keystone_authtoken] lacks password.")
        return v3.Password(
            self.auth_url,
            password=self.password,
            user_id=self.user_id,
            username=self.username,
            user_domain_id=self.user_domain_id,
            user_domain_name=self.user_domain_name,
            project_id=self.project_id,
            project_name=self.project_name,
            project_domain_id=self.project_domain_id,
            project_domain_name=self.project_domain_name,
            domain_id=self.domain_id,
            domain_name=self.domain_name,
            system_scope=self.system_scope,
            trust_id=self.trust_id,
        )

    def _application_credential(self, auth_url: str) -> BaseAuthPlugin:
        if not self.application_credential_secret:
            raise Misconfigured("[keystone_authtoken] lacks application_credential_secret.")
        # It has its own project: Keystone refuses a scope beside it.
        return v3.ApplicationCredential(
            auth_url,
            application_credential_secret=self.application_credential_secret,
            application_credential_id=self.application_credential_id,
            application_credential_name=self.application_credential_name,
            user_id=self.user_id,
            username=self.username,
            user_domain_id=self.user_domain_id,
            user_domain_name=self.user_domain_name,
        )
