"""Whatever callers do in whatever order, crashes included: a small model tells what comes of it."""

import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Final

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from tests.support.faults import Fault, Faults, Interruption, Moment, PowerCut
from tests.support.house import ADMIN, ALT, DEMO, DEMO_READER, TTL, House, pieces
from tests.support.world import LARGEST, LATER, World
from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.errors import VitrineError
from vitrine.core.images.changes import Change, Op
from vitrine.core.images.image import Image, Visibility
from vitrine.core.images.members import MemberStatus
from vitrine.core.images.status import Status
from vitrine.core.importing import read_import
from vitrine.core.quota import Resource
from vitrine.core.sessions import blob_key

LIMIT: Final = 6000  # bytes that one project may have
STAGED: Final = 4000  # bytes that one project may have waiting
_URL: Final = "http://far.example.org/image"
COUNT: Final = 6  # images that one project may have

_Refusal = type[VitrineError] | tuple[type[VitrineError], ...] | None
_DENIED: Final = (errors.NotPermitted, errors.ImageNotFound)

ACTORS = st.sampled_from([ADMIN, DEMO, DEMO_READER, ALT])
OWNERS = st.sampled_from([DEMO, ALT])
PROJECTS = st.sampled_from(["demo", "alt"])
WORDS = st.sampled_from(["red", "green", "blue"])
DATA = st.builds(lambda byte, size: bytes([byte]) * size, st.integers(65, 90), st.integers(0, 2500))


@attrs.define
class Known:
    """What the model knows of an image.

    Attributes:
        data: Its bytes, None before there are any.
        staged: What waits for its import, None if nothing does.
        members: The projects it is shared with, and what they answered.
    """

    owner: str
    visibility: Visibility
    name: str | None = None
    status: Status = Status.QUEUED
    data: bytes | None = None
    staged: bytes | None = None
    tags: set[str] = attrs.field(factory=set[str])
    members: dict[str, MemberStatus] = attrs.field(factory=dict[str, MemberStatus])

    def seen_by(self, who: Context) -> bool:
        return (
            who.is_admin
            or self.owner == who.project_id
            or self.visibility is Visibility.COMMUNITY
            or (self.visibility is Visibility.SHARED and who.project_id in self.members)
        )

    def refusal(self, who: Context) -> _Refusal:
        """What *who* hears who wants to change it; None if nothing is in the way."""
        if not self.seen_by(who):
            return errors.ImageNotFound
        if who.is_admin or (self.owner == who.project_id and "member" in who.roles):
            return None
        return _DENIED


Model = dict[str, Known]


