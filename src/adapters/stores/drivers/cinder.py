"""Stores of type ``cinder``: volumes of OpenStack's block storage."""

import warnings
from typing import Final

import attrs
from oslo_config import cfg

from vitrine.adapters.stores.drivers.base import (
    Driver,
    Values,
    lacks_package,
    require_service,
)
from vitrine.core.errors import Misconfigured
from vitrine.ports.credentials import Account
from vitrine.ports.stores import Store, StoreOpening

OPTIONS: tuple[cfg.Opt, ...] = (
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

_USER: Final = ("user_name", "password", "project_name")
_NAMES: Final = ", ".join(f"cinder_store_{name}" for name in ("auth_address", *_USER))
_APPLICATION: Final = ("application_credential_id", "application_credential_secret")


def _account(store_id: str, values: Values) -> Account | None:
    """Return who owns all volumes; None if every uploader owns their own.

    Raises:
        Misconfigured: Something of the account is missing.
    """

    def maybe(name: str) -> str | None:
        return values.maybe(f"cinder_store_{name}")

    address = maybe("auth_address")
    kinds = [kind for kind in (_APPLICATION, _USER) if any(map(maybe, kind))]
    if address is None and not kinds:
        return None
    kind = kinds[0] if kinds else _USER
    missing = [name for name in ("auth_address", *kind) if maybe(name) is None]
    if missing:
        raise Misconfigured(
            f"The store '{store_id}' has a part of an account and lacks "
            f"{', '.join(f'cinder_store_{name}' for name in missing)}."
        )
    account = Account(
        auth_url=address or "",
        ca_file=values.maybe("cinder_ca_certificates_file"),
        insecure=values.flag("cinder_api_insecure"),
    )
    if kind is _APPLICATION:
        return attrs.evolve(
            account,
            application_credential_id=maybe("application_credential_id"),
            application_credential_secret=maybe("application_credential_secret"),
        )
    return attrs.evolve(
        account,
        username=maybe("user_name"),
        password=maybe("password"),
        user_domain_name=maybe("user_domain_name"),
        project_name=maybe("project_name"),
        project_domain_name=maybe("project_domain_name"),
    )


def _open(opening: StoreOpening) -> Store:
    values = Values(opening.values)
    account = _account(opening.store_id, values)
    try:
        with warnings.catch_warnings():
            # os-brick's helpers import Eventlet, in case that somebody uses it, and warn of it.
            warnings.simplefilter("ignore")
            # os-brick and the clients, which only this needs
            import vitrine.adapters.stores.cinder.host  # noqa: PLC0415
            import vitrine.adapters.stores.cinder.store  # noqa: F401, PLC0415
    except ModuleNotFoundError as missing:
        raise lacks_package(opening.store_id, missing, "cinder") from None
    if account is None:
        require_service(opening, f"Or else give the store an account of its own: {_NAMES}.")
    return _opened(opening, values, account)


def _opened(opening: StoreOpening, values: Values, account: Account | None) -> Store:
    from vitrine.adapters.stores.cinder.access import Clients, Service  # noqa: PLC0415 - as above
    from vitrine.adapters.stores.cinder.attachments import Attacher  # noqa: PLC0415
    from vitrine.adapters.stores.cinder.host import Host, Ways  # noqa: PLC0415
    from vitrine.adapters.stores.cinder.store import CinderSettings, CinderStore  # noqa: PLC0415
    from vitrine.adapters.stores.cinder.volumes import Patience  # noqa: PLC0415

    locks = opening.data_dir / "cinder-locks"
    service = Service.from_catalogue_info(
        values.text("cinder_catalog_info"),
        region=values.maybe("cinder_os_region_name"),
        template=values.maybe("cinder_endpoint_template"),
        ca_file=values.maybe("cinder_ca_certificates_file"),
        insecure=values.flag("cinder_api_insecure"),
    )
    host = Host(
        Ways(
            rootwrap_config=values.text("rootwrap_config"),
            use_multipath=values.flag("cinder_use_multipath"),
            enforce_multipath=values.flag("cinder_enforce_multipath"),
            mount_point_base=values.text("cinder_mount_point_base"),
            lock_directory=locks,
        )
    )
    settings = CinderSettings(
        named=opening.multiple,
        account=account,
        volume_type=values.maybe("cinder_volume_type"),
        use_multipath=values.flag("cinder_use_multipath"),
        extend_attached=values.flag("cinder_do_extend_attached"),
        patience=Patience(
            retries=values.number("cinder_http_retries"),
            state=values.number("cinder_state_transition_timeout"),
        ),
    )
    return CinderStore(
        opening.store_id,
        settings,
        clients=Clients(service),
        credentials=opening.credentials,
        attacher=Attacher(
            host,
            attempts=values.number("cinder_attachment_retry_attempts"),
            lock_directory=locks,
        ),
    )


DRIVER: Final = Driver(options=OPTIONS, opener=_open)
