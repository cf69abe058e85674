"""Where the data of images is: adding, replacing, removing and listing locations."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.support.clients import PATCH_TYPE, Api, Json
from tests.support.origin import Origin, Request, origin
from tests.support.server import Config, Server, Servers

BODY = b"the data of an image" * 100
SHA512 = hashlib.sha512(BODY).hexdigest()
MD5 = hashlib.md5(BODY).hexdigest()  # noqa: S324 - for checksum
WRONG = hashlib.sha512(b"something else").hexdigest()
# As the built-in ones, with services: one of a project of its own, one of demo's.
USERS = (
    "admin:admin:admin|member|reader, demo:demo:member|reader, demo_reader:demo:reader, "
    "alt:alt:member|reader, demo_admin:demo:admin|member|reader, "
    "nova:service:service|member|reader, helper:demo:service|member|reader, "
    "roles:service:service"
)


@pytest.fixture(scope="module")
def far() -> Iterator[Origin]:
    with origin() as made:
        made.serve("/image", BODY)
        made.serve("/same", BODY)
        made.serve("/other", b"other data" * 100)
        made.serve("/empty", b"")
        made.redirect("/away", "http://169.254.169.254/latest")
        made.redirect("/near", "/image")
        yield made


def config(far: Origin, **options: object) -> Config:
    return {
        "DEFAULT": {"show_multiple_locations": True, "image_location_quota": 3, **options},
        "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": far.port},
        "local_identity": {"users": USERS},
    }


@pytest.fixture(scope="module")
def make(far: Origin, served: Servers) -> Callable[..., Server]:
    """A shared server where locations are shown, with further options of [DEFAULT]."""
    return lambda **options: served(config(far, **options))


@pytest.fixture
def api(make: Callable[..., Server], make_api: Callable[[Server | str, str | None], Api]) -> Api:
    return make_api(make(), "demo")


def location(url: str, metadata: Json | None = None, **more: object) -> Json:
    return {"url": url, "metadata": metadata or {}, **more}


def add(value: object, position: str = "-") -> Json:
    return {"op": "add", "path": f"/locations/{position}", "value": value}


def replace(*values: object) -> Json:
    return {"op": "replace", "path": "/locations", "value": [*values]}


def remove(position: object) -> Json:
    return {"op": "remove", "path": f"/locations/{position}"}


def patch(api: Api, image: Json, *changes: Json) -> requests.Response:
    return api.patch(f"/v2/images/{image['id']}", [*changes])


def refused(api: Api, image: Json, code: int, *changes: Json) -> None:
    """The patch is refused, and nothing of it remains."""
    before = api.as_("admin").image(image["id"])
    answer = patch(api, image, *changes)
    assert answer.status_code == code, answer.text
    assert "127.0.0.1" not in answer.text
    assert api.as_("admin").image(image["id"]) == before


def located(api: Api, *urls: str, **fields: object) -> Json:
    """An image with these locations."""
    image = api.create_image(**fields)
    return api.change(image["id"], *(add(location(url)) for url in urls))


def post(api: Api, image: Json, url: object, **more: object) -> requests.Response:
    return api.post(f"/v2/images/{image['id']}/locations", {"url": url, **more})


def promise(value: str = SHA512, algorithm: str = "sha512") -> Json:
    return {"os_hash_algo": algorithm, "os_hash_value": value}


def until(api: Api, image: Json, reached: Callable[[Json], object]) -> Json:
    """The image, once it has *reached* something."""
    deadline = time.monotonic() + 60
    while not reached(seen := api.as_("admin").image(image["id"])):
        assert time.monotonic() < deadline, seen
        time.sleep(0.02)
    return seen


def at_rest(image: Json) -> bool:
    return not image.get("os_glance_import_task")


class Held:
    """An answer that stops in the middle until it is let go."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._going = threading.Event()

    def let_go(self) -> None:
        self._going.set()

    def __call__(self, request: Request) -> None:
        if request.command == "HEAD":
            request.give(self._body)
            return
        request.give(self._body[:100], announced=len(self._body))
        request.wfile.flush()
        self._going.wait(60)
        request.wfile.write(self._body[100:])


# --- patches -------------------------------------------------------------------------


