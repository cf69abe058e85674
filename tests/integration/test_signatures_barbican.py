"""Images whose signers' certificates are kept by a real Barbican."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import attrs
import pytest

from tests.support.barbican import Barbican
from tests.support.clients import Api, Json
from tests.support.processes import wait_until
from tests.support.server import OwnServers, Server, Servers
from tests.support.services import PASSWORD, Keystone
from tests.support.signing import KEY_TYPES, Signer, signer

MakeApi = Callable[..., Api]

DATA = b"what the publisher signed" * 10_000
NOBODYS = "11111111-2222-4333-8444-555555555555"


@pytest.fixture(scope="module")
def barbican(keystone: Keystone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Barbican]:
    Barbican.require()
    own = Barbican(tmp_path_factory.mktemp("barbican") / "own", keystone)
    own.start()
    yield own
    own.stop()


def trusting(barbican: Barbican, keystone: Keystone) -> Json:
    """The configuration of a service that asks *barbican* with the callers' tokens."""
    return {
        "keystone_authtoken": keystone.authtoken(),
        "barbican": {
            "barbican_endpoint": barbican.url,
            "auth_endpoint": keystone.url,
            "number_of_retries": 1,
        },
    }


@pytest.fixture
def server(served: Servers, barbican: Barbican, keystone: Keystone) -> Server:
    return served(trusting(barbican, keystone), identity="keystone")


@pytest.fixture
def api(server: Server, keystone: Keystone, make_api: MakeApi) -> Api:
    return make_api(server, keystone.token("demo"))


@pytest.fixture
def keep(barbican: Barbican, keystone: Keystone) -> Callable[..., Signer]:
    """Has Barbican keep a certificate, and returns the signer who is known by its id."""

    def keep(who: Signer | None = None, *, user: str = "demo", **times: datetime) -> Signer:
        who = who or signer()
        known_by = barbican.keep_certificate(who.certificate(**times), keystone.token(user))
        return attrs.evolve(who, id=known_by)

    return keep


def _is_over(api: Api, image_id: object) -> bool:
    [task] = api.get(f"/v2/images/{image_id}/tasks").json()["tasks"]
    return task["status"] in {"success", "failure"}


def upload(api: Api, properties: dict[str, str], data: bytes = DATA) -> tuple[int, Json]:
    """Make an image and give it data; return the answer's code and the image after it."""
    image = api.create_image(**properties)
    answer = api.put(
        f"/v2/images/{image['id']}/file",
        data=data,
        headers={"Content-Type": "application/octet-stream"},
    )
    return answer.status_code, api.image(image["id"])


def assert_refused(api: Api, properties: dict[str, str], data: bytes = DATA) -> None:
    code, image = upload(api, properties, data)
    assert (code, image["status"], image["size"]) == (400, "queued", None)


@pytest.mark.contract("SIG-002")
@pytest.mark.parametrize("kind", KEY_TYPES)
def test_who_signed_is_learned_from_barbican_with_the_callers_token(
    api: Api, keep: Callable[..., Signer], kind: str
) -> None:
    publisher = keep(signer(kind))
    code, image = upload(api, publisher.properties(DATA))
    assert (code, image["status"]) == (204, "active")
    assert api.download(image["id"]) == DATA
    assert_refused(api, publisher.properties(DATA), DATA[:-1])


def test_signed_data_that_was_staged_is_verified_with_the_token_of_its_import(
    api: Api, keep: Callable[..., Signer]
) -> None:
    publisher = keep()
    for data, status in ((DATA, "active"), (DATA[:-1], "queued")):
        image = api.create_image(**publisher.properties(DATA))
        headers = {"Content-Type": "application/octet-stream"}
        stage = f"/v2/images/{image['id']}/stage"
        assert api.put(stage, data=data, headers=headers).status_code == 204
        body = {"method": {"name": "glance-direct"}}
        assert api.post(f"/v2/images/{image['id']}/import", json=body).status_code == 202
        wait_until(partial(_is_over, api, image["id"]), what="the end of the import")
        assert api.image(image["id"])["status"] == status


def test_a_certificate_that_the_caller_may_not_read_is_none(
    api: Api, keep: Callable[..., Signer]
) -> None:
    assert_refused(api, keep(user="admin").properties(DATA))


@pytest.mark.contract("SIG-003")
@pytest.mark.parametrize("name", [NOBODYS, "no-uuid", "../v1/orders", "", "é"])
def test_an_id_that_nothing_has_is_refused(api: Api, name: str) -> None:
    assert_refused(api, attrs.evolve(signer(), id=name).properties(DATA))


@pytest.mark.parametrize("kind", ["certificate", "opaque", "passphrase", "public", "private"])
def test_what_is_no_certificate_is_refused(
    api: Api, barbican: Barbican, keystone: Keystone, kind: str
) -> None:
    known_by = barbican.keep(b"no certificate", keystone.token("demo"), kind=kind)
    assert_refused(api, attrs.evolve(signer(), id=known_by).properties(DATA))


def test_a_certificate_out_of_its_time_is_refused(api: Api, keep: Callable[..., Signer]) -> None:
    now, day = datetime.now(UTC), timedelta(days=1)
    for begins, ends in ((now - 2 * day, now - day), (now + day, now + 2 * day)):
        assert_refused(api, keep(begins=begins, ends=ends).properties(DATA))


def test_with_an_account_of_its_own_the_service_reads_for_everybody(
    served: Servers,
    barbican: Barbican,
    keystone: Keystone,
    make_api: MakeApi,
    keep: Callable[..., Signer],
) -> None:
    account = {
        "auth_type": "keystone_password",
        "auth_url": keystone.url,
        "username": "admin",
        "password": PASSWORD,
        "project_name": "admin",
        "user_domain_id": "default",
        "project_domain_id": "default",
    }
    config = {**trusting(barbican, keystone), "key_manager": account}
    api = make_api(served(config, identity="keystone"), keystone.token("demo"))
    code, image = upload(api, keep(user="admin").properties(DATA))
    assert (code, image["status"]) == (204, "active")
    assert_refused(api, keep(user="demo").properties(DATA))


def test_while_barbican_is_away_signed_data_is_503_and_afterwards_taken(
    make_server: OwnServers, keystone: Keystone, make_api: MakeApi, tmp_path: Path
) -> None:
    Barbican.require()
    own = Barbican(tmp_path / "barbican", keystone)
    own.start()
    token = keystone.token("demo")
    publisher = signer()
    publisher = attrs.evolve(publisher, id=own.keep_certificate(publisher.certificate(), token))
    server = make_server(trusting(own, keystone), identity="keystone")
    server.start()
    api = make_api(server, token)
    own.stop()
    code, image = upload(api, publisher.properties(DATA))
    assert (code, image["status"]) == (503, "queued")
    own.start()
    code, image = upload(api, publisher.properties(DATA))
    assert (code, image["status"]) == (204, "active")
    own.stop()


@pytest.mark.parametrize("listed", [False, True], ids=["configured", "in the catalogue"])
def test_application_credentials_may_upload_what_is_signed(
    served: Servers,
    barbican: Barbican,
    keystone: Keystone,
    make_api: MakeApi,
    keep: Callable[..., Signer],
    *,
    listed: bool,
) -> None:
    config = trusting(barbican, keystone)
    if listed:
        del config["barbican"]["barbican_endpoint"]
        barbican.list_in_catalogue()
    token = keystone.application_token(keystone.application_credential("demo"))
    api = make_api(served(config, identity="keystone"), token)
    code, image = upload(api, keep().properties(DATA))
    assert (code, image["status"]) == (204, "active")
