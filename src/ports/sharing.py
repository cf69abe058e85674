"""What comes from elsewhere, and is got by one thread for all that need it."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Generic, TypeVar

_T = TypeVar("_T")


def _always(_value: object) -> bool:
    return True


class Shared(Generic[_T]):
    """A value that is got when it is needed. Safe to share between threads.

    Whoever comes while another thread is getting it waits for that attempt and shares what
    comes of it, be it an error. So nobody waits longer than one attempt takes, however many
    there are: an attempt each, one after the other, would take hours where nobody answers.
    """

    def __init__(self) -> None:
        """Have no value yet."""
        self._lock = threading.Lock()
        self._value: _T | None = None
        self._attempt: Future[_T] | None = None

    def known(self) -> _T | None:
        """Return the last value, good or not, or None if there is none. Waits for nobody."""
        return self._value

    def get(self, fetch: Callable[[], _T], good: Callable[[_T], bool] = _always) -> _T:
        """Return the last value as long as it is good, or else a new one, good or not.

        Args:
            fetch: Returns a new one, and may take its time. What it raises, this raises, in
                every thread that waited for it.
            good: Says whether a value is still to be given out; waits for nothing.
        """
        while True:
            with self._lock:
                if self._value is not None and good(self._value):
                    return self._value
                attempt = self._attempt
                if attempt is None:
                    self._attempt = Future()
            if attempt is None:
                return self._fetched(fetch)
            try:
                return attempt.result()
            except CancelledError:
                continue
            finally:
                # An error would keep itself alive, by way of this frame in its traceback.
                del attempt

    def forget(self, which: Callable[[_T], bool] = _always) -> None:
        """Give out the last value no more, if *which* says that it is the one that is meant.

        An attempt that is under way is not disturbed: what comes of it is newer.
        """
        with self._lock:
            if self._value is not None and which(self._value):
                self._value = None

    def _fetched(self, fetch: Callable[[], _T]) -> _T:
        try:
            value = fetch()
        except Exception as error:
            self._end(None).set_exception(error)
            raise
        except BaseException:
            # It is this thread that is to stop, so that another one has to try.
            self._end(None).cancel()
            raise
        self._end(value).set_result(value)
        return value

    def _end(self, value: _T | None) -> "Future[_T]":
        """End the attempt, with a value if it brought one; return who waits for it."""
        with self._lock:
            # At one moment: whoever finds the value bad by then begins another attempt.
            attempt, self._attempt = self._attempt, None
            self._value = self._value if value is None else value
        if attempt is None:
            raise AssertionError("Only who began an attempt ends it.")
        return attempt
