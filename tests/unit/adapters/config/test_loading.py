"""A configuration becomes settings."""

from pathlib import Path

import pytest

from tests.unit.adapters.config.deployed import DEPLOYED, Load
from vitrine.adapters.config.loading import load
from vitrine.adapters.config.settings import (
    IdentityKind,
    LocalUser,
)
from vitrine.adapters.config.sources import CommandLine


def test_a_deployed_file_works_as_it_is(load_text: Load) -> None:
    settings = load_text(DEPLOYED)

    assert settings.server.bind == "10.20.0.11:9292"
    assert settings.server.workers == 5
    assert settings.database.url == "mysql+pymysql://glance:db-secret@10.20.0.10:3306/glance"
    assert not settings.database.embedded
    assert settings.identity.kind is IdentityKind.KEYSTONE
    keystone = settings.identity.keystone
    assert keystone.credentials.kind == "password"
    assert keystone.credentials.username == "glance"
    assert keystone.credentials.password == "keystone-secret"
    assert keystone.credentials.cafile is None
    assert keystone.credentials.verify is True
    assert keystone.service_token_roles == ("service",)
    assert keystone.service_token_roles_required
    assert settings.limits.image_size == 2 * 1024**4
    assert settings.limits.user_storage == 5 * 1024**4
    assert settings.api.show_image_direct_url
    assert settings.api.cors.allowed_origins == ("https://dashboard.example.org",)
    assert settings.imports.methods == ("glance-direct", "web-download")
    assert settings.logging.file == Path("/var/log/glance/glance-api.log")
    assert settings.logging.stderr


def test_its_stores_are_those_of_the_sections(load_text: Load) -> None:
    stores = load_text(DEPLOYED).stores

    assert stores.multiple
    assert stores.default == "rbd"
    file, rbd = stores.backends
    assert file.values["filesystem_store_datadir"] == "/var/lib/glance/images/"
    assert rbd.values["rbd_store_ceph_conf"] == "/etc/ceph/ceph.conf"
    assert rbd.values["rados_connect_timeout"] == -1
    assert (rbd.weight, rbd.description) == (10, "replicated three times")
    assert stores.staging == Path("/var/lib/glance/staging")
    assert stores.tasks == Path("/var/lib/glance/tasks_work_dir")


def test_without_any_file_everything_is_in_the_users_own_directory(tmp_path: Path) -> None:
    settings = load()

    home = tmp_path / "home" / ".local" / "share" / "vitrine"
    assert settings.files == ()
    assert settings.data_dir == home
    assert settings.database.url == f"sqlite:///{home}/vitrine.sqlite"
    assert settings.database.embedded
    (images,) = (each for each in settings.stores.backends if each.kind == "file")
    assert images.values["filesystem_store_datadir"] is None
    assert images.values["filesystem_store_chunk_size"] == 65536
    assert settings.stores.staging == home / "staging"
    assert settings.server.bind == "127.0.0.1:9292"
    assert settings.identity.kind is IdentityKind.NONE
    assert settings.warnings == ()


def test_with_a_file_what_has_no_place_is_where_it_always_was(load_text: Load) -> None:
    settings = load_text("[DEFAULT]\n")

    assert settings.data_dir == Path("/var/lib/glance")
    assert settings.stores.staging == Path("/tmp/staging/")  # noqa: S108 (the contract's default)


def test_a_single_store_is_known_by_its_kind(load_text: Load) -> None:
    stores = load_text("""
        [glance_store]
        stores = file, http, swift+https
        default_store = filesystem
        """).stores

    assert not stores.multiple
    assert stores.default == "file"
    assert [backend.id for backend in stores.backends] == ["file", "http", "swift"]


def test_a_store_in_memory_makes_the_service_one_process(load_text: Load) -> None:
    settings = load_text("""
        [DEFAULT]
        enabled_backends = scratch:memory
        [glance_store]
        default_backend = scratch
        """)

    assert settings.stores.backends[0].values == {}
    assert settings.server.workers == 1


def test_what_is_repeated_stays_in_order(load_text: Load) -> None:
    (store, _) = load_text("""
        [glance_store]
        filesystem_store_datadirs = /a:200
        filesystem_store_datadirs = /b
        """).stores.backends

    assert store.values["filesystem_store_datadirs"] == ("/a:200", "/b")


def test_where_imports_work_may_be_below_the_data_directory(load_text: Load) -> None:
    stores = load_text("""
        [DEFAULT]
        enabled_backends = fast:memory
        [glance_store]
        default_backend = fast
        [os_glance_staging_store]
        filesystem_store_datadir = waiting
        """).stores

    assert stores.staging == Path("/var/lib/glance/waiting")
    assert stores.tasks == Path("/var/lib/glance/os_glance_tasks_store")


@pytest.mark.parametrize(
    ("flavor", "kind"),
    [
        ("keystone", IdentityKind.KEYSTONE),
        ("keystone+caching", IdentityKind.KEYSTONE),
        ("keystone+cachemanagement", IdentityKind.KEYSTONE),
        ("caching", IdentityKind.NONE),
        ("", IdentityKind.NONE),
    ],
)
def test_the_flavor_decides_who_vouches_for_callers(
    load_text: Load, flavor: str, kind: IdentityKind
) -> None:
    settings = load_text(f"""
        [paste_deploy]
        {"flavor = " + flavor if flavor else ""}
        [keystone_authtoken]
        auth_url = http://127.0.0.1:5000
        username = glance
        password = x
        """)

    assert settings.identity.kind is kind


