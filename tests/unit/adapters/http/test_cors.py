import io
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from falcon.testing import create_environ
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.adapters.http.shell_support import Answer, Shell
from vitrine.adapters.http.middleware.cors import Cors
from vitrine.adapters.http.settings import CorsRules

PAGE = "https://dashboard.example.org"
RULES = CorsRules(
    origins=frozenset({PAGE}),
    exposed=("X-Auth-Token", "ETag"),
    methods=frozenset({"GET", "PATCH"}),
    headers=("X-Auth-Token",),
)


def cors_headers(answer: Answer) -> dict[str, str]:
    return {
        name: value
        for name, value in answer.headers.items()
        if name.startswith("access-control-") or name == "vary"
    }


def preflight(shell: Shell, origin: str = PAGE, method: str = "GET", names: str = "") -> Answer:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    if names:
        headers["Access-Control-Request-Headers"] = names
    return shell.ask("OPTIONS", "/v2/things", headers=headers)


def simple(shell: Shell, origin: str) -> Answer:
    return shell.ask("GET", "/v2/things", headers={"X-Auth-Token": "t", "Origin": origin})


@pytest.fixture
def shell() -> Shell:
    return Shell(cors=RULES)


def test_a_preflight_that_asks_for_what_is_allowed_is_granted_just_that(shell: Shell) -> None:
    answer = preflight(shell, method="PATCH", names="X-Auth-Token, content-type")

    assert answer.status == "200 OK"
    assert cors_headers(answer) == {
        "vary": "Origin",
        "access-control-allow-origin": PAGE,
        "access-control-allow-credentials": "true",
        "access-control-max-age": "3600",
        "access-control-allow-methods": "PATCH",
        "access-control-allow-headers": "X-Auth-Token,content-type",
    }


@pytest.mark.parametrize(
    "asked",
    [
        {"origin": "https://elsewhere.example.org"},
        {"origin": f"{PAGE}.evil.example.org"},
        {"origin": PAGE.replace("https", "http")},
        {"method": "DELETE"},
        {"method": ""},
        {"names": "X-Auth-Token, X-Secret"},
    ],
    ids=str,
)
def test_a_preflight_that_asks_for_anything_else_is_answered_without_a_word(
    shell: Shell, asked: dict[str, str]
) -> None:
    answer = preflight(shell, **asked)

    assert answer.status == "200 OK"
    assert cors_headers(answer) == {}


def test_a_known_page_may_read_the_answer_and_the_exposed_headers(shell: Shell) -> None:
    assert cors_headers(simple(shell, PAGE)) == {
        "vary": "Origin",
        "access-control-allow-origin": PAGE,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "X-Auth-Token,ETag",
    }


def test_a_known_page_may_read_errors_too(shell: Shell) -> None:
    answer = shell.ask("GET", "/v2/things", headers={"Origin": PAGE})

    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == PAGE


def test_an_unknown_page_gets_the_plain_answer(shell: Shell) -> None:
    assert cors_headers(simple(shell, "null")) == {}


def test_every_page_may_call_without_credentials() -> None:
    shell = Shell(cors=CorsRules(origins=frozenset({"*"}), methods=frozenset({"GET"})))

    for answer in (simple(shell, PAGE), preflight(shell)):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


def test_without_rules_no_page_may_call() -> None:
    assert cors_headers(simple(Shell(), PAGE)) == {}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Vary", "vary", "ETag", "Content-MD5"]),
            st.sampled_from(["Accept", "Cookie"]),
        )
    )
)
def test_no_header_is_lost_and_vary_says_everything_once(headers: list[tuple[str, str]]) -> None:
    sent: list[tuple[str, str]] = []
    body = io.BytesIO(b"bytes")

    def application(_environ: WSGIEnvironment, start: StartResponse) -> io.BytesIO:
        start("200 OK", [*headers])
        return body

    def start_response(_status: str, merged: list[tuple[str, str]], *_: object) -> Any:  # noqa: ANN401 - nobody writes
        sent.extend(merged)

    environ = create_environ("/", headers={"Origin": PAGE})
    given_back = Cors(application, RULES)(environ, start_response)

    assert given_back is body  # or the kernel could not send the file
    varying = [value for name, value in headers if name.lower() == "vary"]
    assert [value for name, value in sent if name.lower() == "vary"] == [
        ", ".join([*varying, "Origin"])
    ]
    others = [pair for pair in headers if pair[0].lower() != "vary"]
    assert [pair for pair in sent if pair in others] == others
