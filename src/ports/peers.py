"""Other workers of the same service, as far as one asks another to answer a request.

What is staged lies on the machine of the worker that took it. Whoever gets a request
that needs it asks that worker, in the words and with the credentials of the caller.
"""

from collections.abc import Mapping
from typing import Final, Protocol

import attrs

PASSED_ON: Final = "X-Vitrine-Passed-On"
"""The header by which a worker knows that a request was passed on to it. Anybody can send
it, and gains nothing: the request is answered where it arrives, as without other workers."""

_IN_ITS_PLACE: Final = frozenset({502, 503, 504})


@attrs.frozen(kw_only=True)
class PassedRequest:
    """A request as its caller sent it.

    Attributes:
        method: Such as ``POST``.
        path: Below the address of a worker, such as ``/v2/images/ID/import``.
        headers: Those that are about the request and not about the connection it came
            on. They hold the caller's credentials.
        body: What came with it.
    """

    method: str
    path: str
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    body: bytes = attrs.field(default=b"", repr=False)


@attrs.frozen(kw_only=True)
class PassedAnswer:
    """What the other worker answered.

    Attributes:
        status: The code.
        reason: The words behind it.
        content_type: Of the body; None without one.
        body: The body, if it is one that callers can be given.
        request_id: Under which the other worker knows the request.
    """

    status: int
    reason: str
    content_type: str | None = None
    body: bytes = b""
    request_id: str | None = None

    @property
    def in_its_place(self) -> bool:
        """Whether a proxy may have answered in the place of a worker that is away."""
        return self.status in _IN_ITS_PLACE


class Peers(Protocol):
    """The other workers. Safe to share between threads."""

    def send(self, worker: str, request: PassedRequest) -> PassedAnswer:
        """Have a worker answer a request, within a bounded time.

        The worker is told that the request was passed on, and passes it on to nobody.
        Redirects are not followed: no worker sends anybody elsewhere.

        Args:
            worker: The address that this service itself recorded for it; never
                anything that callers could have chosen.
            request: The request.

        Raises:
            WorkerUnreachable: No connection to it could be made, or kept.
            WorkerFailed: It answered too late, or not sensibly, or its address is none.
        """
        ...
