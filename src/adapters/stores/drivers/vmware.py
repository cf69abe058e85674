"""Datastores of VMware vSphere."""

import ssl
from typing import Final
from urllib.parse import urlsplit

from oslo_config import cfg

from vitrine.adapters.stores.drivers.base import Driver, Values, lacks_package
from vitrine.core import errors
from vitrine.ports.stores import Store, StoreOpening

OPTIONS: Final[tuple[cfg.Opt, ...]] = (
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

_HTTPS: Final = 443


def _open(opening: StoreOpening) -> Store:
    try:
        # pyvmomi, which only this needs
        from vitrine.adapters.stores.vmware.places import Datastore, Places  # noqa: PLC0415
        from vitrine.adapters.stores.vmware.store import VmwareStore  # noqa: PLC0415
        from vitrine.adapters.stores.vmware.vsphere import Server, Vsphere  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        raise lacks_package(opening.store_id, missing, "vmware") from None
    values = Values(opening.values)
    datastores = [Datastore.parse(text) for text in values.words("vmware_datastores")]
    if not datastores:
        raise errors.Misconfigured(f"[{opening.store_id}] lacks vmware_datastores.")
    host = _needed(opening, values, "vmware_server_host")
    parts = urlsplit(f"//{host}")
    places = Places(
        server=host,
        directory=values.text("vmware_store_image_dir").strip("/"),
        datastores=datastores,
    )
    server = Server(
        host=parts.hostname or host,
        port=parts.port or _HTTPS,
        username=_needed(opening, values, "vmware_server_username"),
        password=_needed(opening, values, "vmware_server_password"),
        tls=_tls(opening, values),
        retries=values.number("vmware_api_retry_count"),
        poll_interval=values.number("vmware_task_poll_interval"),
    )
    return VmwareStore(opening.store_id, places, Vsphere(server))


def _needed(opening: StoreOpening, values: Values, name: str) -> str:
    value = values.maybe(name)
    if value is None:
        raise errors.Misconfigured(f"[{opening.store_id}] lacks {name}.")
    return value


def _tls(opening: StoreOpening, values: Values) -> ssl.SSLContext:
    ca_file = values.maybe("vmware_ca_file")
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError:
        raise errors.Misconfigured(f"[{opening.store_id}] vmware_ca_file cannot be read.") from None
    if values.flag("vmware_insecure") and ca_file is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


DRIVER: Final = Driver(options=OPTIONS, opener=_open)
