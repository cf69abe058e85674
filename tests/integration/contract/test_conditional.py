"""Requests that depend on what the client has seen; all others are as ever."""

import threading
from collections.abc import Callable

import pytest

from tests.support.clients import DATA_TYPE, Api, Json
from tests.support.patches import replace

STALE = '"another"'


def path_of(image: Json) -> str:
    return f"/v2/images/{image['id']}"


def tag_of(api: Api, image: Json) -> str:
    return api.get(path_of(image)).headers["ETag"]


# --- what an image is ----------------------------------------------------------------


def test_every_answer_that_shows_an_image_has_the_same_tag_for_the_same_version(api: Api) -> None:
    created = api.post("/v2/images", {})
    path = path_of(created.json())
    changed = api.patch(path, [replace("/name", "other")])

    assert created.headers["ETag"] != changed.headers["ETag"]
    assert api.get(path).headers["ETag"] == changed.headers["ETag"]
    assert not changed.headers["ETag"].startswith("W/")


def test_who_has_an_image_is_told_so_until_it_changes(api: Api) -> None:
    image = api.create_image()
    known = {"If-None-Match": f'"other", {tag_of(api, image)}'}
    answer = api.get(path_of(image), headers=known)

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == tag_of(api, image)
    assert answer.headers["x-openstack-request-id"].startswith("req-")
    api.change(image["id"], replace("/name", "other"))
    answer = api.get(path_of(image), headers=known)
    assert (answer.status_code, answer.json()["name"]) == (200, "other")


@pytest.mark.parametrize(
    "change",
    [
        lambda api, image: api.put(f"{path_of(image)}/tags/blue"),
        lambda api, image: api.upload(image["id"]),
        # These do not show in an image, and yet are a part of it.
        lambda api, image: api.share(image["id"], "alt"),
    ],
    ids=["tag", "upload", "member"],
)
def test_whatever_belongs_to_an_image_changes_its_tag(
    api: Api, change: Callable[[Api, Json], object]
) -> None:
    image = api.create_image()
    before = tag_of(api, image)
    change(api, image)

    assert tag_of(api, image) != before


def test_nobody_learns_by_a_tag_of_an_image_that_is_not_theirs(api: Api) -> None:
    image = api.create_image(visibility="private")
    headers = {"If-None-Match": tag_of(api, image), "If-Match": tag_of(api, image)}

    assert api.as_("alt").get(path_of(image), headers=headers).status_code == 404
    assert api.as_("alt").delete(path_of(image), headers=headers).status_code == 404


# --- changing what one has seen ------------------------------------------------------


def test_a_change_of_the_version_one_has_seen_is_made(api: Api) -> None:
    image = api.create_image()
    headers = {"If-Match": tag_of(api, image)}
    answer = api.patch(path_of(image), [replace("/name", "mine")], headers=headers)

    assert (answer.status_code, answer.json()["name"]) == (200, "mine")


@pytest.mark.parametrize("matching", [STALE, "", 'W/"{tag}"'])
def test_a_change_of_anything_else_is_refused_and_changes_nothing(api: Api, matching: str) -> None:
    image = api.create_image(protected=False)
    path = path_of(image)
    headers = {"If-Match": matching.format(tag=tag_of(api, image).strip('"'))}
    data = {**headers, "Content-Type": DATA_TYPE}

    assert api.patch(path, [replace("/name", "x")], headers=headers).status_code == 412
    assert api.delete(path, headers=headers).status_code == 412
    assert api.put(f"{path}/file", data=b"bytes", headers=data).status_code == 412
    assert api.image(image["id"]) == image


