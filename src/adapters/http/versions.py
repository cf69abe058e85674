"""Which version of the API a request means, and the list of all that there are.

Every accepted version reaches the same resources: its prefix is replaced by
``/v2``, so that routes and generated links know one name only.
"""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import orjson

from vitrine.adapters.http.errors import title_of
from vitrine.adapters.http.wsgi import answer, application_url

_VENDOR = "application/vnd.openstack.images-"
_OLDEST = ("v2.7", "v2.6", "v2.5", "v2.4", "v2.3", "v2.2", "v2.1", "v2.0")

# Newest first where there is a cache; without one the order is historical, and
# the current version stands in the middle. Clients search it by id.
_LISTED: dict[tuple[bool, bool], tuple[str, ...]] = {
    (True, True): (
        *("v2.18", "v2.17", "v2.16", "v2.15", "v2.14", "v2.13"),
        *("v2.12", "v2.11", "v2.10", "v2.9", "v2.8"),
    ),
    (True, False): ("v2.18", "v2.17", "v2.16", "v2.15", "v2.14", "v2.9"),
    (False, True): ("v2.15", "v2.13", "v2.12", "v2.11", "v2.10", "v2.9", "v2.8", "v2.17"),
    (False, False): ("v2.15", "v2.9", "v2.17"),
}


def listed_versions(*, cache: bool, stores: bool) -> tuple[str, ...]:
    """Return the ids of the version document in its order."""
    return _LISTED[cache, stores] + _OLDEST


def current_version(*, cache: bool) -> str:
    """Return the id of the version whose status is CURRENT."""
    return "v2.18" if cache else "v2.17"


def accepted_versions(*, cache: bool, stores: bool) -> frozenset[str]:
    """Return what may stand first in a path."""
    return frozenset({"v2", *listed_versions(cache=cache, stores=stores)})


class VersionNegotiation:
    """Answers version questions itself and hands on what names a known version."""

    def __init__(
        self, app: WSGIApplication, *, cache: bool, stores: bool, public_endpoint: str | None
    ) -> None:
        self._app = app
        self._listed = listed_versions(cache=cache, stores=stores)
        self._current = current_version(cache=cache)
        self._accepted = accepted_versions(cache=cache, stores=stores)
        self._endpoint = public_endpoint.rstrip("/") if public_endpoint else None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        path: str = environ["PATH_INFO"]
        _, _, whole = path.partition("/")
        first, slash, rest = whole.partition("/")
        if first == "versions":
            return self._list(environ, start_response, 200)
        accept: str = environ.get("HTTP_ACCEPT", "")
        if accept.startswith(_VENDOR):
            first, slash, rest = accept.removeprefix(_VENDOR).strip(), "/", whole
        if first not in self._accepted:
            return self._list(environ, start_response, 300)
        environ["PATH_INFO"] = f"/v2{slash}{rest}"
        return self._app(environ, start_response)

    def _list(
        self, environ: WSGIEnvironment, start_response: StartResponse, code: int
    ) -> Iterable[bytes]:
        href = f"{self._endpoint or application_url(environ)}/v2/"
        document = {
            "versions": [
                {
                    "id": version,
                    "status": "CURRENT" if version == self._current else "SUPPORTED",
                    "links": [{"rel": "self", "href": href}],
                }
                for version in self._listed
            ]
        }
        return answer(
            environ,
            start_response,
            f"{code} {title_of(code)}",
            content_type="application/json",
            body=orjson.dumps(document),
        )
