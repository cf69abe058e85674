"""A token that runs out while a body is on its way."""

import datetime as dt
import http.client
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.support.clients import DATA_TYPE, Api
from tests.support.processes import wait_until
from tests.support.server import Servers
from tests.support.services import Keystone

MakeApi = Callable[..., Api]
_PIECE = 64 * 1024  # bytes


@pytest.mark.contract("AUTH-001")
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_an_upload_outlives_its_token_and_nothing_else_does(
    served: Servers,
    make_api: MakeApi,
    keystone: Keystone,
    announced: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    account = keystone.authtoken(http_connect_timeout=60)
    server = served({"keystone_authtoken": account}, identity="keystone")
    lasting = make_api(server, keystone.token("demo"))
    image = lasting.create_image()
    path = f"/v2/images/{image['id']}/file"
    token = keystone.token_until(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=12))

    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=120)
    connection.putrequest("PUT", path)
    connection.putheader("X-Auth-Token", token)
    connection.putheader("Content-Type", DATA_TYPE)
    if announced:
        connection.putheader("Content-Length", str(2 * _PIECE))
    else:
        connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()

    def send(data: bytes) -> None:
        connection.send(data if announced else b"%x\r\n%b\r\n" % (len(data), data))

    send(b"a" * _PIECE)
    wait_until(lambda: lasting.image(image["id"])["status"] == "saving", what="the upload to begin")
    wait_until(lambda: keystone.validate(token) is None, what="the token to run out")
    expired = make_api(server, token)
    wait_until(lambda: expired.get("/v2/images").status_code == 401, what="our clock to say so")
    send(b"b" * _PIECE)
    if not announced:
        connection.send(b"0\r\n\r\n")
    answer = connection.getresponse()
    assert answer.status == 204
    connection.close()

    assert lasting.image(image["id"])["status"] == "active"
    assert lasting.download(image["id"]) == b"a" * _PIECE + b"b" * _PIECE
    for method, where in (("GET", path), ("GET", "/v2/images"), ("POST", "/v2/images")):
        assert expired.request(method, where).status_code == 401


@pytest.mark.contract("AUTH-001")
def test_an_upload_with_a_token_that_has_run_out_changes_nothing(
    served: Servers, make_api: MakeApi, keystone: Keystone
) -> None:
    account = keystone.authtoken(http_connect_timeout=60)
    server = served({"keystone_authtoken": account}, identity="keystone")
    api = make_api(server, keystone.token("demo"))
    image = api.create_image()
    answer = make_api(server, keystone.expired_token("demo")).put(
        f"/v2/images/{image['id']}/file", data=b"bytes", headers={"Content-Type": DATA_TYPE}
    )
    assert answer.status_code == 401
    assert api.image(image["id"]) == image
