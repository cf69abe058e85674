from collections.abc import Mapping
from types import MappingProxyType, SimpleNamespace

import falcon
import pytest
from falcon import testing

from vitrine.adapters.http.middleware.requestids import RequestIds
from vitrine.adapters.http.passing import send_answer, to_pass_on
from vitrine.ports.peers import PASSED_ON, PassedAnswer

PATH = "/v2/images/1/import"
ID = "X-OPENSTACK-REQUEST-ID"
NONE: Mapping[str, str] = MappingProxyType({})


def request(headers: Mapping[str, str] = NONE, *, most: int = 64) -> falcon.Request:
    made = testing.create_req(method="POST", path=PATH, headers=headers)
    RequestIds(max_length=most).process_request(made, falcon.Response())
    return made


def sent(answer: PassedAnswer, headers: Mapping[str, str] = NONE) -> SimpleNamespace:
    req, resp = request(headers), falcon.Response()
    send_answer(req, resp, answer)
    return SimpleNamespace(
        status=resp.status,
        content_type=resp.content_type,
        data=resp.data,
        request_id=req.context.request_id,
    )


def test_a_request_is_passed_on_with_its_headers_its_body_and_its_name() -> None:
    passed = to_pass_on(request({"X-Auth-Token": "t", ID: "mine"}), PATH, b"{}")
    assert passed is not None
    assert (passed.method, passed.path, passed.body) == ("POST", PATH, b"{}")
    assert passed.headers["X-AUTH-TOKEN"] == "t"
    assert passed.headers[ID] == "req-mine"


def test_a_name_that_no_client_could_send_is_not_passed_on() -> None:
    own = to_pass_on(request(most=20), PATH)
    assert own is not None
    assert ID not in own.headers
    given = to_pass_on(request({ID: "req-mine"}, most=20), PATH)
    assert given is not None
    assert given.headers[ID] == "req-mine"


@pytest.mark.parametrize("value", ["1", "0", "", "anything"])
def test_what_was_passed_on_is_not_passed_on(value: str) -> None:
    assert to_pass_on(request({PASSED_ON: value}), PATH) is None


def test_an_answer_is_given_under_the_name_that_the_other_worker_uses() -> None:
    answer = PassedAnswer(status=202, reason="Accepted", request_id="req-there")
    got = sent(answer, {ID: "req-mine"})
    assert (got.status, got.data, got.request_id) == ("202 Accepted", None, "req-there")
    nameless = PassedAnswer(status=202, reason="")
    got = sent(nameless, {ID: "req-mine"})
    assert (got.status, got.request_id) == ("202 Accepted", "req-mine")


def test_a_body_is_handed_on_as_it_is() -> None:
    answer = PassedAnswer(
        status=409, reason="Odd", content_type="application/json", body=b'{"a": 1}'
    )
    got = sent(answer)
    assert (got.status, got.content_type, got.data) == ("409 Odd", "application/json", b'{"a": 1}')


def test_an_error_without_a_body_gets_one_that_the_caller_can_read() -> None:
    got = sent(PassedAnswer(status=409, reason="Odd"), {"Accept": "application/json"})
    assert (got.status, got.content_type) == ("409 Odd", "application/json")
    assert b'"code":"409 Conflict"' in got.data
