"""Asking for imports: whatever can be refused at once, and the job that does the rest."""

from collections.abc import Callable, Collection
from typing import Final

import attrs

from vitrine.core import errors, policy
from vitrine.core.context import Context
from vitrine.core.events import EventType
from vitrine.core.images.access import ImageRecord
from vitrine.core.images.image import Image, is_image_id
from vitrine.core.importing import (
    ImportRequest,
    Method,
    StoreChoice,
    check_status,
    failed_of,
    input_of,
    still_to_copy,
    targets_of,
    with_progress,
)
from vitrine.core.jobs import Job, JobKind, locked
from vitrine.core.quota import Resource
from vitrine.ports.clock import Clock, Ids
from vitrine.ports.fetching import Fetcher
from vitrine.ports.jobs import CreateJob
from vitrine.ports.limits import Limits
from vitrine.ports.peers import PassedAnswer, PassedRequest
from vitrine.ports.persistence import Ledger
from vitrine.ports.stores import Ability, Stores
from vitrine.usecases.callers import Callers
from vitrine.usecases.discovery import IMPORT_METHODS, RESERVED_STORES
from vitrine.usecases.gate import Gate
from vitrine.usecases.locks import Locks
from vitrine.usecases.peers import Workers
from vitrine.usecases.units import Unit, Units

_MIB: Final = 1024 * 1024  # bytes


@attrs.frozen(kw_only=True)
class ImportPolicy:
    """What the operator decided about imports.

    Attributes:
        methods: The import methods that are enabled.
        sizes_first: Whether a project that keeps too much already is refused at once,
            as it is where an identity service knows its limits.
    """

    methods: Collection[str] = frozenset()
    sizes_first: bool = False


@attrs.frozen(kw_only=True)
class _Admitted:
    """An image, and the stores that are to get its data."""

    image: Image
    targets: tuple[str, ...]


