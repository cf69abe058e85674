#!/usr/bin/env -S python3 -IS
"""Behaves as Sheepdog's ``dog vdi`` does, with a directory in place of a cluster.

The cluster of port N is the directory ``N`` in $DOG_CLUSTERS; without it the connection is
refused. A disk is a JSON file that names one file for each 4 MiB object. As with the real
command, deleting and listing what is not there succeed, and a disk that is being read fails
once its objects are gone. ``full`` in a cluster's directory says how many bytes it takes,
and ``hung`` makes every call wait for ever.
"""

import getopt
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

OBJECT = 4 * 1024 * 1024
FAILURE, SYSTEM, USAGE = 1, 2, 64

Disk = dict[str, Any]


class Cluster:
    def __init__(self, place: Path) -> None:
        self.place = place
        self.objects = place / "objects"
        self.objects.mkdir(exist_ok=True)

    def file(self, name: str, tag: str = "") -> Path:
        # Longer than the name of a file may be.
        return self.place / f"{hashlib.sha256(f'{name}@{tag}'.encode()).hexdigest()}.disk"

    def load(self, name: str, tag: str = "") -> Disk:
        try:
            return json.loads(self.file(name, tag).read_text())
        except FileNotFoundError:
            fail(f"Failed to open VDI {name} (snapshot id: 0 snapshot tag: {tag}): No VDI found")

    def save(self, disk: Disk, *, new: bool = False) -> None:
        whole = self.place / f"{new_name()}.tmp"
        whole.write_text(json.dumps(disk))
        file = self.file(disk["name"], disk["tag"])
        try:
            if new:
                os.link(whole, file)
            else:
                whole.replace(file)
        except FileExistsError:
            fail(f"Failed to create VDI {disk['name']}: VDI exists already")
        finally:
            whole.unlink(missing_ok=True)

    def used(self) -> int:
        return sum(each.stat().st_size for each in self.objects.iterdir())

    def disks(self) -> Iterator[Disk]:
        for file in sorted(self.place.glob("*.disk")):
            try:
                yield json.loads(file.read_text())
            except FileNotFoundError:
                continue


def new_name() -> str:
    return os.urandom(16).hex()


def complain(message: str) -> None:
    sys.stderr.write(f"{message}\n")


def fail(message: str, status: int = FAILURE) -> NoReturn:
    complain(message)
    sys.exit(status)


def listed(cluster: Cluster, options: Mapping[str, str], names: Sequence[str]) -> None:
    for number, disk in enumerate(cluster.disks()):
        if names and disk["name"] != names[0]:
            continue
        kind = "s" if disk["tag"] else "c" if disk["clone"] else "="
        used = sum(each is not None for each in disk["objects"]) * OBJECT
        sys.stdout.write(
            f"{kind} {disk['name']} {1 if disk['tag'] else 0} {disk['size']} {used} 0 "
            f"1700000000 {number:x} 3 {disk['tag']} 22\n"
        )


def create(cluster: Cluster, options: Mapping[str, str], names: Sequence[str]) -> None:
    name, size = names
    cluster.save(new_disk(name, int(size)), new=True)


def new_disk(
    name: str, size: int, *, objects: Sequence[str | None] = (), tag: str = "", clone: bool = False
) -> Disk:
    return {"name": name, "size": size, "objects": list(objects), "tag": tag, "clone": clone}


def resize(cluster: Cluster, options: Mapping[str, str], names: Sequence[str]) -> None:
    disk = cluster.load(names[0])
    if int(names[1]) < disk["size"]:
        fail("Shrinking VDIs is not implemented", USAGE)
    disk["size"] = int(names[1])
    cluster.save(disk)


def snapshot(cluster: Cluster, options: Mapping[str, str], names: Sequence[str]) -> None:
    disk = cluster.load(names[0])
    cluster.save({**disk, "tag": options["-s"]}, new=True)


