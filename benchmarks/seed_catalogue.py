"""Fill a database with a catalogue of a realistic shape, and time the reads of it.

Run as ``python -m benchmarks.seed_catalogue URL COUNT``, or with ``--jsonl FILE`` for
images that were made for somebody else too; ``--no-seed`` only times what is there.
The schema is brought up to date first. A JSON line is one image by its API names, with
``properties``, ``tags``, ``locations`` and ``members`` (``member``, ``status``).
"""

import argparse
import functools
import hashlib
import json
import random
import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import attrs

from vitrine.adapters.persistence.sql import migrate
from vitrine.adapters.persistence.sql.bulk import Entry, load
from vitrine.adapters.persistence.sql.persistence import SqlPersistence, open_persistence
from vitrine.core.digests import Digest
from vitrine.core.images.image import Image, Location, Visibility
from vitrine.core.images.members import Member, MemberStatus
from vitrine.core.images.query import (
    FlagField,
    FlagIs,
    HasTag,
    ImageQuery,
    PropertyIs,
    Scope,
    SortField,
    SortKey,
    total_order,
)
from vitrine.core.images.status import Status

_NEWEST: Final = datetime(2026, 1, 1, tzinfo=UTC)
_APART: Final = timedelta(seconds=7)
_PROJECTS: Final = 100
_DISTROS: Final = (
    *("ubuntu", "debian", "fedora", "centos", "rocky", "alma", "opensuse", "windows"),
)
_LARGE: Final = "project-001"


def made(count: int, seed: int) -> Iterator[Entry]:
    """Yield *count* images, the oldest first; the same ones for the same numbers."""
    chance = random.Random(seed)  # noqa: S311 - it shall be foreseeable
    for number in range(count):
        image_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        visibility = chance.choices(
            [Visibility.PUBLIC, Visibility.COMMUNITY, Visibility.SHARED, Visibility.PRIVATE],
            [5, 5, 20, 70],
        )[0]
        distro, release = chance.choice(_DISTROS), str(chance.randrange(8, 40))
        created_at = _NEWEST - _APART * (count - number)
        size = chance.randrange(1 << 20, 8 << 30)
        image = Image(
            id=image_id,
            created_at=created_at,
            updated_at=created_at + timedelta(minutes=1),
            owner=f"project-{chance.randrange(_PROJECTS):03d}",
            name=f"{distro}-{release}-{number:09d}",
            status=Status.ACTIVE,
            visibility=visibility,
            protected=chance.random() < 0.05,  # noqa: PLR2004 - one in twenty
            hidden=chance.random() < 0.02,  # noqa: PLR2004 - one in fifty
            disk_format=chance.choice(["qcow2", "raw", "vmdk"]),
            container_format="bare",
            size=size,
            virtual_size=size * 2,
            checksum=hashlib.md5(image_id.encode(), usedforsecurity=False).hexdigest(),
            digest=Digest(algorithm="sha512", value=hashlib.sha512(image_id.encode()).hexdigest()),
            properties={
                "os_distro": distro,
                "os_version": release,
                "architecture": chance.choice(["x86_64", "aarch64"]),
                "hw_disk_bus": chance.choice(["virtio", "scsi"]),
                "hw_vif_model": "virtio",
                "build_id": f"build-{number:09d}",
            },
            tags=frozenset(chance.sample([f"tag-{tag:02d}" for tag in range(20)], 2)),
            locations=(Location(url=f"file:///nowhere/{image_id}", metadata={"store": "local"}),),
        )
        offered = chance.randrange(1, 4) if visibility is Visibility.SHARED else 0
        yield (
            image,
            [
                _member(
                    image,
                    f"project-{project:03d}",
                    chance.choice([MemberStatus.ACCEPTED, MemberStatus.PENDING]),
                )
                for project in chance.sample(range(_PROJECTS), offered)
            ],
        )


def _member(image: Image, project: str, status: MemberStatus) -> Member:
    return Member(
        image_id=image.id,
        member_id=project,
        status=status,
        created_at=image.created_at,
        updated_at=image.created_at,
    )