@pytest.mark.contract("LOC-001", "LOC-010")
def test_a_location_makes_a_queued_image_active(api: Api, far: Origin) -> None:
    image = api.create_image()
    assert image["locations"] == []
    changed = api.change(image["id"], add(location(far.url(), {"a": ["b", {"c": "d"}]})))
    assert changed["status"] == "active"
    assert changed["size"] == len(BODY)
    assert changed["virtual_size"] is None
    assert changed["checksum"] is changed["os_hash_algo"] is changed["os_hash_value"] is None
    assert changed["locations"] == [location(far.url(), {"a": ["b", {"c": "d"}]})]
    assert api.image(image["id"]) == changed
    assert api.download(image["id"]) == BODY


@pytest.mark.contract("LOC-001")
@pytest.mark.parametrize(
    ("position", "order"),
    [("-", "012"), ("0", "201"), ("1", "021"), ("2", "012"), ("99", "012"), ("9" * 5000, "012")],
)
def test_another_location_stands_where_it_was_wanted(
    api: Api, far: Origin, position: str, order: str
) -> None:
    urls = [far.url(), far.url("/same"), far.url("/near")]
    image = located(api, *urls[:2])
    changed = api.change(image["id"], add(location(urls[2]), position))
    assert [each["url"] for each in changed["locations"]] == [urls[int(n)] for n in order]
    assert {**changed, "locations": None, "updated_at": None} == {
        **image,
        "locations": None,
        "updated_at": None,
    }


@pytest.mark.contract("LOC-001")
def test_several_changes_are_made_together_or_not_at_all(api: Api, far: Origin) -> None:
    image = api.create_image()
    name = {"op": "replace", "path": "/name", "value": "changed"}
    refused(api, image, 400, name, add(location(far.url())), add(location(far.url("/nothing"))))
    changed = api.change(
        image["id"], name, add(location(far.url())), add(location(far.url("/same")))
    )
    assert (changed["name"], len(changed["locations"])) == ("changed", 2)


@pytest.mark.contract("LOC-001")
@pytest.mark.parametrize("position", ["x", "-1", "+1", "1.0", "٣", "--"])
def test_a_position_is_a_number_or_the_end(api: Api, far: Origin, position: str) -> None:
    refused(api, located(api, far.url()), 400, add(location(far.url("/same")), position))


@pytest.mark.contract("LOC-001")
@pytest.mark.parametrize(
    "value",
    [
        {},
        {"url": "http://example.org/"},
        {"metadata": {}},
        {"url": 7, "metadata": {}},
        {"url": "http://example.org/", "metadata": []},
        {"url": "http://example.org/" + "x" * 255, "metadata": {}},
        "http://example.org/",
        None,
    ],
)
def test_a_location_has_an_address_and_metadata(api: Api, value: object) -> None:
    refused(api, api.create_image(), 400, add(value))


@pytest.mark.contract("LOC-001")
@pytest.mark.parametrize(
    "value", [7, True, None, 1.5, ["a", 7], {"a": None}, {"a": [{"b": False}]}]
)
def test_metadata_holds_text_lists_and_objects_only(api: Api, far: Origin, value: object) -> None:
    image = api.create_image()
    refused(api, image, 400, add(location(far.url(), {"key": value})))
    refused(api, located(api, far.url()), 400, replace(location(far.url(), {"key": value})))


@pytest.mark.contract("LOC-002")
def test_a_list_that_is_empty_can_be_filled(api: Api, far: Origin) -> None:
    image = api.create_image()
    wanted = [location(far.url(), {"a": "1"}), location(far.url("/same"))]
    changed = api.change(image["id"], replace(*wanted))
    assert (changed["status"], changed["locations"]) == ("active", wanted)
    assert changed["size"] == len(BODY)


@pytest.mark.contract("LOC-002")
def test_of_a_list_that_has_entries_only_metadata_and_order_change(api: Api, far: Origin) -> None:
    image = located(api, far.url(), far.url("/same"))
    wanted = [location(far.url("/same"), {"b": "2"}), location(far.url(), {"a": "1"})]
    assert api.change(image["id"], replace(*wanted))["locations"] == wanted
    refused(api, image, 400, replace(wanted[0]))
    refused(api, image, 400, replace(*wanted, location(far.url("/near"))))
    refused(api, image, 400, replace(wanted[0], location(far.url("/near"))))
    refused(api, image, 403, replace())
    refused(api, api.create_image(), 403, replace())


