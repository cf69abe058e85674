"""The kinds of stores that are installed, and the options of each.

A kind is an entry point in the group ``vitrine.stores``, of this package or of
somebody else's. It is loaded when a store of it is enabled, and no sooner. With
several stores every one has a section named after its id; with a single store its
options stand in ``[glance_store]``.
"""

import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Final

import attrs
from oslo_config import cfg

from vitrine.core.errors import Misconfigured
from vitrine.ports.stores import Store, StoreDriver, StoreOpening

GROUP: Final = "vitrine.stores"
BUILT_IN: Final = (
    "cinder",
    "file",
    "glance_store",
    "http",
    "memory",
    "rbd",
    "s3",
    "sheepdog",
    "swift",
    "vmware",
)
"""The kinds that come along."""

COMMON: Final[tuple[cfg.Opt, ...]] = (
    cfg.StrOpt("store_description", help="What users read about this store when they list stores."),
    cfg.IntOpt("weight", default=0, help="Stores of higher weight are read from first."),
)
"""The options of every store that has a section of its own."""

_KIND_OF_SCHEME: Final[Mapping[str, str]] = MappingProxyType(
    {
        "filesystem": "file",
        "https": "http",
        "s3+http": "s3",
        "s3+https": "s3",
        "swift+config": "swift",
        "swift+http": "swift",
        "swift+https": "swift",
        "vsphere": "vmware",
    }
)


