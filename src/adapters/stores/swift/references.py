"""The accounts that an operator describes: in a file of references, or in the options."""

import configparser
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

from vitrine.core.errors import Misconfigured
from vitrine.ports.credentials import Account

_DOMAIN: Final = "default"
_V1: Final = "1"


@attrs.frozen(kw_only=True)
class Reference:
    """An account in Swift, as an operator describes it.

    Attributes:
        auth_address: The identity service; https where it does not say.
        user: ``ACCOUNT:USER``, or only the user where the project has a field of its own.
        auth_version: ``1``, ``2`` or ``3``.
    """

    auth_address: str
    user: str | None = None
    key: str | None = attrs.field(default=None, repr=False)
    auth_version: str = "3"
    application_credential_id: str | None = None
    application_credential_secret: str | None = attrs.field(default=None, repr=False)
    user_domain_id: str | None = None
    user_domain_name: str | None = None
    project_domain_id: str | None = None
    project_domain_name: str | None = None
    project_id: str | None = None
    project_name: str | None = None

    @property
    def auth_url(self) -> str:
        """The address with its scheme."""
        return self.auth_address if "://" in self.auth_address else f"https://{self.auth_address}"

    @property
    def secrets(self) -> tuple[str, str]:
        """What stands for the user and for the key in a location."""
        if self.application_credential_id is not None:
            return self.application_credential_id, self.application_credential_secret or ""
        return self.user or "", self.key or ""

    def account(self, *, ca_file: str | None, insecure: bool) -> Account:
        """Return it as the identity service has it."""
        common = Account(auth_url=self.auth_url, auth_version=self.auth_version)
        common = attrs.evolve(common, ca_file=ca_file, insecure=insecure)
        if self.application_credential_id is not None:
            return attrs.evolve(
                common,
                application_credential_id=self.application_credential_id,
                application_credential_secret=self.application_credential_secret,
            )
        if self.auth_version.startswith(_V1):
            return attrs.evolve(common, username=self.user, password=self.key)
        project, user = self.project_name, self.user or ""
        if project is None and self.project_id is None:
            project, _, user = user.partition(":")
        return attrs.evolve(
            common,
            username=user,
            password=self.key,
            user_domain_id=_domain(self.user_domain_id, self.user_domain_name),
            user_domain_name=self.user_domain_name,
            project_id=self.project_id,
            project_name=None if self.project_id else project,
            project_domain_id=None
            if self.project_id
            else _domain(self.project_domain_id, self.project_domain_name),
            project_domain_name=None if self.project_id else self.project_domain_name,
        )

    def check(self, where: str) -> None:
        """Raise if something is missing.

        Raises:
            Misconfigured: Something is; *where* says to the operator where it should be.
        """
        if not self.auth_address:
            raise Misconfigured(f"{where} lacks the address of the identity service.")
        if self.application_credential_id is not None:
            if not self.application_credential_secret:
                raise Misconfigured(f"{where} lacks the secret of the application credential.")
            return
        if not self.user or not self.key:
            raise Misconfigured(f"{where} lacks a user or a key.")
        project = self.project_id or self.project_name or ":" in self.user
        if not project and not self.auth_version.startswith(_V1):
            raise Misconfigured(f"{where} lacks a project: the user is PROJECT:USER without one.")


def _domain(given: str | None, name: str | None) -> str | None:
    return given or (None if name else _DOMAIN)


def read_references(path: str, auth_version: str, where: str) -> Mapping[str, Reference]:
    """Return the accounts in a file, by the names of their sections.

    Args:
        path: Of the file.
        auth_version: For those that do not say.
        where: What to call the store to the operator.

    Raises:
        Misconfigured: It cannot be read, or an account lacks something.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        text = Path(path).read_text(encoding="utf-8")
        parser.read_string(text)
    except (OSError, UnicodeDecodeError, configparser.Error):
        raise Misconfigured(f"{where}: swift_store_config_file cannot be read.") from None
    found: dict[str, Reference] = {}
    fields = attrs.fields_dict(Reference)
    for name in parser.sections():
        section = {
            key: value.strip() for key, value in parser[name].items() if key in fields and value
        }
        reference = Reference(**{"auth_address": "", "auth_version": auth_version, **section})
        reference.check(f"{where}: the section [{name}] of swift_store_config_file")
        found[name] = reference
    return found
