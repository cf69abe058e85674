"""Certificates in a key manager, such as Barbican, by castellan."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from castellan import key_manager
from castellan.common import exception, utils
from castellan.common.credentials.credential import Credential
from castellan.common.objects.x_509 import X509
from cryptography import x509
from keystoneauth1.access.service_catalog import ServiceCatalogV3
from keystoneauth1.exceptions import ClientException
from keystoneauth1.plugin import BaseAuthPlugin
from keystoneauth1.session import Session
from oslo_config import cfg
from oslo_context.context import RequestContext

from vitrine.adapters.signatures.certificates import (
    UNREADABLE,
    Certificates,
    known_by,
    malformed_certificate,
    no_certificate,
)
from vitrine.adapters.signatures.lookups import Lookups
from vitrine.core.context import Context
from vitrine.core.errors import KeyManagerUnavailable

_CLIENT_ERRORS: Final = range(400, 500)
_PATIENCE: Final = 60.0  # seconds


class _AsItIs(BaseAuthPlugin):
    """Passes a token on. Castellan's own would exchange it for another one first.

    Keystone refuses that to tokens of application credentials. Castellan makes the session
    too, and gives it no timeout: whoever is asked for the token by it first can.
    """

    def __init__(self, token: str | None, conf: cfg.ConfigOpts) -> None:
        super().__init__()
        self._token = token
        self._conf = conf

    def get_token(self, session: Session, **_kwargs: Any) -> str | None:  # noqa: ANN401 - the library's
        session.timeout = _patience(self._conf)
        return self._token

    def get_endpoint(self, session: Session, **wanted: Any) -> str | None:  # noqa: ANN401 - the library's
        """Look into the caller's catalogue; castellan asks if its configuration does not say."""
        session.timeout = _patience(self._conf)
        keystone = str(self._conf["barbican"].auth_endpoint).rstrip("/")
        headers = {"X-Auth-Token": self._token}
        answer = session.get(f"{keystone}/auth/catalog", headers=headers, authenticated=False)
        found = ServiceCatalogV3(answer.json()["catalog"]).url_for(
            service_type=wanted.get("service_type"),
            interface=wanted.get("interface"),
            region_name=wanted.get("region_name"),
        )
        return None if found is None else str(found)


class _CallerContext(RequestContext):
    """The caller, as castellan and what it loads know callers."""

    def __init__(self, caller: Context, conf: cfg.ConfigOpts) -> None:
        super().__init__(
            auth_token=caller.token,
            user_id=caller.user_id,
            project_id=caller.project_id,
            overwrite=False,
        )
        self._plugin = _AsItIs(caller.token, conf)

    def get_auth_plugin(self) -> BaseAuthPlugin:
        return self._plugin


class CastellanCertificates(Certificates):
    """Asks the key manager of ``[key_manager]``, which castellan reads by itself.

    With the caller's own token, unless ``auth_type`` there names another account:
    then everybody may name every certificate that this account can read.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        """Connect to nothing yet; *files* are the configuration files."""
        self._conf = cfg.ConfigOpts()
        self._conf(
            [],
            project="vitrine",
            default_config_files=[str(path) for path in files],
            default_config_dirs=[],
        )
        self._manager = key_manager.API(self._conf)
        self._conf.register_opts(utils.credential_opts, group="key_manager")
        # With the account of `auth_type`, nothing else ends a question that is not answered.
        self._lookups = Lookups(seconds=_patience(self._conf))

    def get(self, certificate_id: str, caller: Context) -> x509.Certificate:
        # A client may make a part of an address of it, or take it for a whole one.
        if certificate_id.lower() not in {str(known := known_by(certificate_id)), known.hex}:
            raise no_certificate()
        return self._lookups.run(lambda: self._ask(certificate_id, caller))

    def _ask(self, certificate_id: str, caller: Context) -> x509.Certificate:
        try:
            found = self._manager.get(self._credentials(caller), certificate_id)
        except exception.ManagedObjectNotFoundError:
            raise no_certificate() from None
        except exception.KeyManagerError as error:
            # It was asked and said no: not found under an id of this form, or not for them.
            if getattr(error.__context__, "status_code", None) in _CLIENT_ERRORS:
                raise no_certificate() from None
            raise KeyManagerUnavailable from None
        except (exception.CastellanException, ClientException, OSError):
            raise KeyManagerUnavailable from None
        except (*UNREADABLE, TypeError):
            # It reads keys and certificates itself, and trusts those who put them there.
            raise malformed_certificate() from None
        if not isinstance(found, X509):
            raise malformed_certificate()
        try:
            return x509.load_der_x509_certificate(found.get_encoded() or b"")
        except UNREADABLE:
            raise malformed_certificate() from None

    def _credentials(self, caller: Context) -> Credential | RequestContext:
        context = _CallerContext(caller, self._conf)
        if self._conf["key_manager"].auth_type is None:
            return context
        return utils.credential_factory(self._conf, context)


def _patience(conf: cfg.ConfigOpts) -> float:
    """Return for how many seconds an answer is waited for.

    Castellan knows an option for that, and does not heed it for callers.
    """
    said = conf["barbican"].timeout if "barbican" in conf else None
    return float(said) if said is not None and said > 0 else _PATIENCE
