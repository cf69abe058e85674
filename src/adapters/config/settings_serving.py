"""Settings of what answers requests: the log, the processes, the API."""

from collections.abc import Mapping
from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class LoggingSettings:
    """Where and how much is logged.

    Attributes:
        debug: Whether details are logged.
        file: The log file; None for stderr.
        stderr: Whether stderr is logged to, besides a file or instead of one.
        date_format: The times of log lines, in the notation of `time.strftime`.
        levels: From which level on single loggers are heard, by their names.
        secrets: What is masked wherever a line holds it.
    """

    debug: bool
    file: Path | None
    stderr: bool
    date_format: str
    levels: Mapping[str, int] = attrs.field(factory=dict)
    secrets: tuple[str, ...] = attrs.field(default=(), repr=False)


@attrs.frozen(kw_only=True)
class ServerSettings:
    """The processes that serve, and the patience they have with clients.

    Attributes:
        host: A name or an address, without brackets.
        port: 0 lets the system choose.
        workers: Processes.
        threads: Requests that one process serves at once.
        socket_timeout: Seconds without a byte that end a transfer.
        min_transfer_rate: Bytes a second on average; 0 for no such limit.
        transfer_grace: Seconds before *min_transfer_rate* counts.
        graceful_timeout: Seconds that transfers get when the service stops.
    """

    host: str
    port: int
    workers: int
    threads: int
    socket_timeout: int
    min_transfer_rate: int
    transfer_grace: int
    graceful_timeout: int

    @property
    def bind(self) -> str:
        """The address to listen on, as ``HOST:PORT``, with an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@attrs.frozen(kw_only=True)
class CorsSettings:
    """Which web pages of other origins may call; no *allowed_origins* for none."""

    allowed_origins: tuple[str, ...]
    allow_credentials: bool
    expose_headers: tuple[str, ...]
    max_age: int
    allow_methods: tuple[str, ...]
    allow_headers: tuple[str, ...]


@attrs.frozen(kw_only=True)
class ApiSettings:
    """How requests are read and answered.

    Attributes:
        public_endpoint: The base of the links of the version document; None for
            the request's own URL.
        worker_self_reference_url: Where other workers reach this one;
            *public_endpoint* unless somebody said otherwise.
        page_size: Entries on a page when the request does not say.
        page_size_max: Entries on a page at most.
        max_request_id_length: Characters; 0 for any number.
        max_document_size: Bytes of a JSON body.
        compress_documents: Whether JSON is compressed for clients that accept it.
        show_image_direct_url: Whether ``direct_url`` is shown.
        show_multiple_locations: Whether ``locations`` is shown and changed.
        allow_anonymous_access: Whether callers without a token may look.
        proxy_headers: Whether forwarding headers count in generated URLs.
        healthcheck_disable_file: While it exists, the health check says no.
        cors: Pages of other origins.
    """

    public_endpoint: str | None
    worker_self_reference_url: str | None
    page_size: int
    page_size_max: int
    max_request_id_length: int
    max_document_size: int
    compress_documents: bool
    show_image_direct_url: bool
    show_multiple_locations: bool
    allow_anonymous_access: bool
    proxy_headers: bool
    healthcheck_disable_file: Path | None
    cors: CorsSettings
