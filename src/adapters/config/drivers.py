"""The options of each kind of store, as a back end's own section holds them.

With several stores every back end has a section named after its id; with a
single store the same options stand in ``[glance_store]``.
"""

from collections.abc import Mapping
from types import MappingProxyType

from oslo_config import cfg, types

_CHECKSUM_MODES = ["when_required", "when_supported"]

COMMON: tuple[cfg.Opt, ...] = (
    cfg.StrOpt("store_description", help="What users read about this store when they list stores."),
    cfg.IntOpt("weight", default=0, help="Stores of higher weight are read from first."),
)

_FILE = (
    cfg.StrOpt(
        "filesystem_store_datadir",
        sample_default="/var/lib/glance/images",
        help="The directory that holds the images. It is made when it is missing. Without a "
        "value it is 'images' in [vitrine] data_dir.",
    ),
    cfg.MultiStrOpt(
        "filesystem_store_datadirs",
        help="Several directories, each as PATH or PATH:PRIORITY; the highest priority with the "
        "most free space is written to. Excludes filesystem_store_datadir.",
    ),
    cfg.StrOpt(
        "filesystem_store_metadata_file",
        help="A JSON file whose object, or list of objects, with 'id' and 'mountpoint' is shown "
        "in the metadata of locations.",
    ),
    cfg.IntOpt(
        "filesystem_store_file_perm",
        default=0,
        min=0,
        help="Permissions of image files, written as octal digits; 0 leaves them to the umask.",
    ),
    cfg.IntOpt(
        "filesystem_store_chunk_size",
        default=64 * 1024,
        min=1,
        help="Bytes that are read or written at once.",
    ),
    cfg.BoolOpt(
        "filesystem_thin_provisioning",
        default=False,
        help="Leave holes instead of writing pieces that are all zeros.",
    ),
    cfg.IntOpt(
        "filesystem_store_timeout",
        default=0,
        min=0,
        help="Seconds after which a call into the file system is given up with 503; 0 waits.",
    ),
    cfg.IntOpt(
        "filesystem_store_thread_pool_size",
        default=10,
        min=1,
        help="Threads that make calls into the file system when it has a timeout.",
    ),
    cfg.IntOpt(
        "filesystem_store_threadpool_threshold",
        default=75,
        min=1,
        max=100,
        help="Percentage of busy threads from which the log warns.",
    ),
)

_HTTP = (
    cfg.StrOpt("https_ca_certificates_file", help="Certificate authorities for https locations."),
    cfg.BoolOpt(
        "https_insecure",
        default=True,
        help="Accept any certificate of an https location, unless an authority file is given.",
    ),
    cfg.DictOpt(
        "http_proxy_information",
        default={},
        secret=True,
        help="Proxies by scheme, such as http:10.0.0.1:3128.",
    ),
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

_S3 = (
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
        help="MB from which an image is uploaded in parts.",
    ),
    cfg.IntOpt("s3_store_large_object_chunk_size", default=10, min=5, help="MB in one part."),
    cfg.IntOpt("s3_store_thread_pools", default=10, min=1, help="Parts uploaded at once."),
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

_SHEEPDOG = (
    cfg.IntOpt("sheepdog_store_chunk_size", default=64, min=1, help="MiB in one object."),
    cfg.PortOpt("sheepdog_store_port", default=7000, help="Port of the sheep daemon."),
    cfg.Opt(
        "sheepdog_store_address",
        type=types.HostAddress(),
        default="127.0.0.1",
        help="Address of the sheep daemon.",
    ),
)

DRIVERS: Mapping[str, tuple[cfg.Opt, ...]] = MappingProxyType(
    {
        "cinder": _CINDER,
        "file": _FILE,
        "http": _HTTP,
        "memory": (),
        "rbd": _RBD,
        "s3": _S3,
        "sheepdog": _SHEEPDOG,
        "swift": _SWIFT,
        "vmware": _VMWARE,
    }
)
"""The options of every kind of store, by the type named in ``enabled_backends``."""

TYPE_OF_SCHEME: Mapping[str, str] = MappingProxyType(
    {
        "cinder": "cinder",
        "file": "file",
        "filesystem": "file",
        "http": "http",
        "https": "http",
        "memory": "memory",
        "rbd": "rbd",
        "s3": "s3",
        "s3+http": "s3",
        "s3+https": "s3",
        "sheepdog": "sheepdog",
        "swift": "swift",
        "swift+config": "swift",
        "swift+http": "swift",
        "swift+https": "swift",
        "vmware": "vmware",
        "vsphere": "vmware",
    }
)
"""What ``[glance_store] stores`` and ``default_store`` may name, and which type it means."""
