"""Two projects, their members and readers, and an administrator: who sees and may do what.

Everybody has a token of a real Keystone, and the catalogue is in a real database.
"""

from collections.abc import Callable, Iterator

import attrs
import pytest
import requests

from tests.support.clients import Api, unique
from tests.support.server import Server
from tests.support.services import ENGINES, Keystone, database
from tests.support.transfers import put_data
from vitrine.adapters.persistence.sql import migrate

# All images are demo's. The columns of the tables below:
CALLERS = ("admin", "demo", "demo_reader", "alt", "alt_reader")


@attrs.frozen(kw_only=True)
class Cloud:
    """A server with its Keystone.

    Attributes:
        callers: Each of `CALLERS` by name.
        projects: The ids of projects by their names.
    """

    callers: dict[str, Api]
    projects: dict[str, str]

    def image(self, kind: str, *, data: bool = True) -> str:
        """Make an image of demo's of a kind of `KINDS`."""
        demo, alt = self.callers["demo"], self.callers["alt"]
        visibility, _, answer = kind.partition(" ")
        made = demo.create_image(visibility="shared")
        if data:
            demo.upload(made["id"], b"bytes")
        if visibility != "shared":
            change = {"op": "replace", "path": "/visibility", "value": visibility}
            self.callers["admin"].change(made["id"], change)
        if answer:
            members = f"/v2/images/{made['id']}/members"
            assert demo.post(members, {"member": self.projects["alt"]}).status_code == 200
            if answer != "pending":
                path = f"{members}/{self.projects['alt']}"
                assert alt.put(path, {"status": answer}).status_code == 200
        return str(made["id"])


