"""Stores of type ``http``: images on web servers, to be read."""

from typing import Final

from oslo_config import cfg

from vitrine.adapters.stores.drivers.base import Driver, Values
from vitrine.adapters.stores.http import HttpStore
from vitrine.ports.stores import Store, StoreOpening

OPTIONS: tuple[cfg.Opt, ...] = (
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


def _open(opening: StoreOpening) -> Store:
    values = Values(opening.values)
    ca_file = values.maybe("https_ca_certificates_file")
    fetcher = opening.fetchers(
        verify=ca_file is not None or not values.flag("https_insecure"),
        ca_file=ca_file,
        proxies=values.table("http_proxy_information"),
    )
    return HttpStore(opening.store_id, fetcher)


DRIVER: Final = Driver(options=OPTIONS, opener=_open)
