"""Several calls to Ceph at a time, for one transfer.

Ceph's library has asynchronous calls of its own, which call back into Python from threads
of the library, and hold what they were given until then. A few threads that make ordinary
calls are about as fast, and leave the library nothing of ours to forget.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

AHEAD: Final = 8
"""How many calls a transfer asks for before it waits for the first of them."""

_THREADS: Final = 4


class Abreast:
    """The threads of one transfer. They start when they are needed."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="rbd")

    def call(
        self, function: Callable[_P, _T], *args: _P.args, **options: _P.kwargs
    ) -> "Future[_T]":
        """Call *function* soon. Calls begin in order."""
        return self._threads.submit(function, *args, **options)

    def end(self) -> None:
        """Wait for what is under way, and drop what has not begun. May be called again."""
        self._threads.shutdown(wait=True, cancel_futures=True)
