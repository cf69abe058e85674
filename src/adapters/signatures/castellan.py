"""Certificates in a key manager, such as Barbican, by castellan."""

from collections.abc import Sequence
from pathlib import Path

from castellan import key_manager
from castellan.common import exception, utils
from castellan.common.credentials.credential import Credential
from castellan.common.objects.x_509 import X509
from cryptography import x509
from keystoneauth1.exceptions import ClientException
from oslo_config import cfg
from oslo_context.context import RequestContext

from vitrine.adapters.signatures.certificates import (
    Certificates,
    malformed_certificate,
    no_certificate,
)
from vitrine.core.context import Context
from vitrine.core.errors import KeyManagerUnavailable

_CLIENT_ERRORS = range(400, 500)


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

    def get(self, certificate_id: str, caller: Context) -> x509.Certificate:
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
        if not isinstance(found, X509):
            raise malformed_certificate()
        try:
            return x509.load_der_x509_certificate(found.get_encoded() or b"")
        except ValueError:
            raise malformed_certificate() from None

    def _credentials(self, caller: Context) -> Credential | RequestContext:
        context = RequestContext(
            auth_token=caller.token,
            user_id=caller.user_id,
            project_id=caller.project_id,
            overwrite=False,
        )
        if self._conf["key_manager"].auth_type is None:
            return context
        return utils.credential_factory(self._conf, context)
