"""Who may do what with which image: every role, visibility, state and operation.

What is expected is written down here, in words of the contract, and not taken from the
rules of the service.
"""

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from tests.support.clients import DATA_TYPE, Api
from tests.support.processes import NotReady
from tests.support.server import Config, OwnServers, Servers
from tests.support.services import Keystone

MakeApi = Callable[..., Api]

_CONFIG: Config = {
    "local_identity": {
        "users": "admin:admin:admin|member|reader, demo:demo:member|reader, "
        "demo_reader:demo:reader, demo_writer:demo:member, demo_none:demo:other, "
        "alt:alt:member|reader, alt_reader:alt:reader, "
        "guest:guest:member|reader, nova:service:service|member|reader"
    }
}
# Images belong to demo; guest is a member of those that are shared.
_CALLERS = (
    "admin",
    "demo",
    "demo_reader",
    "demo_writer",
    "demo_none",
    "alt",
    "alt_reader",
    "guest",
    "nova",
)
_VISIBILITIES = ("public", "community", "shared", "private")
_STATES = ("queued", "active", "deactivated")
_OF_DEMO = ("demo", "demo_reader", "demo_writer", "demo_none")


@attrs.frozen
class Case:
    """A caller, and an image of demo's."""

    caller: str
    visibility: str
    state: str

    @property
    def owner(self) -> bool:
        return self.caller in _OF_DEMO

    @property
    def admin(self) -> bool:
        return self.caller == "admin"

    @property
    def member_role(self) -> bool:
        return self.caller in {"admin", "demo", "demo_writer", "alt", "guest", "nova"}

    @property
    def reader_role(self) -> bool:
        return self.caller not in {"demo_writer", "demo_none"}

    @property
    def reached(self) -> bool:
        """Whether the image is of the caller's world at all."""
        member = self.caller == "guest" and self.visibility == "shared"
        return self.admin or self.owner or self.visibility in {"public", "community"} or member

    @property
    def sees(self) -> bool:
        return self.reached and (self.admin or self.reader_role)

    def refused(self) -> int:
        """The status of a denial: who does not see the image does not learn of it."""
        return 403 if self.sees else 404

    @property
    def changes(self) -> bool:
        return self.admin or (self.owner and self.member_role)


Expected = Callable[[Case], int]
Act = Callable[[Api, str], int]


def _show(case: Case) -> int:
    return 200 if case.sees else 404


def _change(case: Case, done: int) -> int:
    return done if case.changes else case.refused()


def _upload(case: Case) -> int:
    if not case.changes:
        return case.refused()
    return 204 if case.state == "queued" else 409


def _download(case: Case) -> int:
    if not (case.admin or (case.reached and case.member_role)):
        return case.refused()
    if case.state == "queued":
        return 204
    return 403 if case.state == "deactivated" and not case.admin else 200


def _deactivate(case: Case) -> int:
    if not case.changes:
        return case.refused()
    return 403 if case.state == "queued" else 204


def _members(case: Case) -> int:
    if not case.sees:
        return 404
    if case.visibility != "shared":
        # Others than the owner have no business with members that there are not.
        return 403
    return 200 if case.admin or case.owner or case.caller == "guest" else 403


def _share(case: Case) -> int:
    # Whatever one does with members, the image must be there to be seen first.
    if not (case.sees and case.changes):
        return case.refused()
    return 200 if case.visibility == "shared" else 403


def _import(case: Case) -> int:
    # Who sees an image hears of its state first, and who may import, of the address last.
    if not (case.sees or case.changes):
        return 404
    if case.state != "queued":
        return 409
    return 400 if case.changes else 403


def _copy(case: Case) -> int:
    if not case.sees:
        return 404
    if case.state != "active":
        return 409
    return 400 if case.admin else 403


def _locate(case: Case) -> int:
    if not (case.sees or case.changes):
        return 404
    if case.state != "queued":
        return 409
    return 400 if case.changes or case.caller == "nova" else 403


def _patch(name: str, value: object) -> Act:
    change = [{"op": "replace", "path": f"/{name}", "value": value}]
    return lambda api, image: api.patch(f"/v2/images/{image}", change).status_code


def _request(method: str, where: str = "", body: object = None) -> Act:
    return lambda api, image: (
        api.request(method, f"/v2/images/{image}{where}", json=body).status_code
    )


def _put(api: Api, image: str) -> int:
    return api.put(
        f"/v2/images/{image}/file", data=b"data", headers={"Content-Type": DATA_TYPE}
    ).status_code


# An address that nobody may name: what comes of imports is the business of other tests.
_NOWHERE = {"name": "web-download", "uri": "http://127.0.0.1/"}
OPERATIONS: dict[str, tuple[Act, Expected]] = {
    "show": (_request("GET"), _show),
    "members": (_request("GET", "/members"), _members),
    "download": (_request("GET", "/file"), _download),
    "rename": (_patch("name", "renamed"), lambda case: _change(case, 200)),
    "publicize": (
        _patch("visibility", "public"),
        lambda case: 200 if case.admin else case.refused(),
    ),
    "tag": (_request("PUT", "/tags/t"), lambda case: _change(case, 204)),
    "untag": (_request("DELETE", "/tags/old"), lambda case: _change(case, 204)),
    "share": (_request("POST", "/members", {"member": "one"}), _share),
    "upload": (_put, _upload),
    "import": (_request("POST", "/import", {"method": _NOWHERE}), _import),
    "copy": (_request("POST", "/import", {"method": {"name": "copy-image"}}), _copy),
    "locate": (_request("POST", "/locations", {"url": "http://127.0.0.1/"}), _locate),
    "deactivate": (_request("POST", "/actions/deactivate"), _deactivate),
    "reactivate": (_request("POST", "/actions/reactivate"), _deactivate),
    "delete": (_request("DELETE"), lambda case: _change(case, 204)),
}
_CHANGING = tuple(name for name in OPERATIONS if name not in {"show", "members", "download"})