@pytest.fixture(scope="module", params=[name for name in ENGINES if name != "sqlite"])
def cloud(
    request: pytest.FixtureRequest, keystone: Keystone, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    """A server that asks Keystone and remembers in that database."""
    directory = tmp_path_factory.mktemp("projects")
    with database(request.param, directory) as url:
        migrate.upgrade(url)
        config = {"keystone_authtoken": keystone.authtoken(), "database": {"connection": url}}
        with (
            Server(config, directory=directory, identity="keystone", workers=1) as server,
            Api(server.url) as nobody,
        ):
            yield Cloud(
                callers={name: nobody.as_(keystone.token(name)) for name in CALLERS},
                projects={name: keystone.project_id(name) for name in ("demo", "alt")},
            )


# --- what each may do with an image --------------------------------------------------

# What alt's project answered when it became a member stands behind "shared".
KINDS = (
    "private",
    "shared",
    "shared pending",
    "shared accepted",
    "shared rejected",
    "community",
    "public",
)

Operation = Callable[[Api, str, Cloud], requests.Response]


def _show(api: Api, image: str, cloud: Cloud) -> requests.Response:
    return api.get(f"/v2/images/{image}")


def _download(api: Api, image: str, cloud: Cloud) -> requests.Response:
    return api.get(f"/v2/images/{image}/file")


def _upload(api: Api, image: str, cloud: Cloud) -> requests.Response:
    return put_data(api, image)


def _rename(api: Api, image: str, cloud: Cloud) -> requests.Response:
    change = {"op": "replace", "path": "/name", "value": "other"}
    return api.patch(f"/v2/images/{image}", [change])


def _publish(api: Api, image: str, cloud: Cloud) -> requests.Response:
    change = {"op": "replace", "path": "/visibility", "value": "public"}
    return api.patch(f"/v2/images/{image}", [change])


def _give_away(api: Api, image: str, cloud: Cloud) -> requests.Response:
    change = {"op": "replace", "path": "/owner", "value": cloud.projects["alt"]}
    return api.patch(f"/v2/images/{image}", [change])


def _tag(api: Api, image: str, cloud: Cloud) -> requests.Response:
    return api.put(f"/v2/images/{image}/tags/tag")


def _deactivate(api: Api, image: str, cloud: Cloud) -> requests.Response:
    return api.post(f"/v2/images/{image}/actions/deactivate")


def _delete(api: Api, image: str, cloud: Cloud) -> requests.Response:
    return api.delete(f"/v2/images/{image}")


def _list_members(api: Api, image: str, cloud: Cloud) -> requests.Response:
    return api.get(f"/v2/images/{image}/members")


def _add_member(api: Api, image: str, cloud: Cloud) -> requests.Response:
    return api.post(f"/v2/images/{image}/members", {"member": "third"})


def _show_member(api: Api, image: str, cloud: Cloud) -> requests.Response:
    return api.get(f"/v2/images/{image}/members/{cloud.projects['alt']}")


def _answer(api: Api, image: str, cloud: Cloud) -> requests.Response:
    path = f"/v2/images/{image}/members/{cloud.projects['alt']}"
    return api.put(path, {"status": "accepted"})


def _remove_member(api: Api, image: str, cloud: Cloud) -> requests.Response:
    return api.delete(f"/v2/images/{image}/members/{cloud.projects['alt']}")


# Statuses in the order of CALLERS, for each kind of image; "else" stands for the kinds
# that are not there by name.
Expected = dict[str, tuple[int, ...]]


def _for_owners(status: int) -> Expected:
    """Administrators and members of the owning project may; others only see or do not."""
    return {
        "private": (status, status, 403, 404, 404),
        "shared": (status, status, 403, 404, 404),
        "else": (status, status, 403, 403, 403),
    }


def _for_administrators(status: int) -> Expected:
    """Nobody else may, not even the owners."""
    return {
        "private": (status, 403, 403, 404, 404),
        "shared": (status, 403, 403, 404, 404),
        "else": (status, 403, 403, 403, 403),
    }


MATRIX: list[tuple[Operation, Expected]] = [
    (
        _show,
        {
            "private": (200, 200, 200, 404, 404),
            "shared": (200, 200, 200, 404, 404),
            "else": (200, 200, 200, 200, 200),
        },
    ),
    (
        _download,
        {
            "private": (200, 200, 403, 404, 404),
            "shared": (200, 200, 403, 404, 404),
            "else": (200, 200, 403, 200, 403),
        },
    ),
    (_upload, _for_owners(204)),
    (_rename, _for_owners(200)),
    (_tag, _for_owners(204)),
    (_deactivate, _for_owners(204)),
    (_delete, _for_owners(204)),
    (_publish, _for_administrators(200)),
    (_give_away, _for_administrators(200)),
    (
        _list_members,
        {
            "private": (403, 403, 403, 404, 404),
            "shared": (200, 200, 200, 404, 404),
            "community": (403, 403, 403, 403, 403),
            "public": (403, 403, 403, 403, 403),
            "else": (200, 200, 200, 200, 200),
        },
    ),
    (
        _add_member,
        {
            "private": (403, 403, 403, 404, 404),
            "shared": (200, 200, 403, 404, 404),
            "community": (403, 403, 403, 403, 403),
            "public": (403, 403, 403, 403, 403),
            "else": (200, 200, 403, 403, 403),
        },
    ),
    (
        _show_member,
        {
            "private": (404, 404, 404, 404, 404),
            "shared": (404, 404, 404, 404, 404),
            "community": (404, 404, 404, 404, 404),
            "public": (404, 404, 404, 404, 404),
            "else": (200, 200, 200, 200, 200),
        },
    ),
    (
        _answer,
        {
            "private": (403, 403, 403, 404, 404),
            "community": (403, 403, 403, 403, 403),
            "public": (403, 403, 403, 403, 403),
            "shared pending": (200, 403, 403, 200, 403),
            "shared accepted": (200, 403, 403, 200, 403),
            "shared rejected": (200, 403, 403, 200, 403),
        },
    ),
    (
        _remove_member,
        {
            "private": (403, 403, 403, 404, 404),
            "community": (403, 403, 403, 403, 403),
            "public": (403, 403, 403, 403, 403),
            "shared pending": (204, 204, 403, 403, 403),
            "shared accepted": (204, 204, 403, 403, 403),
            "shared rejected": (204, 204, 403, 403, 403),
        },
    ),
]


@pytest.mark.parametrize(
    ("operation", "expected"),
    MATRIX,
    ids=[operation.__name__.removeprefix("_") for operation, _ in MATRIX],
)
def test_what_each_may_do_with_an_image(
    cloud: Cloud, operation: Operation, expected: Expected
) -> None:
    rows = {kind: expected.get(kind, expected.get("else")) for kind in KINDS}
    tried = {kind: row for kind, row in rows.items() if row is not None}

    def attempt(kind: str, caller: str) -> int:
        image = cloud.image(kind, data=operation is not _upload)
        return operation(cloud.callers[caller], image, cloud).status_code

    found = {kind: tuple(attempt(kind, caller) for caller in CALLERS) for kind in tried}
    assert found == tried


# --- what each sees ------------------------------------------------------------------

SEEN: dict[str, tuple[bool, ...]] = {
    "private": (True, True, True, False, False),
    "shared": (True, True, True, False, False),
    "shared pending": (True, True, True, False, False),
    "shared accepted": (True, True, True, True, True),
    "shared rejected": (True, True, True, False, False),
    "community": (False, True, True, False, False),
    "public": (True, True, True, True, True),
}


def listed(cloud: Cloud, **filters: str) -> dict[str, tuple[bool, ...]]:
    """Which of one new image of every kind each caller lists."""
    made = {kind: cloud.image(kind, data=False) for kind in KINDS}
    seen = {
        caller: {image["id"] for image in cloud.callers[caller].images(**filters)}
        for caller in CALLERS
    }
    return {
        kind: tuple(image in seen[caller] for caller in CALLERS) for kind, image in made.items()
    }


def test_what_each_lists(cloud: Cloud) -> None:
    assert listed(cloud) == SEEN


@pytest.mark.parametrize("answer", ["pending", "accepted", "rejected"])
def test_what_members_list_by_their_answer(cloud: Cloud, answer: str) -> None:
    by_answer = {
        f"shared {each}": (True, True, True, each == answer, each == answer)
        for each in ("pending", "accepted", "rejected")
    }
    assert listed(cloud, member_status=answer) == {**SEEN, **by_answer}


def test_what_each_lists_of_everything(cloud: Cloud) -> None:
    everything = {**SEEN, "community": (True, True, True, True, True)}
    assert listed(cloud, visibility="all") == everything


@pytest.mark.parametrize("visibility", ["private", "shared", "community", "public"])
def test_what_each_lists_of_one_visibility(cloud: Cloud, visibility: str) -> None:
    everything = {**SEEN, "community": (True, True, True, True, True)}
    nothing = (False,) * len(CALLERS)
    assert listed(cloud, visibility=visibility) == {
        kind: row if kind.split()[0] == visibility else nothing for kind, row in everything.items()
    }


# --- what each may make --------------------------------------------------------------

MADE: dict[str, tuple[int, ...]] = {
    "private": (201, 201, 403, 201, 403),
    "shared": (201, 201, 403, 201, 403),
    "community": (201, 201, 403, 201, 403),
    "public": (201, 403, 403, 403, 403),
}


@pytest.mark.parametrize("visibility", MADE)
def test_what_each_may_make(cloud: Cloud, visibility: str) -> None:
    statuses = []
    for caller in CALLERS:
        fields = {"name": unique(), "visibility": visibility}
        answer = cloud.callers[caller].post("/v2/images", fields)
        statuses.append(answer.status_code)
        if answer.ok:
            home = caller.partition("_")[0]
            assert answer.json()["owner"] == cloud.projects.get(home, answer.json()["owner"])
    assert tuple(statuses) == MADE[visibility]


def test_only_administrators_make_images_for_others(cloud: Cloud) -> None:
    fields = {"name": unique(), "owner": cloud.projects["alt"]}
    answers = {name: api.post("/v2/images", fields) for name, api in cloud.callers.items()}
    statuses = {name: answer.status_code for name, answer in answers.items()}
    assert statuses == {
        "admin": 201,
        "demo": 403,
        "demo_reader": 403,
        "alt": 201,
        "alt_reader": 403,
    }


def test_only_administrators_write_metadata_definitions(cloud: Cloud) -> None:
    statuses = [
        cloud.callers[name]
        .post("/v2/metadefs/namespaces", {"namespace": unique("space")})
        .status_code
        for name in CALLERS
    ]
    assert statuses == [201, 403, 403, 403, 403]


def test_without_a_token_nobody_gets_in(cloud: Cloud) -> None:
    image = cloud.image("public")
    nobody = cloud.callers["demo"].as_(None)
    for path in ("/v2/images", f"/v2/images/{image}", f"/v2/images/{image}/file"):
        assert nobody.get(path).status_code == 401
