"""Images as records: create, show, list, change, delete, tags, actions."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from vitrine.core import errors, policy
from vitrine.core.context import Context
from vitrine.core.events import EventType
from vitrine.core.images.access import ImageRecord, may_see
from vitrine.core.images.changes import (
    Change,
    PatchRules,
    apply_changes,
    check_visibility,
)
from vitrine.core.images.creation import NewImage
from vitrine.core.images.image import Image
from vitrine.core.images.query import Filter, ImageQuery, Scope, SortKey, total_order
from vitrine.core.protection import Operation
from vitrine.core.quota import Quotas, Resource, within
from vitrine.core.sessions import Session
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.fetching import Fetcher
from vitrine.ports.limits import Limits
from vitrine.ports.peers import PassedAnswer, PassedRequest
from vitrine.ports.persistence import Persistence
from vitrine.ports.stores import StoreIdentity, Stores
from vitrine.usecases.admission import Admission
from vitrine.usecases.audiences import Audiences
from vitrine.usecases.caching import Caching, Uncached
from vitrine.usecases.discarding import Discarding, taken_off
from vitrine.usecases.gate import Gate
from vitrine.usecases.peers import Workers
from vitrine.usecases.removal import Removal
from vitrine.usecases.units import Unit, Units

_COUNTED: Final = (Resource.COUNT_TOTAL,)


@attrs.frozen(kw_only=True)
class ListRequest:
    """Which images a caller wants listed.

    Attributes:
        scope: Whose; the caller's project and rights are filled in.
        filters: All must match.
        sort: What the caller named; ties are broken beyond it.
        ties_descending: In which direction, None for the natural one.
        limit: The most images it wants, from 0.
        marker: The id of the last image of the page before, None for the first.
    """

    scope: Scope
    filters: tuple[Filter, ...] = ()
    sort: tuple[SortKey, ...] = ()
    ties_descending: bool | None = None
    limit: int = 25
    marker: str | None = None


@attrs.frozen(kw_only=True)
class Page:
    """One page of a list.

    Attributes:
        images: What the caller may see, in order.
        next_marker: Where the next page begins, None if this is the last one.
    """

    images: tuple[Image, ...]
    next_marker: str | None = None


@attrs.frozen(kw_only=True)
class CatalogueRules:
    """What the operator decided about locations in patches.

    Attributes:
        locations: Whether they are shown, and so may be changed.
        algorithm: The hash in which callers vouch for what is at one.
    """

    locations: bool = False
    algorithm: str = "sha512"


@attrs.frozen
class _Elsewhere(Exception):
    """Another worker has what the image's data was staged as."""

    worker: str


