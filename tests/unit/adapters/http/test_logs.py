import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.adapters.http.logs import REQUEST_ID, RequestIdFilter, describe, scrub

SECRET = "s3cr3t-value"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql+psycopg://glance:{SECRET}@db/glance",
        f"swift+config://user:{SECRET}@host/c/o",
        f"GET http://host/v3/auth?token={SECRET}&x=1",
        f"X-Auth-Token: {SECRET}",
        f"{{'X-Service-Token': '{SECRET}'}}",
        f'{{"password": "{SECRET}"}}',
        f"password={SECRET}",
        f"rbd_secret = {SECRET}",
        "gAAAAABm" + SECRET * 3,
        f"[SQL: INSERT ...]\n[parameters: {{'location': '{SECRET}'}}]\n(Background: x)",
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str) -> None:
    assert SECRET not in scrub(text)


def test_a_traceback_keeps_its_frames_and_causes() -> None:
    def inner() -> None:
        raise ValueError(f"password={SECRET}")

    def outer() -> None:
        try:
            inner()
        except ValueError as error:
            raise KeyError("outer") from error

    with pytest.raises(KeyError) as raised:
        outer()
    text = describe(raised.value)
    assert "in inner" in text
    assert "ValueError" in text
    assert "KeyError" in text
    assert SECRET not in text.replace("SECRET", "")


@given(st.text())
def test_any_text_can_be_scrubbed(text: str) -> None:
    assert isinstance(scrub(text), str)


def test_records_know_the_request() -> None:
    record = logging.makeLogRecord({})
    REQUEST_ID.set("req-1")
    assert RequestIdFilter().filter(record)
    assert record.__dict__["request_id"] == "req-1"
    REQUEST_ID.set(None)
    assert RequestIdFilter().filter(record)
    assert record.__dict__["request_id"] == "-"
