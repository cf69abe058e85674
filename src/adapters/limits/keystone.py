"""Limits that operators set in Keystone, read by oslo.limit.

Only the numbers come from there. Whether there is room is the ledger's to decide,
in the transaction that takes it: oslo.limit compares what is used with what is
allowed while nothing keeps others from using more.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final, cast

import attrs
from keystoneauth1 import exceptions as identity_errors
from keystoneauth1 import loading
from openstack import exceptions as sdk_errors
from oslo_config import cfg
from oslo_limit import exception as limit_errors
from oslo_limit import limit

from vitrine.core.errors import Misconfigured, Unavailable
from vitrine.core.quota import Resource
from vitrine.ports.limits import Limits

_GROUP: Final = "oslo_limit"
_MODEL: Final = "flat"
_MIB: Final = 1024 * 1024  # bytes
_IN_MIB: Final = frozenset({Resource.SIZE_TOTAL, Resource.STAGE_TOTAL})
_REMEMBERED: Final = 10_000  # projects
_PAUSE: Final = 5.0  # seconds for which nobody else waits for a Keystone that is away
_SERVERS_FAULT: Final = 500  # and above

_Numbers = Mapping[str, int]

# oslo.limit reads the one configuration of the process, and connects once for it.
_building: Final = threading.Lock()


@attrs.frozen(kw_only=True)
class _Remembered:
    numbers: _Numbers
    until: float


class _Enforcer(limit.Enforcer):
    """Tells an error of Keystone's from an answer, where oslo.limit takes either for one."""

    def _get_enforcement_model(self) -> str:
        answer = self.connection.get("/limits/model")
        sdk_errors.raise_from_response(answer)
        return str(answer.json()["model"]["name"])


class KeystoneLimits(Limits):
    """The limits of the image service's endpoint, by Keystone's flat model.

    A project without a limit of its own has the registered one. What is not
    registered is zero, and a negative number means no limit.
    """

    def __init__(
        self,
        options: Mapping[str, object],
        *,
        keep: float = 60.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Describe how to ask. Nobody is called before the first limit is wanted.

        Args:
            options: What ``[oslo_limit]`` says, by the names that oslo.limit and
                keystoneauth have for it; None is as good as left out.
            keep: For how many seconds an answer is believed.
            monotonic: Tells the time, in seconds.
        """
        self._options = {name: value for name, value in options.items() if value is not None}
        self._keep = keep
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._enforcer: limit.Enforcer | None = None
        self._away_until = monotonic()
        # By project; None has what is registered.
        self._known: OrderedDict[str | None, _Remembered] = OrderedDict()

    def of(self, project: str, resource: Resource) -> int | None:
        number = self._numbers(None).get(resource.value, 0)
        if project:
            # An image without an owner is bounded by what every project may have.
            number = self._numbers(project).get(resource.value, number)
        if number < 0:
            return None
        return number * _MIB if resource in _IN_MIB else number

    def _numbers(self, project: str | None) -> _Numbers:
        now = self._monotonic()
        with self._lock:
            known = self._known.get(project)
        if known is not None and now < known.until:
            return known.numbers
        fresh = _Remembered(numbers=self._asked(project), until=now + self._keep)
        with self._lock:
            self._known[project] = fresh
            self._known.move_to_end(project)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return fresh.numbers

    def _asked(self, project: str | None) -> _Numbers:
        """Return all limits of a project, or all that are registered.

        Asking for all of them, by None, takes one question for all resources, and
        oslo.limit does not complain of each that is not there.
        """
        try:
            enforcer = self._connected()
            everything = cast("list[str]", None)
            if project is None:
                return dict(enforcer.get_registered_limits(everything))
            return dict(enforcer.get_project_limits(project, everything))
        except (
            limit_errors.SessionInitError,
            identity_errors.ClientException,
            sdk_errors.SDKException,
        ) as error:
            meaning = _translated(error)
            if isinstance(meaning, Unavailable):
                self._away_until = self._monotonic() + _PAUSE
            raise meaning from error
        except (ValueError, cfg.Error) as error:
            raise _misconfigured("the endpoint that they belong to is not found") from error

    def _connected(self) -> limit.Enforcer:
        self._check_there()
        with _building:
            if self._enforcer is None:
                # Whoever was here before may have found out meanwhile.
                self._check_there()
                _configure(self._options)
                limit._SDK_CONNECTION = None  # noqa: SLF001 - of another configuration
                enforcer = _Enforcer(lambda _project, _resources: {}, cache=False)
                if enforcer.model.name != _MODEL:
                    raise _misconfigured("Keystone has another enforcement model than flat")
                self._enforcer = enforcer
            return self._enforcer

    def _check_there(self) -> None:
        if self._monotonic() < self._away_until:
            raise _away()


def _configure(options: Mapping[str, object]) -> None:
    kind = str(options.get("auth_type") or "v3password")
    cfg.CONF.register_opts(loading.get_auth_plugin_conf_options(kind), group=_GROUP)
    for name in cfg.CONF[_GROUP]:
        cfg.CONF.clear_override(name, group=_GROUP)
    cfg.CONF.set_override("auth_type", kind, group=_GROUP)
    for name, value in options.items():
        if name in cfg.CONF[_GROUP]:
            cfg.CONF.set_override(name, value, group=_GROUP)


def _translated(error: Exception) -> Misconfigured | Unavailable:
    """Return what it means to us that Keystone or the way to it failed."""
    cause = error.__context__ if isinstance(error, limit_errors.SessionInitError) else error
    if isinstance(cause, identity_errors.HttpError):
        away = cause.http_status >= _SERVERS_FAULT
    elif isinstance(cause, sdk_errors.HttpException):
        status = cause.status_code
        away = status is None or status >= _SERVERS_FAULT
    else:
        away = isinstance(
            cause,
            identity_errors.ConnectionError
            | identity_errors.DiscoveryFailure
            | identity_errors.RetriableConnectionFailure,
        )
    if away:
        return _away()
    return _misconfigured("Keystone refuses to tell")


def _away() -> Unavailable:
    return Unavailable("The service that knows the limits of projects does not answer.")


def _misconfigured(reason: str) -> Misconfigured:
    return Misconfigured(f"The limits of projects cannot be read, see [{_GROUP}]: {reason}.")