class Images:
    """What callers do with images, their bytes apart."""

    def __init__(  # noqa: PLR0913 - what is passed in is what a catalogue needs
        self,
        *,
        persistence: Persistence,
        units: Units,
        gate: Gate,
        removal: Removal,
        discarding: Discarding,
        stores: Stores,
        audiences: Audiences,
        fetcher: Fetcher,
        limits: Limits,
        quotas: Quotas,
        workers: Workers,
        clock: Clock,
        ids: Ids,
        rules: CatalogueRules | None = None,
        caching: Caching | None = None,
    ) -> None:
        """Take the parts."""
        self._persistence = persistence
        self._units = units
        self._gate = gate
        self._removal = removal
        self._discarding = discarding
        self._stores = stores
        self._audiences = audiences
        self._fetcher = fetcher
        self._rules_of_locations = rules or CatalogueRules()
        self._caching = caching or Uncached()
        self._limits = limits
        self._quotas = quotas
        self._workers = workers
        self._clock = clock
        self._ids = ids

    # --- create ----------------------------------------------------------------------

    def create(self, context: Context, new: NewImage) -> Image:
        """Begin an image and return it as the caller may see it.

        Raises:
            ReadOnlyCaller, NotPermitted, ForeignOwner, PropertyProtected,
                ReadOnlyAttribute, ReservedName: The caller may not do this.
            QuotaExceeded, LimitExceeded: There would be too much of something.
            InvalidValue: A value is not acceptable.
            ImageExists: The id was issued before.
        """
        self._gate.check_may_change(context)
        new.check_names()
        owner = new.owner_for(context)
        target = {
            "owner": owner,
            "project_id": owner,
            "tenant": owner,
            "visibility": new.visibility.value,
        }
        self._gate.require_in_general(context, policy.ADD_IMAGE, target)
        check_visibility(
            new.visibility,
            lambda action: self._gate.require_in_general(context, action, target),
        )
        limits = self._count_limits(owner)
        new.check_tags(self._quotas)
        patch = self._rules(context, None, owner)
        for name in new.properties:
            patch.check(Operation.CREATE, name)
        image = new.image(new.id or self._ids.new(), context, self._quotas, self._clock.now())

        def story(unit: Unit) -> Image:
            created = unit.create(image, limits=limits)
            unit.tell_image(EventType.IMAGE_CREATE, created)
            return created

        return self._gate.shown(context, ImageRecord(image=self._units.run(story)))

    def _count_limits(self, owner: str | None) -> Mapping[Resource, int | None]:
        """Return the limits on counts, having refused what is full already."""
        project = owner or ""
        limits = {resource: self._limits.of(project, resource) for resource in _COUNTED}
        if any(limit is not None for limit in limits.values()):
            usage = self._persistence.ledger.usage(project)
            for resource, limit in limits.items():
                has = usage[resource]
                if limit is not None and has.used + has.reserved >= limit:
                    raise errors.QuotaExceeded(resource.value, limit)
        return limits

    # --- read ------------------------------------------------------------------------

    def show(self, context: Context, image_id: str) -> Image:
        """Return one image as the caller may see it.

        Raises:
            ImageNotFound: The caller may not see it, or there is none.
        """
        found = self._gate.look(context, image_id)
        record = self._gate.repaired(found)
        self._gate.require(context, record, policy.GET_IMAGE)
        if record is not found:
            record = attrs.evolve(record, image=self._repair(context, record))
        return self._gate.shown(context, record)

    def _repair(self, context: Context, record: ImageRecord) -> Image:
        """Remember how the locations of an image should be written, if the caller may write.

        Whatever comes in between, the caller sees them so.
        """

        def story(unit: Unit) -> Image:
            found = self._gate.look(context, record.image.id)
            now = self._gate.repaired(found)
            return now.image if now is found else self._save(unit, found.image, now.image)

        try:
            self._gate.check_may_change(context)
            self._gate.change(context, record, policy.MODIFY_IMAGE)
            return self._units.run(story)
        except errors.VitrineError:
            return record.image

    def list(self, context: Context, request: ListRequest) -> Page:
        """Return one page of the images the caller may see.

        Raises:
            NotPermitted: The caller may list nothing.
            InvalidMarker: The marker names no image.
            HiddenMarker: It names one that the caller may not see.
        """
        self._gate.require_in_general(
            context,
            policy.GET_IMAGES,
            {
                "project_id": context.project_id,
                "owner": context.project_id,
                "tenant": context.project_id,
            },
        )
        query = ImageQuery(
            scope=attrs.evolve(
                request.scope, project=context.project_id, everything=context.is_admin
            ),
            filters=request.filters,
            sort=total_order(request.sort, ties_descending=request.ties_descending),
            limit=max(request.limit, 1),
        )
        if request.marker is not None:
            marker = self._marker(context, request.marker)
            query = attrs.evolve(query, after=query.position(marker))
        if request.limit == 0:
            return Page(images=())
        found = self._persistence.images.page(query)
        allowed = self._gate.filter(context)
        images = tuple(self._gate.shown(context, record) for record in found if allowed(record))
        return Page(
            images=images,
            next_marker=images[-1].id if images and len(found) == request.limit else None,
        )

    def _marker(self, context: Context, image_id: str) -> Image:
        record = self._persistence.images.get(image_id, member=context.project_id)
        if record is None or record.image.deleted_at is not None:
            raise errors.InvalidMarker(image_id)
        if not may_see(record, context):
            raise errors.HiddenMarker(image_id)
        return record.image

    # --- change ----------------------------------------------------------------------

    def change(
        self,
        context: Context,
        image_id: str,
        changes: tuple[Change, ...],
        *,
        expected: frozenset[int] | None = None,
    ) -> Image:
        """Make all *changes* of an image, or none; return it as the caller may see it.

        Args:
            context: Who asks.
            image_id: The image.
            changes: What is to change, in order.
            expected: The versions that the caller is ready to change, None for any.

        Raises:
            ImageNotFound: The caller may not see it, or there is none.
            ImageChanged: It is in none of the versions *expected*.
            Forbidden, Conflict, Invalid, LimitExceeded: See `apply_changes`.
            QuotaExceeded: The owner has no room for another location.
            LocationBusy: Somebody deletes the data that a new location leads to.
            LocationKept: A location was to be removed, and its store refused to delete
                the data; the image is as before, but for what was deleted already.
            StoreUnavailable: The store of a removed location does not answer. The
                location is off the image, and its data deleted later.
        """
        self._gate.check_may_change(context)
        identity, holder = StoreIdentity(caller=context), self._ids.new()
        claims = self._discarding.claims()
        admission = Admission(self._stores, self._fetcher, identity, claims)

        def story(unit: Unit) -> tuple[ImageRecord, Image, tuple[Session, ...]]:
            record = self._gate.find(context, image_id)
            self._gate.change(context, record, policy.MODIFY_IMAGE)
            image = record.image
            image.check_version(expected)
            patch = attrs.evolve(
                self._rules(context, record, image.owner),
                locations=admission.rules(
                    enabled=self._rules_of_locations.locations,
                    most=self._quotas.locations,
                    algorithm=self._rules_of_locations.algorithm,
                ),
            )
            changed = apply_changes(image, changes, patch, self._clock.now())
            if changed is image:
                return record, image, ()
            claims.hold(unit)
            saved = self._save(unit, image, changed, self._size_limits(image, changed))
            gone = taken_off(image, changed)
            return record, saved, self._discarding.intend(unit, saved, gone, holder)

        with claims:
            record, after, sessions = self._units.run(story)
        before = record.image
        if (before.visibility, before.locations) != (after.visibility, after.locations):
            self._audiences.tell(context, image_id)
        if sessions:
            try:
                self._discarding.carry_out(before, after, sessions, holder, identity)
            except (errors.BlobInUse, errors.NotPermitted) as refusal:
                raise errors.LocationKept from refusal
        return self._gate.shown(context, attrs.evolve(record, image=after))

    def _size_limits(self, before: Image, after: Image) -> Mapping[Resource, int | None]:
        """Return what bounds the space that a change takes, if it takes any."""
        if len(after.locations) <= len(before.locations):
            return {}
        return {Resource.SIZE_TOTAL: self._limits.of(after.owner or "", Resource.SIZE_TOTAL)}

    def _rules(self, context: Context, record: ImageRecord | None, owner: str | None) -> PatchRules:
        if record is None:
            target = {"owner": owner, "project_id": owner, "tenant": owner}
            return PatchRules(
                context=context,
                protections=self._gate.protections,
                holds=self._gate.holds(context, target),
                permit=lambda action: self._gate.require_in_general(context, action, target),
                quotas=self._quotas,
            )
        return PatchRules(
            context=context,
            protections=self._gate.protections,
            holds=self._gate.holds_for(context, record),
            permit=lambda action: self._gate.require(context, record, action),
            quotas=self._quotas,
        )

    def tag(self, context: Context, image_id: str, tag: str) -> None:
        """Put a tag on an image; nothing happens if it has it.

        Raises:
            ImageNotFound, NotPermitted: As for `change`.
            InvalidValue: No image can carry this tag.
            LimitExceeded: It has as many tags as it may.
        """
        self._gate.check_may_change(context)

        def story(unit: Unit) -> None:
            image = self._changeable(context, image_id)
            tagged = image.tagged(tag, self._clock.now())
            within("tags", self._quotas.tags, len(tagged.tags))
            if tagged is not image:
                self._save(unit, image, tagged)

        self._units.run(story)

    def untag(self, context: Context, image_id: str, tag: str) -> None:
        """Take a tag off an image.

        Raises:
            ImageNotFound, NotPermitted: As for `change`.
            TagNotFound: It does not have it.
        """
        self._gate.check_may_change(context)

        def story(unit: Unit) -> None:
            image = self._changeable(context, image_id)
            self._save(unit, image, image.untagged(tag, self._clock.now()))

        self._units.run(story)

    def _changeable(self, context: Context, image_id: str) -> Image:
        record = self._gate.find(context, image_id)
        self._gate.change(context, record, policy.MODIFY_IMAGE)
        return record.image

    def deactivate(self, context: Context, image_id: str) -> None:
        """Withhold an image's data from all but administrators.

        Raises:
            ImageNotFound, NotPermitted: As for `change`.
            ActionNotAllowed: It has no data to withhold.
        """
        self._act(context, image_id, policy.DEACTIVATE)

    def reactivate(self, context: Context, image_id: str) -> None:
        """Give an image's data out again.

        Raises:
            ImageNotFound, NotPermitted: As for `change`.
            ActionNotAllowed: It has no data to give out.
        """
        self._act(context, image_id, policy.REACTIVATE)

    def _act(self, context: Context, image_id: str, rule: str) -> None:
        self._gate.check_may_change(context)

        def story(unit: Unit) -> None:
            record = self._gate.find(context, image_id)
            self._gate.change(context, record, rule)
            image, now = record.image, self._clock.now()
            withhold = rule == policy.DEACTIVATE
            changed = image.deactivated(now) if withhold else image.reactivated(now)
            if changed is not image:
                self._save(unit, image, changed)

        self._units.run(story)

    @staticmethod
    def _save(
        unit: Unit,
        before: Image,
        after: Image,
        limits: Mapping[Resource, int | None] | None = None,
    ) -> Image:
        saved = unit.save(before, after, limits=limits)
        unit.tell_image(EventType.IMAGE_UPDATE, saved)
        return saved

    # --- delete ----------------------------------------------------------------------

    def delete(
        self,
        context: Context,
        image_id: str,
        *,
        expected: frozenset[int] | None = None,
        request: PassedRequest | None = None,
    ) -> PassedAnswer | None:
        """Delete an image and its bytes; its id is never used again.

        Another worker may have staged data of it. Then that one is asked to do it, and
        what it says is returned; if it says nothing, the image is deleted all the same,
        and the data when that worker is back.

        Args:
            context: Who asks.
            image_id: Which image.
            expected: The versions of it that the caller is ready to delete; None for any.
            request: How to ask another worker; None if this one has to answer.

        Raises:
            ImageNotFound, NotPermitted, ImageChanged: As for `change`.
            ImageProtected: It is protected.
            BeingDeleted: Somebody else is at it.
            BlobInUse, NotPermitted, StoreUnavailable: A store refused; the image is
                there as before, but for the copies that were deleted already.
        """
        self._gate.check_may_change(context)

        def may(record: ImageRecord) -> None:
            self._gate.change(context, record, policy.DELETE_IMAGE)
            record.image.check_version(expected)

        def delete(permit: Callable[[ImageRecord], None]) -> None:
            self._removal.run(lambda: self._gate.find(context, image_id), permit, context)
            self._caching.forget(image_id)

        if request is None:
            delete(may)
            return None

        def may_here(record: ImageRecord) -> None:
            may(record)
            worker = self._workers.elsewhere(record.image)
            if worker is not None:
                raise _Elsewhere(worker)

        try:
            delete(may_here)
        except _Elsewhere as found:
            answer = self._passed_on(found.worker, request)
            if answer is not None:
                return answer
            # It may have done so before it fell silent.
            with contextlib.suppress(errors.ImageNotFound):
                delete(may)
        return None

    def _passed_on(self, worker: str, request: PassedRequest) -> PassedAnswer | None:
        """Return what another worker says to a request, None if it says nothing."""
        try:
            answer = self._workers.pass_on(worker, request)
        except (errors.WorkerUnreachable, errors.WorkerFailed):
            return None
        return None if answer.in_its_place else answer
