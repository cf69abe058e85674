"""Services that speak S3."""

from typing import Final

from oslo_config import cfg

from vitrine.adapters.stores.drivers.base import Driver, Values, lacks_package
from vitrine.adapters.stores.s3.parts import MIB
from vitrine.adapters.stores.s3.urls import Place
from vitrine.core import errors
from vitrine.ports.stores import Store, StoreOpening

_CHECKSUM_MODES: Final = ["when_required", "when_supported"]

OPTIONS: Final[tuple[cfg.Opt, ...]] = (
    cfg.StrOpt("s3_store_host", help="Host, or URL, of the S3 service."),
    cfg.StrOpt("s3_store_region_name", default="", help="The region."),
    cfg.StrOpt("s3_store_access_key", secret=True, help="The access key."),
    cfg.StrOpt("s3_store_secret_key", secret=True, help="The secret key."),
    cfg.StrOpt("s3_store_bucket", help="The bucket that holds the images."),
    cfg.BoolOpt(
        "s3_store_create_bucket_on_put", default=False, help="Create the bucket if it is missing."
    ),
    cfg.StrOpt(
        "s3_store_bucket_url_format",
        default="auto",
        choices=["auto", "virtual", "path"],
        help="Whether the bucket is named in the host or in the path.",
    ),
    cfg.IntOpt(
        "s3_store_large_object_size",
        default=100,
        min=1,
        help="MB from which the parts of an image are uploaded side by side.",
    ),
    cfg.IntOpt("s3_store_large_object_chunk_size", default=10, min=5, help="MB in one part."),
    cfg.IntOpt(
        "s3_store_thread_pools", default=10, min=1, help="Parts uploaded at once, four at most."
    ),
    cfg.StrOpt("s3_store_cacert", default="", help="Certificate authorities of the service."),
    cfg.BoolOpt(
        "s3_store_enable_data_integrity_protection",
        default=False,
        help="Let the client library add and verify checksums.",
    ),
    cfg.StrOpt(
        "s3_store_request_checksum_calculation",
        default="when_required",
        choices=_CHECKSUM_MODES,
        help="When requests carry a checksum.",
    ),
    cfg.StrOpt(
        "s3_store_response_checksum_validation",
        default="when_required",
        choices=_CHECKSUM_MODES,
        help="When checksums of responses are verified.",
    ),
)

_NEEDED: Final = (
    "s3_store_host",
    "s3_store_access_key",
    "s3_store_secret_key",
    "s3_store_bucket",
)


def _open(opening: StoreOpening) -> Store:
    values = Values(opening.values)
    missing = [name for name in _NEEDED if not values.maybe(name)]
    if missing:
        raise errors.Misconfigured(
            f"The store '{opening.store_id}' needs values for {', '.join(missing)}."
        )
    try:
        # boto3, which only this needs
        from vitrine.adapters.stores.s3.bucket import Bucket, Service  # noqa: PLC0415
        from vitrine.adapters.stores.s3.store import PartRules, S3Store  # noqa: PLC0415
    except ModuleNotFoundError as absent:
        raise lacks_package(opening.store_id, absent, "s3") from None
    place = _place(opening.store_id, values)
    protected = values.flag("s3_store_enable_data_integrity_protection")
    service = Service(
        endpoint=place.endpoint,
        region=values.maybe("s3_store_region_name") or "",
        access_key=values.text("s3_store_access_key"),
        secret_key=values.text("s3_store_secret_key"),
        ca_file=values.maybe("s3_store_cacert"),
        addressing=values.text("s3_store_bucket_url_format"),
        request_checksums=_mode(values, "s3_store_request_checksum_calculation", on=protected),
        response_checksums=_mode(values, "s3_store_response_checksum_validation", on=protected),
    )
    create = values.flag("s3_store_create_bucket_on_put")
    rules = PartRules(
        large=values.number("s3_store_large_object_size") * MIB,
        part=values.number("s3_store_large_object_chunk_size") * MIB,
        threads=values.number("s3_store_thread_pools"),
        directory=opening.data_dir,
    )
    bucket = Bucket(place.bucket, service, create=create)
    return S3Store(opening.store_id, place, bucket, rules)


def _place(store_id: str, values: Values) -> Place:
    address, bucket = values.text("s3_store_host"), values.text("s3_store_bucket")
    scheme, colon, host = address.rpartition("://")
    if (colon and scheme.lower() not in ("http", "https")) or "@" in host or not host.strip("/"):
        raise errors.Misconfigured(
            f"The store '{store_id}' needs a host, or its URL of http or https without "
            "credentials, as s3_store_host."
        )
    if "/" in bucket:
        raise errors.Misconfigured(f"The store '{store_id}' needs a name as s3_store_bucket.")
    return Place.at(address, bucket)


def _mode(values: Values, name: str, *, on: bool) -> str:
    return values.text(name) if on else "when_required"


DRIVER: Final = Driver(options=OPTIONS, opener=_open)
