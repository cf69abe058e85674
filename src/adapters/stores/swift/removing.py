"""Removing objects, their segments, and containers that were theirs alone."""

import logging
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from vitrine.adapters.stores.swift.account import SwiftAccount
from vitrine.adapters.stores.swift.places import Place
from vitrine.core import errors

_log = logging.getLogger(__name__)

_ATTEMPTS: Final = 4
_PAUSE: Final = 0.1  # seconds before the second one, doubled for each further one


def remove(account: SwiftAccount, container: str, name: str) -> bool:
    """Remove an object; return whether it was there.

    Of one that is not there Swift remembers that it was deleted, so that an upload which
    began before and ends later makes nothing.

    Raises:
        NotPermitted: The account may not.
    """
    pause = _PAUSE
    for _ in range(_ATTEMPTS):
        status = account.call("DELETE", container, name).status
        if status == HTTPStatus.FORBIDDEN:
            raise errors.NotPermitted("delete_image")
        if status != HTTPStatus.CONFLICT:
            return _gone(status)
        # It was written, or deleted, at this very moment.
        time.sleep(pause)
        pause *= 2
    raise errors.StoreUnavailable


def remove_all(account: SwiftAccount, container: str, names: Iterable[str]) -> None:
    """Remove objects, those of them that are there."""
    for name in names:
        remove(account, container, name)


def remove_container(place: Place) -> None:
    """Remove the container of a blob that was alone in it, if nothing is in it now."""
    if not place.alone:
        return
    pause, status = _PAUSE, 0
    for _ in range(_ATTEMPTS):
        status = place.account.call("DELETE", place.container).status
        if status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND}:
            return
        if status == HTTPStatus.FORBIDDEN:
            break
        # What is in it is known to the container a little later than to everybody else.
        time.sleep(pause)
        pause *= 2
    _log.warning("An empty container of a deleted blob stays in Swift: status %s.", status)


def _gone(status: int) -> bool:
    if status == HTTPStatus.NOT_FOUND:
        return False
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        _log.warning("Swift does not delete for a store: status %s.", status)
        raise errors.StoreUnavailable
    return True
