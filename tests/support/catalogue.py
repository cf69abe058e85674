"""What a server remembers, changed behind its back: states that no caller can bring about."""

import uuid
from datetime import timedelta

import attrs

from tests.support.server import Server
from vitrine.adapters.persistence.sql.persistence import SqlPersistence
from vitrine.core.images.image import Image
from vitrine.ports.persistence import Changeset, Command, SaveImage


def rewrite(server: Server, image_id: object, **fields: object) -> None:
    """Set *fields*, named as those of `Image`, in the embedded database of *server*."""
    persistence = SqlPersistence(f"sqlite:///{server.config['vitrine']['data_dir']}/vitrine.sqlite")
    try:
        image = _image(persistence, str(image_id))
        changed = attrs.evolve(image, **fields)  # type: ignore[arg-type]  # named by the test
        persistence.commit(Changeset(id=str(uuid.uuid4()), commands=(SaveImage(changed),)))
    finally:
        persistence.dispose()


def remembered(server: Server, image_id: object) -> Image:
    """The image as the embedded database of *server* has it, deleted or not."""
    persistence = SqlPersistence(f"sqlite:///{server.config['vitrine']['data_dir']}/vitrine.sqlite")
    try:
        return _image(persistence, str(image_id))
    finally:
        persistence.dispose()


def _image(persistence: SqlPersistence, image_id: str) -> Image:
    record = persistence.images.get(image_id)
    assert record is not None
    return record.image


def carry_out(server: Server, *commands: Command, lease: str | None = None) -> None:
    """Carry out *commands*; *lease* is taken first for a day by nobody who is there."""
    persistence = SqlPersistence(f"sqlite:///{server.config['vitrine']['data_dir']}/vitrine.sqlite")
    try:
        if lease is not None:
            assert persistence.leases.take(lease, "nobody", timedelta(days=1))
        persistence.commit(Changeset(id=str(uuid.uuid4()), commands=commands))
    finally:
        persistence.dispose()
