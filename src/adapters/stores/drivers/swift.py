"""Stores of type ``swift``: objects in one account, or in the account of each project."""

from collections.abc import Mapping
from typing import Final

from oslo_config import cfg

from vitrine.adapters.stores.drivers.base import Driver, Values, require_service
from vitrine.adapters.stores.swift.account import Where
from vitrine.adapters.stores.swift.places import Tenancy
from vitrine.adapters.stores.swift.projects import ProjectTenancy
from vitrine.adapters.stores.swift.references import Reference, read_references
from vitrine.adapters.stores.swift.single import SingleTenancy
from vitrine.adapters.stores.swift.store import SwiftStore
from vitrine.adapters.stores.swift.wire import Wire
from vitrine.adapters.stores.swift.writing import Cutting
from vitrine.core.errors import Misconfigured
from vitrine.ports.credentials import Access
from vitrine.ports.stores import Store, StoreOpening

OPTIONS: tuple[cfg.Opt, ...] = (
    cfg.BoolOpt(
        "swift_store_auth_insecure",
        default=False,
        help="Do not verify the certificates of Swift and of its identity service.",
    ),
    cfg.StrOpt("swift_store_cacert", help="Certificate authorities for Swift and its identity."),
    cfg.StrOpt("swift_store_region", help="The region of the Swift service."),
    cfg.StrOpt("swift_store_endpoint", help="The Swift endpoint, instead of the catalogue's."),
    cfg.StrOpt(
        "swift_store_endpoint_type",
        default="publicURL",
        choices=["publicURL", "adminURL", "internalURL"],
        help="Which endpoint of the catalogue is used.",
    ),
    cfg.StrOpt("swift_store_service_type", default="object-store", help="Its type there."),
    cfg.StrOpt(
        "swift_store_container", default="glance", help="The container, or the stem of its name."
    ),
    cfg.BoolOpt(
        "swift_store_create_container_on_put",
        default=False,
        help="Create the container when it is missing.",
    ),
    cfg.IntOpt(
        "swift_store_large_object_size",
        default=5 * 1024,
        min=1,
        help="MB from which an image is stored in segments.",
    ),
    cfg.IntOpt(
        "swift_store_large_object_chunk_size", default=200, min=1, help="MB in one segment."
    ),
    cfg.BoolOpt(
        "swift_store_multi_tenant",
        default=False,
        help="Store each image in its owner's own account.",
    ),
    cfg.ListOpt(
        "swift_store_admin_tenants",
        default=[],
        help="Projects that may read and write every container of a multi-tenant store.",
    ),
    cfg.BoolOpt(
        "swift_store_use_trusts",
        default=True,
        help="Renew credentials by a trust during long transfers of a multi-tenant store.",
    ),
    cfg.IntOpt(
        "swift_store_multiple_containers_seed",
        default=0,
        min=0,
        max=32,
        help="How many characters of the image id are added to the container's name; 0 for one "
        "container.",
    ),
    cfg.BoolOpt("swift_store_ssl_compression", default=True, help="Allow TLS compression."),
    cfg.IntOpt(
        "swift_store_retry_get_count", default=0, min=0, help="How often a download is resumed."
    ),
    cfg.IntOpt(
        "swift_store_expire_soon_interval",
        default=60,
        min=0,
        help="Seconds before its expiry at which a token is renewed.",
    ),
    cfg.BoolOpt(
        "swift_buffer_on_upload",
        default=False,
        help="Write each segment to a local file first, so that it can be sent again.",
    ),
    cfg.StrOpt("swift_upload_buffer_dir", help="The directory of those files."),
    cfg.StrOpt(
        "default_swift_reference",
        default="ref1",
        help="The section of swift_store_config_file that new images use.",
    ),
    cfg.StrOpt(
        "swift_store_config_file", help="A file with one section of credentials per Swift account."
    ),
    cfg.StrOpt("swift_store_auth_version", default="3", help="Deprecated: use the file."),
    cfg.StrOpt("swift_store_auth_address", help="Deprecated: use the file."),
    cfg.StrOpt("swift_store_user", secret=True, help="Deprecated: use the file."),
    cfg.StrOpt("swift_store_key", secret=True, help="Deprecated: use the file."),
    cfg.StrOpt("swift_store_project_name", help="Deprecated: use the file."),
    cfg.StrOpt("swift_store_project_id", help="Deprecated: use the file."),
    cfg.StrOpt(
        "swift_store_application_credential_id", help="An application credential, by its id."
    ),
    cfg.StrOpt("swift_store_application_credential_secret", secret=True, help="And its secret."),
)

