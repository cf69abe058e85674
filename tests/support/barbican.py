"""A real Barbican on loopback that believes a Keystone.

`tests/integration/setup.sh` fetches it.
"""

import base64
from pathlib import Path
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.support.processes import Program, answers, free_port
from tests.support.services import CACHE, Keystone, missing

_SERVICES = Path(__file__).resolve().parents[1] / "integration/services"
_CONFIGURATION = """\
[DEFAULT]
host_href = {url}
db_auto_create = true
[database]
connection = sqlite:///{directory}/barbican.sqlite
[keystone_authtoken]
{authtoken}
# A revoked token is refused at once.
token_cache_time = -1
[secretstore]
enabled_secretstore_plugins = store_crypto
[crypto]
enabled_crypto_plugins = simple_crypto
[simple_crypto_plugin]
kek = {key}
"""
_PASTE = """\
[composite:main]
use = egg:Paste#urlmap
/: versions
/v1: api
[pipeline:versions]
pipeline = microversion versionapp
[pipeline:api]
pipeline = authtoken context microversion apiapp
[app:versionapp]
paste.app_factory = barbican.api.app:create_version_app
[app:apiapp]
paste.app_factory = barbican.api.app:create_main_app
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
[filter:context]
paste.filter_factory = barbican.api.middleware.context:ContextMiddleware.factory
[filter:microversion]
paste.filter_factory = barbican.api.middleware.microversion:MicroversionMiddleware.factory
"""


class Barbican:
    """A Barbican of one's own.

    Attributes:
        directory: Its database, configuration and log.
        url: ``http://127.0.0.1:PORT``.
    """

    def __init__(self, directory: Path, keystone: Keystone) -> None:
        """Describe a Barbican in *directory* that asks *keystone* who its callers are."""
        self.directory = directory
        self._keystone = keystone
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._program: Program | None = None

    @staticmethod
    def require() -> None:
        """Skip the test if Barbican was not installed by setup.sh."""
        if not (CACHE / "barbican/.installed").is_file():
            missing("Barbican")

    # -- life

    def start(self) -> None:
        """Start it, on a new database the first time; return when it answers."""
        if not self.directory.exists():
            self._configure()
        python = CACHE / "barbican/bin/python"
        command: list[str | Path] = [python, "-m", "gunicorn", "--bind", f"127.0.0.1:{self._port}"]
        command += ["--workers", "1", "--graceful-timeout", "1", "--no-control-socket"]
        command += ["--chdir", self.directory, "--pythonpath", _SERVICES]
        self._program = Program(
            [*command, "barbican_wsgi:application"],
            log_file=self.directory / "barbican.log",
            # Its parts look for the configuration on their own, and first of all here.
            env={"PYTHONWARNINGS": "ignore", "HOME": str(self.directory)},
        )
        self._program.start()
        self._program.wait_for(lambda: answers(self.url), timeout=120)

    def stop(self) -> None:
        """Stop it in good order; `start` continues with the same secrets."""
        assert self._program is not None, "it does not run"
        self._program.stop()

    # -- use

    def list_in_catalogue(self) -> None:
        """Let callers find it by what comes with their tokens."""
        self._keystone.enter("key-manager", "barbican", self.url)

    def keep(self, secret: bytes, token: str, *, kind: str = "certificate") -> str:
        """Keep a secret in the project of a token; return the UUID it is known by."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(
                f"{self.url}/v1/secrets",
                headers={"X-Auth-Token": token},
                json={
                    "name": "made by a test",
                    "secret_type": kind,
                    "payload": base64.b64encode(secret).decode(),
                    "payload_content_type": "application/octet-stream",
                    "payload_content_encoding": "base64",
                },
                timeout=30,
            )
        assert answer.status_code == requests.codes.created, answer.text
        kept: dict[str, Any] = answer.json()
        return str(kept["secret_ref"]).rpartition("/")[2]

    def keep_certificate(self, certificate: x509.Certificate, token: str) -> str:
        """Keep a certificate, as PEM, as `keep` keeps secrets."""
        return self.keep(certificate.public_bytes(serialization.Encoding.PEM), token)

    # -- inside

    def _configure(self) -> None:
        config = self.directory / ".barbican/barbican.conf"
        config.parent.mkdir(parents=True)
        authtoken = self._keystone.authtoken()
        config.write_text(
            _CONFIGURATION.format(
                url=self.url,
                directory=self.directory,
                authtoken="\n".join(f"{name} = {value}" for name, value in authtoken.items()),
                key=base64.urlsafe_b64encode(bytes(range(32))).decode(),
            )
        )
        (self.directory / "paste.ini").write_text(_PASTE)