class Imports:
    """Takes requests for imports."""

    def __init__(  # noqa: PLR0913 - everything that may be against an import
        self,
        *,
        units: Units,
        gate: Gate,
        stores: Stores,
        fetcher: Fetcher,
        limits: Limits,
        ledger: Ledger,
        locks: Locks,
        callers: Callers,
        workers: Workers,
        nudge: Callable[[], None],
        clock: Clock,
        ids: Ids,
        rules: ImportPolicy,
    ) -> None:
        """Take the parts; *nudge* tells those who run jobs that there is one."""
        self._units = units
        self._gate = gate
        self._stores = stores
        self._fetcher = fetcher
        self._limits = limits
        self._ledger = ledger
        self._locks = locks
        self._callers = callers
        self._workers = workers
        self._nudge = nudge
        self._clock = clock
        self._ids = ids
        self._rules = rules

    def request(
        self,
        context: Context,
        image_id: str,
        wanted: ImportRequest,
        *,
        store_id: str | None = None,
        request: PassedRequest | None = None,
    ) -> PassedAnswer | None:
        """Have data brought into an image.

        This returns when that has been noted; a job does it. Where every store that is
        meant has the data there is nothing to do, and no job.

        Another worker may have the data that was staged. Then that one is asked, and
        what it says is returned.

        Args:
            context: Who asks.
            image_id: The image.
            wanted: Where the data comes from, and where it goes.
            store_id: A store that was named beside it.
            request: How to ask another worker; None if this one has to answer.

        Raises:
            ReadOnlyCaller, ImageNotFound, NotPermitted: The caller may not do this.
            InvalidRequest: The method is not enabled, or lacks something; or stores are
                named where that makes no sense.
            QuotaExceeded: The caller's project keeps more than it may already.
            NotAllowedNow: The method does not begin in this status.
            FormatsMissing: A format is not set.
            BeingDeleted: The image is on its way out.
            ImportRunning: It is in the hands of another job.
            UnknownStore, StoreReadOnly: A store cannot take data.
            CopyExists: A store that was named has the data.
            WorkerUnreachable, WorkerFailed: Who has the staged data does not answer.
            UrlRefused: The operator does not let users name this address.
        """
        self._gate.check_may_change(context)
        if wanted.method not in IMPORT_METHODS or wanted.method not in self._rules.methods:
            raise errors.InvalidRequest(f"The import method '{wanted.method}' is not enabled.")
        self._check_room(context)
        admitted = self._admit(context, image_id, wanted, store_id)
        if not admitted.targets:
            return None
        if wanted.method is Method.GLANCE_DIRECT and request is not None:
            worker = self._workers.elsewhere(admitted.image)
            if worker is not None:
                return self._workers.pass_on(worker, request)
        if wanted.method is Method.WEB_DOWNLOAD:
            self._check_address(wanted)
        self._note(context, image_id, wanted, store_id)
        self._nudge()
        return None

    def _note(
        self, context: Context, image_id: str, wanted: ImportRequest, store_id: str | None
    ) -> None:
        job_id = self._ids.new()
        # Before the job is there to be seen: somebody may begin it at once.
        needs_token = wanted.method is Method.GLANCE_DOWNLOAD
        self._callers.remember(job_id, context, alone=needs_token)

        def story(unit: Unit) -> bool:
            admitted = self._admit(context, image_id, wanted, store_id)
            if not admitted.targets:
                return False
            image = self._locks.free(unit, admitted.image)
            job = self._job(job_id, context, image, wanted, admitted.targets)
            unit.do(CreateJob(job))
            unit.tell_task(EventType.TASK_CREATE, job)
            unit.save(admitted.image, locked(self._awaiting(image, admitted.targets), job_id))
            return True

        try:
            noted = self._units.run(story)
        except BaseException:
            self._callers.forget(job_id)
            raise
        if not noted:
            self._callers.forget(job_id)

    def _awaiting(self, image: Image, targets: tuple[str, ...]) -> Image:
        """Return *image* with its lists as they are when an import begins."""
        named = targets if self._stores.multiple else ()
        return with_progress(image, pending=named, failed=failed_of(image) - frozenset(named))

    # --- what may be against it ------------------------------------------------------

    def _check_room(self, context: Context) -> None:
        if not self._rules.sizes_first:
            return
        project, resource = context.project_id or "", Resource.SIZE_TOTAL
        limit = self._limits.of(project, resource)
        usage = self._ledger.usage(project)[resource]
        if limit is not None and (usage.used + usage.reserved) // _MIB > limit // _MIB:
            raise errors.QuotaExceeded(resource.value, limit)

    def _admit(
        self, context: Context, image_id: str, wanted: ImportRequest, store_id: str | None
    ) -> _Admitted:
        # The order is the one in which callers are told what is wrong.
        record = self._gate.find(context, image_id)
        image, method = record.image, wanted.method
        if not self._gate.shows(context, record):
            self._check_permission(context, record, method)
        check_status(image, method)
        if not (image.container_format and image.disk_format):
            raise errors.FormatsMissing(image.id)
        if method is Method.GLANCE_DOWNLOAD:
            _check_origin(wanted)
        self._check_permission(context, record, method)
        self._locks.check(image)
        choice = self._choice()
        targets = targets_of(wanted, store_id, choice)
        if method is Method.COPY_IMAGE:
            targets = still_to_copy(image, wanted, targets, choice)
        elif not targets:
            raise errors.InvalidRequest("No store takes data.")
        if not (wanted.all_must_succeed or choice.named):
            raise errors.InvalidRequest(
                "Where there is one store only, all_stores_must_succeed cannot be false."
            )
        return _Admitted(image=image, targets=targets)

    def _check_permission(self, context: Context, record: ImageRecord, method: Method) -> None:
        if method is Method.COPY_IMAGE:
            # The operator may let others than owners do this.
            self._gate.require(context, record, policy.COPY_IMAGE)
            record.image.check_not_being_deleted()
        else:
            self._gate.change(context, record, policy.MODIFY_IMAGE)

    def _choice(self) -> StoreChoice:
        listed = [info.id for info in self._stores.listed()]
        return StoreChoice(
            default=self._stores.default_id,
            named=self._stores.multiple,
            ids=tuple(each for each in listed if not each.startswith(RESERVED_STORES)),
            writable=frozenset(
                each for each in listed if Ability.WRITE in self._stores.get(each).abilities
            ),
        )

    def _check_address(self, wanted: ImportRequest) -> None:
        if wanted.uri is None:
            raise errors.UrlRefused("there is none")
        self._fetcher.check(wanted.uri)

    def _job(
        self,
        job_id: str,
        context: Context,
        image: Image,
        wanted: ImportRequest,
        targets: tuple[str, ...],
    ) -> Job:
        now = self._clock.now()
        return Job(
            id=job_id,
            kind=JobKind.API_IMAGE_IMPORT,
            image_id=image.id,
            owner=context.project_id,
            user_id=context.user_id,
            roles=context.roles,
            request_id=context.request_id,
            created_at=now,
            updated_at=now,
            input=input_of(image.id, wanted, targets if self._stores.multiple else [None]),
        )


def _check_origin(wanted: ImportRequest) -> None:
    if wanted.region is None or wanted.remote_id is None:
        raise errors.InvalidRequest(
            "The method glance-download needs a 'glance_region' and a 'glance_image_id'."
        )
    if not is_image_id(wanted.remote_id):
        raise errors.InvalidValue("glance_image_id", "it is no UUID")
