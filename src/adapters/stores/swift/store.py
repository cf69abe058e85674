"""The store of blobs in Swift."""

import threading
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Final

from vitrine.adapters.stores.swift import manifests
from vitrine.adapters.stores.swift.locations import parse
from vitrine.adapters.stores.swift.places import Place, Tenancy
from vitrine.adapters.stores.swift.reading import check_found, open_object
from vitrine.adapters.stores.swift.removing import remove, remove_all, remove_container
from vitrine.adapters.stores.swift.writing import SESSION, Cutting, SwiftWriter
from vitrine.core import errors
from vitrine.ports.stores import (
    Ability,
    Audience,
    BlobReader,
    BlobTarget,
    BlobWriter,
    Store,
    StoreIdentity,
)

_LOCKS: Final = 64
_UNSEEN: Final = 2  # segments that may be on their way behind the last one that is there


class SwiftStore(Store):
    """Objects in Swift, each named by its key; large ones with segments beside them.

    Two processes that write the same key at the same moment are not told apart. No two
    sessions have one key, and none is what another one's segment is called.
    """

    def __init__(
        self,
        store_id: str,
        tenancy: Tenancy,
        cutting: Cutting,
        *,
        container: str,
        retries: int = 0,
    ) -> None:
        """Contact nobody yet.

        Args:
            store_id: The name of this store.
            tenancy: In whose accounts the blobs are.
            cutting: How large ones are cut.
            container: Shown to administrators.
            retries: How often a download that broke is gone on with.
        """
        self._id = store_id
        self._tenancy = tenancy
        self._cutting = cutting
        self._container = container
        self._retries = retries
        self._naming = [threading.RLock() for _ in range(_LOCKS)]

    @property
    def id(self) -> str:
        return self._id

    @property
    def kind(self) -> str:
        return "swift"

    @property
    def abilities(self) -> Ability:
        own = Ability.WRITE | Ability.DELETE | Ability.RANGE
        return own if self._tenancy.acl(Audience()) is None else own | Ability.AUDIENCE

    @property
    def properties(self) -> Mapping[str, object]:
        return {
            "container": self._container,
            "large_object_size": self._cutting.large,
            "large_object_chunk_size": self._cutting.chunk,
        }

    def holds(self, url: str) -> bool:
        location = parse(url)
        return location is not None and self._tenancy.holds(location)

    # --- writing ---------------------------------------------------------------------

    def begin(self, target: BlobTarget, identity: StoreIdentity) -> BlobWriter:
        place = self._tenancy.to_write(target, identity)
        try:
            _check_free(place)
            naming = self._naming[hash(target.key) % _LOCKS]
            return SwiftWriter(place, target, self._tenancy.url(place), self._cutting, naming)
        except BaseException:
            place.account.access.release()
            raise

    def discard(self, target: BlobTarget, handle: str | None, identity: StoreIdentity) -> None:
        place = self._tenancy.to_discard(target, handle, identity)
        if place is None:
            return
        account, container = place.account, place.container
        head = account.call("HEAD", container, target.key)
        if head.status < HTTPStatus.BAD_REQUEST:
            if head.headers.get(SESSION.lower()) != target.session_id:
                return  # somebody else's, as are the segments then
        elif head.status != HTTPStatus.NOT_FOUND:
            raise account.denial(head.status)
        # Also what is not there: so nothing comes of an upload that still goes on.
        remove(account, container, target.key)
        remove_all(account, container, self._left_segments(place))
        remove_container(place)

    def _left_segments(self, place: Place) -> Iterator[str]:
        key, last = place.name, 0
        for name in list(place.account.names(place.container, f"{key}-")):
            if manifests.is_segment(name, key):
                last = max(last, int(name.removeprefix(f"{key}-")))
                yield name
        for number in range(last + 1, last + 1 + _UNSEEN):
            yield manifests.segment_name(key, number)

    # --- what is there ---------------------------------------------------------------

    def open(
        self,
        url: str,
        identity: StoreIdentity,
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> BlobReader:
        place = self._place(url, identity)
        return open_object(
            place.account,
            place.container,
            place.name,
            offset=offset,
            length=length,
            retries=self._retries,
        )

    def size(self, url: str, identity: StoreIdentity) -> int:
        place = self._place(url, identity)
        answer = place.account.call("HEAD", place.container, place.name)
        check_found(answer.status)
        if answer.length is None:
            raise errors.StoreUnavailable
        return answer.length

    def delete(self, url: str, identity: StoreIdentity) -> None:
        place = self._place(url, identity)
        account, container, name = place.account, place.container, place.name
        head = account.call("HEAD", container, name)
        check_found(head.status)
        # The object goes last: until then a deletion that was cut short can be repeated.
        remove_all(account, container, manifests.segments_of(account, container, name, head))
        if not remove(account, container, name):
            raise errors.BlobNotFound
        remove_container(place)

    def admit(self, url: str, audience: Audience, identity: StoreIdentity) -> None:
        lists = self._tenancy.acl(audience)
        if lists is None:
            return
        place = self._place(url, identity)
        if not place.alone:
            # What else is in this container is for its owner to share.
            return
        check_found(place.account.call("POST", place.container, headers=lists).status)

    def check(self) -> None:
        self._tenancy.check()

    def _place(self, url: str, identity: StoreIdentity) -> Place:
        location = parse(url)
        if location is None:
            raise errors.BlobNotFound
        return self._tenancy.to_use(location, identity)


def _check_free(place: Place) -> None:
    status = place.account.call("HEAD", place.container, place.name).status
    if status < HTTPStatus.BAD_REQUEST:
        raise errors.BlobExists
    if status != HTTPStatus.NOT_FOUND:
        raise place.account.denial(status)
