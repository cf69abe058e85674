"""A bucket, as the library of the S3 protocol gives it: the only module that knows boto3."""

import contextlib
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, Final

import attrs
import boto3.session
import urllib3.exceptions
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError

from vitrine.core import errors

_log: Final = logging.getLogger(__name__)

_CONNECTIONS: Final = 128  # kept open; more than a worker has threads
_SESSION: Final = "vitrine-session"  # the metadata that says who wrote an object

_ABSENT: Final = frozenset({"404", "NoSuchBucket", "NoSuchKey", "NoSuchUpload"})
_WITHHELD: Final = frozenset(
    {
        "403",  # to HEAD nothing more is said
        "AccessDenied",
        "InvalidObjectState",  # it is in an archive
        "InvalidRequest",  # it is encrypted with a key of somebody else's
        "KMS.DisabledException",
        "KMS.KMSInvalidStateException",
        "KMS.NotFoundException",
        "PreconditionFailed",  # it is another one by now
    }
)
_NO_PART: Final = frozenset({"416", "InvalidRange"})
_FULL: Final = frozenset({"507", "EntityTooLarge", "InsufficientStorage", "QuotaExceeded"})
_TAKEN: Final = frozenset({"412", "PreconditionFailed", "ConditionalRequestConflict"})
_NO_CONDITIONS: Final = frozenset({"501", "NotImplemented"})
_OWN_ALREADY: Final = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})
_BAD_REGION: Final = frozenset({"InvalidLocationConstraint", "IllegalLocationConstraintException"})


@attrs.frozen(kw_only=True)
class Service:
    """How the service is reached, and as whom.

    Attributes:
        endpoint: Its URL.
        region: The region that requests are signed for; empty for that of the library.
        ca_file: Who vouches for its certificate; None for those that the library trusts.
        addressing: ``auto``, ``virtual`` (the bucket is a part of the host) or ``path``.
        request_checksums: ``when_required`` or ``when_supported``.
        response_checksums: The same.
        connect_timeout: Seconds for a connection, and for it to take more of a request.
        read_timeout: Seconds without a single byte.
        attempts: How often a request is made before it is given up.
    """

    endpoint: str
    region: str = ""
    access_key: str
    secret_key: str = attrs.field(repr=False)
    ca_file: str | None = None
    addressing: str = "auto"
    request_checksums: str = "when_required"
    response_checksums: str = "when_required"
    connect_timeout: float = 15
    read_timeout: float = 30
    attempts: int = 3


@attrs.frozen(kw_only=True)
class Found:
    """What is known of an object.

    Attributes:
        size: Bytes.
        session: The session that wrote it, None where that is not one of ours.
    """

    size: int
    session: str | None


@attrs.frozen(kw_only=True)
class Part:
    """A part that the service has."""

    number: int
    etag: str
    checksums: Mapping[str, str] = attrs.field(factory=dict[str, str])


