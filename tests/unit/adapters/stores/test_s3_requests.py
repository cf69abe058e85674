"""What the S3 driver asks of a service, and what it makes of odd answers."""

import base64
import io
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import attrs
import pytest
from botocore.exceptions import ClientError

from tests.support.authority import issue
from tests.support.origin import Origin, Request, origin
from vitrine.adapters.stores.s3.bucket import Bucket, Part, Service
from vitrine.adapters.stores.s3.reading import open_reader
from vitrine.core import errors
from vitrine.ports.stores import BlobReader
from vitrine.testing.stores import MIB, patterned, rest_of

KEY = "/images/key"
BODY = b"0123456789"


@pytest.fixture
def far() -> Iterator[Origin]:
    with origin() as made:
        yield made


def bucket_at(url: str, **changes: object) -> Bucket:
    service = Service(
        endpoint=url, access_key="AKID", secret_key="secret", addressing="path", attempts=2
    )
    changed = attrs.evolve(service, **changes)  # type: ignore[arg-type]  # named by the test
    return Bucket("images", changed)


def failing(status: int, code: str) -> Callable[[Request], None]:
    body = f"<Error><Code>{code}</Code><Message>of s3.example and AKID</Message></Error>"
    return lambda request: request.give(body.encode(), status=status)


def test_requests_are_signed_for_the_region_with_the_keys_of_the_store(
    far: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OTHER")
    far.serve(KEY, BODY)
    bucket = bucket_at(far.url(""), region="eu-north-1")
    assert rest_of(open_reader(bucket, "key", 2, 3)) == b"234"
    [(method, path, headers)] = far.seen
    assert (method, path) == ("GET", KEY)
    assert headers["Range"] == "bytes=2-4"
    assert "Credential=AKID/" in headers["Authorization"]
    assert "/eu-north-1/s3/aws4_request" in headers["Authorization"]


def test_only_a_service_that_the_chosen_authorities_vouch_for_is_believed(tmp_path: Path) -> None:
    issued = issue(tmp_path)
    with origin(issued.server) as far:
        far.serve(KEY, BODY)
        url = far.url("", scheme="https")
        bucket = bucket_at(url, ca_file=str(issued.authority))
        assert rest_of(open_reader(bucket, "key", 0, None)) == BODY
        with pytest.raises(errors.StoreUnavailable):
            open_reader(bucket_at(url, ca_file=str(issue(tmp_path / "b").authority)), "key", 0, 1)


def test_a_service_that_gives_all_where_a_part_was_asked_for_is_not_believed(far: Origin) -> None:
    far.serve(KEY, BODY, ranges=False)
    with pytest.raises(errors.StoreUnavailable):
        open_reader(bucket_at(far.url("")), "key", 2, 3)


@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "SlowDown"), (500, "InternalError"), (403, "AccessDenied"), (401, "Unauthorized")],
)
def test_a_service_that_refuses_is_asked_a_few_times_at_most_and_not_quoted(
    far: Origin, caplog: pytest.LogCaptureFixture, status: int, code: str
) -> None:
    far.answers[KEY] = failing(status, code)
    with pytest.raises(errors.StoreUnavailable) as raised:
        open_reader(bucket_at(far.url("")), "key", 0, None)
    assert len(far.seen) <= 2
    assert raised.value.__cause__ is None
    assert caplog.messages == [f"An S3 service answered {code}."]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "AccessDenied"),
        (403, "InvalidObjectState"),
        (400, "InvalidRequest"),
        (400, "KMS.DisabledException"),
        (412, "PreconditionFailed"),
    ],
)
def test_what_a_service_says_of_one_object_is_not_said_of_the_store(
    far: Origin, caplog: pytest.LogCaptureFixture, status: int, code: str
) -> None:
    far.answers[KEY] = failing(status, code)
    with pytest.raises(errors.BlobUnreadable) as raised:
        open_reader(bucket_at(far.url("")), "key", 2, 3)
    assert raised.value.__suppress_context__
    assert caplog.messages == [f"An S3 service answered {code}."]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "SignatureDoesNotMatch"),
        (403, "InvalidAccessKeyId"),
        (403, "RequestTimeTooSkewed"),
        (403, "AccountProblem"),
        (400, "ExpiredToken"),
        (401, "Unauthorized"),
        (503, "SlowDown"),
    ],
)
def test_what_a_service_says_of_the_store_is_not_said_of_one_object(
    far: Origin, status: int, code: str
) -> None:
    far.answers[KEY] = failing(status, code)
    with pytest.raises(errors.StoreUnavailable) as raised:
        open_reader(bucket_at(far.url("")), "key", 0, None)
    assert not isinstance(raised.value, errors.BlobUnreadable)


def test_an_object_that_may_not_even_be_looked_at_has_no_size_and_takes_no_other_with_it(
    far: Origin,
) -> None:
    far.answers[KEY] = failing(403, "AccessDenied")
    bucket = bucket_at(far.url(""))
    with pytest.raises(errors.BlobUnreadable):
        bucket.size("key")
    with pytest.raises(errors.BlobUnreadable):
        open_reader(bucket, "key", 0, 0)
    with pytest.raises(errors.StoreUnavailable) as raised:
        bucket.find("key")
    assert not isinstance(raised.value, errors.BlobUnreadable)


