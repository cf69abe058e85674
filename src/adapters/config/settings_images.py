"""Settings of what images may be, and of how they are imported."""

from collections.abc import Mapping
from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class FormatSettings:
    """What images may be.

    Attributes:
        disk_formats: Values of ``disk_format``, in the order of the schema.
        container_formats: Values of ``container_format``, likewise.
        vmdk_allowed_types: Subtypes of VMDK that may be converted.
        require_match: Whether data must be of its disk_format, and safe.
        gpt_nonfatal_checks: Safety checks of partition tables that may fail.
        schema_file: The operator's ``schema-image.json``, or None.
    """

    disk_formats: tuple[str, ...]
    container_formats: tuple[str, ...]
    vmdk_allowed_types: tuple[str, ...]
    require_match: bool
    gpt_nonfatal_checks: tuple[str, ...]
    schema_file: Path | None


@attrs.frozen(kw_only=True)
class SignatureSettings:
    """Signed images.

    Attributes:
        certificates: The directory of certificates; None for the key manager.
        required: Whether data comes only to images that say how it is signed.
    """

    certificates: Path | None
    required: bool


@attrs.frozen(kw_only=True)
class UrlFilterSettings:
    """Which URLs users may have fetched; an allow-list, unless empty, replaces its deny-list.

    Attributes:
        deny_private: Whether addresses that are not of the public internet are out
            of reach, too.
    """

    allowed_schemes: tuple[str, ...]
    disallowed_schemes: tuple[str, ...]
    allowed_hosts: tuple[str, ...]
    disallowed_hosts: tuple[str, ...]
    allowed_ports: tuple[int, ...]
    disallowed_ports: tuple[int, ...]
    deny_private: bool


@attrs.frozen(kw_only=True)
class ImportSettings:
    """How images are imported.

    Attributes:
        methods: The enabled ones, in the order in which they are shown.
        plugins: Steps on the way, in order.
        max_parallel_stores: Stores that one import writes to at once.
        urls: What may be fetched.
        download_properties: Beginnings of names that glance-download takes along.
        inject: Properties that are added.
        inject_ignored_roles: Roles whose imports are spared that.
        conversion_format: What images are converted to.
        secure_hash: Whether data added by its location is hashed.
        hash_attempts: Attempts at that.
    """

    methods: tuple[str, ...]
    plugins: tuple[str, ...]
    max_parallel_stores: int
    urls: UrlFilterSettings
    download_properties: tuple[str, ...]
    inject: Mapping[str, str]
    inject_ignored_roles: tuple[str, ...]
    conversion_format: str
    secure_hash: bool
    hash_attempts: int