def clone(cluster: Cluster, options: Mapping[str, str], names: Sequence[str]) -> None:
    base = cluster.load(
        names[0], options.get("-s") or fail("Please specify the '-s' option", USAGE)
    )
    cluster.save(new_disk(names[1], base["size"], objects=base["objects"], clone=True), new=True)


def delete(cluster: Cluster, options: Mapping[str, str], names: Sequence[str]) -> None:
    name, tag = names[0], options.get("-s", "")
    if not cluster.file(name, tag).exists():
        complain(f"Failed to open VDI {name}: No VDI found")
        return
    disk = cluster.load(name, tag)
    cluster.file(name, tag).unlink(missing_ok=True)
    shared = {each for other in cluster.disks() for each in other["objects"]}
    for each in set(disk["objects"]) - shared - {None}:
        (cluster.objects / each).unlink(missing_ok=True)


def read(cluster: Cluster, options: Mapping[str, str], names: Sequence[str]) -> None:
    disk = cluster.load(names[0])
    offset = int(names[1]) if len(names) > 1 else 0
    if offset > disk["size"]:
        fail("Read offset is beyond the end of the VDI")
    end = min(disk["size"], offset + int(names[2])) if len(names) > 2 else disk["size"]
    while offset < end:
        index, start = divmod(offset, OBJECT)
        length = min(end - offset, OBJECT - start)
        name = disk["objects"][index] if index < len(disk["objects"]) else None
        data = bytes(length)
        if name is not None:
            try:
                held = (cluster.objects / name).read_bytes()
            except FileNotFoundError:
                fail("Failed to read VDI")
            data = held[start : start + length].ljust(length, b"\0")
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        offset += length


def write(cluster: Cluster, options: Mapping[str, str], names: Sequence[str]) -> None:
    disk = cluster.load(names[0])
    offset = int(names[1]) if len(names) > 1 else 0
    if offset > disk["size"]:
        fail("Write offset is beyond the end of the VDI")
    end = min(disk["size"], offset + int(names[2])) if len(names) > 2 else disk["size"]
    room = cluster.place / "full"
    while offset < end:
        index, start = divmod(offset, OBJECT)
        length = min(end - offset, OBJECT - start)
        data = sys.stdin.buffer.read(length)
        last = len(data) < length
        if room.exists() and cluster.used() + length > int(room.read_text()):
            fail("Failed to write object: Server has no space for new objects")
        disk["objects"] += [None] * (index + 1 - len(disk["objects"]))
        name = disk["objects"][index] or new_name()
        if disk["objects"][index] is None:
            # Objects are the disk's by their names: whoever is killed leaves none behind.
            disk["objects"][index] = name
            cluster.load(names[0])
            cluster.save(disk)
        file = cluster.objects / name
        held = file.read_bytes() if file.exists() else b""
        file.write_bytes(
            held[:start].ljust(start, b"\0") + data.ljust(length, b"\0") + held[start + length :]
        )
        if not cluster.file(names[0]).exists():
            file.unlink(missing_ok=True)
        cluster.load(names[0])
        offset += length
        if last:
            break


ACTIONS = {
    "list": listed,
    "create": create,
    "resize": resize,
    "snapshot": snapshot,
    "clone": clone,
    "delete": delete,
    "read": read,
    "write": write,
}


def main(arguments: Sequence[str]) -> None:
    if arguments[:1] != ["vdi"] or arguments[1] not in ACTIONS:
        fail("Invalid command", USAGE)
    given, names = getopt.gnu_getopt(arguments[2:], "a:p:rs:")
    options = dict(given)
    place = Path(os.environ["DOG_CLUSTERS"]) / options["-p"]
    if not place.is_dir():
        fail(f"failed to connect to {options['-a']}:{options['-p']}: Connection refused", SYSTEM)
    while (place / "hung").exists():
        time.sleep(0.05)
    ACTIONS[arguments[1]](Cluster(place), options, names)


main(sys.argv[1:])
