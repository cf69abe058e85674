import json
import logging

import falcon
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.adapters.http.shell_support import MISCONFIGURED, Shell, every_error_class
from vitrine.adapters.http import errors as table
from vitrine.adapters.http.errors import render, status_of
from vitrine.core import errors
from vitrine.core.errors import ImageNotFound, UnknownStore, VitrineError

JSON = {"Accept": "application/json"}


@pytest.fixture
def shell() -> Shell:
    return Shell()


def test_every_kind_of_error_has_a_status() -> None:
    kinds = VitrineError.__subclasses__()
    ours = {kind for kind in kinds if kind.__module__.startswith(f"{errors.__name__}.")}
    assert ours == set(table.STATUS_OF_KIND)


@pytest.mark.parametrize("kind", every_error_class()[1:], ids=lambda kind: kind.__name__)
def test_every_fact_finds_the_status_of_its_kind(kind: type[VitrineError]) -> None:
    fact = kind.__new__(kind)
    (base,) = [known for known in table.STATUS_OF_KIND if issubclass(kind, known)]
    assert status_of(fact) == table.STATUS_OF_KIND[base]


def test_an_operation_may_see_an_error_otherwise() -> None:
    error = UnknownStore("nowhere")
    assert status_of(error, operation="PUT /v2/images/{image_id}/file") == 400
    assert status_of(error, operation="POST /v2/images/{image_id}/import") == 409


def test_without_accept_the_page_is_plain_text(shell: Shell) -> None:
    answer = shell.fail(ImageNotFound("1"))
    assert answer.status == "404 Not Found"
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    assert answer.text == "404 Not Found\n\nNo image 1 was found.\n\n\n\n"


def test_an_empty_accept_is_none(shell: Shell) -> None:
    assert shell.fail(ImageNotFound("1"), Accept="").text.startswith("404 Not Found\n\nNo image")


def test_html_is_escaped(shell: Shell) -> None:
    answer = shell.fail(ImageNotFound("<b>'1'"), Accept="*/*")
    assert answer.headers["content-type"] == "text/html; charset=UTF-8"
    assert "<title>404 Not Found</title>" in answer.text
    assert "<h1>404 Not Found</h1>" in answer.text
    assert "No image &lt;b&gt;&#x27;1&#x27; was found." in answer.text


def test_json_has_the_form_that_clients_parse(shell: Shell) -> None:
    answer = shell.fail(ImageNotFound("1"), **JSON)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {
        "message": "No image 1 was found.<br /><br />\n\n\n",
        "code": "404 Not Found",
        "title": "Not Found",
        "reason": "image_not_found",
        "details": {"image_id": "1"},
    }


def test_programs_learn_the_reason_and_what_it_is_about(shell: Shell) -> None:
    answer = shell.fail(errors.FormatMismatch("raw", ("gpt", "iso")), **JSON).json
    assert answer["reason"] == "format_mismatch"
    assert answer["details"] == {"claimed": "raw", "found": ["gpt", "iso"]}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.BlobExists(), "blob_exists"),
        (errors.InvalidRequest("This is wrong."), "invalid_request"),
        (errors.StaleNamespace("internal"), "stale_namespace"),
        (MISCONFIGURED, "internal_server_error"),
        (RuntimeError("secret"), "internal_server_error"),
        (falcon.HTTPRouteNotFound(), "not_found"),
        (falcon.HTTPContentTooLarge(), "request_entity_too_large"),
        (falcon.HTTPRangeNotSatisfiable(1), "request_range_not_satisfiable"),
    ],
    ids=repr,
)
def test_where_there_is_nothing_more_to_say_the_reason_stands_alone(
    shell: Shell, error: Exception, reason: str
) -> None:
    answer = shell.fail(error, **JSON).json
    assert answer["reason"] == reason
    assert "details" not in answer


def test_no_two_facts_have_the_same_reason() -> None:
    facts = every_error_class()[1:]
    assert len({table.reason_of(fact.__new__(fact)) for fact in facts}) == len(facts)


def test_reasons_are_for_programs_that_read_json_alone(shell: Shell) -> None:
    for accept in ("*/*", "text/html", ""):
        assert "image_not_found" not in shell.fail(ImageNotFound("1"), Accept=accept).text


def test_details_can_be_written_whatever_they_are(shell: Shell) -> None:
    answer = shell.fail(errors.LimitExceeded("tags\ud800", 2**64, 1), **JSON).json
    assert answer["details"] == {"what": "tags?", "limit": str(2**64), "attempted": 1}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.StoreFull(), "413 Request Entity Too Large"),
        (errors.UnsatisfiableRange(1), "416 Request Range Not Satisfiable"),
        (errors.StoreUnavailable(), "503 Service Unavailable"),
        (falcon.HTTPContentTooLarge(), "413 Request Entity Too Large"),
        (falcon.HTTPRangeNotSatisfiable(1), "416 Request Range Not Satisfiable"),
    ],
)
def test_the_reason_phrases_are_the_classic_ones(
    shell: Shell, error: Exception, status: str
) -> None:
    answer = shell.fail(error, **JSON)
    assert answer.status == status
    assert answer.json["code"] == status


def test_a_401_names_the_challenge_and_no_request_id(shell: Shell) -> None:
    answer = shell.ask("GET", "/v2/things", headers=JSON)
    assert answer.status == "401 Unauthorized"
    assert answer.headers["www-authenticate"] == 'Keystone uri="http://k"'
    assert "x-openstack-request-id" not in answer.headers


def test_a_header_set_before_the_error_stays(shell: Shell) -> None:
    answer = shell.ask("PATCH", "/v2/faults")
    assert answer.status_code == 415
    assert answer.headers["accept-patch"] == "application/x"


@pytest.mark.parametrize("error", [RuntimeError("pw"), MISCONFIGURED])
def test_a_fault_of_the_service_tells_clients_nothing_and_the_log_once(
    shell: Shell, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    shell.faults.error = error
    with caplog.at_level(logging.DEBUG):
        answer = shell.ask(
            "GET", "/v2/faults", query_string="key=hush", headers={"X-Auth-Token": "t", **JSON}
        )
    assert answer.status_code == 500
    assert str(error) not in answer.text
    (record,) = caplog.records
    assert "Traceback" in record.getMessage()
    assert str(error) in record.getMessage()
    assert "hush" not in record.getMessage()


def test_an_error_without_utf8_is_rendered_all_the_same(shell: Shell) -> None:
    assert shell.fail(ImageNotFound("\ud800"), **JSON).status_code == 404


@given(
    st.sampled_from([400, 404, 413, 416, 500, 503, 799]),
    st.text(),
    st.sampled_from([None, "*/*", "application/json"]),
)
def test_every_text_can_be_rendered(code: int, text: str, accept: str | None) -> None:
    page = render(code, accept=accept, explanation=text)
    assert page.status.startswith(f"{code} ")
    if accept == "application/json":
        assert set(json.loads(page.body)) == {"message", "code", "title", "reason"}
    page.body.decode("utf-8")
