"""The parts of the service join, whatever the settings choose, and contact nobody."""

import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest
from dependency_injector import providers

from tests.support.ceph import Ceph
from vitrine.adapters.config.drivers import BUILT_IN
from vitrine.adapters.config.loading import load
from vitrine.adapters.config.settings import Settings
from vitrine.adapters.config.sources import CommandLine
from vitrine.adapters.limits.keystone import KeystoneLimits
from vitrine.adapters.policy.authorizer import OsloAuthorizer
from vitrine.adapters.stores.breaker import BreakingStore
from vitrine.bootstrap import Container, policy_warnings
from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.ports.identity import Credentials, Request

AWAY = "10.255.255.1"  # a network that is nowhere
S3 = {
    "s3_store_host": f"http://{AWAY}:9000",
    "s3_store_access_key": "key",
    "s3_store_secret_key": "secret",
    "s3_store_bucket": "images",
}
# What a store of each kind needs to be told.
NEEDED: Mapping[str, Mapping[str, str]] = {
    "cinder": {
        "cinder_store_auth_address": f"http://{AWAY}:5000/v3",
        "cinder_store_user_name": "glance",
        "cinder_store_password": "secret",
        "cinder_store_project_name": "service",
    },
    "file": {},
    "glance_store": {"glance_store_driver": "s3", **S3},
    "http": {},
    "memory": {},
    "rbd": {"rbd_store_ceph_conf": "/nowhere/ceph.conf"},
    "s3": S3,
    "sheepdog": {"sheepdog_store_address": AWAY},
    "swift": {
        "swift_store_auth_address": f"http://{AWAY}:5000/v3",
        "swift_store_user": "service:glance",
        "swift_store_key": "secret",
    },
    "vmware": {
        "vmware_server_host": AWAY,
        "vmware_server_username": "glance",
        "vmware_server_password": "secret",
        "vmware_datastores": "centre:store",
    },
}


@pytest.fixture
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody be contacted."""

    def refuse(*_: object) -> NoReturn:
        pytest.fail("somebody is contacted")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def _settings(directory: Path, text: str) -> Settings:
    file = directory / "vitrine.conf"
    file.write_text(f"[vitrine]\ndata_dir = {directory}/data\n{text}")
    return load(CommandLine(config_files=(file,)))


def _container(settings: Settings) -> Container:
    return Container(settings=providers.Object(settings))


@pytest.mark.parametrize("kind", BUILT_IN)
@pytest.mark.parametrize("several", [True, False], ids=["named", "single"])
@pytest.mark.usefixtures("_alone")
def test_a_service_with_a_store_of_any_kind_starts_though_the_store_is_away(
    tmp_path: Path, kind: str, *, several: bool
) -> None:
    if kind == "rbd":
        Ceph.require(bindings=True)
    lines = "".join(f"{name} = {value}\n" for name, value in NEEDED[kind].items())
    text = f"[glance_store]\nstores = {kind}\ndefault_store = {kind}\n{lines}"
    if several:
        text = (
            f"[DEFAULT]\nenabled_backends = it:{kind}\n[glance_store]\ndefault_backend = it\n"
            f"[it]\n{lines}"
        )
    threads = threading.active_count()

    container = _container(_settings(tmp_path, text))
    assert callable(container.app())

    store = container.stores().get("it" if several else kind)
    assert (store.id, store.kind) == ("it" if several else kind, kind)
    assert isinstance(store, BreakingStore) == (kind != "http")
    # Processes are forked afterwards.
    assert threading.active_count() == threads
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[DEFAULT]\nenabled_backends = a:file, b:file\n[glance_store]\ndefault_backend = a\n",
            "'a' and 'b'",
        ),
        ("[glance_store]\nfilesystem_store_file_perm = 9\n", "octal"),
        ("[glance_store]\nstores = glance_store\ndefault_store = glance_store\n", "_driver"),
    ],
)
def test_a_service_whose_stores_cannot_be_does_not_start(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(errors.Misconfigured, match=said):
        _container(_settings(tmp_path, text)).app()


def test_stores_prove_themselves_by_the_services_account_where_it_has_one(tmp_path: Path) -> None:
    text = (
        "[vitrine]\nidentity = keystone\n[keystone_authtoken]\nauth_url = http://127.0.0.1:1\n"
        "username = glance\npassword = secret\nproject_name = service\n"
        "user_domain_id = default\nproject_domain_id = default\n"
    )
    credentials = _container(_settings(tmp_path, text)).credentials()
    with pytest.raises(errors.StoreUnavailable):
        credentials.service().token()

    credentials = _container(_settings(tmp_path, "")).credentials()
    with pytest.raises(errors.Misconfigured, match="account"):
        credentials.service().token()


@pytest.mark.parametrize(
    ("lines", "interfaces"),
    [
        ("", None),
        ("interface = admin\n", ["admin"]),
        ("interface = admin\nvalid_interfaces = internal, public\n", ["internal", "public"]),
    ],
)
def test_limits_are_asked_for_at_the_endpoints_that_were_chosen(
    tmp_path: Path, lines: str, interfaces: list[str] | None
) -> None:
    text = f"[DEFAULT]\nuse_keystone_limits = true\n[oslo_limit]\nservice_type = id3\n{lines}"

    limits = _container(_settings(tmp_path, text)).limits()

    assert isinstance(limits, KeystoneLimits)
    assert limits._options.get("valid_interfaces") == interfaces
    assert limits._options["service_type"] == "id3"


@pytest.mark.parametrize(
    ("text", "together"),
    [
        ("", 10),
        ("[taskflow_executor]\nmax_workers = 20", 16),
        ("[wsgi]\ntask_pool_threads = 3", 3),
        ("[wsgi]\ntask_pool_threads = 3\n[taskflow_executor]\nmax_workers = 2", 2),
        ("[wsgi]\ntask_pool_threads = 3\n[taskflow_executor]\nengine_mode = serial", 1),
    ],
)
def test_tasks_at_once_are_as_many_as_every_option_allows(
    tmp_path: Path, text: str, together: int
) -> None:
    jobs = _container(_settings(tmp_path, text)).jobs()
    assert jobs._most == together


@pytest.mark.contract("AUTH-003")
@pytest.mark.parametrize("token", [None, "junk"])
def test_nobody_is_anonymous_where_everybody_is_an_administrator(
    tmp_path: Path, token: str | None
) -> None:
    text = "identity = none\n[DEFAULT]\nallow_anonymous_access = true\n"
    identity = _container(_settings(tmp_path, text)).identity()

    caller = identity.identify(Credentials(token=token), Request(method="GET", path="/v2/images"))

    assert caller == Context(roles=frozenset({"admin"}))


@pytest.mark.contract("PRP-002")
def test_rules_that_protections_name_are_there_to_stay(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("keepers: 'role:keeper'\nothers: '!'\n")
    (tmp_path / "protections.conf").write_text(
        "[.*]\ncreate = keepers\nread = keepers\nupdate = @\ndelete = !\n"
    )
    settings = _settings(
        tmp_path,
        "[DEFAULT]\nproperty_protection_file = protections.conf\n"
        "property_protection_rule_format = policies\n",
    )
    container = _container(settings)
    assert container.protections().active
    authorizer = container.authorizer()
    assert isinstance(authorizer, OsloAuthorizer)
    assert authorizer.unknown() == ["others"]
    assert policy_warnings(settings) == ["Nothing asks for the rule 'others'."]

    (tmp_path / "policy.yaml").write_text("")
    with pytest.raises(errors.Misconfigured, match="property protection"):
        policy_warnings(settings)