# --- checksums of answers ------------------------------------------------------------

LONG = patterned(3 * MIB)


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def checked_reader(far: Origin, offset: int = 0, length: int | None = None) -> BlobReader:
    bucket = bucket_at(far.url(""), response_checksums="when_supported")
    return open_reader(bucket, "key", offset, length)


@pytest.mark.parametrize("checksum", [crc32(LONG), f"{crc32(b'')}-3"], ids=["right", "of parts"])
def test_an_object_with_the_right_checksum_or_one_of_its_parts_is_read(
    far: Origin, checksum: str
) -> None:
    far.answers[KEY] = lambda request: request.give(LONG, x_amz_checksum_crc32=checksum)
    assert rest_of(checked_reader(far)) == LONG
    assert [headers["x-amz-checksum-mode"] for _, _, headers in far.seen] == ["ENABLED"]


@pytest.mark.parametrize("size", [1, MIB, 3 * MIB])
def test_an_object_with_a_wrong_checksum_is_not_given_to_its_end(far: Origin, size: int) -> None:
    data = LONG[:size]
    far.answers[KEY] = lambda request: request.give(data, x_amz_checksum_crc32=crc32(b"other"))
    reader = checked_reader(far)
    found: list[bytes] = []
    with pytest.raises(errors.BlobDamaged) as raised:
        found.extend(reader.pieces())
    reader.close()
    assert raised.value.__suppress_context__
    assert sum(map(len, found)) == max(0, size - MIB)
    assert len(far.seen) == 1


def test_neither_a_part_nor_what_came_in_two_answers_is_held_against_the_checksum_of_all(
    far: Origin,
) -> None:
    def answer(request: Request) -> None:
        checksum = crc32(b"of all")
        asked = request.headers.get("Range")
        if asked is None:
            announced = len(LONG)
            request.give(LONG[: MIB + 1], announced=announced, x_amz_checksum_crc32=checksum)
            return
        first, last = map(int, asked.removeprefix("bytes=").split("-"))
        there = f"bytes {first}-{last}/{len(LONG)}"
        part = LONG[first : last + 1]
        request.give(part, status=206, Content_Range=there, x_amz_checksum_crc32=checksum)

    far.answers[KEY] = answer
    assert rest_of(checked_reader(far, 5, 2 * MIB)) == LONG[5 : 2 * MIB + 5]
    assert rest_of(checked_reader(far)) == LONG


# --- calls that no odd server is needed for ------------------------------------------


class Calls:
    """The library's client, which answers what a test says."""

    def __init__(self, answer: Callable[[Mapping[str, object]], object]) -> None:
        self.upload_part = self.complete_multipart_upload = lambda **given: answer(given)


def answering(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[Mapping[str, object]], object]
) -> Bucket:
    monkeypatch.setattr(Bucket, "_calls", lambda _: Calls(answer))
    return bucket_at("http://s3.example")


def refuse(code: str) -> NoReturn:
    raise ClientError({"Error": {"Code": code, "Message": "of s3.example and AKID"}}, "Operation")


@pytest.mark.parametrize("code", ["QuotaExceeded", "EntityTooLarge", "InsufficientStorage"])
def test_a_part_that_there_is_no_room_for_finds_the_store_full(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    bucket = answering(monkeypatch, lambda _: refuse(code))
    with pytest.raises(errors.StoreFull) as raised:
        bucket.upload("key", "upload", 1, io.BytesIO(BODY))
    assert raised.value.__cause__ is None


def test_a_service_without_conditions_completes_without_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conditions: list[object] = []

    def complete(given: Mapping[str, object]) -> None:
        conditions.append(given.get("IfNoneMatch"))
        if conditions[-1] is not None:
            refuse("NotImplemented")

    answering(monkeypatch, complete).complete("key", "upload", [Part(number=1, etag="e")])
    assert conditions == ["*", None]


@pytest.mark.parametrize("code", ["PreconditionFailed", "ConditionalRequestConflict"])
def test_a_key_that_the_service_says_is_taken_is_taken(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    bucket = answering(monkeypatch, lambda _: refuse(code))
    with pytest.raises(errors.BlobExists):
        bucket.complete("key", "upload", [Part(number=1, etag="e")])


def test_checksums_of_parts_are_named_when_they_are_put_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    def answer(given: Mapping[str, object]) -> object:
        asked.append(given.get("MultipartUpload"))
        return {"ETag": "e", "ChecksumCRC32": "AAAA", "ChecksumType": 1, "Other": "x"}

    bucket = answering(monkeypatch, answer)
    bucket.complete("key", "upload", [bucket.upload("key", "upload", 7, io.BytesIO(BODY))])
    assert asked[-1] == {"Parts": [{"PartNumber": 7, "ETag": "e", "ChecksumCRC32": "AAAA"}]}