# What an operator means by MB in a Swift section is neither 10**6 nor 2**20.
_MB: Final = 1000 * 1024  # bytes
_TIMEOUT: Final = 20.0  # seconds of silence
_OPTIONS: Final = "options"


def _open(opening: StoreOpening) -> Store:
    values = Values(opening.values)
    where = f"The store '{opening.store_id}'"
    wire = Wire(
        timeout=_TIMEOUT,
        ca_file=values.maybe("swift_store_cacert"),
        insecure=values.flag("swift_store_auth_insecure"),
        compression=values.flag("swift_store_ssl_compression"),
    )
    return SwiftStore(
        opening.store_id,
        _tenancy(opening, values, wire, where),
        _cutting(values, where),
        container=values.text("swift_store_container"),
        retries=values.number("swift_store_retry_get_count"),
    )


def _cutting(values: Values, where: str) -> Cutting:
    directory = values.maybe("swift_upload_buffer_dir")
    buffered = values.flag("swift_buffer_on_upload")
    if buffered and directory is None:
        raise Misconfigured(f"{where}: swift_buffer_on_upload needs swift_upload_buffer_dir.")
    return Cutting(
        large=values.number("swift_store_large_object_size") * _MB,
        chunk=values.number("swift_store_large_object_chunk_size") * _MB,
        buffered=buffered,
        directory=directory,
    )


def _tenancy(opening: StoreOpening, values: Values, wire: Wire, where: str) -> Tenancy:
    renew_before = float(values.number("swift_store_expire_soon_interval"))
    seed = values.number("swift_store_multiple_containers_seed")
    container = values.text("swift_store_container")
    if values.flag("swift_store_multi_tenant"):
        if seed:
            raise Misconfigured(
                f"{where}: with swift_store_multi_tenant every image has a container of its own, "
                "so that swift_store_multiple_containers_seed must be 0."
            )
        require_service(opening, "Or else switch swift_store_multi_tenant off.")
        return ProjectTenancy(
            wire=wire,
            credentials=opening.credentials,
            where=_where(values),
            container=container,
            admins=values.words("swift_store_admin_tenants"),
            trusts=values.flag("swift_store_use_trusts"),
            renew_before=renew_before,
        )
    references, default = _references(values, where)
    return SingleTenancy(
        wire=wire,
        credentials=opening.credentials,
        where=_where(values),
        references=references,
        default=default,
        by_reference=values.maybe("swift_store_config_file") is not None,
        container=container,
        creates=values.flag("swift_store_create_container_on_put"),
        seed=seed,
        renew_before=renew_before,
        ca_file=values.maybe("swift_store_cacert"),
        insecure=values.flag("swift_store_auth_insecure"),
    )


def _where(values: Values) -> Where:
    """Return what tells where an account is: the operator, or else the catalogue."""
    given = values.maybe("swift_store_endpoint")
    if given is not None:
        url = given.rstrip("/")
        return lambda _access: url
    service_type = values.text("swift_store_service_type")
    interface = values.text("swift_store_endpoint_type")
    region = values.maybe("swift_store_region")

    def listed(access: Access) -> str:
        return access.endpoint(service_type, interface=interface, region=region)

    return listed


def _references(values: Values, where: str) -> tuple[Mapping[str, Reference], str]:
    version = values.text("swift_store_auth_version")
    path = values.maybe("swift_store_config_file")
    if path is not None:
        default = values.text("default_swift_reference")
        references = read_references(path, version, where)
        if default not in references:
            raise Misconfigured(
                f"{where}: swift_store_config_file has no section for default_swift_reference."
            )
        return references, default
    reference = Reference(
        auth_address=values.maybe("swift_store_auth_address") or "",
        auth_version=version,
        user=values.maybe("swift_store_user"),
        key=values.maybe("swift_store_key"),
        project_id=values.maybe("swift_store_project_id"),
        project_name=values.maybe("swift_store_project_name"),
        application_credential_id=values.maybe("swift_store_application_credential_id"),
        application_credential_secret=values.maybe("swift_store_application_credential_secret"),
    )
    reference.check(f"{where}, which has no swift_store_config_file,")
    return {_OPTIONS: reference}, _OPTIONS


DRIVER: Final = Driver(options=OPTIONS, opener=_open)