@pytest.mark.contract("LOC-003", "LOC-009")
def test_a_location_can_be_removed_but_not_the_last_one(api: Api, far: Origin) -> None:
    urls = [far.url(), far.url("/same"), far.url("/near")]
    image = located(api, *urls)
    admin = api.as_("admin")
    refused(api, image, 403, remove(0))
    for position in ("3", "x", "99", "9" * 5000):
        refused(admin, image, 400, remove(position))
    assert admin.change(image["id"], remove(1))["locations"] == [
        location(urls[0]),
        location(urls[2]),
    ]
    assert admin.change(image["id"], remove("-"))["locations"] == [location(urls[0])]
    refused(admin, image, 403, remove(0))
    refused(admin, image, 403, remove("-"))
    assert api.download(image["id"]) == BODY


@pytest.mark.contract("LOC-003")
def test_removing_a_location_deletes_its_data_unless_somebody_else_has_it(
    far: Origin,
    served: Servers,
    make_api: Callable[[Server | str, str | None], Api],
) -> None:
    whole = dict(config(far))
    whole["DEFAULT"] = {
        **whole["DEFAULT"],
        "enabled_backends": "fast:memory, web:http",
    }
    whole["glance_store"] = {"default_backend": "fast"}
    api = make_api(served(whole), "admin")
    images = [api.active_image(BODY) for _ in range(2)]
    kept, removed = (image["locations"][0]["url"] for image in images)
    user = api.create_image()
    api.change(user["id"], add(location(kept)))
    for image in images:
        changed = api.change(image["id"], add(location(far.url())), remove(0))
        assert changed["locations"] == [location(far.url(), {"store": "web"})]
        assert changed["stores"] == "web"
        assert api.download(image["id"]) == BODY
    assert api.download(user["id"]) == BODY
    refused(api, api.create_image(), 400, add(location(removed)))


@pytest.mark.contract("LOC-004")
def test_patching_locations_is_forbidden_where_they_are_not_shown(
    far: Origin, make: Callable[..., Server], make_api: Callable[[Server | str, str | None], Api]
) -> None:
    api = make_api(make(show_multiple_locations=False), "admin")
    image = api.create_image()
    assert "locations" not in image
    for changes in ([add(location(far.url()))], [replace(location(far.url()))], [remove(0)]):
        refused(api, image, 403, *changes)


@pytest.mark.contract("LOC-004")
def test_only_those_who_may_change_an_image_change_its_locations(api: Api, far: Origin) -> None:
    image = located(api, far.url(), visibility="community")
    for caller in ("alt", "demo_reader"):
        refused(api.as_(caller), image, 403, add(location(far.url("/same"))))
    hidden = located(api, far.url(), visibility="private")
    refused(api.as_("alt"), hidden, 404, add(location(far.url("/same"))))


@pytest.mark.contract("LOC-005")
def test_locations_change_only_while_that_means_something(api: Api, far: Origin) -> None:
    admin = api.as_("admin")
    queued = admin.create_image()
    refused(admin, queued, 409, remove(0))
    image = located(admin, far.url(), far.url("/same"))
    admin.post(f"/v2/images/{image['id']}/actions/deactivate")
    refused(admin, image, 409, add(location(far.url("/near"))))
    refused(admin, image, 409, replace(location(far.url()), location(far.url("/same"))))
    refused(admin, image, 409, remove(0))


@pytest.mark.contract("LOC-006")
@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "filesystem:///etc/passwd",
        "swift+config://ref1/container/object",
        "rbd://fsid/pool/image/snap",
        "nothing://example.org/x",
        "example.org/x",
        "",
        "http://127.0.0.1:22/",
        "http://localhost/x",
        "http://169.254.169.254/latest",
        "http://2130706433/",
        "http://[::1]/",
        "http://nowhere.invalid/x",
        "{far}/nothing",
        "{far}/empty",
        "{far}/away",
    ],
)
def test_an_address_that_is_out_of_bounds_or_leads_to_nothing_is_refused(
    api: Api, far: Origin, url: str
) -> None:
    refused(api, api.create_image(), 400, add(location(url.format(far=far.url("")))))
    assert not [path for _, path, _ in far.seen if "latest" in path]


