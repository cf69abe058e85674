"""Who may do what with the image cache, by default and as an operator decides.

What is expected is written down here, in words of the contract, and not taken from the
rules of the service.
"""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.caches import Cached, with_cache
from tests.support.clients import Api
from tests.support.copies import USERS
from tests.support.server import Servers

MakeApi = Callable[..., Api]
Act = Callable[[Cached, str], int]

OTHERS = ("demo", "demo_reader", "demo_none", "alt", "nova", "helper")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache-policy")


@pytest.fixture
def with_policy(served: Servers, make_api: MakeApi, directory: Path) -> Callable[..., Cached]:
    """Makes the cache of a shared server with such options of [oslo_policy]."""

    def make(**policy: object) -> Cached:
        config = {
            **with_cache(directory),
            "paste_deploy": {"flavor": "cachemanagement"},
            "local_identity": {"users": USERS},
            "oslo_policy": policy,
        }
        server = served(config)
        return Cached(server, make_api(server, "admin"), directory)

    return make


# --- what is done --------------------------------------------------------------------


def act(method: str, path: str) -> Act:
    def do(cached: Cached, user: str) -> int:
        image = cached.image(visibility="community") if "IMAGE" in path else ""
        where = path.replace("IMAGE", image)
        return cached.api.as_(user).request(method, where).status_code

    return do


# What is done, by which rule, and with what success.
ACTS: dict[str, tuple[str, Act, int]] = {
    "list": ("cache_list", act("GET", "/v2/cache"), 200),
    "clear": ("cache_delete", act("DELETE", "/v2/cache"), 204),
    "fetch": ("cache_image", act("PUT", "/v2/cache/IMAGE"), 202),
    "take out": ("cache_delete", act("DELETE", "/v2/cache/IMAGE"), 204),
    "nodes": ("list_cached_nodes", act("GET", "/v2/cache/nodes/IMAGE"), 200),
    "clean": ("cache_clean", act("POST", "/v2/cache/clean"), 200),
    "prune": ("cache_prune", act("POST", "/v2/cache/prune"), 200),
    "list as before": ("manage_image_cache", act("GET", "/v2/cached_images"), 200),
    "empty as before": ("manage_image_cache", act("DELETE", "/v2/cached_images"), 200),
    "take out as before": ("manage_image_cache", act("DELETE", "/v2/cached_images/IMAGE"), 200),
    "queue as before": ("manage_image_cache", act("GET", "/v2/queued_images"), 200),
    "empty queue as before": ("manage_image_cache", act("DELETE", "/v2/queued_images"), 200),
    "fetch as before": ("manage_image_cache", act("PUT", "/v2/queued_images/IMAGE"), 200),
    "dequeue as before": ("manage_image_cache", act("DELETE", "/v2/queued_images/IMAGE"), 200),
}
# Those that follow the rule for the old routes where old defaults count.
ONCE_OLD = ("list", "clear", "fetch", "take out")


@pytest.mark.contract("POL-004")
@pytest.mark.parametrize("name", ACTS)
def test_only_administrators_manage_the_cache(
    with_policy: Callable[..., Cached], name: str
) -> None:
    _, do, done = ACTS[name]
    cached = with_policy()
    assert do(cached, "admin") == done
    assert {user: do(cached, user) for user in OTHERS} == dict.fromkeys(OTHERS, 403)


@pytest.mark.contract("POL-004", "POL-006")
@pytest.mark.parametrize("rule", sorted({rule for rule, _, _ in ACTS.values()}))
def test_each_rule_rules_what_it_is_for_and_nothing_else(
    with_policy: Callable[..., Cached], tmp_path: Path, rule: str
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(f'{rule}: "project_id:demo"\n')
    cached = with_policy(policy_file=file)
    for name, (by, do, done) in ACTS.items():
        assert do(cached, "demo") == (done if by == rule else 403), name
        assert do(cached, "admin") == (403 if by == rule else done), name


@pytest.mark.contract("POL-004", "POL-007")
def test_the_old_rule_counts_for_the_new_routes_where_old_defaults_do(
    with_policy: Callable[..., Cached], tmp_path: Path
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text('manage_image_cache: "role:admin or project_id:demo"\n')
    cached = with_policy(policy_file=file, enforce_new_defaults=False)
    for name, (by, do, done) in ACTS.items():
        expected = done if name in ONCE_OLD or by == "manage_image_cache" else 403
        assert do(cached, "demo") == expected, name


@pytest.mark.contract("POL-004", "CAC-002", "CAC-003")
def test_an_image_that_the_caller_does_not_see_is_not_found_whatever_he_may(
    with_policy: Callable[..., Cached],
) -> None:
    cached = with_policy()
    hidden = cached.image(visibility="private")
    for path in (f"/v2/cache/{hidden}", f"/v2/cache/{uuid.uuid4()}"):
        for method in ("PUT", "DELETE"):
            assert cached.api.as_("alt").request(method, path).status_code == 404
    # Who may not look at the nodes is told so first.
    assert cached.api.as_("alt").get(f"/v2/cache/nodes/{hidden}").status_code == 403


@pytest.mark.contract("POL-004", "CAC-003")
def test_what_is_cached_is_taken_out_by_administrators_alone(
    with_policy: Callable[..., Cached],
) -> None:
    cached = with_policy()
    image = cached.cached_image()
    hidden = cached.image(visibility="private")
    cached.read(hidden)
    assert cached.api.as_("alt").delete(f"/v2/cache/{hidden}").status_code == 403
    assert cached.api.as_("alt").delete(f"/v2/cache/{image}").status_code == 403
    assert cached.holds(image)