class Stream:
    """The bytes of one answer."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        """Take an answer to a request for an object."""
        self._body = answer["Body"]
        self.length: int = answer["ContentLength"]
        self.etag: str = answer.get("ETag", "")

    def read(self, most: int) -> bytes:
        """Return at most so many bytes, none at the end.

        Raises:
            StoreUnavailable: The answer broke off.
            BlobDamaged: The end is there, and the checksum was another one.
        """
        with _translated():
            try:
                piece: bytes = self._body.read(most)
            except FlexibleChecksumError:
                _log.warning("An S3 service gave an object that its checksum does not fit.")
                raise errors.BlobDamaged from None
            return piece

    def close(self) -> None:
        """Let go of the connection."""
        self._body.close()


class Bucket:
    """One bucket. Safe to share between threads, and made before a fork.

    Any call raises `StoreUnavailable` where the service does not answer in time, or
    does not let us in.
    """

    def __init__(self, name: str, service: Service, *, create: bool = False) -> None:
        """Contact nobody yet.

        Args:
            name: The name of the bucket.
            service: Where it is.
            create: Whether it is made when something is to be written and it is missing.
        """
        self._name = name
        self._service = service
        self._create = create
        self._lock = threading.Lock()
        self._client: Any = None
        self._owner = 0

    # --- objects ---------------------------------------------------------------------

    def find(self, key: str) -> Found | None:
        """Return what is under *key*, None if nothing is."""
        with contextlib.suppress(errors.BlobNotFound), _translated():
            answer = self._calls().head_object(Bucket=self._name, Key=key)
            session = answer["Metadata"].get(_SESSION)
            return Found(size=answer["ContentLength"], session=session)
        return None

    def size(self, key: str) -> int:
        """Return the length of the object under *key* in bytes.

        Raises:
            BlobNotFound: There is no such object.
            BlobUnreadable: The service does not tell of this one.
        """
        with _translated(), _of_one():
            size: int = self._calls().head_object(Bucket=self._name, Key=key)["ContentLength"]
            return size

    def open(self, key: str, part: str | None = None, etag: str | None = None) -> Stream | None:
        """Ask for an object; None where it has no such part.

        Args:
            key: Its key.
            part: The bytes that are wanted, as HTTP has it: ``bytes=0-9``.
            etag: What it has to be still.

        Raises:
            BlobNotFound: There is no such object.
            BlobUnreadable: The service does not give out this one.
        """
        wanted = {"Range": part, "IfMatch": etag}
        given = {name: value for name, value in wanted.items() if value is not None}
        with _translated(), _of_one():
            try:
                answer = self._calls().get_object(Bucket=self._name, Key=key, **given)
            except ClientError as error:
                if _code(error) in _NO_PART:
                    return None
                raise
            if part is not None and "ContentRange" not in answer:
                # All of it, which nobody asked for.
                answer["Body"].close()
                raise errors.StoreUnavailable
            return Stream(answer)

    def delete(self, key: str) -> None:
        """Delete an object.

        Raises:
            BlobNotFound: There is none, and the service says so; most just agree.
            NotPermitted: The service refuses.
        """
        with _translated():
            try:
                self._calls().delete_object(Bucket=self._name, Key=key)
            except ClientError as error:
                if _code(error) in ("AccessDenied", "MethodNotAllowed"):
                    raise errors.NotPermitted("delete_image_location") from None
                raise

    def delete_of(self, key: str, session: str) -> None:
        """Delete an object if it is there and this session wrote it."""
        found = self.find(key)
        if found is not None and found.session == session:
            with contextlib.suppress(errors.BlobNotFound):
                self.delete(key)

    # --- uploads ---------------------------------------------------------------------

    def begin(self, key: str, session: str) -> str:
        """Begin an upload in parts and return what the service calls it."""
        with _translated():
            try:
                return self._begin(key, session)
            except ClientError as error:
                if _code(error) != "NoSuchBucket":
                    raise
            if not self._create:
                _log.warning("The bucket of an S3 store is missing.")
                raise errors.StoreUnavailable
            self._make()
            return self._begin(key, session)

    def upload(self, key: str, upload: str, number: int, body: IO[bytes]) -> Part:
        """Send a part, all of *body*.

        Raises:
            BlobNotFound: The upload is gone.
            StoreFull: There is no room for it.
        """
        with _translated():
            answer = self._calls().upload_part(
                Bucket=self._name, Key=key, UploadId=upload, PartNumber=number, Body=body
            )
            checksums = {
                name: value
                for name, value in answer.items()
                if name.startswith("Checksum") and isinstance(value, str)
            }
            return Part(number=number, etag=answer["ETag"], checksums=checksums)

    def complete(self, key: str, upload: str, parts: Sequence[Part]) -> None:
        """Make the object of all *parts*, or do nothing where the upload is gone.

        Raises:
            BlobExists: The key is taken, and the service takes care of that.
            StoreFull: There is no room for it.
        """
        listed = [
            {"PartNumber": part.number, "ETag": part.etag, **part.checksums} for part in parts
        ]
        with contextlib.suppress(errors.BlobNotFound), _translated():
            try:
                self._complete(key, upload, listed, IfNoneMatch="*")
            except ClientError as error:
                if _code(error) in _TAKEN:
                    raise errors.BlobExists from None
                if _code(error) not in _NO_CONDITIONS:
                    raise
                self._complete(key, upload, listed)

    def abort(self, key: str, upload: str) -> None:
        """Remove an upload and its parts, if it is there."""
        with contextlib.suppress(errors.BlobNotFound), _translated():
            self._calls().abort_multipart_upload(Bucket=self._name, Key=key, UploadId=upload)

    def uploads(self, key: str) -> Sequence[str]:
        """Return the uploads to *key* that have not ended."""
        found: list[str] = []
        with contextlib.suppress(errors.BlobNotFound), _translated():
            pages = self._calls().get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self._name, Prefix=key):
                listed = page.get("Uploads", [])
                found += [each["UploadId"] for each in listed if each["Key"] == key]
        return found

    # --- the bucket itself -----------------------------------------------------------

    def check(self) -> None:
        """Return if the bucket can be used, or made."""
        with _translated():
            try:
                self._calls().head_bucket(Bucket=self._name)
            except ClientError as error:
                if _code(error) not in _ABSENT:
                    raise
                if not self._create:
                    raise errors.StoreUnavailable from None

    def _make(self) -> None:
        wanted = {"CreateBucketConfiguration": {"LocationConstraint": self._service.region}}
        try:
            self._make_in(wanted if self._service.region else {})
        except ClientError as error:
            # Where there is but one region, it is refused even by its name.
            if _code(error) not in _BAD_REGION or not self._service.region:
                raise
            self._make_in({})

    def _make_in(self, wanted: Mapping[str, object]) -> None:
        try:
            self._calls().create_bucket(Bucket=self._name, **wanted)
        except ClientError as error:
            # Another worker was quicker; a stranger's bucket is refused at the next step.
            if _code(error) not in _OWN_ALREADY:
                raise

    # --- inside ----------------------------------------------------------------------

    def _begin(self, key: str, session: str) -> str:
        checked = self._service.request_checksums == "when_supported"
        answer = self._calls().create_multipart_upload(
            Bucket=self._name,
            Key=key,
            ContentType="application/octet-stream",
            Metadata={_SESSION: session},
            **({"ChecksumAlgorithm": "CRC32"} if checked else {}),
        )
        upload: str = answer["UploadId"]
        return upload

    def _complete(
        self, key: str, upload: str, listed: Sequence[Mapping[str, object]], **condition: str
    ) -> None:
        self._calls().complete_multipart_upload(
            Bucket=self._name,
            Key=key,
            UploadId=upload,
            MultipartUpload={"Parts": listed},
            **condition,
        )

    def _calls(self) -> Any:  # noqa: ANN401 - made by the library from a description of the protocol
        # Its connections and locks belong to one process: after a fork there is another.
        with self._lock:
            if self._client is None or self._owner != os.getpid():
                self._client = _client(self._service)
                self._owner = os.getpid()
            return self._client


def _client(service: Service) -> Any:  # noqa: ANN401 - the same
    session = boto3.session.Session(
        aws_access_key_id=service.access_key, aws_secret_access_key=service.secret_key
    )
    config = Config(
        connect_timeout=service.connect_timeout,
        read_timeout=service.read_timeout,
        retries={"mode": "standard", "total_max_attempts": service.attempts},
        max_pool_connections=_CONNECTIONS,
        s3={"addressing_style": service.addressing},
        request_checksum_calculation=service.request_checksums,
        response_checksum_validation=service.response_checksums,
    )
    return session.client(
        "s3",
        endpoint_url=service.endpoint,
        region_name=service.region or None,
        verify=service.ca_file,
        config=config,
    )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _log_code(code: str) -> None:
    # The code alone: the rest of the answer names keys and accounts.
    _log.warning("An S3 service answered %s.", code)


@contextlib.contextmanager
def _of_one() -> Iterator[None]:
    """Turn what the service says of the one object that is read into our error."""
    try:
        yield
    except ClientError as error:
        code = _code(error)
        if code not in _WITHHELD:
            raise
        _log_code(code)
        raise errors.BlobUnreadable from None


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn the library's errors into ours."""
    try:
        yield
    except ClientError as error:
        code = _code(error)
        if code in _ABSENT:
            raise errors.BlobNotFound from None
        _log_code(code)
        if code in _FULL:
            raise errors.StoreFull from None
        raise errors.StoreUnavailable from None
    except (BotoCoreError, urllib3.exceptions.HTTPError, OSError) as error:
        _log.warning("An S3 service could not be used: %s.", type(error).__name__)
        raise errors.StoreUnavailable from None
