"""Images on web servers, behind the service."""

from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

from tests.support.authority import Issued, issue
from tests.support.clients import Api, Json
from tests.support.nginx import PASSWORD, USER, Nginx
from tests.support.server import Config, Servers
from tests.support.stores import digest_of, ranges_of, single, whole_of
from tests.support.transfers import put_data
from vitrine.testing.stores import MIB, Stream

STREAM = Stream(5 * MIB + 11)
WHOLE = whole_of(STREAM)

MakeApi = Callable[..., Api]


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    server = Nginx(tmp_path_factory.mktemp("nginx"))
    server.start()
    server.publish(WHOLE, "image")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    return issue(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, issued: Issued) -> Iterator[Nginx]:
    server = Nginx(tmp_path_factory.mktemp("secure"), certificate=issued.server)
    server.start()
    server.publish(WHOLE, "image")
    yield server
    server.stop()


def config(server: Nginx, **options: object) -> Config:
    return {
        **single("http", **options),
        "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": server.port},
    }


@pytest.fixture
def api(served: Servers, nginx: Nginx, make_api: MakeApi) -> Api:
    return make_api(served(config(nginx)))


def located(api: Api, url: str) -> Json:
    """An image whose data is at *url*."""
    image = api.create_image()
    value = {"url": url, "metadata": {}}
    return api.change(image["id"], {"op": "add", "path": "/locations/-", "value": value})


def assert_whole(api: Api, image: Json) -> None:
    assert (image["status"], image["size"]) == ("active", STREAM.size)
    assert digest_of(api, image) == STREAM.digest()


def status_of_download(api: Api, image: Json, **headers: str) -> int:
    return api.get(f"/v2/images/{image['id']}/file", headers=headers).status_code


@pytest.mark.contract("DRV-002")
def test_an_image_on_a_web_server_is_read_whole_and_in_parts(api: Api, nginx: Nginx) -> None:
    image = located(api, f"{nginx.url}/image")
    assert_whole(api, image)
    assert image["direct_url"] == f"{nginx.url}/image"
    for first, last in ranges_of(STREAM.size):
        answer = api.get(
            f"/v2/images/{image['id']}/file", headers={"Range": f"bytes={first}-{last}"}
        )
        assert answer.status_code == 206
        assert answer.content == WHOLE[first : last + 1]


@pytest.mark.contract("DRV-002")
def test_redirects_and_credentials_lead_to_the_bytes(api: Api, nginx: Nginx) -> None:
    private = f"http://{USER}:{quote(PASSWORD)}@127.0.0.1:{nginx.port}/private/image"
    for url in (f"{nginx.url}/redirect/redirect/image", private):
        assert_whole(api, located(api, url))


@pytest.mark.contract("DRV-002")
def test_of_a_server_without_ranges_only_the_whole_can_be_had(api: Api, nginx: Nginx) -> None:
    image = located(api, f"{nginx.url}/whole/image")
    assert_whole(api, image)
    assert status_of_download(api, image, Range="bytes=5-9") == 400


@pytest.mark.contract("DRV-002")
def test_deleting_the_image_leaves_the_bytes_to_their_owner(api: Api, nginx: Nginx) -> None:
    url = nginx.publish(b"theirs", "theirs")
    image = located(api, url)
    assert api.delete(f"/v2/images/{image['id']}").status_code == 204
    assert (nginx.files / "theirs").read_bytes() == b"theirs"
    assert api.get(f"/v2/images/{image['id']}").status_code == 404


@pytest.mark.contract("DRV-002")
def test_nothing_can_be_uploaded_to_web_servers(api: Api) -> None:
    image = api.create_image()
    assert put_data(api, image["id"], b"data").status_code == 410
    assert api.image(image["id"])["status"] == "queued"


@pytest.mark.contract("DRV-002")
def test_bytes_that_went_away_are_no_longer_given(api: Api, nginx: Nginx) -> None:
    url = nginx.publish(b"soon gone", "soon-gone")
    image = located(api, url)
    assert api.download(image["id"]) == b"soon gone"
    (nginx.files / "soon-gone").unlink()
    assert status_of_download(api, image) == 204


@pytest.mark.contract("DRV-002")
def test_a_server_that_is_away_makes_the_data_unavailable(api: Api, nginx: Nginx) -> None:
    image = located(api, f"{nginx.url}/image")
    nginx.stop()
    try:
        assert status_of_download(api, image) == 503
    finally:
        nginx.start()
    assert_whole(api, image)


@pytest.mark.contract("DRV-002")
@pytest.mark.parametrize("path", ["nothing", "forbidden", "broken", "loop", "nolength/image"])
def test_what_has_no_bytes_to_give_becomes_no_image(api: Api, nginx: Nginx, path: str) -> None:
    image = api.create_image()
    value = {"url": f"{nginx.url}/{path}", "metadata": {}}
    answer = api.patch(
        f"/v2/images/{image['id']}", [{"op": "add", "path": "/locations/-", "value": value}]
    )
    assert answer.status_code >= 400
    assert str(nginx.port) not in answer.text
    assert api.image(image["id"])["status"] == "queued"


@pytest.mark.contract("DRV-002")
def test_https_servers_are_taken_as_they_are_unless_an_authority_is_named(
    served: Servers, make_api: MakeApi, secure: Nginx, issued: Issued
) -> None:
    for options in ({}, {"https_ca_certificates_file": issued.authority}):
        api = make_api(served(config(secure, **options)))
        assert_whole(api, located(api, f"{secure.url}/image"))


@pytest.mark.contract("DRV-002")
def test_https_servers_that_prove_nothing_are_refused_where_they_have_to(
    served: Servers, make_api: MakeApi, secure: Nginx
) -> None:
    api = make_api(served(config(secure, https_insecure=False)))
    image = api.create_image()
    value = {"url": f"{secure.url}/image", "metadata": {}}
    answer = api.patch(
        f"/v2/images/{image['id']}", [{"op": "add", "path": "/locations/-", "value": value}]
    )
    assert answer.status_code >= 400
    assert api.image(image["id"])["status"] == "queued"


@pytest.mark.contract("DRV-002")
def test_images_are_fetched_through_the_proxy_that_is_set(
    served: Servers, make_api: MakeApi, nginx: Nginx
) -> None:
    through = config(nginx, http_proxy_information=f"http:127.0.0.1:{nginx.port}")
    through = {
        **through,
        "import_filtering_opts": {"allowed_hosts": "127.0.0.1", "allowed_ports": 9},
    }
    api = make_api(served(through))
    assert_whole(api, located(api, "http://127.0.0.1:9/image"))