@pytest.mark.contract("LOC-007")
def test_the_same_location_comes_once(api: Api, far: Origin) -> None:
    image = located(api, far.url())
    refused(api, image, 400, add(location(far.url())))
    refused(api, api.create_image(), 400, replace(location(far.url()), location(far.url())))
    changed = api.change(image["id"], add(location(far.url(), {"other": "metadata"})))
    assert len(changed["locations"]) == 2


@pytest.mark.contract("LOC-008")
def test_there_are_only_so_many_locations(
    api: Api,
    far: Origin,
    make: Callable[..., Server],
    make_api: Callable[[Server | str, str | None], Api],
) -> None:
    image = located(api, far.url(), far.url("/same"), far.url("/near"))
    refused(api, image, 413, add(location(far.url("/image?4"))))
    many = [location(far.url(f"/image?{number}")) for number in range(4)]
    refused(api, api.create_image(), 413, replace(*many))

    small = make_api(make(user_storage_quota=f"{2 * len(BODY)}B"), "demo")
    image = located(small, far.url(), far.url("/same"))
    refused(small, image, 413, add(location(far.url("/near"))))
    refused(small, small.create_image(), 413, add(location(far.url())))


@pytest.mark.contract("LOC-010")
def test_an_image_without_formats_does_not_become_active(api: Api, far: Origin) -> None:
    for lacking in ("disk_format", "container_format"):
        image = api.create_image(**{lacking: None})
        refused(api, image, 400, add(location(far.url())))


@pytest.mark.contract("LOC-011")
def test_what_is_said_of_the_data_is_remembered_and_echoed_once(api: Api, far: Origin) -> None:
    image = api.create_image()
    said = {**promise(), "checksum": MD5}
    changed = api.change(image["id"], add(location(far.url(), validation_data=said)))
    assert changed["locations"] == [location(far.url(), validation_data=said)]
    assert (changed["os_hash_algo"], changed["os_hash_value"]) == ("sha512", SHA512)
    assert changed["checksum"] == MD5
    assert api.image(image["id"]) == {**changed, "locations": [location(far.url())]}

    again = api.change(image["id"], add(location(far.url("/same"), validation_data=said)))
    assert (again["checksum"], again["os_hash_value"]) == (MD5, SHA512)
    refused(api, image, 409, add(location(far.url("/near"), validation_data=promise(WRONG))))
    wrong = {**promise(), "checksum": "0" * 32}
    refused(api, image, 409, add(location(far.url("/near"), validation_data=wrong)))


@pytest.mark.contract("LOC-011")
def test_nothing_new_is_said_of_data_that_is_there(api: Api, far: Origin) -> None:
    image = located(api, far.url())
    refused(api, image, 409, add(location(far.url("/same"), validation_data=promise())))
    queued = api.create_image()
    several = [
        location(far.url(), validation_data=promise()),
        location(far.url("/same"), validation_data=promise(WRONG)),
    ]
    refused(api, queued, 409, replace(*several))


@pytest.mark.contract("LOC-011")
@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({}, 400),
        ({"checksum": MD5}, 400),
        ({"os_hash_algo": "sha512"}, 400),
        ({"os_hash_value": SHA512}, 400),
        ({**promise(), "checksum": "0" * 31}, 400),
        ({**promise(), "checksum": 7}, 400),
        ({**promise(), "more": "x"}, 400),
        ({**promise("0" * 129)}, 400),
        ({**promise(), "checksum": "x" * 32}, 409),
        ({**promise("x" * 128)}, 409),
        ({**promise("0" * 127)}, 409),
        ({**promise(hashlib.sha256(BODY).hexdigest(), "sha256")}, 409),
    ],
)
def test_what_is_said_of_the_data_must_be_digests(
    api: Api, far: Origin, said: Json, code: int
) -> None:
    refused(api, api.create_image(), code, add(location(far.url(), validation_data=said)))


def test_locations_can_be_patched_in_the_older_dialect(api: Api, far: Origin) -> None:
    image = api.create_image()
    old = {"Content-Type": PATCH_TYPE.replace("v2.1", "v2.0")}
    body = json.dumps([{"add": "/locations/-", "value": location(far.url())}]).encode()
    answer = api.patch(f"/v2/images/{image['id']}", data=body, headers=old)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "active"


# --- POST ----------------------------------------------------------------------------


