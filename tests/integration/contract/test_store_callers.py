"""Stores in the accounts of callers: the trouble of one of them is not that of the others."""

import uuid
from collections.abc import Callable

import pytest

from tests.support.clients import Api
from tests.support.server import OwnServers
from tests.support.services import Keystone
from tests.support.stores import LEASE, single
from tests.support.swift import Swift
from tests.support.swift_stores import by_project
from tests.support.transfers import put_data

MakeApi = Callable[..., Api]

_TRIES = 12  # more than the failures that close a store for a while


@pytest.mark.contract("DRV-005")
def test_callers_whose_tokens_are_good_no_more_close_the_store_for_nobody_else(
    make_server: OwnServers, make_api: MakeApi, keystone: Keystone, keystone_swift: Swift
) -> None:
    config = {
        **single("swift", **by_project(f"callers-{uuid.uuid4().hex[:12]}")),
        "keystone_authtoken": keystone.authtoken(),
        "vitrine": {"lease_ttl": LEASE},
    }
    server = make_server(config, identity="keystone", workers=1)
    server.start()
    token = keystone.token("demo", fresh=True)
    one, other = make_api(server, token), make_api(server, keystone.token("alt"))
    mine, theirs = one.active_image(b"mine"), other.active_image(b"theirs")
    queued = one.create_image()["id"]
    # The service has seen this token, and believes it for a while yet.
    keystone.revoke(token)
    for _ in range(_TRIES):
        assert one.get(f"/v2/images/{mine['id']}/file").status_code == 503
    for _ in range(_TRIES):
        answer = put_data(one, queued)
        assert answer.status_code == 503
        assert token not in answer.text
        assert one.image(queued)["status"] == "queued"

    assert other.download(theirs["id"]) == b"theirs"
    assert other.active_image(b"more of theirs")["status"] == "active"
    assert "is left alone" not in server.log()
    assert token not in server.log()
    again = make_api(server, keystone.token("demo"))
    again.upload(queued, b"mine, too")
    for api, image in ((again, queued), (again, mine["id"]), (other, theirs["id"])):
        assert api.delete(f"/v2/images/{image}").status_code == 204
