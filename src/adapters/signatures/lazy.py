"""Signatures for those who need them: what verifies is loaded with the first one."""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from vitrine.core.context import Context
from vitrine.core.errors import Misconfigured
from vitrine.core.signatures import Signature
from vitrine.ports.signatures import Signatures, Verification

_log: Final = logging.getLogger(__name__)


class LazySignatures(Signatures):
    """Loads what verifies when the first signature comes, and refuses it if that fails.

    An image that is not signed needs none of it; one that is must never pass
    unverified because something is not installed.
    """

    def __init__(
        self, directory: Path | None, files: Sequence[Path], now: Callable[[], datetime]
    ) -> None:
        """Load nothing yet.

        Args:
            directory: Where certificates are; None to ask the key manager.
            files: The configuration files, which name it.
            now: The time in UTC.
        """
        self._directory = directory
        self._files = tuple(files)
        self._now = now
        self._loading = threading.Lock()
        self._loaded: Signatures | None = None

    def begin(self, signature: Signature, caller: Context) -> Verification:
        with self._loading:
            if self._loaded is None:
                self._loaded = self._load()
        return self._loaded.begin(signature, caller)

    def _load(self) -> Signatures:
        try:
            from vitrine.adapters.signatures.cursive import (  # noqa: PLC0415 - may not be there
                CursiveSignatures,
            )

            if self._directory is not None:
                from vitrine.adapters.signatures.certificates import (  # noqa: PLC0415 - the same
                    DirectoryCertificates,
                )

                return CursiveSignatures(DirectoryCertificates(self._directory), self._now)
            from vitrine.adapters.signatures.castellan import (  # noqa: PLC0415 - the same
                CastellanCertificates,
            )

            return CursiveSignatures(CastellanCertificates(self._files), self._now)
        except ModuleNotFoundError as missing:
            _log.error(
                "An image is signed, and the Python package %s is not installed: "
                "pip install 'vitrine[signatures]'.",
                missing.name,
            )
            raise Misconfigured("Signatures of images cannot be verified here.") from None
