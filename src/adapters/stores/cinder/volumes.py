"""The volumes of one project: what a store asks of Cinder, and what the answers mean."""

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from vitrine.adapters.stores.cinder.access import Client, Clients
from vitrine.adapters.stores.cinder.calls import Busy, Calls
from vitrine.core import errors
from vitrine.ports.credentials import Access

_log: Final = logging.getLogger(__name__)

GIB: Final = 1024**3
_FIRST_LOOK: Final = 0.05  # seconds until a state is looked at again; then longer and longer
_LAST_LOOK: Final = 2.0

_PASSING: Final = frozenset(
    {"creating", "downloading", "extending", "attaching", "detaching", "reserved", "managing"}
)
_GOING: Final = frozenset({"deleting"})


@attrs.frozen(kw_only=True)
class Volume:
    """A volume as Cinder described it.

    Attributes:
        id: Of Cinder's making, a UUID.
        gib: Its size in GiB.
        created_at: When it was made, as Cinder writes it: it sorts by time.
        holders: What those who have it attached called the place, by attachment.
    """

    id: str
    name: str
    status: str
    gib: int
    created_at: str
    metadata: Mapping[str, str]
    holders: Mapping[str, str]

    @property
    def going(self) -> bool:
        """Whether it is being deleted."""
        return self.status in _GOING

    @property
    def failed(self) -> bool:
        """Whether Cinder gave it up."""
        return self.status.startswith("error")


@attrs.frozen(kw_only=True)
class Patience:
    """How long Cinder is given.

    Attributes:
        retries: How often a call that did not get through is repeated.
        state: Seconds for a volume to get from one state to another.
    """

    retries: int
    state: float


