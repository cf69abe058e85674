"""The store of volumes."""

import contextlib
import threading
from collections.abc import Mapping
from typing import Final

import attrs

from vitrine.adapters.stores.cinder import names
from vitrine.adapters.stores.cinder.access import Clients
from vitrine.adapters.stores.cinder.attachments import Attacher, SharedReaders
from vitrine.adapters.stores.cinder.calls import Busy
from vitrine.adapters.stores.cinder.claims import is_taken
from vitrine.adapters.stores.cinder.reader import VolumeReader
from vitrine.adapters.stores.cinder.volumes import Patience, Volume, Volumes
from vitrine.adapters.stores.cinder.writer import Draft, VolumeWriter, remove
from vitrine.core import errors
from vitrine.ports.credentials import Access, Account, StoreCredentials
from vitrine.ports.stores import (
    SERVICE,
    Ability,
    BlobReader,
    BlobTarget,
    BlobWriter,
    Store,
    StoreIdentity,
)

_ABILITIES: Final = Ability.WRITE | Ability.DELETE | Ability.RANGE


@attrs.frozen(kw_only=True)
class CinderSettings:
    """What distinguishes one store of volumes from another.

    Attributes:
        named: Whether the store's id is a part of its locations.
        account: Whose the volumes are; None leaves each to whoever uploads it.
        volume_type: Of new volumes; None for Cinder's default.
        use_multipath: Shown to administrators; the attacher knows by itself.
        extend_attached: Whether a volume stays attached while it grows.
        patience: How long Cinder is given.
    """

    named: bool
    account: Account | None
    volume_type: str | None
    use_multipath: bool
    extend_attached: bool
    patience: Patience


class CinderStore(Store):
    """Images as volumes, one for each, which Cinder can copy without moving a byte."""

    def __init__(
        self,
        store_id: str,
        settings: CinderSettings,
        *,
        clients: Clients,
        credentials: StoreCredentials,
        attacher: Attacher,
    ) -> None:
        """Contact nobody yet."""
        self._id = store_id
        self._settings = settings
        self._clients = clients
        self._credentials = credentials
        self._attacher = attacher
        self._readers = SharedReaders(attacher)
        self._writers: dict[str, VolumeWriter] = {}
        self._own: Volumes | None = None
        self._lock = threading.Lock()

    @property
    def id(self) -> str:
        return self._id

    @property
    def kind(self) -> str:
        return "cinder"

    @property
    def abilities(self) -> Ability:
        return _ABILITIES

    @property
    def properties(self) -> Mapping[str, object]:
        return {
            "volume_type": self._settings.volume_type,
            "use_multipath": self._settings.use_multipath,
        }

    def holds(self, url: str) -> bool:
        return names.volume_id_of(self._id, url) is not None

    def canonical(self, url: str) -> str:
        volume_id = names.volume_id_of(self._id, url)
        if volume_id is None:
            return url
        return names.url_of(self._id if self._settings.named else None, volume_id)

    # --- writing ---------------------------------------------------------------------

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        volumes = self._volumes(identity, lasting=True)
        try:
            volume = self._create(volumes, target, identity)
        except BaseException:
            volumes.release()
            raise
        url = names.url_of(self._id if self._settings.named else None, volume.id)
        writer = VolumeWriter(
            Draft(volumes=volumes, volume=volume, url=url),
            self._attacher,
            extend_attached=self._settings.extend_attached,
            ended=self._forget,
        )
        with self._lock:
            self._writers[volume.id] = writer
        return writer

    def _create(self, volumes: Volumes, target: BlobTarget, identity: StoreIdentity) -> Volume:
        if is_taken(volumes, target.key):
            raise errors.BlobExists
        return volumes.create(
            names.name_of(target.key),
            names.gib_for(target.size or 0),
            metadata=names.metadata_for(target, identity),
            kind=self._settings.volume_type,
        )

    def discard(self, target: BlobTarget, handle: str | None, identity: StoreIdentity) -> None:
        volumes = self._volumes(identity)
        for volume in self._left_by(volumes, target, handle, identity):
            with self._lock:
                writer = self._writers.get(volume.id)
            if writer is not None:
                writer.revoke()
            try:
                remove(volumes, volume.id)
            except errors.BlobNotFound:
                continue
            except (Busy, errors.NotPermitted):
                # Its writer lives elsewhere, or has ended a moment ago: another time.
                raise errors.StoreUnavailable from None

    def _left_by(
        self, volumes: Volumes, target: BlobTarget, handle: str | None, identity: StoreIdentity
    ) -> list[Volume]:
        # The service cleans up after callers in projects that are not its own.
        everywhere = self._settings.account is None and identity.caller is None
        found = {
            volume.id: volume
            for volume in volumes.named(names.name_of(target.key), everywhere=everywhere)
        }
        if handle is not None and handle not in found:
            with contextlib.suppress(errors.BlobNotFound):
                found[handle] = volumes.get(handle)
        return [volume for volume in found.values() if names.belongs_to(volume, target)]

    def _forget(self, volume_id: str) -> None:
        with self._lock:
            self._writers.pop(volume_id, None)

    # --- reading ---------------------------------------------------------------------

    def open(
        self,
        url: str,
        identity: StoreIdentity,
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> BlobReader:
        volumes = self._volumes(identity)
        volume = self._locate(volumes, url)
        rest = max(0, names.size_of(volume) - offset)
        wanted = rest if length is None else min(length, rest)
        if not wanted:
            return VolumeReader(None, offset, 0, lambda: None)
        device = self._readers.enter(volumes, volume.id)
        return VolumeReader(device, offset, wanted, lambda: self._leave(volumes, volume.id))

    def size(self, url: str, identity: StoreIdentity) -> int:
        return names.size_of(self._locate(self._volumes(identity), url))

    def delete(self, url: str, identity: StoreIdentity) -> None:
        volumes = self._volumes(identity)
        volume = self._locate(volumes, url)
        try:
            volumes.delete(volume.id)
        except Busy:
            if not self._attacher.clear_dead(volumes, volume.id):
                raise errors.BlobInUse from None
            try:
                volumes.delete(volume.id)
            except Busy:
                raise errors.BlobInUse from None

    def check(self) -> None:
        self._volumes(SERVICE).check()
        self._attacher.pay_debts()

    def _leave(self, volumes: Volumes, volume_id: str) -> None:
        # If somebody else ended the attachment, so be it. If Cinder does not answer, the
        # attacher does later what is left to do.
        with contextlib.suppress(errors.BlobNotFound, errors.StoreUnavailable):
            self._readers.leave(volumes, volume_id)

    def _locate(self, volumes: Volumes, url: str) -> Volume:
        volume_id = names.volume_id_of(self._id, url)
        if volume_id is None:
            raise errors.BlobNotFound
        volume = volumes.get(volume_id)
        if volume.going or not names.is_committed(volume):
            raise errors.BlobNotFound
        return volume

    # --- on whose behalf -------------------------------------------------------------

    def _volumes(self, identity: StoreIdentity, *, lasting: bool = False) -> Volumes:
        if self._settings.account is not None:
            with self._lock:
                if self._own is None:
                    self._own = self._of(self._credentials.account(self._settings.account))
                return self._own
        if identity.caller is None:
            return self._of(self._credentials.service())
        access = self._credentials.caller(identity.caller, lasting=lasting)
        return self._of(access, guest=True)

    def _of(self, access: Access, *, guest: bool = False) -> Volumes:
        return Volumes(self._clients, access, self._settings.patience, guest=guest)
