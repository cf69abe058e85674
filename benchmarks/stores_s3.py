"""How fast an S3 store moves bytes, beside what boto3 does by itself.

Run as ``python -m benchmarks.stores_s3 [--size MIB] [--rounds N]``; a Ceph that keeps all in
memory is started for it. With ``--endpoint URL --bucket NAME`` another service is measured,
with the keys in the environment: ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.stores import Tool, compare, options
from tests.support.ceph import GIB, own_ceph
from tests.support.s3 import S3, Seen, radosgw_of
from vitrine.adapters.stores.s3.bucket import Bucket, Service
from vitrine.adapters.stores.s3.parts import MIB
from vitrine.adapters.stores.s3.store import PartRules, S3Store
from vitrine.adapters.stores.s3.urls import Place

_KEY = "bench"


@contextlib.contextmanager
def _bucket(endpoint: str | None, bucket: str | None, room: int) -> Iterator[Seen]:
    if endpoint is not None and bucket is not None:
        keys = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        yield Seen(S3(url=endpoint, access_key=keys[0], secret_key=keys[1]), bucket)
        return
    with (
        tempfile.TemporaryDirectory() as directory,
        own_ceph(Path(directory) / "ceph", size=room) as ceph,
        radosgw_of(ceph).bucket() as seen,
    ):
        yield seen


def _store(seen: Seen, directory: Path) -> S3Store:
    place = Place.at(seen.service.url, seen.name)
    service = Service(
        endpoint=place.endpoint,
        access_key=seen.service.access_key,
        secret_key=seen.service.secret_key,
        addressing="path",
    )
    # As the options have it by default.
    rules = PartRules(large=100 * MIB, part=10 * MIB, threads=10, directory=directory)
    return S3Store("bench", place, Bucket(place.bucket, service), rules)


def main() -> None:
    """Compare a store with `upload_fileobj` and `download_fileobj`."""
    parser = options(__doc__)
    parser.add_argument("--endpoint", help="the URL of a service")
    parser.add_argument("--bucket", help="a bucket there")
    arguments = parser.parse_args()
    # What was deleted takes room for some seconds yet, and a full Ceph falls silent.
    room = 4 * GIB + 4 * (arguments.rounds + 1) * arguments.size * MIB
    with (
        _bucket(arguments.endpoint, arguments.bucket, room) as seen,
        tempfile.TemporaryDirectory() as directory,
    ):
        client = seen.service.client

        def put(source: Path) -> None:
            with source.open("rb") as file:
                client.upload_fileobj(file, seen.name, _KEY)

        def get(sink: Path) -> None:
            with sink.open("wb") as file:
                client.download_fileobj(seen.name, _KEY, file)

        def remove() -> None:
            client.delete_object(Bucket=seen.name, Key=_KEY)

        tool = Tool(name="boto3", put=put, get=get, remove=remove)
        compare(_store(seen, Path(directory)), tool, arguments)


if __name__ == "__main__":
    main()
