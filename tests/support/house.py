"""The whole service in memory, held still: what tests of use cases stand on."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import attrs

from tests.support.clock import CountingIds, ManualClock
from tests.support.fetching import MemoryFetcher
from tests.support.peers import HERE, MemoryPeers
from tests.support.remotes import MemoryRemotes
from tests.support.staging import ScratchStaging
from vitrine.adapters.http.documents import new_image
from vitrine.adapters.http.schemas.image import CustomSchema, ImageSchema
from vitrine.adapters.inspection.oslo import OsloInspector
from vitrine.adapters.persistence.memory.persistence import MemoryPersistence
from vitrine.adapters.policy.authorizer import OsloAuthorizer
from vitrine.adapters.stores.catalogue import StoreCatalogue
from vitrine.adapters.stores.memory import MemoryStore
from vitrine.adapters.work.aside import InlineAsides
from vitrine.adapters.work.heartbeat import ManualHeartbeat
from vitrine.adapters.work.pump import InlinePump
from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.events import Event
from vitrine.core.images.creation import NewImage
from vitrine.core.images.image import Image
from vitrine.core.importing import Method
from vitrine.core.jobs import JobKind
from vitrine.core.protection import Protections
from vitrine.core.quota import Quotas, Resource
from vitrine.core.signatures import Signature
from vitrine.ports.cache import Cache
from vitrine.ports.fetching import Fetcher
from vitrine.ports.inspection import Inspector
from vitrine.ports.limits import Limits
from vitrine.ports.notifications import Notifier
from vitrine.ports.persistence import Persistence
from vitrine.ports.signatures import Signatures, Verification
from vitrine.ports.staging import Staging
from vitrine.ports.stores import Store, StoreInfo
from vitrine.usecases.audiences import Audiences
from vitrine.usecases.caching import CachedDownloads, Caching, Fills
from vitrine.usecases.callers import CallerHere, Callers, Presence
from vitrine.usecases.catalogue import CatalogueRules, Images
from vitrine.usecases.copies import Copies
from vitrine.usecases.data import DataRules, ImageData
from vitrine.usecases.discarding import Discarding
from vitrine.usecases.examining import Examiner
from vitrine.usecases.filling import Filling, FillingRules
from vitrine.usecases.gate import Gate
from vitrine.usecases.housekeeping import Housekeeping, Relay
from vitrine.usecases.import_job import ImageImport
from vitrine.usecases.importing import ImportPolicy, Imports
from vitrine.usecases.jobs import Runs
from vitrine.usecases.leftovers import Leftovers
from vitrine.usecases.locations import LocationImport, LocationPolicy, Locations
from vitrine.usecases.locks import Locks
from vitrine.usecases.peers import Places, StagedHere, Workers
from vitrine.usecases.preparing import Preparations
from vitrine.usecases.remotes import from_another_region
from vitrine.usecases.removal import Removal
from vitrine.usecases.sharing import Sharing
from vitrine.usecases.sources import from_the_web, staged
from vitrine.usecases.staging import ImageStaging, StagingRules
from vitrine.usecases.task_import import TaskImport
from vitrine.usecases.tasks import Tasks
from vitrine.usecases.undoing import Undoing
from vitrine.usecases.units import Units

TTL = timedelta(seconds=60)
KEEP = timedelta(hours=48)  # how long jobs that ended are remembered, unless a test says otherwise

ADMIN = Context(
    user_id="root", project_id="admin", roles={"admin", "member", "reader"}, is_admin=True
)
DEMO = Context(user_id="dora", project_id="demo", roles={"member", "reader"})
DEMO_READER = Context(user_id="rita", project_id="demo", roles={"reader"})
ALT = Context(user_id="alma", project_id="alt", roles={"member", "reader"})


class FixedLimits(Limits):
    """Limits that a test sets, the same for every project."""

    def __init__(self) -> None:
        self.limits: dict[Resource, int | None] = {}

    def of(self, project: str, resource: Resource) -> int | None:
        return self.limits.get(resource)


class ListeningNotifier(Notifier):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.published: list[Event] = []
        self.noticed: list[Event] = []

    @property
    def enabled(self) -> bool:
        return True

    def publish(self, events: Sequence[Event]) -> None:
        self.published.extend(events)

    def notice(self, event: Event) -> None:
        self.noticed.append(event)

    def close(self) -> None:
        pass


class PlainSignatures(Signatures):
    """Takes the SHA-256 of the bytes for their signature, and one key manager for away."""

    def begin(self, signature: Signature, caller: Context) -> Verification:
        if signature.certificate_id == "away":
            raise errors.KeyManagerUnavailable
        return _PlainVerification(signature.value)


class _PlainVerification(Verification):
    def __init__(self, expected: str) -> None:
        self._expected = expected
        self._hash = hashlib.sha256()

    def update(self, piece: bytes) -> None:
        self._hash.update(piece)

    def finish(self) -> None:
        if self._hash.hexdigest() != self._expected:
            raise errors.SignatureInvalid("it is another one")


class House:
    """Every use case over adapters that live in memory.

    Attributes that tests pass in stand in for the default: a persistence or a
    store that fails, say. `tests.support.world` keeps what outlives a power cut.
    """

    def __init__(
        self,
        *,
        persistence: Persistence | None = None,
        stores: Mapping[str, Store] | None = None,
        clock: ManualClock | None = None,
        ids: CountingIds | None = None,
        quotas: Quotas | None = None,
        protections: Protections | None = None,
        rules: DataRules | None = None,
        catalogue_rules: CatalogueRules | None = None,
        location_rules: LocationPolicy | None = None,
        import_rules: ImportPolicy | None = None,
        keep: timedelta = KEEP,
        inspector: Inspector | None = None,
        notifier: Notifier | None = None,
        fetcher: Fetcher | None = None,
        staging: Staging | None = None,
        staging_rules: StagingRules | None = None,
        staging_ttl: timedelta | None = None,
        preparations: Preparations | None = None,
        filling_rules: FillingRules | None = None,
        cache: Cache | None = None,
    ) -> None:
        self.clock = clock or ManualClock()
        self.ids = ids or CountingIds()
        self.persistence = persistence or MemoryPersistence(self.clock.now)
        self.stores = dict(stores or {"memory": MemoryStore("memory")})
        self.catalogue = StoreCatalogue(
            [(StoreInfo(id=name), store) for name, store in self.stores.items()],
            default_id=next(iter(self.stores)),
            multiple=len(self.stores) > 1,
        )
        self.staging = staging or ScratchStaging()
        self.fetcher = MemoryFetcher()
        self.notifier = ListeningNotifier()
        web, bus = fetcher or self.fetcher, notifier or self.notifier
        self.limits = FixedLimits()
        self.quotas = quotas or Quotas()
        self.heartbeat = ManualHeartbeat(
            self.persistence.leases, ttl=TTL, monotonic=self.clock.monotonic
        )
        self.units = Units(self.persistence, self.clock, self.ids, bus)
        self.gate = Gate(
            self.persistence, _AUTHORIZER, protections or Protections.none(), self.catalogue
        )
        self.removal = Removal(
            persistence=self.persistence,
            units=self.units,
            stores=self.catalogue,
            staging=self.staging,
            heartbeat=self.heartbeat,
            clock=self.clock,
            ids=self.ids,
        )
        self.discarding = Discarding(
            persistence=self.persistence,
            units=self.units,
            stores=self.catalogue,
            heartbeat=self.heartbeat,
            clock=self.clock,
            ids=self.ids,
        )
        audiences = Audiences(persistence=self.persistence, stores=self.catalogue)
        caching = None if cache is None else self._caching(cache)
        self.peers = MemoryPeers()
        self.workers = Workers(self.peers, own=HERE)
        self.images = Images(
            audiences=audiences,
            persistence=self.persistence,
            units=self.units,
            gate=self.gate,
            removal=self.removal,
            discarding=self.discarding,
            stores=self.catalogue,
            fetcher=web,
            limits=self.limits,
            quotas=self.quotas,
            workers=self.workers,
            clock=self.clock,
            ids=self.ids,
            rules=catalogue_rules,
            caching=caching,
        )
        self.copies = Copies(
            units=self.units,
            gate=self.gate,
            stores=self.catalogue,
            discarding=self.discarding,
            clock=self.clock,
            ids=self.ids,
        )
        self.data = ImageData(
            audiences=audiences,
            persistence=self.persistence,
            units=self.units,
            gate=self.gate,
            stores=self.catalogue,
            inspector=inspector or OsloInspector(),
            signatures=PlainSignatures(),
            limits=self.limits,
            notifier=bus,
            pump=InlinePump(),
            heartbeat=self.heartbeat,
            clock=self.clock,
            ids=self.ids,
            rules=rules or DataRules(),
            caching=caching,
        )
        self.sharing = Sharing(
            audiences=audiences,
            persistence=self.persistence,
            units=self.units,
            gate=self.gate,
            quotas=self.quotas,
            clock=self.clock,
        )
        self.image_staging = ImageStaging(
            persistence=self.persistence,
            units=self.units,
            gate=self.gate,
            staging=self.staging,
            limits=self.limits,
            pump=InlinePump(),
            heartbeat=self.heartbeat,
            clock=self.clock,
            ids=self.ids,
            rules=staging_rules or StagingRules(),
        )
        self.housekeeping = Housekeeping(
            persistence=self.persistence,
            units=self.units,
            stores=self.catalogue,
            removal=self.removal,
            discarding=self.discarding,
            staging=[self.staging],
            image_staging=self.image_staging,
            leftovers=[
                Leftovers(
                    persistence=self.persistence,
                    units=self.units,
                    staging=self.staging,
                    clock=self.clock,
                    grace=2 * TTL,
                    ttl=staging_ttl,
                )
            ],
            heartbeat=self.heartbeat,
            clock=self.clock,
            ids=self.ids,
        )
        place = location_rules or LocationPolicy()
        self.nudges = 0
        self.locks = Locks(self.persistence, self.clock, keep=keep)
        self.locations = Locations(
            units=self.units,
            gate=self.gate,
            stores=self.catalogue,
            fetcher=web,
            nudge=self._nudge,
            clock=self.clock,
            ids=self.ids,
            locks=self.locks,
        )
        self.callers = Callers(Presence(self.persistence.leases, self.heartbeat, self.ids))
        self.remotes = MemoryRemotes()
        self.imports = Imports(
            units=self.units,
            gate=self.gate,
            stores=self.catalogue,
            fetcher=web,
            limits=self.limits,
            ledger=self.persistence.ledger,
            locks=self.locks,
            callers=self.callers,
            workers=self.workers,
            nudge=self._nudge,
            clock=self.clock,
            ids=self.ids,
            rules=import_rules or ImportPolicy(methods=frozenset(Method)),
        )
        importing = LocationImport(
            persistence=self.persistence,
            units=self.units,
            stores=self.catalogue,
            fetcher=web,
            limits=self.limits,
            quotas=self.quotas,
            pump=InlinePump(),
            claims=self.discarding.claims,
            clock=self.clock,
            rules=place,
        )
        chosen = rules or DataRules()
        self.undoing = Undoing(
            persistence=self.persistence,
            units=self.units,
            staging=self.staging,
            discarding=self.discarding,
            callers=self.callers,
            clock=self.clock,
            ids=self.ids,
        )
        self.filling = Filling(
            persistence=self.persistence,
            units=self.units,
            stores=self.catalogue,
            staging=self.staging,
            preparations=preparations or Preparations(),
            examiner=Examiner(
                inspector=inspector or OsloInspector(),
                signatures=PlainSignatures(),
                algorithm=chosen.algorithm,
                formats=chosen.formats,
            ),
            limits=self.limits,
            pump=InlinePump(),
            heartbeat=self.heartbeat,
            discarding=self.discarding,
            undoing=self.undoing,
            audiences=audiences,
            callers=self.callers,
            clock=self.clock,
            ids=self.ids,
            rules=filling_rules or FillingRules(largest=chosen.largest, signed=chosen.signed),
        )
        image_import = ImageImport(
            filling=self.filling,
            undoing=self.undoing,
            sources={
                Method.GLANCE_DIRECT: staged(self.staging),
                Method.WEB_DOWNLOAD: from_the_web(web),
                Method.GLANCE_DOWNLOAD: from_another_region(
                    self.remotes, self.callers, taken_along=("hw_", "os_type")
                ),
            },
            stores=self.catalogue,
            callers=self.callers,
            here=Places(
                StagedHere(persistence=self.persistence, staging=self.staging, clock=self.clock),
                CallerHere(self.callers),
            ).here,
        )
        self.tasks = Tasks(
            persistence=self.persistence,
            units=self.units,
            gate=self.gate,
            fetcher=web,
            callers=self.callers,
            nudge=self._nudge,
            clock=self.clock,
            ids=self.ids,
        )
        task_import = TaskImport(
            persistence=self.persistence,
            units=self.units,
            gate=self.gate,
            images=self.images,
            stores=self.catalogue,
            fetcher=web,
            filling=self.filling,
            undoing=self.undoing,
            callers=self.callers,
            read_image=lambda document: new_image(document, _SCHEMA),
            has_place=True,
        )
        self.runs = Runs(
            persistence=self.persistence,
            units=self.units,
            heartbeat=self.heartbeat,
            clock=self.clock,
            ids=self.ids,
            handlers={
                JobKind.IMPORT: task_import,
                JobKind.API_IMAGE_IMPORT: image_import,
                JobKind.LOCATION_IMPORT: importing,
            },
            keep=keep,
        )
        self.relay = Relay(persistence=self.persistence, notifier=bus, ids=self.ids, ttl=TTL)

    def fills(self, cache: Cache) -> Fills:
        """Return what puts images into a cache of this house."""
        return Fills(
            cache=cache,
            persistence=self.persistence,
            heartbeat=self.heartbeat,
            clock=self.clock,
            ids=self.ids,
        )

    def _caching(self, cache: Cache) -> Caching:
        fills = self.fills(cache)
        return CachedDownloads(cache=cache, fills=fills, asides=InlineAsides(), clock=self.clock)

    def _nudge(self) -> None:
        self.nudges += 1

    def run_jobs(self) -> int:
        """Run what is due once; return how many jobs came to an end."""
        return sum(self.runs.run(job_id) for job_id in self.runs.due(100))

    def create(self, context: Context = DEMO, **fields: Any) -> Image:  # noqa: ANN401 - fields of NewImage
        """Create an image that can take raw data, changed by *fields*."""
        new = attrs.evolve(NewImage(disk_format="raw", container_format="bare"), **fields)
        return self.images.create(context, new)

    def upload(self, image_id: str, data: bytes, context: Context = DEMO, **how: Any) -> None:  # noqa: ANN401 - arguments of upload
        """Store *data* in small pieces."""
        self.data.upload(context, image_id, pieces(data), **how)

    def stage(self, image_id: str, data: bytes, context: Context = DEMO, **how: Any) -> None:  # noqa: ANN401 - arguments of stage
        """Stage *data* in small pieces."""
        self.image_staging.stage(context, image_id, pieces(data), **how)

    def stored(self, image_id: str) -> Image:
        """Return an image as it is remembered, whoever may see it."""
        record = self.persistence.images.get(image_id)
        assert record is not None
        return record.image

    def bytes_of(self, image_id: str, context: Context = DEMO) -> bytes | None:
        """Download an image whole."""
        download = self.data.download(context, image_id)
        if download is None:
            return None
        try:
            return b"".join(download.reader.pieces())
        finally:
            download.reader.close()


_AUTHORIZER = OsloAuthorizer()
_SCHEMA = ImageSchema(
    disk_formats=("raw", "qcow2"), container_formats=("bare",), custom=CustomSchema()
)


def pieces(data: bytes, size: int = 1000) -> Iterator[bytes]:
    """Cut *data* up."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