@pytest.mark.contract("LOC-012", "LOC-015")
def test_a_posted_location_is_verified_in_the_background(api: Api, far: Origin) -> None:
    image = api.create_image()
    answer = post(api, image, far.url(), validation_data=promise(), unknown="ignored")
    assert (answer.status_code, answer.content) == (202, b"")
    active = until(api, image, lambda seen: seen["status"] == "active")
    assert at_rest(active)
    assert (active["size"], active["checksum"]) == (len(BODY), MD5)
    assert (active["os_hash_algo"], active["os_hash_value"]) == ("sha512", SHA512)
    assert active["locations"] == [location(far.url())]
    assert api.download(image["id"]) == BODY


@pytest.mark.contract("LOC-015")
@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_the_data_is_hashed_by_the_algorithm_of_the_promise(
    api: Api, far: Origin, algorithm: str
) -> None:
    image, value = api.create_image(), hashlib.new(algorithm, BODY).hexdigest()
    said = promise(value.upper(), algorithm)
    assert post(api, image, far.url(), validation_data=said).status_code == 202
    active = until(api, image, lambda seen: seen["status"] == "active")
    assert (active["os_hash_algo"], active["os_hash_value"]) == (algorithm, value)
    assert active["checksum"] == MD5


@pytest.mark.contract("LOC-015", "LOC-014")
def test_while_a_promise_is_verified_the_image_is_importing_and_locked(
    api: Api, far: Origin
) -> None:
    slow = Held(BODY)
    far.answers["/slow-promise"] = slow
    image = api.create_image()
    url = far.url("/slow-promise")
    assert post(api, image, url, validation_data=promise()).status_code == 202
    importing = until(api, image, lambda seen: seen["status"] == "importing")
    assert importing["os_glance_import_task"]
    assert post(api, image, far.url()).status_code == 409
    slow.let_go()
    assert at_rest(until(api, image, lambda seen: seen["status"] == "active"))


@pytest.mark.contract("LOC-015")
def test_without_a_promise_the_image_is_active_first_and_hashed_then(api: Api, far: Origin) -> None:
    slow = Held(BODY)
    far.answers["/slow"] = slow
    image = api.create_image()
    assert post(api, image, far.url("/slow")).status_code == 202
    active = until(api, image, lambda seen: seen["status"] == "active")
    assert active["os_hash_value"] is active["checksum"] is None
    assert active["os_glance_import_task"]
    slow.let_go()
    hashed = until(api, image, at_rest)
    assert (hashed["status"], hashed["checksum"]) == ("active", MD5)
    assert (hashed["os_hash_algo"], hashed["os_hash_value"]) == ("sha512", SHA512)


@pytest.mark.contract("LOC-015")
def test_data_that_breaks_off_is_read_again_a_few_times(api: Api, far: Origin) -> None:
    for failures, value in ((2, SHA512), (3, None)):
        left = [failures]

        def answer(request: Request, left: list[int] = left) -> None:
            if request.command == "GET" and left[0]:
                left[0] -= 1
                request.give(BODY[:100], announced=len(BODY))
            else:
                request.give(BODY)

        far.answers[f"/fails-{failures}"] = answer
        image = api.create_image()
        assert post(api, image, far.url(f"/fails-{failures}")).status_code == 202
        seen = until(api, image, lambda seen: seen["status"] == "active" and at_rest(seen))
        assert seen["os_hash_value"] == value


@pytest.mark.contract("LOC-015")
def test_without_hashing_the_caller_is_believed(
    far: Origin, make: Callable[..., Server], make_api: Callable[[Server | str, str | None], Api]
) -> None:
    api = make_api(make(do_secure_hash=False), "demo")
    image = api.create_image()
    assert post(api, image, far.url(), validation_data=promise(WRONG)).status_code == 202
    active = until(api, image, lambda seen: seen["status"] == "active")
    assert at_rest(active)
    assert (active["os_hash_value"], active["checksum"]) == (WRONG, None)
    image = api.create_image()
    assert post(api, image, far.url()).status_code == 202
    active = until(api, image, lambda seen: seen["status"] == "active")
    assert at_rest(active)
    assert active["os_hash_value"] is active["os_hash_algo"] is active["checksum"] is None