@pytest.fixture
def admin(served: Servers, make_api: MakeApi) -> Api:
    return make_api(served(_CONFIG), "admin")


def _made(admin: Api, visibility: str, state: str) -> str:
    image: str = admin.create_image(owner="demo", visibility=visibility, tags=["old"])["id"]
    if visibility == "shared":
        admin.share(image, "guest")
    if state != "queued":
        admin.upload(image)
    if state == "deactivated":
        done = admin.post(f"/v2/images/{image}/actions/deactivate")
        assert done.status_code == 204
    return image


@pytest.mark.contract("POL-001", "POL-002", "POL-009", "POL-011", "IMP-017")
@pytest.mark.parametrize("state", _STATES)
@pytest.mark.parametrize("visibility", _VISIBILITIES)
def test_everybody_may_do_exactly_what_is_written_here(
    admin: Api, visibility: str, state: str
) -> None:
    wrong = []
    image = _made(admin, visibility, state)
    for caller in _CALLERS:
        case = Case(caller, visibility, state)
        for name, (act, expected) in OPERATIONS.items():
            should = expected(case)
            changes = name in _CHANGING and should < 300
            # Who succeeds leaves an image that is of no use to others.
            used = _made(admin, visibility, state) if changes else image
            answer = act(admin.as_(caller), used)
            if answer != should:
                wrong.append(f"{caller} {name}: {answer}, not {should}")
    assert not wrong


@pytest.mark.contract("POL-001", "POL-009")
@pytest.mark.parametrize("visibility", _VISIBILITIES)
def test_lists_hold_what_can_be_shown_or_are_refused(admin: Api, visibility: str) -> None:
    image = _made(admin, visibility, "active")
    for caller in _CALLERS:
        case = Case(caller, visibility, "active")
        query = {"visibility": visibility, "owner": "demo", "member_status": "all"}
        answer = admin.as_(caller).get("/v2/images", params={**query, "limit": 1000})
        if not (case.admin or case.reader_role):
            assert answer.status_code == 403, caller
            continue
        assert answer.status_code == 200, caller
        assert (image in {each["id"] for each in answer.json()["images"]}) == case.sees, caller


# --- where operators have their say --------------------------------------------------


@pytest.mark.contract("POL-006")
def test_a_changed_policy_is_in_force_without_a_restart(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path
) -> None:
    file, directory = tmp_path / "policy.yaml", tmp_path / "policy.d"
    directory.mkdir()
    config: Config = {"oslo_policy": {"policy_file": file, "policy_dirs": directory}, **_CONFIG}
    file.write_text('get_images: "role:reader"\n')
    with make_server(config, workers=1) as server:
        demo = make_api(server, "demo")

        def lists() -> bool:
            return demo.get("/v2/images").status_code == 200

        assert lists()
        file.write_text('get_images: "!"\n')
        server.wait_for(lambda: not lists())
        # A directory overrides the file.
        (directory / "more.yaml").write_text('get_images: "role:member"\n')
        server.wait_for(lists)
        # What makes no sense leaves everything as it was.
        (directory / "more.yaml").write_text("get_images: [\n")
        (directory / "other.yaml").write_text('get_image: "!"\n')
        assert lists()
        (directory / "more.yaml").unlink()
        server.wait_for(lambda: not lists())


@pytest.mark.contract("POL-006")
@pytest.mark.parametrize("text", ["get_image: [", 'get_image: "rule:none_such"', "- a list"])
def test_a_policy_that_makes_no_sense_stops_the_start(
    make_server: OwnServers, tmp_path: Path, text: str
) -> None:
    (tmp_path / "policy.yaml").write_text(text)
    server = make_server({"oslo_policy": {"policy_file": tmp_path / "policy.yaml"}})
    with pytest.raises(NotReady, match="policy"):
        server.start()


@pytest.mark.contract("POL-007")
def test_the_older_defaults_ask_for_no_role_but_for_ownership(
    served: Servers, make_api: MakeApi
) -> None:
    config: Config = {**_CONFIG, "oslo_policy": {"enforce_new_defaults": False}}
    admin = make_api(served(config), "admin")
    nobody = admin.as_("demo_none")
    image = nobody.create_image()["id"]
    nobody.upload(image)
    assert nobody.image(image)["status"] == "active"
    assert nobody.post(f"/v2/images/{image}/members", {"member": "guest"}).status_code == 200
    foreign = admin.create_image(owner="alt", visibility="community")["id"]
    for name in ("rename", "tag", "delete", "deactivate", "publicize"):
        act, _ = OPERATIONS[name]
        assert act(nobody, foreign) == 403, name
    assert OPERATIONS["publicize"][0](nobody, image) == 403
    # A member answers for itself; the owner does not answer for it.
    answer = {"status": "accepted"}
    path = f"/v2/images/{image}/members/guest"
    assert nobody.put(path, answer).status_code == 403
    assert nobody.as_("guest").put(path, answer).status_code == 200


@pytest.mark.contract("POL-008")
def test_a_token_for_the_whole_system_is_good_for_nothing_here(
    served: Servers, make_api: MakeApi, keystone: Keystone
) -> None:
    server = served({"keystone_authtoken": keystone.authtoken()}, identity="keystone")
    image = make_api(server, keystone.token("demo")).create_image(visibility="community")["id"]
    system = make_api(server, keystone.token("admin", system=True))
    assert system.get("/v2/images").status_code == 403
    assert system.post("/v2/images", {}).status_code == 403
    assert system.get(f"/v2/images/{image}").status_code == 404