class Life(RuleBasedStateMachine):
    """Callers, a service that may be broken off at any call, and what should come of it."""

    images = Bundle("images")

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.limits = {
            Resource.SIZE_TOTAL: LIMIT,
            Resource.STAGE_TOTAL: STAGED,
            Resource.COUNT_TOTAL: COUNT,
        }
        self.faults = Faults()
        self.house = self.world.boot()
        self.model: Model = {}

    # --- doing, and what comes of it -------------------------------------------------

    def do(
        self,
        act: Callable[[House], object],
        refusal: _Refusal = None,
        change: Callable[[Model], object] = lambda model: None,
        *,
        halfway: Callable[[Model], object] = lambda model: None,
    ) -> None:
        """Let something happen, and see that the catalogue is what the model says.

        Args:
            act: What happens.
            refusal: What it is refused with; None if it is not.
            change: What it does to the model when it is not refused.
            halfway: What it has done when it is refused, and may have done when it is
                broken off.
        """
        before, between, after = (copy.deepcopy(self.model) for _ in range(3))
        halfway(between)
        if refusal is None:
            change(after)
        heard: BaseException | None = None
        try:
            act(self.house)
        except (VitrineError, Interruption, PowerCut) as error:
            heard = error
        disturbed = self.faults.failed is not None
        if disturbed:
            self._recover()
        if heard is None:
            assert refusal is None, "this was not refused"
            possible = [after]
        elif disturbed:
            possible = [before, between, after]
        else:
            assert refusal is not None, f"refused: {heard!r}"
            assert isinstance(heard, refusal), f"{heard!r} and not {refusal}"
            possible = [between]
        agreeing = [model for model in possible if self._agrees(model)]
        assert agreeing, f"none of {possible}"
        self.model = agreeing[0]

    def _recover(self) -> None:
        if self.faults.dead:
            self.house = self.world.boot()
        self.faults.mend()
        self.world.settle(self.house)
        self.world.check_at_rest()
        self.faults = Faults()
        self.house = self.world.boot()

    def _agrees(self, model: Model) -> bool:
        stored = {
            image.id: Known(
                owner=image.owner or "",
                visibility=image.visibility,
                name=image.name,
                status=image.status,
                data=self._bytes_of(image.id) if image.locations else None,
                staged=self._staged(image) if image.status is Status.UPLOADING else None,
                tags=set(image.tags),
                members={
                    member.member_id: member.status
                    for member in self.world.persistence.members.of(image.id)
                },
            )
            for image in self.world.persistence.all()
            if image.status is not Status.DELETED
        }
        return stored == model

    def _bytes_of(self, image_id: str) -> bytes | None:
        return self.world.boot().bytes_of(image_id, ADMIN)

    def _staged(self, image: Image) -> bytes:
        reader = self.world.staging.open(blob_key(image.id, image.attempts))
        data = b"".join(reader.pieces())
        assert image.size == len(data)
        return data

    # --- faults and time -------------------------------------------------------------

    @rule(
        nth=st.integers(1, 30),
        fault=st.sampled_from(Fault),
        moment=st.sampled_from(Moment),
    )
    def something_will_fail(self, nth: int, fault: Fault, moment: Moment) -> None:
        self.faults = Faults(nth=nth, fault=fault, moment=moment)
        self.house = self.world.boot(self.faults)

    @rule(seconds=st.sampled_from([1, TTL.total_seconds(), LATER.total_seconds()]))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.advance(seconds * TTL / TTL.total_seconds())

    @rule()
    def chores_are_done(self) -> None:
        self.do(lambda house: (house.housekeeping.run(), house.relay.run()))

    # --- records ---------------------------------------------------------------------

    @rule(
        target=images,
        who=ACTORS,
        name=st.none() | WORDS,
        visibility=st.sampled_from([Visibility.SHARED, Visibility.PRIVATE, Visibility.COMMUNITY]),
    )
    def create(self, who: Context, name: str | None, visibility: Visibility) -> str:
        image_id = self.world.ids.new()
        owner = who.project_id or ""
        refusal: _Refusal = None
        if "member" not in who.roles:
            refusal = errors.NotPermitted
        elif sum(each.owner == owner for each in self.model.values()) >= COUNT:
            refusal = errors.QuotaExceeded
        self.do(
            lambda house: house.create(who, id=image_id, name=name, visibility=visibility),
            refusal,
            lambda model: model.update(
                {image_id: Known(owner=owner, name=name, visibility=visibility)}
            ),
        )
        return image_id

    def refusal(self, who: Context, image_id: str) -> _Refusal:
        if image_id not in self.model:
            return errors.ImageNotFound
        return self.model[image_id].refusal(who)

    @rule(who=ACTORS, image_id=images, name=WORDS)
    def rename(self, who: Context, image_id: str, name: str) -> None:
        change = Change(op=Op.REPLACE, path=("name",), value=name)
        self.do(
            lambda house: house.images.change(who, image_id, (change,)),
            self.refusal(who, image_id),
            lambda model: setattr(model[image_id], "name", name),
        )

    @rule(who=ACTORS, image_id=images, tag=WORDS)
    def tag(self, who: Context, image_id: str, tag: str) -> None:
        self.do(
            lambda house: house.images.tag(who, image_id, tag),
            self.refusal(who, image_id),
            lambda model: model[image_id].tags.add(tag),
        )

    @rule(who=ACTORS, image_id=images, tag=WORDS)
    def untag(self, who: Context, image_id: str, tag: str) -> None:
        refusal = self.refusal(who, image_id)
        if refusal is None and tag not in self.model[image_id].tags:
            refusal = errors.TagNotFound
        self.do(
            lambda house: house.images.untag(who, image_id, tag),
            refusal,
            lambda model: model[image_id].tags.remove(tag),
        )

    @rule(who=ACTORS, image_id=images, withhold=st.booleans())
    def withhold(self, who: Context, image_id: str, withhold: bool) -> None:  # noqa: FBT001 - hypothesis passes names
        refusal = self.refusal(who, image_id)
        if refusal is None and self.model[image_id].data is None:
            refusal = errors.ActionNotAllowed
        status = Status.DEACTIVATED if withhold else Status.ACTIVE

        def act(house: House) -> None:
            (house.images.deactivate if withhold else house.images.reactivate)(who, image_id)

        self.do(act, refusal, lambda model: setattr(model[image_id], "status", status))

    @rule(who=ACTORS, image_id=images)
    def delete(self, who: Context, image_id: str) -> None:
        self.do(
            lambda house: house.images.delete(who, image_id),
            self.refusal(who, image_id),
            lambda model: model.pop(image_id),
        )

    # --- sharing ---------------------------------------------------------------------

    @rule(who=ACTORS, image_id=images, project=PROJECTS)
    def share(self, who: Context, image_id: str, project: str) -> None:
        self.do(
            lambda house: house.sharing.add(who, image_id, project),
            self._sharing(who, image_id, project, there=False),
            lambda model: model[image_id].members.update({project: MemberStatus.PENDING}),
        )

    @rule(who=ACTORS, image_id=images, project=PROJECTS)
    def share_no_more(self, who: Context, image_id: str, project: str) -> None:
        self.do(
            lambda house: house.sharing.remove(who, image_id, project),
            self._sharing(who, image_id, project, there=True),
            lambda model: model[image_id].members.pop(project),
        )

    def _sharing(self, who: Context, image_id: str, project: str, *, there: bool) -> _Refusal:
        refusal = self.refusal(who, image_id)
        if refusal is not None:
            return refusal
        image = self.model[image_id]
        if image.visibility is not Visibility.SHARED:
            return errors.NotShared
        if (project in image.members) is there:
            return None
        return errors.MemberNotFound if there else errors.MemberExists

    @rule(image_id=images, status=st.sampled_from(MemberStatus))
    def answer(self, image_id: str, status: MemberStatus) -> None:
        image = self.model.get(image_id)
        refusal: _Refusal = None
        if image is None or not image.seen_by(ALT):
            refusal = errors.ImageNotFound
        elif image.visibility is not Visibility.SHARED:
            refusal = errors.NotShared
        elif "alt" not in image.members:
            refusal = errors.MemberNotFound
        elif image.owner == "alt":
            refusal = errors.NotPermitted
        self.do(
            lambda house: house.sharing.answer(ALT, image_id, "alt", status),
            refusal,
            lambda model: model[image_id].members.update({"alt": status}),
        )

    # --- bytes -----------------------------------------------------------------------

    def _no_upload(self, who: Context, image_id: str, size: int) -> _Refusal:
        refusal = self.refusal(who, image_id)
        if refusal is not None:
            return refusal
        image = self.model[image_id]
        if image.status is not Status.QUEUED:
            return errors.NotAllowedNow
        used = sum(
            len(each.data or b"") for each in self.model.values() if each.owner == image.owner
        )
        # Whoever does not say how much comes needs room for a byte at least.
        return errors.QuotaExceeded if used + max(size, 1) > LIMIT else None

    @rule(
        who=ACTORS,
        image_id=images,
        data=DATA,
        sized=st.booleans(),
        store=st.sampled_from(["first", "second"]),
    )
    def upload(
        self,
        who: Context,
        image_id: str,
        data: bytes,
        sized: bool,  # noqa: FBT001 - hypothesis passes names
        store: str,
    ) -> None:
        def arrive(model: Model) -> None:
            model[image_id].data, model[image_id].status = data, Status.ACTIVE

        self.do(
            lambda house: house.upload(
                image_id, data, who, size=len(data) if sized else None, store_id=store
            ),
            self._no_upload(who, image_id, len(data)),
            arrive,
        )

    @rule(who=OWNERS, image_id=images, data=DATA, more=st.sampled_from([-1, 1, LARGEST]))
    def upload_as_much_as_was_not_announced(
        self, who: Context, image_id: str, data: bytes, more: int
    ) -> None:
        size = max(len(data) + more, 0)
        sent = data if size != len(data) else data + b"x"
        refusals = {
            -1: errors.UploadTooLong,
            1: errors.UploadCutShort,
            LARGEST: errors.ImageTooLarge,
        }
        refusal = self._no_upload(who, image_id, size) or refusals[more]
        refusal = errors.ImageTooLarge if size > LARGEST else refusal
        self.do(lambda house: house.upload(image_id, sent, who, size=size), refusal)

    @staticmethod
    def _disturbed(house: House, image_id: str, data: bytes, deleted: bool) -> Iterator[bytes]:  # noqa: FBT001 - as it comes from hypothesis
        yield from pieces(data)
        if deleted:
            house.images.delete(ADMIN, image_id)
        else:
            house.images.tag(ADMIN, image_id, "red")

    @rule(image_id=images, data=DATA, deleted=st.booleans())
    def upload_while_others_change_it(self, image_id: str, data: bytes, deleted: bool) -> None:  # noqa: FBT001 - hypothesis passes names
        refusal = self._no_upload(ADMIN, image_id, len(data))

        def act(house: House) -> None:
            house.data.upload(ADMIN, image_id, self._disturbed(house, image_id, data, deleted))

        def meanwhile(model: Model) -> None:
            if deleted:
                del model[image_id]
            else:
                model[image_id].tags.add("red")

        def arrive(model: Model) -> None:
            meanwhile(model)
            model[image_id].data, model[image_id].status = data, Status.ACTIVE

        if refusal is not None:
            self.do(act, refusal)
        elif deleted:
            self.do(act, errors.DeletedMeanwhile, halfway=meanwhile)
        else:
            self.do(act, None, arrive, halfway=meanwhile)

    def _no_staging(
        self, who: Context, image_id: str, size: int, announced: int | None
    ) -> _Refusal:
        # What of their own waits stands in the way of whoever is no administrator, first of all.
        own = self._waiting(who.project_id or "") + (announced or 1)
        if not who.is_admin and own > STAGED:
            return errors.QuotaExceeded
        refusal = self.refusal(who, image_id)
        if refusal is not None:
            return refusal
        image = self.model[image_id]
        if image.status is not Status.QUEUED:
            return errors.NotAllowedNow
        return errors.QuotaExceeded if self._waiting(image.owner) + max(size, 1) > STAGED else None

    def _waiting(self, project: str) -> int:
        return sum(len(each.staged or b"") for each in self.model.values() if each.owner == project)

    @rule(who=ACTORS, image_id=images, data=DATA, sized=st.booleans())
    def stage(self, who: Context, image_id: str, data: bytes, sized: bool) -> None:  # noqa: FBT001 - hypothesis passes names
        def arrive(model: Model) -> None:
            model[image_id].staged, model[image_id].status = data, Status.UPLOADING

        size = len(data) if sized else None
        self.do(
            lambda house: house.stage(image_id, data, who, size=size),
            self._no_staging(who, image_id, len(data), size),
            arrive,
        )

    @rule(image_id=images, data=DATA, deleted=st.booleans())
    def stage_while_others_change_it(self, image_id: str, data: bytes, deleted: bool) -> None:  # noqa: FBT001 - hypothesis passes names
        refusal = self._no_staging(ADMIN, image_id, len(data), None)

        def act(house: House) -> None:
            house.image_staging.stage(
                ADMIN, image_id, self._disturbed(house, image_id, data, deleted)
            )

        def meanwhile(model: Model) -> None:
            if deleted:
                del model[image_id]
            else:
                model[image_id].tags.add("red")

        def arrive(model: Model) -> None:
            meanwhile(model)
            model[image_id].staged, model[image_id].status = data, Status.UPLOADING

        if refusal is not None:
            self.do(act, refusal)
        elif deleted:
            self.do(act, errors.DeletedMeanwhile, halfway=meanwhile)
        else:
            self.do(act, None, arrive, halfway=meanwhile)

    @rule(image_id=images, data=DATA, store=st.sampled_from(["first", "second"]))
    def bring_in(self, image_id: str, data: bytes, store: str) -> None:
        """Import what was staged, or *data* from the web if nothing was."""
        known = self.model.get(image_id)
        if known is None or known.data is not None:
            return
        staged = known.staged is not None
        coming = data if known.staged is None else known.staged
        how: dict[str, object] = {"name": "glance-direct"}
        if not staged:
            self.world.web.serve(_URL, data)
            how = {"name": "web-download", "uri": _URL}
        wanted = read_import({"method": how, "stores": [store]})
        kept = sum(
            len(each.data or b"") for each in self.model.values() if each.owner == known.owner
        )
        size = max(len(coming), 1)
        fits = kept + size <= LIMIT and (staged or self._waiting(known.owner) + size <= STAGED)
        before, failed, after = (copy.deepcopy(self.model) for _ in range(3))
        failed[image_id].status, failed[image_id].staged = Status.QUEUED, None
        after[image_id].status, after[image_id].staged = Status.ACTIVE, None
        after[image_id].data = coming
        with contextlib.suppress(VitrineError, Interruption, PowerCut):
            self.house.imports.request(ADMIN, image_id, wanted)
            self.house.run_jobs()
        possible = [after if fits else failed]
        if self.faults.failed is not None:
            self._recover()
            possible = [before, failed, *([after] if fits else [])]
        agreeing = [model for model in possible if self._agrees(model)]
        assert agreeing, f"none of {possible}"
        self.model = agreeing[0]

    @rule(who=ACTORS, image_id=images)
    def download(self, who: Context, image_id: str) -> None:
        image = self.model.get(image_id)
        refusal: _Refusal = None
        if image is None or not image.seen_by(who):
            refusal = errors.ImageNotFound
        elif "member" not in who.roles:
            refusal = _DENIED
        elif image.status is Status.DEACTIVATED and not who.is_admin:
            refusal = errors.ImageDeactivated

        def act(house: House) -> None:
            data = house.bytes_of(image_id, who)
            assert image is not None
            assert data == image.data

        self.do(act, refusal)

    # --- what is true all the time ---------------------------------------------------

    @invariant()
    def all_is_well(self) -> None:
        self.world.check_between()

    def teardown(self) -> None:
        self.world.settle(self.world.boot())
        self.world.check_at_rest()


TestLife = Life.TestCase
TestLife.settings = settings(stateful_step_count=40)
