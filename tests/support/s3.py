"""Services that speak S3, seen by somebody else's eyes than the driver's."""

import contextlib
import functools
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import boto3.session
from botocore.config import Config

from tests.support.ceph import Ceph
from tests.support.swift import Swift


@attrs.frozen(kw_only=True)
class S3:
    """Where such a service is, and as whom it is used.

    Attributes:
        url: Of the service; buckets are in the path.
    """

    url: str
    access_key: str
    secret_key: str = attrs.field(repr=False)

    @property
    def host(self) -> str:
        """As locations have it."""
        return self.url.partition("://")[2]

    @property
    def client(self) -> Any:  # noqa: ANN401 - boto3 has no types
        """boto3's own client, one for each process."""
        return _client(self, os.getpid())

    @contextlib.contextmanager
    def bucket(self) -> Iterator["Seen"]:
        """An empty bucket for as long as the context lasts; it has to be empty at the end."""
        seen = Seen(self, f"images-{uuid.uuid4().hex[:12]}")
        self.client.create_bucket(Bucket=seen.name)
        yield seen
        seen.remove()


@attrs.frozen
class Seen:
    """A bucket, and everything that is physically in it.

    Attributes:
        service: Where it is.
        name: Its name.
    """

    service: S3
    name: str

    def contents(self) -> Sequence[str]:
        """The keys of all objects and, with ``~`` before them, of all uploads that go on."""
        client = self.service.client
        try:
            objects = client.list_objects_v2(Bucket=self.name)
            uploads = client.list_multipart_uploads(Bucket=self.name)
        except client.exceptions.NoSuchBucket:
            return []
        keys = [str(each["Key"]) for each in objects.get("Contents", [])]
        return [*keys, *(f"~{each['Key']}" for each in uploads.get("Uploads", []))]

    def put(self, key: str, data: bytes) -> None:
        """Store an object as somebody else would."""
        self.service.client.put_object(Bucket=self.name, Key=key, Body=data)

    def begin(self, key: str) -> None:
        """Begin an upload as somebody else would."""
        self.service.client.create_multipart_upload(Bucket=self.name, Key=key)

    @contextlib.contextmanager
    def keeping(self) -> Iterator[None]:
        """While this lasts nobody may delete an object."""
        everything = f"arn:aws:s3:::{self.name}/*"
        rule = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject"}
        policy = {"Version": "2012-10-17", "Statement": [{**rule, "Resource": everything}]}
        client = self.service.client
        client.put_bucket_policy(Bucket=self.name, Policy=json.dumps(policy))
        try:
            yield
        finally:
            client.delete_bucket_policy(Bucket=self.name)

    def empty(self) -> None:
        """Remove everything from it."""
        client = self.service.client
        for each in client.list_objects_v2(Bucket=self.name).get("Contents", []):
            client.delete_object(Bucket=self.name, Key=each["Key"])
        for each in client.list_multipart_uploads(Bucket=self.name).get("Uploads", []):
            client.abort_multipart_upload(
                Bucket=self.name, Key=each["Key"], UploadId=each["UploadId"]
            )

    def remove(self) -> None:
        """Remove the bucket, which has to be empty by now, if it is there."""
        client = self.service.client
        with contextlib.suppress(client.exceptions.NoSuchBucket):
            client.delete_bucket(Bucket=self.name)


@functools.cache
def _client(service: S3, _process: int) -> Any:  # noqa: ANN401 - the same
    session = boto3.session.Session(
        aws_access_key_id=service.access_key, aws_secret_access_key=service.secret_key
    )
    config = Config(s3={"addressing_style": "path"}, connect_timeout=30, read_timeout=60)
    return session.client("s3", endpoint_url=service.url, region_name="us-east-1", config=config)


def radosgw_of(ceph: Ceph) -> S3:
    """The S3 gateway of a Ceph."""
    found = ceph.radosgw()
    return S3(url=found.url, access_key=found.access_key, secret_key=found.secret_key)


def poor_user_of(ceph: Ceph, room: int) -> S3:
    """The same gateway, as somebody new who may keep *room* bytes."""
    gateway = radosgw_of(ceph)
    name = f"poor-{uuid.uuid4().hex[:8]}"
    poor = S3(url=gateway.url, access_key=name, secret_key="loopback-only")
    admin = ["radosgw-admin", "-n", "client.rgw"]
    keys = ["--access-key", poor.access_key, "--secret-key", poor.secret_key]
    ceph._run(*admin, "user", "create", "--uid", name, "--display-name", name, *keys)
    quota = ["--quota-scope", "user", "--uid", name]
    ceph._run(*admin, "quota", "set", *quota, "--max-size", str(room))
    ceph._run(*admin, "quota", "enable", *quota)
    return poor


def s3api_of(swift: Swift) -> S3:
    """The side of a Swift that speaks S3."""
    return S3(url=swift.s3_url, access_key=swift.s3_access_key, secret_key=swift.s3_secret_key)