def test_an_identity_that_is_named_goes_before_the_flavor(load_text: Load) -> None:
    settings = load_text("""
        [paste_deploy]
        flavor = keystone
        [vitrine]
        identity = local
        [local_identity]
        users = ann:p1:admin|member, bob:p2:
        """)

    assert settings.identity.kind is IdentityKind.LOCAL
    assert settings.identity.local_users == (
        LocalUser(name="ann", project="p1", roles=("admin", "member")),
        LocalUser(name="bob", project="p2", roles=()),
    )


def test_credentials_may_be_in_a_section_of_their_own(load_text: Load) -> None:
    credentials = load_text("""
        [paste_deploy]
        flavor = keystone
        [keystone_authtoken]
        auth_section = service_login
        [service_login]
        auth_type = v3applicationcredential
        auth_url = https://identity.example.org
        application_credential_id = abc
        application_credential_secret = def
        insecure = true
        """).identity.keystone.credentials

    assert credentials.kind == "application_credential"
    assert credentials.application_credential_secret == "def"
    assert credentials.verify is False


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("192.0.2.1:80", "192.0.2.1", 80),
        ("[::1]:9292", "::1", 9292),
        ("images.example:0", "images.example", 0),
    ],
)
def test_bind_is_a_host_and_a_port(load_text: Load, written: str, host: str, port: int) -> None:
    server = load_text(f"[vitrine]\nbind = {written}\n").server

    assert (server.host, server.port) == (host, port)
    assert server.bind == written


def test_the_command_line_goes_before_the_environment_and_that_before_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "vitrine.conf"
    file.write_text("[vitrine]\nthreads = 3\nlease_ttl = 33\nworkers = 3\n")
    monkeypatch.setenv("OS_VITRINE__THREADS", "4")
    monkeypatch.setenv("OS_VITRINE__LEASE_TTL", "44")

    settings = load(CommandLine(config_files=(file,), threads=5))

    assert settings.server.threads == 5
    assert settings.work.lease_ttl == 44
    assert settings.server.workers == 3


def test_the_environment_reaches_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_DATABASE__CONNECTION", "postgresql+psycopg://u:p@db/glance")

    settings = load()

    assert settings.database.url == "postgresql+psycopg://u:p@db/glance"
    assert not settings.database.embedded


def test_a_file_of_protections_is_found_beside_the_configuration(
    tmp_path: Path, load_text: Load
) -> None:
    (tmp_path / "protections.conf").write_text("")
    (tmp_path / "policy.yaml").write_text("")
    (tmp_path / "policy.d").mkdir()
    (tmp_path / "schema-image.json").write_text("{}")

    settings = load_text("[DEFAULT]\nproperty_protection_file = protections.conf\n")

    assert settings.protections.file == tmp_path / "protections.conf"
    assert settings.policy.file == tmp_path / "policy.yaml"
    assert settings.policy.directories == (tmp_path / "policy.d",)
    assert settings.formats.schema_file == tmp_path / "schema-image.json"


def test_a_policy_that_is_not_there_yet_is_looked_for_where_it_would_be_found_first(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for directory in (first, second):
        directory.mkdir()
        (directory / "a.conf").write_text("")
    more = f"[oslo_policy]\npolicy_dirs = policy.d\npolicy_dirs = {tmp_path}/more\n"
    (first / "a.conf").write_text(more)
    command_line = CommandLine(config_dirs=(second, first))

    policy = load(command_line).policy
    assert (policy.file, policy.directories) == (
        first / "policy.yaml",
        (first / "policy.d", tmp_path / "more"),
    )

    (second / "policy.yaml").write_text("")
    (second / "policy.d").mkdir()
    policy = load(command_line).policy
    assert (policy.file, policy.directories) == (
        second / "policy.yaml",
        (second / "policy.d", tmp_path / "more"),
    )


def test_without_configuration_files_only_an_absolute_name_is_a_place_for_a_policy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OS_OSLO_POLICY__POLICY_FILE", "/nowhere/policy.yaml")

    policy = load().policy

    assert (policy.file, policy.directories) == (Path("/nowhere/policy.yaml"), ())


def test_names_of_earlier_releases_still_work(load_text: Load) -> None:
    settings = load_text("""
        [DEFAULT]
        sql_connection = mysql://glance@db/glance
        disk_formats = raw,qcow2
        [keystone_authtoken]
        auth_uri = http://identity.example.org
        """)

    assert settings.database.url == "mysql://glance@db/glance"
    assert settings.formats.disk_formats == ("raw", "qcow2")
    assert settings.identity.keystone.www_authenticate_uri == "http://identity.example.org"
    assert settings.warnings == ()


@pytest.mark.parametrize(
    "written", ["os_distro:debian,hw_x: a b", '"os_distro":"debian","hw_x":"a b"']
)
def test_injected_properties_may_be_quoted_as_in_the_manual(load_text: Load, written: str) -> None:
    settings = load_text(f"[inject_metadata_properties]\ninject = {written}\n")
    assert settings.imports.inject == {"os_distro": "debian", "hw_x": "a b"}
