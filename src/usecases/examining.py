"""Looking at bytes on their way to a store: what they hash to, what they are, who signed them."""

import logging
from collections.abc import Sequence
from typing import Final

import attrs

from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.digests import Digests, Fingerprint
from vitrine.core.images.formats import FormatRules, judge, needs_inspection
from vitrine.core.images.image import Image
from vitrine.core.signatures import signature_of
from vitrine.ports.inspection import InspectionStream, Inspector
from vitrine.ports.signatures import Signatures, Verification
from vitrine.ports.work import Sink

_log: Final = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class Findings:
    """What bytes turned out to be.

    Attributes:
        fingerprint: What they hash to.
        virtual_size: Bytes of the disk inside, None when unknown.
    """

    fingerprint: Fingerprint
    virtual_size: int | None = None


class Examination:
    """The bytes of one image going by, each of its sinks in a thread of its own."""

    def __init__(
        self,
        image: Image,
        digests: Digests,
        formats: FormatRules,
        inspection: InspectionStream | None,
        verification: Verification | None,
    ) -> None:
        """Take what looks at them."""
        self._image = image
        self._digests = digests
        self._formats = formats
        self._inspection = inspection
        self._verification = verification

    @property
    def sinks(self) -> Sequence[Sink]:
        """Where every byte has to go."""
        sinks: list[Sink] = [hasher.update for hasher in self._digests.hashers]
        if self._inspection is not None:
            sinks.append(self._inspection.feed)
        if self._verification is not None:
            sinks.append(self._verification.update)
        return sinks

    def finish(self) -> Findings:
        """Return what was found, once all bytes have gone by.

        Raises:
            SignatureInvalid: They are not what was signed.
            FormatMismatch, FormatUnsafe: They are not what the image says.
        """
        if self._verification is not None:
            self._verification.finish()
        virtual_size = None
        if self._inspection is not None:
            verdict = judge(self._inspection.finish(), self._image.disk_format or "", self._formats)
            if verdict.mismatch is not None:
                _log.warning("Image %s was accepted although: %s", self._image.id, verdict.mismatch)
            virtual_size = verdict.virtual_size
        return Findings(fingerprint=self._digests.finish(), virtual_size=virtual_size)


class Examiner:
    """Begins examinations. Safe to share between threads."""

    def __init__(
        self,
        *,
        inspector: Inspector,
        signatures: Signatures,
        algorithm: str,
        formats: FormatRules,
    ) -> None:
        """Take what looks at bytes, the hash beside md5, and how strict inspection is."""
        self._inspector = inspector
        self._signatures = signatures
        self._algorithm = algorithm
        self._formats = formats

    def begin(self, image: Image, caller: Context) -> Examination:
        """Begin to look at the bytes of *image*, which *caller* brings.

        Raises:
            SignatureInvalid: Its signature can be no good one, whatever the bytes are.
            KeyManagerUnavailable: The signer's certificate cannot be had.
        """
        signature = signature_of(image.properties)
        return Examination(
            image,
            Digests(self._algorithm),
            self._formats,
            self._inspector.begin() if needs_inspection(image.container_format) else None,
            None if signature is None else self._signatures.begin(signature, caller),
        )

    def begin_to_hash(self, image: Image) -> Examination:
        """Begin to look at bytes that were found good before, and only have to be the same."""
        algorithm = self._algorithm if image.digest is None else image.digest.algorithm
        return Examination(image, Digests(algorithm), self._formats, None, None)


def check_signed(image: Image, *, required: bool) -> None:
    """Refuse an image that does not say how its data is signed, where that is *required*.

    Raises:
        SignatureRequired: It does not say all of it.
    """
    if required and signature_of(image.properties) is None:
        raise errors.SignatureRequired(image.id)
