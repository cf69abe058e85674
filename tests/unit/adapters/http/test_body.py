import io
import json
from typing import Any

import falcon
import pytest
from falcon import testing
from gunicorn.http.errors import InvalidChunkSize, NoMoreData
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.adapters.http.shell_support import Answer, Shell
from vitrine.adapters.http.body import PIECE, data_stream
from vitrine.core.errors import InvalidRequest, UploadCutShort


@pytest.fixture(scope="module")
def shell() -> Shell:
    return Shell()


def post(shell: Shell, body: str | bytes, **headers: str) -> Answer:
    return shell.ask("POST", "/v2/things", body=body, headers={"X-Auth-Token": "t", **headers})


@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream", "text/x", ""])
def test_the_content_type_of_a_document_does_not_matter(shell: Shell, kind: str) -> None:
    assert post(shell, '{"a": 1}', **{"Content-Type": kind}).json == {"got": {"a": 1}}


@pytest.mark.parametrize(
    "body",
    [
        *("", " ", "{", "nonsense", "1", '"text"', "null", "true", "[]", "[1]"),
        *('{"a": NaN}', '{"a": Infinity}', '{"a": -Infinity}', "{'a': 1}", '{"a": 1,}'),
        *('{"a": "\\ud800"}', '{"a": "\\u0000"}', '{"\\u0000": 1}', '{"a": ["\\u0000"]}'),
        *('{"a": "\0"}', '\ufeff{"a": 1}', "{} {}"),
        '{"a":' * 65 + "1" + "}" * 65,
        '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
)
def test_what_is_not_an_object_is_400(shell: Shell, body: str) -> None:
    assert post(shell, body).status_code == 400


def test_undecodable_text_is_400(shell: Shell) -> None:
    assert post(shell, b'{"a": "\xff"}').status_code == 400


def test_of_repeated_keys_the_last_counts(shell: Shell) -> None:
    assert post(shell, '{"a": 1, "a": 2}').json == {"got": {"a": 2}}


def test_wide_documents_are_not_deep(shell: Shell) -> None:
    document: dict[str, Any] = {"a": [{} for _ in range(1000)]}
    assert post(shell, json.dumps(document)).json == {"got": document}


def test_an_escaped_backslash_is_no_nul(shell: Shell) -> None:
    assert post(shell, '{"a": "\\\\u0000"}').json == {"got": {"a": "\\u0000"}}


def test_a_document_beyond_the_limit_is_413() -> None:
    shell = Shell(max_document=20)
    assert post(shell, '{"a": "12345678"}').status_code == 201
    answer = post(shell, '{"a": "123456789012"}')
    assert answer.status == "413 Request Entity Too Large"


def test_an_absurd_length_is_413_before_anything_is_read(shell: Shell) -> None:
    assert post(shell, "", **{"Content-Length": "9" * 20}).status_code == 413


def test_a_chunked_document_beyond_the_limit_is_413() -> None:
    shell = Shell(max_document=20)
    environ = testing.create_environ("/v2/things", method="POST", headers={"X-Auth-Token": "t"})
    environ.pop("CONTENT_LENGTH", None)
    environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    environ["wsgi.input"] = io.BytesIO(b'{"a": "123456789012"}')
    assert shell.serve(environ).status == "413 Request Entity Too Large"


def test_an_array_is_read_where_one_is_due(shell: Shell) -> None:
    assert shell.ask("PATCH", "/v2/things/1", body="[1, 2]").json == [1, 2]
    assert shell.ask("PATCH", "/v2/things/1", body="{}").status_code == 400


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text("abc"), json_values))
def test_every_document_comes_through(document: dict[str, Any]) -> None:
    assert post(_SHARED, json.dumps(document)).json == {"got": document}


@given(st.binary())
def test_no_document_breaks_anything(body: bytes) -> None:
    assert post(_SHARED, body).status_code in {201, 400}


_SHARED = Shell()


# --- no body --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "headers", "code"),
    [
        ("POST", "/v2/things/1", {}, 202),
        ("POST", "/v2/things/1", {"Content-Length": "0"}, 202),
        ("POST", "/v2/things/1", {"Content-Length": "2"}, 400),
        ("DELETE", "/v2/things", {"Content-Length": "2"}, 400),
        ("POST", "/v2/things/1", {"Transfer-Encoding": "chunked"}, 400),
        ("POST", "/v2/things/1", {"Transfer-Encoding": "gzip, Chunked"}, 400),
        ("POST", "/v2/things/1", {"Transfer-Encoding": "identity"}, 400),
        ("DELETE", "/v2/things", {"Transfer-Encoding": "chunked"}, 204),
    ],
)
def test_a_body_where_none_is_wanted_is_400(
    shell: Shell, method: str, path: str, headers: dict[str, str], code: int
) -> None:
    answer = shell.ask(method, path, headers={"X-Auth-Token": "t", **headers})
    assert answer.status_code == code


# --- data -----------------------------------------------------------------------------


class Source:
    """A body whose reading may fail."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = list(pieces)

    def read(self, size: int) -> bytes:
        piece = self._pieces.pop(0) if self._pieces else b""
        if isinstance(piece, Exception):
            raise piece
        assert len(piece) <= size
        return piece


def request(source: Source | io.BytesIO, length: int | None) -> falcon.Request:
    environ = testing.create_environ("/", method="PUT")
    environ["wsgi.input"] = source
    environ.pop("CONTENT_LENGTH", None)
    if length is not None:
        environ["CONTENT_LENGTH"] = str(length)
    return falcon.Request(environ)


@given(st.integers(0, 3 * PIECE), st.booleans())
def test_data_comes_whole_in_pieces(size: int, sized: bool) -> None:  # noqa: FBT001 - hypothesis decides
    pieces = list(data_stream(request(io.BytesIO(bytes(size)), size if sized else None)))
    assert sum(map(len, pieces)) == size
    assert all(0 < len(piece) <= PIECE for piece in pieces)


def test_a_sized_body_that_ends_early_is_not_complete() -> None:
    with pytest.raises(UploadCutShort) as raised:
        list(data_stream(request(Source(b"abc"), 5)))
    assert (raised.value.received, raised.value.expected) == (3, 5)


@pytest.mark.parametrize(
    "error", [NoMoreData(), ConnectionResetError(), TimeoutError(), BrokenPipeError()]
)
def test_a_client_that_is_lost_has_cut_its_upload_short(error: Exception) -> None:
    with pytest.raises(UploadCutShort) as raised:
        list(data_stream(request(Source(b"abc", error), None)))
    assert (raised.value.received, raised.value.expected) == (3, None)


def test_a_malformed_chunk_is_the_requests_mistake() -> None:
    with pytest.raises(InvalidRequest):
        list(data_stream(request(Source(b"abc", InvalidChunkSize(b"zz")), None)))
