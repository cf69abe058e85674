"""Sharing images with other projects, and what they answer."""

from collections.abc import Sequence

import attrs

from vitrine.core import errors, policy
from vitrine.core.context import Context
from vitrine.core.events import EventType, member_payload
from vitrine.core.images import access
from vitrine.core.images.access import ImageRecord
from vitrine.core.images.image import Image, Visibility
from vitrine.core.images.members import Member, MemberStatus, new_member
from vitrine.core.quota import Quotas, within
from vitrine.ports.clock import Clock
from vitrine.ports.persistence import Persistence, PutMember, RemoveMember, TouchImage
from vitrine.usecases.audiences import Audiences
from vitrine.usecases.gate import Gate
from vitrine.usecases.units import Unit, Units


class Sharing:
    """What callers do with the members of images."""

    def __init__(  # noqa: PLR0913 - each is a part of its own
        self,
        *,
        persistence: Persistence,
        units: Units,
        gate: Gate,
        quotas: Quotas,
        audiences: Audiences,
        clock: Clock,
    ) -> None:
        """Take the parts."""
        self._persistence = persistence
        self._units = units
        self._gate = gate
        self._quotas = quotas
        self._audiences = audiences
        self._clock = clock

    def list(self, context: Context, image_id: str) -> Sequence[Member]:
        """Return the members the caller may know of: the owner all, a member itself.

        Raises:
            ImageNotFound: The caller may not see the image.
            NotPermitted: The policy denies it.
            NotShared: The image is not shared.
        """
        record = self._find_shared(context, image_id, policy.GET_MEMBERS)
        return [
            member
            for member in self._persistence.members.of(image_id)
            if access.may_see_member(record, member, context)
        ]

    def show(self, context: Context, image_id: str, member_id: str) -> Member:
        """Return one member.

        Raises:
            ImageNotFound: The caller may not see the image.
            MemberNotFound: There is none, or the caller may not know of it.
        """
        record = self._gate.find(context, image_id)
        self._gate.require(context, record, policy.GET_IMAGE)
        return self._visible(context, record, member_id)

    def add(self, context: Context, image_id: str, member_id: str) -> Member:
        """Share an image with a project, which has to answer yet.

        Raises:
            ImageNotFound, NotPermitted, NotShared: As for `list`.
            InvalidValue: The project's id cannot be one.
            MemberExists: It is shared with it already.
            LimitExceeded: It is shared with as many as it may.
        """
        self._gate.check_may_change(context)

        def story(unit: Unit) -> Member:
            record = self._find_shared(context, image_id, policy.ADD_MEMBER)
            self._check_sharer(context, record, policy.ADD_MEMBER)
            member = new_member(image_id, member_id, self._clock.now())
            present = self._persistence.members.of(image_id)
            if any(other.member_id == member_id for other in present):
                raise errors.MemberExists(image_id, member_id)
            within("members", self._quotas.members, len(present) + 1)
            self._put(unit, record.image, member, EventType.MEMBER_CREATE)
            return member

        member = self._units.run(story)
        self._audiences.tell(context, image_id)
        return member

    def answer(
        self, context: Context, image_id: str, member_id: str, status: MemberStatus
    ) -> Member:
        """Record what a member's project made of the offer.

        Raises:
            ImageNotFound, NotShared: As for `list`.
            NotPermitted: The caller is not that project; owners never are.
            MemberNotFound: There is none, or the caller may not know of it.
        """
        self._gate.check_may_change(context)

        def story(unit: Unit) -> Member:
            record = self._find_shared(context, image_id, policy.GET_IMAGE)
            before = self._visible(context, record, member_id)
            self._gate.require(context, record, policy.MODIFY_MEMBER)
            if (
                self._gate.legacy
                and access.is_owner(record.image, context)
                and not context.is_admin
            ):
                raise errors.NotPermitted(policy.MODIFY_MEMBER)
            record.image.check_not_being_deleted()
            member = before.answered(status, self._clock.now())
            self._put(unit, record.image, member, EventType.MEMBER_UPDATE)
            return member

        return self._units.run(story)

    def remove(self, context: Context, image_id: str, member_id: str) -> None:
        """Share an image with a project no more.

        Raises:
            ImageNotFound, NotPermitted, NotShared: As for `list`.
            MemberNotFound: There is no such member.
        """
        self._gate.check_may_change(context)

        def story(unit: Unit) -> None:
            record = self._find_shared(context, image_id, policy.DELETE_MEMBER)
            self._check_sharer(context, record, policy.DELETE_MEMBER)
            member = self._persistence.members.get(image_id, member_id)
            if member is None:
                raise errors.MemberNotFound(image_id, member_id)
            unit.do(TouchImage(image_id, record.image.version))
            unit.do(RemoveMember(image_id, member_id))
            payload = member_payload(member, deleted_at=self._clock.now())
            unit.tell(EventType.MEMBER_DELETE, _touched(record.image), payload)

        self._units.run(story)
        self._audiences.tell(context, image_id)

    def _find_shared(self, context: Context, image_id: str, rule: str) -> ImageRecord:
        record = self._gate.find(context, image_id)
        # First of all: who may add members but see nothing is told of nothing.
        self._gate.require(context, record, policy.GET_IMAGE)
        self._gate.require(context, record, rule)
        if record.image.visibility is not Visibility.SHARED:
            raise errors.NotShared(image_id)
        return record

    def _visible(self, context: Context, record: ImageRecord, member_id: str) -> Member:
        image = record.image
        missing = errors.MemberNotFound(image.id, member_id)
        if image.visibility is not Visibility.SHARED:
            raise missing
        try:
            self._gate.require(context, record, policy.GET_MEMBER)
        except errors.NotPermitted:
            raise missing from None
        member = self._persistence.members.get(image.id, member_id)
        if member is None or not access.may_see_member(record, member, context):
            raise missing
        return member

    def _check_sharer(self, context: Context, record: ImageRecord, rule: str) -> None:
        if (
            self._gate.legacy
            and not context.is_admin
            and not access.is_owner(record.image, context)
        ):
            raise errors.NotPermitted(rule)
        record.image.check_not_being_deleted()

    @staticmethod
    def _put(unit: Unit, image: Image, member: Member, kind: EventType) -> None:
        unit.do(TouchImage(image.id, image.version))
        unit.do(PutMember(member))
        unit.tell(kind, _touched(image), member_payload(member))


def _touched(image: Image) -> Image:
    """Return *image* as it is stored after a change of its members."""
    return attrs.evolve(image, version=image.version + 1)
