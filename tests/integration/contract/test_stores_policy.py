"""Who may do what with the locations of images, by default and as it used to be.

What is expected is written down here, in words of the contract, and not taken from the
rules of the service.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.clients import Api
from tests.support.copies import DATA, Copies, several_stores
from tests.support.origin import Origin, origin
from tests.support.server import OwnServers, Server, Servers
from vitrine.core.images.image import Location

MakeApi = Callable[..., Api]
Act = Callable[[Copies, str, str], int]

JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def web() -> Iterator[Origin]:
    with origin() as made:
        made.serve("/image", DATA)
        yield made


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stores")


@pytest.fixture
def with_policy(
    served: Servers, make_api: MakeApi, directory: Path, web: Origin
) -> Callable[..., Copies]:
    """Makes copies on a shared server with such options of [oslo_policy]."""

    def make(**policy: object) -> Copies:
        server: Server = served(
            several_stores(
                directory,
                DEFAULT={"enabled_backends": "fast:file, slow:file, web:http"},
                import_filtering_opts={"allowed_hosts": "127.0.0.1", "allowed_ports": web.port},
                oslo_policy=policy,
            )
        )
        return Copies(server, make_api(server), directory)

    return make


# --- what is done --------------------------------------------------------------------


def take_out(copies: Copies, caller: str, url: str) -> int:
    image = copies.make("fast", "slow", visibility="community")
    return copies.api.as_(caller).delete(f"/v2/stores/fast/{image}").status_code


def patch(copies: Copies, caller: str, image: str, change: object) -> int:
    return copies.api.as_(caller).patch(f"/v2/images/{image}", [change]).status_code


def add(copies: Copies, caller: str, url: str) -> int:
    image = copies.make("fast", visibility="community")
    value = {"url": url, "metadata": {}}
    return patch(copies, caller, image, {"op": "add", "path": "/locations/-", "value": value})


def replace(copies: Copies, caller: str, url: str) -> int:
    image = copies.make("fast", visibility="community")
    value = [{"url": copies.location(image, "fast").url, "metadata": {"a": "b"}}]
    return patch(copies, caller, image, {"op": "replace", "path": "/locations", "value": value})


def remove(copies: Copies, caller: str, url: str) -> int:
    image = copies.make("fast", "slow", visibility="community")
    return patch(copies, caller, image, {"op": "remove", "path": "/locations/0"})


def post(copies: Copies, caller: str, url: str) -> int:
    image = copies.api.create_image(visibility="community")["id"]
    return copies.api.as_(caller).post(f"/v2/images/{image}/locations", {"url": url}).status_code


def fetch(copies: Copies, caller: str, url: str) -> int:
    image = copies.make("fast", visibility="community")
    return copies.api.as_(caller).get(f"/v2/images/{image}/locations").status_code


CALLERS = ("admin", "demo", "demo_reader", "demo_none", "alt", "nova", "helper")
NOW: dict[Act, tuple[int, ...]] = {
    # Nobody but administrators takes copies away.
    take_out: (204, 403, 403, 404, 403, 403, 403),
    remove: (200, 403, 403, 404, 403, 403, 403),
    # Who may write to the project of the image may say where its data is.
    add: (200, 200, 403, 404, 403, 403, 200),
    replace: (200, 200, 403, 404, 403, 403, 200),
    # Services may as well, as long as there is no data; and they alone look.
    post: (202, 202, 403, 404, 403, 202, 202),
    fetch: (200, 403, 403, 404, 403, 200, 200),
}
BEFORE: dict[Act, tuple[int, ...]] = {
    # Whoever belongs to the project of the image.
    take_out: (204, 204, 204, 204, 403, 403, 204),
    remove: (200, 200, 200, 200, 403, 403, 200),
    add: (200, 200, 200, 200, 403, 403, 200),
    replace: (200, 200, 200, 200, 403, 403, 200),
    # These two are new, and were never anything else.
    post: (202, 202, 403, 403, 403, 202, 202),
    fetch: (200, 403, 403, 403, 403, 200, 200),
}


def name_of(act: Act) -> str:
    return act.__name__


@pytest.mark.contract("POL-003", "MST-006", "LOC-013", "LOC-018")
@pytest.mark.parametrize("act", NOW, ids=name_of)
def test_who_may_by_default(with_policy: Callable[..., Copies], web: Origin, act: Act) -> None:
    copies = with_policy()
    done = tuple(act(copies, caller, web.url()) for caller in CALLERS)
    assert dict(zip(CALLERS, done, strict=True)) == dict(zip(CALLERS, NOW[act], strict=True))


@pytest.mark.contract("POL-003", "POL-007")
@pytest.mark.parametrize("act", BEFORE, ids=name_of)
def test_who_might_before(with_policy: Callable[..., Copies], web: Origin, act: Act) -> None:
    copies = with_policy(enforce_new_defaults=False)
    done = tuple(act(copies, caller, web.url()) for caller in CALLERS)
    assert dict(zip(CALLERS, done, strict=True)) == dict(zip(CALLERS, BEFORE[act], strict=True))


RULES: dict[str, tuple[Act, ...]] = {
    "get_image_location": (take_out,),
    "delete_image_location": (take_out, remove),
    "set_image_location": (add, replace),
    "add_image_location": (post,),
    "fetch_image_location": (fetch,),
}


@pytest.mark.contract("POL-003", "POL-006")
@pytest.mark.parametrize("rule", RULES)
def test_each_rule_rules_what_it_is_for_and_nothing_else(
    with_policy: Callable[..., Copies], web: Origin, tmp_path: Path, rule: str
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(f'{rule}: "!"\n')
    copies = with_policy(policy_file=file)
    for act, expected in NOW.items():
        status = 403 if act in RULES[rule] else expected[0]
        assert act(copies, "admin", web.url()) == status, act.__name__


@pytest.mark.contract("POL-003")
def test_whether_one_may_learn_where_data_is_is_asked_first(
    make_server: OwnServers, make_api: MakeApi, tmp_path: Path
) -> None:
    file = tmp_path / "policy.yaml"
    config = several_stores(tmp_path, oslo_policy={"policy_file": file})
    file.write_text('get_image_location: "!"\ndelete_image_location: "!"\n')
    with make_server(config, workers=1) as server:
        copies = Copies(server, make_api(server), tmp_path)
        image = copies.make("fast", "slow")
        copies.write_down(
            image, *(Location(url=copies.location(image, each).url) for each in ("fast", "slow"))
        )
        answer = copies.api.as_("admin").delete(f"/v2/stores/fast/{image}", headers=JSON)
        assert answer.status_code == 403
        assert answer.json()["details"] == {"action": "get_image_location"}
        assert copies.kept(image) == {"fast", "slow"}