_SWIFT = (
    cfg.BoolOpt(
        "swift_store_auth_insecure",
        default=False,
        help="Do not verify the certificate of the identity service.",
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

_RBD = (
    cfg.IntOpt("rbd_store_chunk_size", default=8, min=1, help="MiB in one object of an image."),
    cfg.StrOpt("rbd_store_pool", default="images", help="The pool that holds the images."),
    cfg.StrOpt("rbd_store_user", help="The Ceph user; without one the configuration decides."),
    cfg.StrOpt(
        "rbd_store_ceph_conf", default="", help="Ceph's configuration file; empty for its search."
    ),
    cfg.IntOpt(
        "rados_connect_timeout",
        default=-1,
        help="Seconds to wait for a connection; Ceph's own default when not positive.",
    ),
    cfg.BoolOpt(
        "rbd_thin_provisioning", default=False, help="Do not write pieces that are all zeros."
    ),
)

_CINDER = (
    cfg.StrOpt(
        "cinder_catalog_info",
        default="volumev3::publicURL",
        help="Where the catalogue has Cinder: TYPE:NAME:INTERFACE.",
    ),
    cfg.StrOpt("cinder_endpoint_template", help="Cinder's URL, instead of the catalogue's."),
    cfg.StrOpt("cinder_os_region_name", help="The region of Cinder."),
    cfg.StrOpt("cinder_ca_certificates_file", help="Certificate authorities of Cinder."),
    cfg.IntOpt("cinder_http_retries", default=3, min=0, help="Repetitions of failed calls."),
    cfg.IntOpt(
        "cinder_state_transition_timeout",
        default=300,
        min=0,
        help="Seconds to wait until a volume reaches a state.",
    ),
    cfg.BoolOpt("cinder_api_insecure", default=False, help="Do not verify Cinder's certificate."),
    cfg.StrOpt("cinder_store_auth_address", help="The identity service of the volumes' owner."),
    cfg.StrOpt("cinder_store_user_name", help="The user who owns the volumes."),
    cfg.StrOpt("cinder_store_user_domain_name", default="Default", help="The user's domain."),
    cfg.StrOpt("cinder_store_password", secret=True, help="The user's password."),
    cfg.StrOpt(
        "cinder_store_application_credential_id", help="An application credential, by its id."
    ),
    cfg.StrOpt("cinder_store_application_credential_secret", secret=True, help="And its secret."),
    cfg.StrOpt("cinder_store_project_name", help="The project that owns the volumes."),
    cfg.StrOpt("cinder_store_project_domain_name", default="Default", help="Its domain."),
    cfg.StrOpt(
        "rootwrap_config",
        default="/etc/glance/rootwrap.conf",
        help="The rules of the helper that attaches volumes as root.",
    ),
    cfg.StrOpt("cinder_volume_type", help="The type of new volumes."),
    cfg.BoolOpt("cinder_enforce_multipath", default=False, help="Fail without multipath."),
    cfg.BoolOpt("cinder_use_multipath", default=False, help="Attach by several paths."),
    cfg.StrOpt(
        "cinder_mount_point_base",
        default="/var/lib/glance/mnt",
        help="Where volumes on NFS are mounted.",
    ),
    cfg.BoolOpt(
        "cinder_do_extend_attached", default=False, help="Extend volumes while they are attached."
    ),
    cfg.IntOpt(
        "cinder_attachment_retry_attempts",
        default=5,
        min=1,
        help="Attempts to attach a volume that is busy elsewhere.",
    ),
)

_VMWARE = (
    cfg.StrOpt("vmware_server_host", help="Host of the vCenter or ESX server."),
    cfg.StrOpt("vmware_server_username", secret=True, help="The user there."),
    cfg.StrOpt("vmware_server_password", secret=True, help="The user's password."),
    cfg.IntOpt("vmware_api_retry_count", default=10, min=1, help="Repetitions of failed calls."),
    cfg.IntOpt("vmware_task_poll_interval", default=5, min=1, help="Seconds between polls."),
    cfg.StrOpt(
        "vmware_store_image_dir",
        default="/openstack_glance",
        help="The directory of the datastore that holds the images.",
    ),
    cfg.BoolOpt("vmware_insecure", default=False, help="Do not verify the certificate."),
    cfg.StrOpt("vmware_ca_file", help="Certificate authorities of the server."),
    cfg.MultiStrOpt(
        "vmware_datastores",
        help="A datastore as DATACENTER:DATASTORE[:WEIGHT]; may be repeated.",
    ),
)

# Kinds whose drivers are still to come: each goes when its driver is there.
_NOT_YET: Mapping[str, tuple[cfg.Opt, ...]] = {
    "swift": _SWIFT,
    "rbd": _RBD,
    "cinder": _CINDER,
    "vmware": _VMWARE,
    "glance_store": (),
}


@attrs.frozen
class _Absent(StoreDriver):
    kind: str

    @property
    def options(self) -> tuple[cfg.Opt, ...]:
        return _NOT_YET[self.kind]

    def open(self, opening: StoreOpening) -> Store:
        raise Misconfigured(f"This version cannot open stores of type '{self.kind}'.")


def kind_of(name: str) -> str:
    """Return the kind that *name* means in ``[glance_store] stores``: a kind, or a scheme."""
    return _KIND_OF_SCHEME.get(name, name)


def installed() -> frozenset[str]:
    """Return the kinds that there are, loading none."""
    return frozenset(point.name for point in entry_points(group=GROUP))


def load_driver(kind: str) -> StoreDriver:
    """Return the driver of a kind.

    Raises:
        Misconfigured: There is no such kind, or its driver cannot be loaded.
    """
    points = {point.value: point for point in entry_points(group=GROUP, name=kind)}
    if not points:
        raise Misconfigured(
            f"There are no stores of type '{kind}'; types are {', '.join(sorted(installed()))}."
        )
    if len(points) > 1:
        raise Misconfigured(f"Several packages have stores of type '{kind}'.")
    (point,) = points.values()
    if kind in _NOT_YET and importlib.util.find_spec(point.module) is None:
        return _Absent(kind)
    return _load(point)


def _load(point: EntryPoint) -> StoreDriver:
    try:
        driver: object = point.load()
    except (ImportError, AttributeError) as error:
        raise Misconfigured(
            f"What the installed packages have for stores of type '{point.name}' cannot be "
            f"loaded: {error}."
        ) from None
    if not isinstance(driver, StoreDriver):
        raise Misconfigured(
            f"What the installed packages have for stores of type '{point.name}' is no driver of "
            "stores."
        )
    return driver


def as_options(options: Iterable[object]) -> tuple[cfg.Opt, ...]:
    """Return the options of a driver, which the port cannot name, as what they are.

    Raises:
        Misconfigured: They are something else.
    """
    found = tuple(options)
    if not all(isinstance(option, cfg.Opt) for option in found):
        raise Misconfigured("A driver of stores has options that are none.")
    return tuple(option for option in found if isinstance(option, cfg.Opt))


def built_in_options() -> Iterator[cfg.Opt]:
    """Yield the options of all kinds that come along, each driver's in order."""
    for kind in BUILT_IN:
        yield from as_options(load_driver(kind).options)