@pytest.mark.contract("LOC-016")
def test_data_that_is_not_what_was_promised_is_not_the_images(api: Api, far: Origin) -> None:
    image = api.create_image()
    before = api.as_("admin").image(image["id"])
    assert post(api, image, far.url(), validation_data=promise(WRONG)).status_code == 202
    seen = until(api, image, at_rest)
    assert {**seen, "updated_at": None} == {**before, "updated_at": None}
    assert seen["status"] == "queued"
    assert seen["locations"] == []
    assert seen["size"] is seen["checksum"] is seen["os_hash_algo"] is seen["os_hash_value"] is None
    assert post(api, image, far.url(), validation_data=promise()).status_code == 202
    until(api, image, lambda seen: seen["status"] == "active")


@pytest.mark.contract("LOC-015")
@pytest.mark.parametrize("path", ["/nothing", "/empty", "/away"])
@pytest.mark.parametrize("more", [{}, {"validation_data": promise()}])
def test_what_goes_wrong_behind_the_request_leaves_the_image_queued(
    api: Api, far: Origin, path: str, more: Json
) -> None:
    image = api.create_image()
    assert post(api, image, far.url(path), **more).status_code == 202
    seen = until(api, image, at_rest)
    assert (seen["status"], seen["locations"], seen["size"]) == ("queued", [], None)


@pytest.mark.contract("LOC-015")
def test_formats_that_are_missing_leave_the_image_queued(api: Api, far: Origin) -> None:
    image = api.create_image(disk_format=None)
    assert post(api, image, far.url()).status_code == 202
    assert until(api, image, at_rest)["status"] == "queued"


@pytest.mark.contract("LOC-017")
def test_deleting_an_image_ends_the_hashing_of_it(api: Api, far: Origin) -> None:
    for number, more in enumerate([{}, {"validation_data": promise()}]):
        slow = Held(BODY)
        path = f"/deleted-{number}"
        far.answers[path] = slow
        image = api.create_image()
        assert post(api, image, far.url(path), **more).status_code == 202
        until(api, image, lambda seen: seen["status"] in ("active", "importing"))
        assert api.delete(f"/v2/images/{image['id']}").status_code == 204
        assert api.get(f"/v2/images/{image['id']}").status_code == 404
        slow.let_go()


@pytest.mark.contract("LOC-013")
def test_who_may_post_a_location(api: Api, far: Origin) -> None:
    image = api.create_image(visibility="community")
    assert post(api.as_("demo_reader"), image, far.url()).status_code == 403
    assert post(api.as_("alt"), image, far.url()).status_code == 403
    hidden = api.create_image(visibility="private")
    assert post(api.as_("alt"), hidden, far.url()).status_code == 404
    assert post(api.as_("roles"), hidden, far.url()).status_code == 404
    assert post(api, {"id": "nothing"}, far.url()).status_code == 404
    for caller in ("demo", "admin", "helper"):
        image = api.create_image()
        assert post(api.as_(caller), image, far.url()).status_code == 202
        until(api, image, lambda seen: seen["status"] == "active")


@pytest.mark.contract("LOC-013")
@pytest.mark.parametrize("url", ["rbd://fsid/pool/image/snap", "file:///etc/passwd", "x", ""])
def test_only_services_name_what_is_not_on_the_web(api: Api, url: str) -> None:
    for caller in ("demo", "admin", "demo_admin"):
        assert post(api.as_(caller), api.create_image(), url).status_code == 403
    for headers in ({"X-Auth-Token": "helper"}, {"X-Service-Token": "nova"}):
        image = api.create_image()
        answer = api.post(f"/v2/images/{image['id']}/locations", {"url": url}, headers=headers)
        assert answer.status_code == 202
        seen = until(api, image, at_rest)
        assert (seen["status"], seen["locations"]) == ("queued", [])


@pytest.mark.contract("LOC-013")
def test_without_a_store_for_the_web_nobody_but_services_adds_addresses_of_it(
    far: Origin,
    served: Servers,
    make_api: Callable[[Server | str, str | None], Api],
) -> None:
    api = make_api(served({**config(far), "glance_store": {"stores": "file"}}), "demo")
    image = api.create_image()
    assert post(api, image, far.url()).status_code == 403
    assert post(api.as_("admin"), image, far.url()).status_code == 403
    assert post(api.as_("helper"), image, far.url()).status_code == 202
    assert until(api, image, at_rest)["status"] == "queued"
    refused(api, image, 400, add(location(far.url())))