class Volumes:
    """Cinder, with somebody's rights. Safe to share between threads.

    Every method raises `StoreUnavailable` where Cinder does not answer or lets nobody in, and
    `BlobNotFound` where there is no such volume, if nothing else is said.
    """

    def __init__(
        self, clients: Clients, access: Access, patience: Patience, *, guest: bool = False
    ) -> None:
        """Contact nobody; *guest* tells whether the rights are a caller's."""
        self._clients = clients
        self._access = access
        self._patience = patience
        self._client: Client = clients.of(access)
        self._call = Calls(retries=patience.retries, guest=guest)

    def release(self) -> None:
        """End what was delegated for this use alone. Never raises; may be called again."""
        self._access.release()

    # --- looking ---------------------------------------------------------------------

    def get(self, volume_id: str) -> Volume:
        """Return a volume."""
        return _described(self._call(lambda: self._client.volumes.get(volume_id)))

    def named(self, name: str, *, everywhere: bool = False) -> Sequence[Volume]:
        """Return the volumes with a name, which need not be one only.

        Args:
            name: The whole of it.
            everywhere: Those of other projects too, for who may see them.
        """
        asked = {"name": name, **({"all_tenants": 1} if everywhere else {})}
        found = self._call(lambda: self._client.volumes.list(search_opts=asked))
        # Some databases do not tell capitals from others.
        return [volume for volume in map(_described, found) if volume.name == name]

    def check(self) -> None:
        """Return if Cinder answers."""
        self._call(lambda: self._client.volumes.list(detailed=False, limit=1))

    # --- making and changing ---------------------------------------------------------

    def create(
        self, name: str, gib: int, *, metadata: Mapping[str, str], kind: str | None
    ) -> Volume:
        """Ask for a volume, which is not there yet when this returns.

        Raises:
            StoreFull: The project may have no more.
        """

        def create() -> Any:  # noqa: ANN401 - as the library has it
            return self._client.volumes.create(
                gib, name=name, metadata=dict(metadata), volume_type=kind
            )

        try:
            # Not repeated: there might be two then.
            return _described(self._call(create, repeatable=False))
        except errors.BlobNotFound:  # there is no such type of volumes
            _log.warning("Cinder has not what a new volume needs: is cinder_volume_type right?")
            raise errors.StoreUnavailable from None

    def settled(self, volume_id: str) -> Volume:
        """Wait until a volume is in a state that lasts, and return it.

        Raises:
            StoreUnavailable: Also when that takes too long, or Cinder gave the volume up.
        """
        volume = self._wait(volume_id, _PASSING)
        if volume.failed:
            _log.warning("Cinder could not do its work: a volume is in state %s.", volume.status)
            raise errors.StoreUnavailable
        return volume

    def extend(self, volume_id: str, gib: int) -> None:
        """Make a volume larger, and return when it is.

        Raises:
            StoreFull: The project may have no more.
        """
        self._call(lambda: self._client.volumes.extend(volume_id, gib))
        if self.settled(volume_id).gib < gib:
            raise errors.StoreUnavailable

    def extend_attached(self, volume_id: str, gib: int, notice: Callable[[], None]) -> None:
        """Make a volume larger although it is attached.

        Args:
            volume_id: Which.
            gib: The size it shall have.
            notice: Makes this machine see the new size; some back ends then have to be told.

        Raises:
            StoreFull: The project may have no more.
        """
        self._call(lambda: self._client.volumes.extend(volume_id, gib))
        volume = self._until(
            volume_id, lambda volume: volume.gib >= gib or volume.status != "extending"
        )
        notice()
        if volume.status == "extending":
            client = self._clients.of(self._access, newest=True)
            with contextlib.suppress(Busy):  # it came to its end by itself meanwhile
                self._call(
                    lambda: client.volumes.extend_volume_completion(volume_id, error=False),
                    state_matters=True,
                )
        if self.settled(volume_id).gib < gib:
            raise errors.StoreUnavailable

    def note(self, volume_id: str, metadata: Mapping[str, str]) -> None:
        """Add to a volume's metadata, or change it."""
        self._call(lambda: self._client.volumes.set_metadata(volume_id, dict(metadata)))

    def forget(self, volume_id: str, name: str) -> None:
        """Remove one of a volume's metadata."""
        self._call(lambda: self._client.volumes.delete_metadata(volume_id, [name]))

    def protect(self, volume_id: str) -> None:
        """Let a volume be attached for reading only, from now on."""
        self._call(lambda: self._client.volumes.update_readonly_flag(volume_id, flag=True))

    # --- attaching -------------------------------------------------------------------

    def attach(
        self, volume_id: str, mode: str, connector: Mapping[str, object]
    ) -> tuple[str, dict[str, Any]]:
        """Let a machine reach a volume.

        Return the id of the attachment, and what os-brick is told, which has secrets in it.

        Raises:
            Busy: It cannot be attached now.
        """
        made: dict[str, Any] = self._call(
            lambda: self._client.attachments.create(volume_id, dict(connector), None, mode),
            repeatable=False,
            state_matters=True,
        )
        info: dict[str, Any] = made["connection_info"]
        if "export" in info:
            # What is a file is in some format, which is told to who asks again only.
            again = self._call(lambda: self._client.attachments.show(made["id"]))
            info = {**info, "format": again.connection_info.get("format")}
        return str(made["id"]), info

    def complete(self, attachment_id: str) -> None:
        """Say that an attachment is in use now."""
        self._call(lambda: self._client.attachments.complete(attachment_id))

    def attachments(self, volume_id: str) -> Sequence[str]:
        """Return the ids of a volume's attachments."""
        asked = {"volume_id": volume_id}
        found = self._call(lambda: self._client.attachments.list(search_opts=asked))
        return [str(each.id) for each in found]

    def detach(self, attachment_id: str) -> None:
        """End an attachment."""
        self._call(lambda: self._client.attachments.delete(attachment_id))

    # --- deleting --------------------------------------------------------------------

    def delete(self, volume_id: str) -> None:
        """Delete a volume, and return when it is gone.

        Raises:
            Busy: It is in use, or something depends on it; it stays.
            NotPermitted: It may not be deleted.
        """
        try:
            self._call(
                lambda: self._client.volumes.delete(volume_id),
                state_matters=True,
                refusal=errors.NotPermitted("delete_image"),
            )
        except Busy:
            # It may be that somebody else is deleting it.
            if not self.get(volume_id).going:
                raise
            self._gone(volume_id)
            raise errors.BlobNotFound from None
        self._gone(volume_id)

    def _gone(self, volume_id: str) -> None:
        try:
            volume = self._wait(volume_id, _GOING)
        except errors.BlobNotFound:
            return
        if volume.failed:
            raise errors.StoreUnavailable
        # Cinder tried, and its back end would not.
        raise Busy

    # --- inside ----------------------------------------------------------------------

    def _wait(self, volume_id: str, passing: frozenset[str]) -> Volume:
        return self._until(volume_id, lambda volume: volume.status not in passing)

    def _until(self, volume_id: str, there: Callable[[Volume], bool]) -> Volume:
        end = time.monotonic() + self._patience.state
        pause = _FIRST_LOOK
        while not there(volume := self.get(volume_id)):
            if time.monotonic() > end:
                _log.warning("Cinder left a volume in state %s for too long.", volume.status)
                raise errors.StoreUnavailable
            time.sleep(pause)
            pause = min(pause * 1.5, _LAST_LOOK)
        return volume


def _described(answer: Any) -> Volume:  # noqa: ANN401 - as the library has it
    return Volume(
        id=str(answer.id),
        name=answer.name or "",
        status=answer.status,
        gib=int(answer.size),
        created_at=answer.created_at or datetime.now(UTC).isoformat(),
        metadata={str(name): str(value) for name, value in (answer.metadata or {}).items()},
        holders={each["attachment_id"]: each["device"] or "" for each in answer.attachments or ()},
    )
