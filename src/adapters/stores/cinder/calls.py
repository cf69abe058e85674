"""Calls of Cinder: which are repeated, and what its answers mean."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import requests
from cinderclient import exceptions as cinder
from keystoneauth1 import exceptions as keystone

from vitrine.core import errors

_T = TypeVar("_T")

_log: Final = logging.getLogger(__name__)

_FIRST_RETRY: Final = 0.5  # seconds until a call is repeated; then twice as long each time


class Busy(Exception):
    """The state of a volume does not allow this now."""


class Calls:
    """Calls Cinder, some times if need be."""

    def __init__(self, *, retries: int, guest: bool = False) -> None:
        """Contact nobody.

        Args:
            retries: How often a call that did not get through is repeated.
            guest: Whether they are made by a caller's right: that Cinder does not let that
                one in is no trouble of the store then.
        """
        self._retries = retries
        self._denial = errors.CallerNotAdmitted if guest else errors.StoreUnavailable

    def __call__(
        self,
        act: Callable[[], _T],
        *,
        repeatable: bool = True,
        state_matters: bool = False,
        refusal: errors.VitrineError | None = None,
    ) -> _T:
        """Call Cinder.

        Args:
            act: The call.
            repeatable: Whether doing it twice is as good as once.
            state_matters: Whether to raise `Busy`, where others cannot be asked again anyway.
            refusal: What is raised instead of `StoreUnavailable` where Cinder does not permit it.

        Raises:
            CallerNotAdmitted: Cinder does not let a caller in, or does not permit it.
        """
        pause = _FIRST_RETRY
        left = self._retries if repeatable else 0
        while True:
            try:
                with _translated(), _known():
                    return act()
            except Busy:
                if state_matters:
                    raise
                _log.warning("Cinder refused a call: the state of a volume is not the right one.")
                raise errors.StoreUnavailable from None
            except _Refused:
                raise (refusal or self._denial()) from None
            except _Unknown:
                raise self._denial() from None
            except _NotReached:
                if not left:
                    raise errors.StoreUnavailable from None
            left -= 1
            time.sleep(pause)
            pause *= 2


class _NotReached(Exception):
    """Nobody got the call, or somebody on the way to Cinder answered instead."""


class _Refused(Exception):
    """Cinder knows the caller, and does not permit it."""


class _Unknown(Exception):
    """Cinder does not believe the token."""


@contextlib.contextmanager
def _known() -> Iterator[None]:
    try:
        yield
    except (cinder.Unauthorized, keystone.Unauthorized):
        _log.warning("Cinder does not let in whose token it was shown.")
        raise _Unknown from None


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except cinder.NotFound:
        raise errors.BlobNotFound from None
    except cinder.OverLimit:
        raise errors.StoreFull from None
    except cinder.Forbidden:
        raise _Refused from None
    except cinder.ClientException as error:
        # Cinder says 400 or 409 where a state is in the way.
        if error.code in (requests.codes.bad_request, requests.codes.conflict):
            raise Busy from None
        _log.warning("Cinder answered with status %s.", error.code)
        if error.code in (requests.codes.bad_gateway, requests.codes.unavailable):
            raise _NotReached from None
        raise errors.StoreUnavailable from None
    except (keystone.ConnectTimeout, requests.Timeout):
        # Whoever waited so long does not wait again.
        _log.warning("Cinder did not answer in time.")
        raise errors.StoreUnavailable from None
    except (keystone.ConnectFailure, requests.ConnectionError) as error:
        _log.warning("Cinder cannot be reached: %s.", type(error).__name__)
        raise _NotReached from None
    except (keystone.ClientException, requests.RequestException) as error:
        _log.warning("Cinder cannot be asked: %s.", type(error).__name__)
        raise errors.StoreUnavailable from None
