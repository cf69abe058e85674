"""Deleting one copy of an image's bytes."""

import logging
from typing import Final

from vitrine.core import errors
from vitrine.ports.stores import Store, StoreIdentity

_log: Final = logging.getLogger(__name__)


def delete_blob(store: Store, url: str, identity: StoreIdentity, image_id: str) -> None:
    """Delete what is at *url*, a copy of the bytes of an image, if anything is.

    A store whose answer was lost is asked once more whether the bytes are there:
    a copy must not be put back on an image when it is gone.

    Raises:
        BlobInUse, NotPermitted: The store refuses; the bytes are there.
        StoreUnavailable: They are there, or nobody can tell.
    """
    try:
        store.delete(url, identity)
    except errors.BlobNotFound:
        _log.warning("Data of image %s was gone before it was deleted.", image_id)
    except errors.StoreUnavailable as lost:
        try:
            store.size(url, identity)
        except errors.BlobNotFound:
            return
        except errors.VitrineError:
            raise lost from None
        raise
