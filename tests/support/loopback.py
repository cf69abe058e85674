"""A persistence behind a wire that leads back to where it starts.

Every call becomes bytes of JSON and every answer too, errors included, so that
whatever passes the contract through here could as well be on another machine.
"""

import functools
import inspect
import json
import typing
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, cast

from cattrs.preconf.json import JsonConverter, make_converter
from cattrs.strategies import configure_tagged_union

from vitrine.core import errors
from vitrine.core.errors import VitrineError
from vitrine.core.images.query import Filter, SortValue
from vitrine.ports.cache import CachedImages
from vitrine.ports.jobs import Jobs
from vitrine.ports.metadefs import Metadefs
from vitrine.ports.persistence import (
    Changeset,
    Command,
    Images,
    Leases,
    Ledger,
    Members,
    Outbox,
    Persistence,
    Sessions,
)

_ERRORS: Final = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, VitrineError)
}
_MICROSECOND: Final = timedelta(microseconds=1)


class Loopback(Persistence):
    """Sends everything over a wire and back, to *persistence*."""

    def __init__(self, persistence: Persistence) -> None:
        self._whole = cast("Persistence", _Far(Persistence, persistence))
        self._images = cast("Images", _Far(Images, persistence.images))
        self._members = cast("Members", _Far(Members, persistence.members))
        self._sessions = cast("Sessions", _Far(Sessions, persistence.sessions))
        self._leases = cast("Leases", _Far(Leases, persistence.leases))
        self._ledger = cast("Ledger", _Far(Ledger, persistence.ledger))
        self._outbox = cast("Outbox", _Far(Outbox, persistence.outbox))
        self._jobs = cast("Jobs", _Far(Jobs, persistence.jobs))
        self._metadefs = cast("Metadefs", _Far(Metadefs, persistence.metadefs))
        self._cached = cast("CachedImages", _Far(CachedImages, persistence.cached))

    @property
    def images(self) -> Images:
        return self._images

    @property
    def members(self) -> Members:
        return self._members

    @property
    def sessions(self) -> Sessions:
        return self._sessions

    @property
    def leases(self) -> Leases:
        return self._leases

    @property
    def ledger(self) -> Ledger:
        return self._ledger

    @property
    def outbox(self) -> Outbox:
        return self._outbox

    @property
    def jobs(self) -> Jobs:
        return self._jobs

    @property
    def metadefs(self) -> Metadefs:
        return self._metadefs

    @property
    def cached(self) -> CachedImages:
        return self._cached

    def commit(self, changes: Changeset) -> None:
        self._whole.commit(changes)

    def was_committed(self, changeset_id: str) -> bool:
        return self._whole.was_committed(changeset_id)

    def forget_commits(self, older_than: timedelta) -> int:
        return self._whole.forget_commits(older_than)

    def now(self) -> datetime:
        return self._whole.now()

    def check(self) -> None:
        self._whole.check()


class _Far:
    """The near end of a wire: it has the methods of a port."""

    def __init__(self, port: type, adapter: object) -> None:
        self._port = port
        self._serve = _server(port, adapter)

    def __getattr__(self, method: str) -> Callable[..., object]:
        hints, signature = _declared(self._port, method)

        def call(*args: object, **kwargs: object) -> object:
            given = signature.bind(self, *args, **kwargs).arguments
            del given["self"]
            request = {
                "method": method,
                "arguments": {name: _WIRE.unstructure(v, hints[name]) for name, v in given.items()},
            }
            answer = json.loads(self._serve(json.dumps(request).encode()))
            if "error" in answer:
                raise _ERRORS[answer["error"]](**answer["fields"])
            return _WIRE.structure(answer["result"], hints["return"])

        return call


@functools.cache
def _declared(port: type, method: str) -> tuple[dict[str, Any], inspect.Signature]:
    declared = getattr(port, method)
    return typing.get_type_hints(declared), inspect.signature(declared)


def _server(port: type, adapter: object) -> Callable[[bytes], bytes]:
    """Return the far end of a wire: it answers requests by asking *adapter*."""

    def serve(request: bytes) -> bytes:
        message = json.loads(request)
        hints, _ = _declared(port, message["method"])
        # By name: a port's arguments are told by their names on any wire.
        arguments = {
            name: _WIRE.structure(value, hints[name])
            for name, value in message["arguments"].items()
        }
        answer: dict[str, object]
        try:
            result = getattr(adapter, message["method"])(**arguments)
        except VitrineError as error:
            fields = {
                field.name: getattr(error, field.name)
                for field in getattr(type(error), "__attrs_attrs__", ())
            }
            answer = {"error": type(error).__name__, "fields": _WIRE.unstructure(fields)}
        else:
            answer = {"result": _WIRE.unstructure(result, hints["return"])}
        return json.dumps(answer).encode()

    return serve


def _is_collection(hint: Any) -> bool:  # noqa: ANN401 - any annotation
    origin: object = typing.get_origin(hint)
    return origin is Collection


def _make_wire() -> JsonConverter:
    wire = make_converter(forbid_extra_keys=True)

    def read_sort_value(value: Any, _: object) -> SortValue:  # noqa: ANN401 - decoded JSON
        if isinstance(value, dict):
            return datetime.fromisoformat(value["time"])
        return cast("str | int", value)

    # As a function: the converter has one of its own for unions of plain values.
    wire.register_structure_hook_func(lambda hint: hint == SortValue, read_sort_value)
    wire.register_unstructure_hook(
        SortValue,
        lambda value: {"time": value.isoformat()} if isinstance(value, datetime) else value,
    )
    wire.register_structure_hook(timedelta, lambda value, _: value * _MICROSECOND)
    wire.register_unstructure_hook(timedelta, lambda value: value // _MICROSECOND)
    # Exactly these: a hook for object itself would be one for every class.
    wire.register_structure_hook_func(
        lambda hint: hint is object or hint is type(None), lambda value, _: value
    )
    wire.register_structure_hook_func(
        _is_collection,
        lambda value, hint: tuple(wire.structure(each, hint.__args__[0]) for each in value),
    )
    wire.register_structure_hook_func(
        lambda hint: hint == Mapping[str, object] | str, lambda value, _: value
    )
    for union in (Command, Filter):
        configure_tagged_union(union, wire, tag_name="is")
    return wire


_WIRE: Final = _make_wire()
