"""What each command does to the tables. The caller holds the lock and undoes."""

from datetime import datetime

import attrs

from vitrine.adapters.persistence.memory import jobs, metadefs
from vitrine.adapters.persistence.memory.tables import Holding, Lease, Tables
from vitrine.core.errors import ImageExists, LeaseLost, QuotaExceeded, Stale
from vitrine.core.images.image import Image
from vitrine.core.images.members import Member
from vitrine.core.quota import Resource
from vitrine.ports.jobs import CreateJob, SaveJob
from vitrine.ports.persistence import (
    AdjustUsage,
    CloseSession,
    Command,
    CreateImage,
    HoldLease,
    OpenSession,
    PutMember,
    ReleaseReservations,
    RemoveMember,
    Reserve,
    SaveImage,
    SetHandle,
    TouchImage,
    Usage,
)


def carry_out(command: Command, tables: Tables, moment: datetime) -> None:  # noqa: C901, PLR0912 - a branch per command
    """Do what *command* says; see its class for what it raises."""
    match command:
        case CreateImage(image):
            if tables.images.get(image.id) is not None:
                raise ImageExists(image.id)
            tables.images.put(image.id, image)
        case SaveImage(image):
            _read(tables, image.id, image.version)
            tables.images.put(image.id, _counted_on(image))
        case TouchImage(image_id, version):
            tables.images.put(image_id, _counted_on(_read(tables, image_id, version)))
        case PutMember(member):
            _put_member(tables, member)
        case RemoveMember(image_id, member_id):
            kept = {**tables.members_of(image_id)}
            kept.pop(member_id, None)
            tables.members.put(image_id, kept)
        case OpenSession(session, holder, ttl):
            tables.sessions.put(session.id, session)
            tables.leases.put(session.id, Lease(holder, moment + ttl))
        case SetHandle(session_id, handle):
            opened = tables.sessions.get(session_id)
            if opened is not None:
                tables.sessions.put(session_id, attrs.evolve(opened, handle=handle))
        case CloseSession(session_id):
            tables.sessions.remove(session_id)
            tables.leases.remove(session_id)
        case HoldLease(key, holder):
            lease = tables.leases.get(key)
            if lease is None or lease.holder != holder or lease.until <= moment:
                raise LeaseLost
        case AdjustUsage(project, resource, delta, limit):
            if delta > 0:
                _check_room(tables, project, resource, delta, limit)
            _count(tables, project, resource, used=delta)
        case Reserve():
            _reserve(tables, command)
        case ReleaseReservations(session_id):
            _release(tables, session_id)
        case CreateJob() | SaveJob():
            jobs.carry_out(command, tables)
        case _:
            metadefs.carry_out(command, tables)


def _read(tables: Tables, image_id: str, version: int) -> Image:
    image = tables.images.get(image_id)
    if image is None or image.version != version:
        raise Stale(image_id)
    return image


def _counted_on(image: Image) -> Image:
    return attrs.evolve(image, version=image.version + 1)


def _put_member(tables: Tables, member: Member) -> None:
    members = {**tables.members_of(member.image_id), member.member_id: member}
    tables.members.put(member.image_id, members)


# --- the ledger ----------------------------------------------------------------------


def _check_room(
    tables: Tables, project: str, resource: Resource, amount: int, limit: int | None
) -> None:
    usage = tables.usage.get((project, resource)) or Usage()
    if limit is not None and usage.used + usage.reserved + amount > limit:
        raise QuotaExceeded(resource.value, limit)


def _count(
    tables: Tables, project: str, resource: Resource, *, used: int = 0, reserved: int = 0
) -> None:
    usage = tables.usage.get((project, resource)) or Usage()
    tables.usage.put(
        (project, resource),
        Usage(used=usage.used + used, reserved=usage.reserved + reserved),
    )


def _reserve(tables: Tables, wanted: Reserve) -> None:
    _check_room(tables, wanted.project, wanted.resource, wanted.amount, wanted.limit)
    _count(tables, wanted.project, wanted.resource, reserved=wanted.amount)
    holdings = tables.holdings.get(wanted.session_id) or ()
    holding = Holding(wanted.project, wanted.resource, wanted.amount)
    tables.holdings.put(wanted.session_id, (*holdings, holding))


def _release(tables: Tables, session_id: str) -> None:
    for holding in tables.holdings.get(session_id) or ():
        _count(tables, holding.project, holding.resource, reserved=-holding.amount)
    tables.holdings.remove(session_id)
