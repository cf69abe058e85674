from pathlib import Path

import pytest

from tests.unit.adapters.http.shell_support import Shell

NO_TOKEN: dict[str, str] = {}


@pytest.mark.parametrize("path", ["/healthcheck", "/healthcheck/", "/healthcheck/detail"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "FOO"])
def test_the_health_check_needs_nothing(path: str, method: str) -> None:
    answer = Shell().ask(method, path, headers=NO_TOKEN)
    assert answer.status == "200 OK"
    assert answer.text == "OK"
    assert answer.headers["content-type"].startswith("text/plain")
    assert "x-openstack-request-id" not in answer.headers


def test_the_health_check_speaks_json() -> None:
    answer = Shell().ask("GET", "/healthcheck", headers={"Accept": "application/json"})
    assert answer.json == {"detailed": False, "reasons": ["OK"]}


def test_the_health_check_speaks_html() -> None:
    answer = Shell().ask("GET", "/healthcheck", headers={"Accept": "text/html"})
    assert answer.headers["content-type"].startswith("text/html")
    assert "<h1>OK</h1>" in answer.text


def test_a_head_request_gets_204() -> None:
    assert Shell().ask("HEAD", "/healthcheck", headers=NO_TOKEN).status_code == 204


def test_what_only_begins_like_it_is_an_unknown_version() -> None:
    assert Shell().ask("GET", "/healthchecks", headers=NO_TOKEN).status_code == 300


def test_the_file_disables_it_while_it_exists(tmp_path: Path) -> None:
    file = tmp_path / "disable"
    shell = Shell(disable_file=file)
    assert shell.ask("GET", "/healthcheck").status_code == 200
    file.touch()
    answer = shell.ask("GET", "/healthcheck")
    assert (answer.status, answer.text) == ("503 Service Unavailable", "DISABLED BY FILE")
    assert shell.ask("HEAD", "/healthcheck").status_code == 503
    answer = shell.ask("GET", "/healthcheck", headers={"Accept": "application/json"})
    assert answer.json == {"detailed": False, "reasons": ["DISABLED BY FILE"]}
    file.unlink()
    assert shell.ask("GET", "/healthcheck").status_code == 200
