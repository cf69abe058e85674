"""Asking Keystone about tokens."""

import logging
import threading
import time
from http import HTTPStatus

import attrs
from keystoneauth1 import exceptions
from keystoneauth1.session import Session, TCPKeepAliveAdapter

from vitrine.adapters.identity.account import ServiceAccount
from vitrine.adapters.identity.tokens import AWAY, REFUSED, Verdict, read_token

_log = logging.getLogger(__name__)

_PAUSE = 0.1  # seconds before the first repetition, doubled for each further one
_LEAST = 0.001  # seconds; no time at all would mean no limit
_REDIRECTS = 2
# Keystone says 404 of a token that is not good. The others are what a web server in
# front of it says of one that is too long or oddly made: the token is at fault as well.
_BAD_TOKEN = frozenset(
    {
        HTTPStatus.NOT_FOUND,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.REQUEST_URI_TOO_LONG,
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    }
)
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


@attrs.frozen
class _Failure:
    """An attempt without a verdict.

    Attributes:
        why: For the log; names no host.
        again: Whether another attempt may fare better.
        ours: Whether something is wrong with this service's account or settings.
    """

    why: str
    again: bool = False
    ours: bool = False

    def tell(self) -> None:
        if self.ours:
            _log.error("The service's own account cannot validate tokens: %s.", self.why)
        else:
            _log.warning("The identity service gave no answer: %s.", self.why)


class KeystoneClient:
    """Asks Keystone, as the service's own account. Safe to share between threads.

    Connections are made by the first call, so nothing crosses a fork.
    """

    def __init__(
        self,
        account: ServiceAccount,
        *,
        interface: str,
        timeout: float,
        retries: int,
        connections: int,
    ) -> None:
        """Describe the calls.

        Args:
            account: The service's own.
            interface: Which endpoint of Keystone's is used.
            timeout: Seconds to wait for one answer.
            retries: Repetitions of a call that failed for the moment.
            connections: How many are kept open.
        """
        self._account = account
        self._auth = account.plugin()
        self._interface = interface
        self._timeout = timeout
        self._retries = retries
        self._connections = connections
        self._lock = threading.Lock()
        self._made: Session | None = None

    def validate(self, token: str, *, allow_expired: bool, deadline: float) -> Verdict:
        """Return what Keystone says of *token*; failures are in the log.

        Args:
            token: Printable ASCII.
            allow_expired: Whether one that ended lately is good too.
            deadline: When, by `time.monotonic`, no further attempt begins.
        """
        pause = _PAUSE
        left = self._retries
        outcome = self._attempt(token, allow_expired=allow_expired, deadline=deadline)
        while isinstance(outcome, _Failure):
            if not (outcome.again and left and time.monotonic() + pause < deadline):
                outcome.tell()
                return AWAY
            time.sleep(pause)
            pause *= 2
            left -= 1
            outcome = self._attempt(token, allow_expired=allow_expired, deadline=deadline)
        return outcome

    def _attempt(self, token: str, *, allow_expired: bool, deadline: float) -> Verdict | _Failure:
        session = self._session()
        try:
            answer = session.get(
                self._url(session, allow_expired=allow_expired),
                headers={
                    "X-Subject-Token": token,
                    # Without it Keystone hides tokens with access rules from us.
                    "OpenStack-Identity-Access-Rules": "1.0",
                },
                timeout=max(deadline - time.monotonic(), _LEAST),
                raise_exc=False,
                log=False,
            )
        except exceptions.ClientException as error:
            return _from_exception(error)
        status = answer.status_code
        if status in _BAD_TOKEN:
            return REFUSED
        if status != HTTPStatus.OK:
            return _from_status(status)
        try:
            return read_token(answer.json())
        except ValueError:
            return _Failure("what it said makes no sense")

    def _url(self, session: Session, *, allow_expired: bool) -> str:
        endpoint = session.get_endpoint(
            service_type="identity",
            interface=self._interface,
            region_name=self._account.region_name,
            skip_discovery=True,
        )
        if endpoint is None:
            raise exceptions.EndpointNotFound
        base = endpoint.rstrip("/")
        if not base.endswith("/v3"):
            base += "/v3"
        return f"{base}/auth/tokens?nocatalog{'&allow_expired=1' if allow_expired else ''}"

    def _session(self) -> Session:
        with self._lock:
            if self._made is None:
                self._made = self._connect()
            return self._made

    def _connect(self) -> Session:
        # At the level of debugging it writes down whole tokens' contents.
        logger = logging.getLogger("keystoneauth")
        logger.setLevel(max(logger.level, logging.WARNING))
        session = Session(
            auth=self._auth,
            verify=self._account.verify,
            cert=self._account.client_certificate,
            # For fetching the service's own token, which sets no limit itself.
            timeout=self._timeout,
            redirect=_REDIRECTS,
            app_name="vitrine",
        )
        for scheme in ("http://", "https://"):
            session.session.mount(scheme, TCPKeepAliveAdapter(pool_maxsize=self._connections))
        return session


def _from_status(status: int) -> _Failure:
    ours = status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    again = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING
    return _Failure(f"status {status}", again=again, ours=ours)


def _from_exception(error: exceptions.ClientException) -> _Failure:
    # The messages of these name hosts; their classes say enough.
    why = type(error).__name__
    if isinstance(error, exceptions.HttpError):
        # It came while our own token was fetched, so whatever is wrong with it is ours.
        again = _from_status(error.http_status).again
        return _Failure(f"{why} for its own token", again=again, ours=not again)
    if isinstance(error, exceptions.ConnectTimeout):
        return _Failure("it took too long")
    if isinstance(error, exceptions.ConnectFailure):
        return _Failure("no connection", again=True)
    passing = isinstance(error, exceptions.ConnectionError | exceptions.InvalidResponse)
    return _Failure(why, ours=not passing or isinstance(error, exceptions.SSLError))