@pytest.mark.contract("LOC-014")
def test_a_location_is_posted_to_a_queued_image_only(api: Api, far: Origin) -> None:
    image = located(api, far.url(), visibility="community")
    assert post(api, image, far.url("/same")).status_code == 409
    # What the image is comes before what the caller may.
    assert post(api.as_("alt"), image, far.url("/same")).status_code == 409
    assert post(api.as_("alt"), image, 7).status_code == 400


@pytest.mark.contract("LOC-014")
@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "x",
        {},
        {"url": None},
        {"url": 7},
        {"url": "{far}", "validation_data": None},
        {"url": "{far}", "validation_data": {"os_hash_algo": "sha512"}},
        {"url": "{far}", "validation_data": {"os_hash_value": SHA512}},
        {"url": "{far}", "validation_data": {**promise(), "checksum": MD5}},
        {"url": "{far}", "validation_data": promise(SHA512, "sha384")},
        {"url": "{far}", "validation_data": promise("0" * 129)},
        {"url": "{far}", "validation_data": promise("0" * 127)},
        {"url": "{far}", "validation_data": promise("x" * 128)},
        {"url": "{far}", "validation_data": promise(SHA512, "md5")},
        {"url": "http://169.254.169.254/latest"},
        {"url": "http://localhost/"},
        {"url": "http://nowhere.invalid/"},
    ],
)
def test_a_location_that_is_none_is_refused_at_once(api: Api, far: Origin, body: object) -> None:
    image = api.create_image()
    before = api.image(image["id"])
    if isinstance(body, dict) and body.get("url") == "{far}":
        body = {**body, "url": far.url()}
    answer = api.post(f"/v2/images/{image['id']}/locations", body)
    assert answer.status_code == 400, answer.text
    assert api.image(image["id"]) == before


# --- GET -----------------------------------------------------------------------------


@pytest.mark.contract("LOC-018")
def test_services_and_administrators_list_locations(api: Api, far: Origin) -> None:
    image = located(api, far.url(), visibility="community")
    path = f"/v2/images/{image['id']}/locations"
    for caller in ("admin", "nova", "helper"):
        answer = api.as_(caller).get(path)
        assert (answer.status_code, answer.json()) == (200, [location(far.url())])
        assert answer.headers["Content-Type"] == "application/json"
    for caller in ("demo", "alt"):
        assert api.as_(caller).get(path).status_code == 403
    # The roles of a service that only sent the request along do not count here.
    assert api.get(path, headers={"X-Service-Token": "nova"}).status_code == 403
    queued = api.create_image()
    assert api.as_("admin").get(f"/v2/images/{queued['id']}/locations").json() == []


@pytest.mark.contract("LOC-018")
def test_a_service_lists_only_what_its_own_project_sees(api: Api, far: Origin) -> None:
    path = f"/v2/images/{located(api, far.url())['id']}/locations"
    assert api.as_("nova").get(path).status_code == 404
    assert api.as_("helper").get(path).status_code == 200
    assert api.as_("admin").get(path.replace("images/", "images/x")).status_code == 404


@pytest.mark.contract("LOC-018")
def test_listing_needs_no_switch_and_knows_no_other_methods(
    far: Origin, make: Callable[..., Server], make_api: Callable[[Server | str, str | None], Api]
) -> None:
    api = make_api(make(show_multiple_locations=False), "demo")
    image = api.create_image()
    assert post(api, image, far.url()).status_code == 202
    until(api, image, lambda seen: seen["status"] == "active")
    path = f"/v2/images/{image['id']}/locations"
    assert api.as_("admin").get(path).json() == [location(far.url())]
    for method in ("PUT", "DELETE", "PATCH"):
        answer = api.request(method, path)
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "POST"}


@pytest.mark.contract("LOC-018")
def test_the_locations_of_a_deactivated_image_are_for_administrators(api: Api, far: Origin) -> None:
    image = located(api, far.url())
    path = f"/v2/images/{image['id']}/locations"
    assert api.post(f"/v2/images/{image['id']}/actions/deactivate").status_code == 204
    assert api.as_("helper").get(path).json() == []
    assert api.as_("admin").get(path).json() == [location(far.url())]
    assert api.image(image["id"])["locations"] == []
    assert api.as_("admin").image(image["id"])["locations"] == [location(far.url())]
