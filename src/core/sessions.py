"""Sessions: work on an image's bytes that may be cut short at any moment.

A session is recorded before the first byte moves, so that whoever finds it
without a live lease knows what to clean up.
"""

import enum
from datetime import datetime

import attrs


class SessionKind(enum.StrEnum):
    """What a session does to the image's bytes."""

    UPLOAD = "upload"
    STAGE = "stage"
    COPY = "copy"
    DELETION = "deletion"
    DISCARD = "discard"
    DOUBT = "doubt"


@attrs.frozen(kw_only=True)
class Session:
    """One piece of work, named by its id; its lease has the same name.

    Attributes:
        id: A UUID.
        kind: What is done. An upload gives an image its only bytes; staging puts them
            where they wait for their import; a copy adds bytes in one more store, or in a
            place on the way there, in the course of a job, and decides nothing about the
            image. A discard deletes bytes that no image names any more; a doubt finds out
            whether bytes that an image names were deleted after all.
        image_id: To whose bytes.
        started_at: UTC.
        store_id: The store that is written to; None for staging, for a copy on the way
            to stores, and for a deletion, which has to do with every store that keeps a copy.
        key: The name the bytes are kept under; None for a deletion.
        handle: What the store calls the unfinished object, where it gives it a
            name of its own (a multipart upload, a volume); of a discard or
            a doubt, the address of the bytes; else None.
    """

    id: str
    kind: SessionKind
    image_id: str
    started_at: datetime
    store_id: str | None = None
    key: str | None = None
    handle: str | None = attrs.field(default=None, repr=False)

    def of_no_blob(self, handle: str | None) -> "Session":
        """Return this session with a key that no blob has, and the *handle* it came to have.

        What is unfinished is found by the id of the session or by its handle; a store
        that finds it by the key only (the parts of large objects, in some) finds nothing.
        """
        # The name of every other blob begins with the id of an image.
        return attrs.evolve(self, key=f"unfinished-{self.id}", handle=handle)


def blob_key(image_id: str, attempt: int) -> str:
    """Return the name for the bytes of one attempt to write an image, counted from 1.

    Every attempt has its own, so a writer that lost its lease can never touch
    the bytes of its successor. The first one is the image's id alone, as every
    tool that looks into such stores expects.
    """
    return image_id if attempt <= 1 else f"{image_id}.{attempt}"