def read(path: Path) -> Iterator[Entry]:
    """Yield the images of a file of JSON lines."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            given: dict[str, Any] = json.loads(line)
            image = Image(
                id=given["id"],
                created_at=datetime.fromisoformat(given["created_at"]),
                updated_at=datetime.fromisoformat(given["updated_at"]),
                owner=given["owner"],
                name=given["name"],
                status=Status(given["status"]),
                visibility=Visibility(given["visibility"]),
                protected=given["protected"],
                hidden=given["os_hidden"],
                disk_format=given["disk_format"],
                container_format=given["container_format"],
                min_disk=given["min_disk"],
                min_ram=given["min_ram"],
                size=given["size"],
                virtual_size=given["virtual_size"],
                checksum=given["checksum"],
                digest=Digest(algorithm=given["os_hash_algo"], value=given["os_hash_value"]),
                properties=given["properties"],
                tags=frozenset(given["tags"]),
                locations=tuple(Location(**location) for location in given["locations"]),
            )
            yield (
                image,
                [
                    _member(image, each["member"], MemberStatus(each["status"]))
                    for each in given["members"]
                ],
            )


# --- timing --------------------------------------------------------------------------

_SEEN: Final = FlagIs(FlagField.OS_HIDDEN, value=False)


def questions(persistence: SqlPersistence) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what is asked of the catalogue, with a name."""
    page = persistence.images.page
    admin = Scope(project="admin", everything=True)
    many, few = Scope(project=_LARGE), Scope(project="nobody")
    own_private = Scope(project="nobody", visibility=Visibility.PRIVATE)

    def query(scope: Scope, *filters: Any, **more: Any) -> ImageQuery:  # noqa: ANN401 - parts of a query
        return ImageQuery(scope=scope, filters=(_SEEN, *filters), **more)

    newest = page(query(admin, limit=1))[0].image
    oldest = page(
        query(admin, limit=1, sort=total_order([SortKey(SortField.CREATED_AT, descending=False)]))
    )[0].image
    middle = oldest.created_at + (newest.created_at - oldest.created_at) / 2
    late = oldest.created_at + (newest.created_at - oldest.created_at) / 100
    by_name = total_order([SortKey(SortField.NAME, descending=False)])
    for name, scope in (("many images", many), ("no images", few), ("admin", admin)):
        yield f"{name}: first page", _later(page, query(scope))
        yield f"{name}: middle page", _later(page, query(scope, after=(middle, "m")))
        yield f"{name}: last page", _later(page, query(scope, after=(late, "m")))
        yield f"{name}: 1000 images", _later(page, query(scope, limit=1000))
        yield f"{name}: by name", _later(page, query(scope, sort=by_name))
        for what, each in (
            ("property, 1 match", PropertyIs("build_id", newest.properties["build_id"] or "")),
            ("property, no match", PropertyIs("build_id", "none")),
            ("property, 12 %", PropertyIs("os_distro", "ubuntu")),
            ("tag, 10 %", HasTag("tag-07")),
        ):
            yield f"{name}: {what}", _later(page, query(scope, each))
        both = (PropertyIs("os_distro", "ubuntu"), HasTag("tag-07"))
        yield f"{name}: property and tag", _later(page, query(scope, *both))
    yield "no images: private", _later(page, query(own_private))
    yield "get", _later(functools.partial(persistence.images.get, member=_LARGE), newest.id)
    yield "get, missing", _later(persistence.images.get, str(uuid.UUID(int=0)))


def _later(function: Callable[[Any], object], argument: object) -> Callable[[], object]:
    return lambda: function(argument)


def _time(ask: Callable[[], object], least: int, patience: float) -> tuple[float, float, int]:
    """Return the median in ms of wall time and of CPU here, and how many rows came."""
    answer = ask()
    rows = len(answer) if isinstance(answer, Sequence) else int(answer is not None)
    walls: list[float] = []
    begun, cpu = time.perf_counter(), time.process_time()
    while len(walls) < least and time.perf_counter() - begun < patience:
        before = time.perf_counter()
        ask()
        walls.append(time.perf_counter() - before)
    cpu = (time.process_time() - cpu) / len(walls)
    return statistics.median(walls) * 1000, cpu * 1000, rows


@attrs.frozen
class _Arguments:
    url: str
    count: int
    jsonl: Path | None
    seed: int
    no_seed: bool
    samples: int


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description="Fill and time a catalogue.")
    parser.add_argument("url")
    parser.add_argument("count", type=int, nargs="?", default=1000)
    parser.add_argument("--jsonl", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-seed", action="store_true")
    parser.add_argument("--samples", type=int, default=300)
    arguments = _Arguments(**vars(parser.parse_args()))
    migrate.upgrade(arguments.url)
    persistence = open_persistence(arguments.url)
    if not arguments.no_seed:
        entries = (
            made(arguments.count, arguments.seed)
            if arguments.jsonl is None
            else read(arguments.jsonl)
        )
        begun = time.perf_counter()
        count = load(persistence.database, entries)
        print(f"{count} images in {time.perf_counter() - begun:.1f} s")
    print(f"{'':32}{'p50 ms':>9}{'cpu ms':>9}{'rows':>7}")
    for name, ask in questions(persistence):
        wall, cpu, rows = _time(ask, arguments.samples, patience=3)
        print(f"{name:32}{wall:9.3f}{cpu:9.3f}{rows:7}")
    persistence.dispose()


if __name__ == "__main__":
    main()