def test_a_version_that_is_past_is_refused(api: Api) -> None:
    image = api.create_image()
    headers = {"If-Match": tag_of(api, image), "Accept": "application/json"}
    api.change(image["id"], replace("/name", "theirs"))
    answer = api.patch(path_of(image), [replace("/name", "mine")], headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (412, "412 Precondition Failed")
    assert answer.json()["reason"] == "image_changed"
    assert api.image(image["id"])["name"] == "theirs"


def test_data_is_stored_and_images_are_deleted_in_the_version_one_has_seen(api: Api) -> None:
    image = api.create_image()
    headers = {"If-Match": tag_of(api, image), "Content-Type": DATA_TYPE}
    assert api.put(f"{path_of(image)}/file", data=b"x", headers=headers).status_code == 204

    assert api.delete(path_of(image), headers=headers).status_code == 412
    headers = {"If-Match": tag_of(api, image)}
    assert api.delete(path_of(image), headers=headers).status_code == 204
    assert api.get(path_of(image)).status_code == 404


def test_who_may_not_change_an_image_hears_that_before_anything_of_versions(api: Api) -> None:
    image = api.as_("admin").create_image(visibility="public")
    answer = api.patch(path_of(image), [replace("/name", "x")], headers={"If-Match": STALE})

    assert answer.status_code == 403


def test_of_many_who_change_the_version_they_have_seen_one_succeeds(api: Api) -> None:
    image = api.create_image()
    headers = {"If-Match": tag_of(api, image)}
    answers: list[int] = []

    def change(number: int) -> None:
        with Api(api.url, api.token) as own:
            changes = [replace("/name", f"by {number}")]
            answers.append(own.patch(path_of(image), changes, headers=headers).status_code)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [200, *[412] * 7]


@pytest.mark.parametrize("headers", [{}, {"If-Match": "*"}])
def test_who_names_no_version_changes_the_present_one(api: Api, headers: dict[str, str]) -> None:
    image = api.create_image()
    api.change(image["id"], replace("/name", "theirs"))
    answer = api.patch(path_of(image), [replace("/name", "mine")], headers=headers)

    assert (answer.status_code, answer.json()["name"]) == (200, "mine")


# --- data ----------------------------------------------------------------------------


def test_data_has_its_hash_for_a_tag(api: Api) -> None:
    image = api.active_image(b"0123456789")
    tag = f'"{image["os_hash_algo"]}.{image["os_hash_value"]}"'
    whole = api.get(f"{path_of(image)}/file")
    part = api.get(f"{path_of(image)}/file", headers={"Range": "bytes=2-4"})

    assert whole.headers["ETag"] == part.headers["ETag"] == tag
    assert (part.status_code, part.content) == (206, b"234")


def test_who_has_the_data_is_told_so_whatever_part_was_asked_for(api: Api) -> None:
    image = api.active_image()
    file = f"{path_of(image)}/file"
    known = {"If-None-Match": api.get(file).headers["ETag"]}

    for headers in (known, {**known, "Range": "bytes=0-1"}):
        answer = api.get(file, headers=headers)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["ETag"] == known["If-None-Match"]
    assert api.get(file, headers={"If-None-Match": STALE}).content == b"bytes"


def test_the_tag_of_withheld_data_opens_nothing(api: Api) -> None:
    image = api.active_image()
    file = f"{path_of(image)}/file"
    headers = {"If-None-Match": api.get(file).headers["ETag"]}
    api.as_("admin").post(f"{path_of(image)}/actions/deactivate")

    assert api.get(file, headers=headers).status_code == 403
    assert api.as_("alt").get(file, headers=headers).status_code == 404


def test_an_image_without_data_has_no_data_that_one_could_have(api: Api) -> None:
    image = api.create_image()
    answer = api.get(f"{path_of(image)}/file", headers={"If-None-Match": "*"})

    assert answer.status_code == 204
    assert "ETag" not in answer.headers


def test_a_download_goes_on_if_the_data_is_the_same_and_else_begins_anew(api: Api) -> None:
    image = api.active_image(b"0123456789")
    file = f"{path_of(image)}/file"
    tag = api.get(file).headers["ETag"]
    same = api.get(file, headers={"Range": "bytes=5-", "If-Range": tag})
    other = api.get(file, headers={"Range": "bytes=5-", "If-Range": STALE})

    assert (same.status_code, same.content) == (206, b"56789")
    assert (other.status_code, other.content) == (200, b"0123456789")
