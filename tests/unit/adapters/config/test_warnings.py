"""What is said when the configuration asks for more than there is."""

from pathlib import Path

import pytest

from tests.unit.adapters.config.deployed import DEPLOYED, Load
from vitrine.adapters.config.features import UNBUILT

# One value for every row of the table that switches its feature on.
SWITCHED_ON = {
    "image_import_plugins": "[no_op]",
    "node_staging_uri": "file:///var/staging",
    "filesystem_store_datadir": "/var/staging",
    "work_dir": "/var/work",
    "metadata_encryption_key": "0123456789abcdef",
    "config_file": "/etc/glance/glance-api-paste.ini",
    "slave_connection": "mysql://db2/glance",
    "log_config_append": "/etc/glance/logging.conf",
    "log_rotation_type": "size",
    "staging_ttl": "3600",
    "restore": "0c5cdf2f-6fd7-4f96-8d40-2a4fbf4ba0c3",
    "syslog_log_facility": "LOG_LOCAL0",
    "conversion_format": "raw",
}


@pytest.mark.parametrize("row", UNBUILT, ids=lambda row: f"{row.option}, {row.feature}")
def test_a_feature_that_does_not_exist_is_named_when_it_is_switched_on(
    load_text: Load, row: object
) -> None:
    (found,) = (each for each in UNBUILT if each is row)
    value = SWITCHED_ON.get(found.option, "true")
    text = f"[{found.section}]\n{found.option} = {value}\n"

    warnings = load_text(text).warnings

    assert [
        warning
        for warning in warnings
        if f"[{found.section}] {found.option} " in warning and found.feature in warning
    ]


def test_defaults_that_nobody_chose_are_no_reason_to_warn(load_text: Load) -> None:
    settings = load_text("[DEFAULT]\n")

    assert settings.imports.secure_hash
    assert settings.imports.methods
    assert settings.warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        "[DEFAULT]\nenabled_import_methods = []",
        "[DEFAULT]\nenabled_import_methods = [web-download]",
        "[DEFAULT]\ndo_secure_hash = false",
        "[DEFAULT]\nenabled_backends = fast:file, deep:rbd\n[glance_store]\ndefault_backend = deep",
        "[oslo_messaging_notifications]\ndriver = log\ndriver = messagingv2",
        "[oslo_messaging_rabbit]\namqp_durable_queues = true",
        "[glance_store]\nstores = file\ndefault_store = file\nswift_store_container = unused",
        "[oslo_middleware]\nenable_proxy_headers_parsing = true",
        "[cors]\nallowed_origin = https://dashboard.example.org",
        "[database]\nmax_pool_size = 7",
    ],
)
def test_what_is_switched_off_or_exists_is_no_reason_to_warn(load_text: Load, text: str) -> None:
    assert load_text(text).warnings == ()


def test_unknown_names_are_said(load_text: Load) -> None:
    warnings = load_text("""
        [DEFAULT]
        registry_host = 10.0.0.1
        enabled_backends = fast:file
        [glance_store]
        default_backend = fast
        [fast]
        rbd_store_pool = images
        [forgotten]
        x = 1
        [service_user]
        auth_url = http://10.0.0.1
        """).warnings

    assert [
        "[DEFAULT] registry_host" in warnings[0],
        "[fast] rbd_store_pool" in warnings[1],
        "[forgotten]" in warnings[2],
        "[service_user]" in warnings[3],
    ] == [True] * 4
    assert len(warnings) == 4


def test_section_names_are_found_in_any_case_as_they_are_read(load_text: Load) -> None:
    settings = load_text("[Vitrine]\nthreads = 7\n")

    assert settings.server.threads == 7
    assert settings.warnings == ()


@pytest.mark.parametrize("flavor", ["caching", "cachemanagement"])
def test_a_flavor_with_a_cache_that_has_no_directory_is_mentioned(
    load_text: Load, flavor: str
) -> None:
    text = f"[paste_deploy]\nflavor = {flavor}\n[vitrine]\nidentity = local\n"

    (warning,) = load_text(text).warnings

    assert "image_cache_dir" in warning
    cache = "[DEFAULT]\nimage_cache_dir = /var/cache\nimage_cache_driver = xattr\n"
    assert load_text(cache + text).warnings == ()


@pytest.mark.parametrize("identity", ["none", "local"])
def test_an_open_door_is_mentioned(load_text: Load, identity: str) -> None:
    text = f"[vitrine]\nidentity = {identity}\nbind = "

    (warning,) = load_text(text + "0.0.0.0:9292").warnings

    assert "0.0.0.0:9292" in warning
    assert load_text(text + "127.0.0.1:9292").warnings == ()
    assert load_text(text + "[::1]:9292").warnings == ()


def test_anonymous_callers_who_are_administrators_are_mentioned(load_text: Load) -> None:
    text = "[DEFAULT]\nallow_anonymous_access = true\n[vitrine]\nidentity = "

    (warning,) = load_text(text + "none").warnings

    assert "allow_anonymous_access" in warning
    assert load_text(text + "local").warnings == ()


def test_a_policy_file_that_is_named_and_not_there_is_mentioned(
    load_text: Load, tmp_path: Path
) -> None:
    settings = load_text("[oslo_policy]\npolicy_file = rules.yaml\n")

    # It may come yet.
    assert settings.policy.file == tmp_path / "rules.yaml"
    assert ["policy_file" in warning for warning in settings.warnings] == [True]


def test_a_deployed_file_gets_no_warnings(load_text: Load) -> None:
    assert load_text(DEPLOYED).warnings == ()
