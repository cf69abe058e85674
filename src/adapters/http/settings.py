"""What the HTTP shell needs to know of the deployment."""

from pathlib import Path

import attrs
from attrs import validators

DEFAULT_MAX_DOCUMENT = 1024 * 1024  # bytes
DEFAULT_MAX_REQUEST_ID = 64  # characters


@attrs.frozen(kw_only=True)
class CorsRules:
    """Which web pages of other origins may call.

    Attributes:
        origins: Such as ``https://dashboard.example.org``; ``*`` for every page, which
            then may not send credentials.
        credentials: Whether pages may send credentials.
        exposed: Headers of responses that pages may read.
        max_age: Seconds for which a browser remembers the answer to a preflight.
        methods: Methods that pages may use.
        headers: Headers that pages may send.
    """

    origins: frozenset[str]
    credentials: bool = True
    exposed: tuple[str, ...] = ()
    max_age: int = 3600
    methods: frozenset[str] = frozenset()
    headers: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class HttpSettings:
    """How the API presents itself, whatever it serves.

    Attributes:
        public_endpoint: The base of the links in the version document, a path in
            it included; None builds them from each request.
        cache_enabled: Whether there is an image cache, which adds versions.
        multiple_stores: Whether stores are configured by name, which adds versions.
        max_request_id_length: The longest request id that a client may send, in
            characters; 0 allows any.
        max_document: The largest JSON body, in bytes.
        disable_file: While this file exists the health check answers 503.
        trust_proxy_headers: Whether ``Forwarded`` and ``X-Forwarded-*`` decide
            the scheme, host and prefix of generated URLs. Only for deployments
            where no client reaches the service except through the proxy.
        cors: Which web pages may call; None for none of another origin.
        compress: Whether JSON is compressed for clients that accept it.
        challenge: The value of ``WWW-Authenticate`` on every 401, if there is one.
    """

    public_endpoint: str | None = None
    cache_enabled: bool = False
    multiple_stores: bool = False
    max_request_id_length: int = attrs.field(
        default=DEFAULT_MAX_REQUEST_ID, validator=validators.ge(0)
    )
    max_document: int = attrs.field(default=DEFAULT_MAX_DOCUMENT, validator=validators.gt(0))
    disable_file: Path | None = Path("/etc/glance/healthcheck_disable")
    trust_proxy_headers: bool = False
    cors: CorsRules | None = None
    compress: bool = False
    challenge: str | None = None
