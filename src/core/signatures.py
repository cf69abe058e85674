"""Signatures of images, made by whoever published the bytes."""

from collections.abc import Mapping
from typing import Final

import attrs

_VALUE: Final = "img_signature"
_HASH_METHOD: Final = "img_signature_hash_method"
_KEY_TYPE: Final = "img_signature_key_type"
_CERTIFICATE: Final = "img_signature_certificate_uuid"


@attrs.frozen(kw_only=True)
class Signature:
    """What an image says of the signature of its bytes, as somebody wrote it.

    Attributes:
        value: The signature, in base64.
        hash_method: What was signed is this hash of the bytes: ``SHA-256``, say.
        key_type: How: ``RSA-PSS``, ``DSA``, ``ECC_SECP384R1``.
        certificate_id: What the key manager knows the signer's certificate by.
    """

    value: str
    hash_method: str
    key_type: str
    certificate_id: str


def signature_of(properties: Mapping[str, str | None]) -> Signature | None:
    """Return the signature that an image's properties speak of.

    None unless they say all of it: with less, nobody asked for verification. What is
    said to be nothing was asked for all the same, and cannot be good.
    """
    if not properties.keys() >= {_VALUE, _HASH_METHOD, _KEY_TYPE, _CERTIFICATE}:
        return None
    return Signature(
        value=properties[_VALUE] or "",
        hash_method=properties[_HASH_METHOD] or "",
        key_type=properties[_KEY_TYPE] or "",
        certificate_id=properties[_CERTIFICATE] or "",
    )
