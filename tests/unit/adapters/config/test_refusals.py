"""Values with which the service does not start."""

from pathlib import Path

import pytest

from tests.unit.adapters.config.deployed import Load
from vitrine.adapters.config.loading import load
from vitrine.adapters.config.sources import CommandLine
from vitrine.core.errors import Misconfigured

# What is written, and what the message must name.
REFUSED = {
    "a word for a number": ("[DEFAULT]\nimage_tag_quota = many", "[DEFAULT] image_tag_quota"),
    "no choice": (
        "[DEFAULT]\nproperty_protection_rule_format = users",
        "property_protection_rule_format",
    ),
    "unknown import method": (
        "[DEFAULT]\nenabled_import_methods = [carrier-pigeon]",
        "carrier-pigeon",
    ),
    "methods without brackets": (
        "[DEFAULT]\nenabled_import_methods = web-download",
        "enabled_import_methods",
    ),
    "unknown plugin": ("[image_import_opts]\nimage_import_plugins = [paint]", "paint"),
    "reserved id": (
        "[DEFAULT]\nenabled_backends = os_glance_mine:file\n[glance_store]\ndefault_backend = x",
        "os_glance_mine",
    ),
    "id of another section": (
        "[DEFAULT]\nenabled_backends = Database:file\n[glance_store]\ndefault_backend = Database",
        "Database",
    ),
    "ids that differ in case": ("[DEFAULT]\nenabled_backends = a:file,A:file", "'A'"),
    "id twice": ("[DEFAULT]\nenabled_backends = a:file,a:rbd", "enabled_backends"),
    "unknown type": ("[DEFAULT]\nenabled_backends = a:tape", "tape"),
    "unknown type of a single store": ("[glance_store]\nstores = file, tape", "tape"),
    "no default": ("[DEFAULT]\nenabled_backends = a:file", "default_backend"),
    "unknown default": (
        "[DEFAULT]\nenabled_backends = a:file\n[glance_store]\ndefault_backend = b",
        "'b'",
    ),
    "default that is not open": ("[glance_store]\ndefault_store = rbd", "default_store"),
    "staging elsewhere": ("[DEFAULT]\nnode_staging_uri = http://elsewhere/", "node_staging_uri"),
    "staging on a host": ("[DEFAULT]\nnode_staging_uri = file://host/tmp", "node_staging_uri"),
    "quota": ("[DEFAULT]\nuser_storage_quota = 10 GB", "user_storage_quota"),
    "negative quota": ("[DEFAULT]\nuser_storage_quota = -1", "user_storage_quota"),
    "key length": ("[DEFAULT]\nmetadata_encryption_key = hush", "metadata_encryption_key"),
    "no protections": ("[DEFAULT]\nproperty_protection_file = gone.conf", "gone.conf"),
    "algorithm": ("[DEFAULT]\nhashing_algorithm = rot13", "rot13"),
    "algorithm without a length": ("[DEFAULT]\nhashing_algorithm = shake_256", "shake_256"),
    "negative size": ("[DEFAULT]\nimage_size_cap = -5", "image_size_cap"),
    "page of nothing": ("[DEFAULT]\nlimit_param_default = 0", "limit_param_default"),
    "bind without a port": ("[vitrine]\nbind = localhost", "bind"),
    "bind without a host": ("[vitrine]\nbind = :9292", "bind"),
    "bind to a large port": ("[vitrine]\nbind = 127.0.0.1:65536", "bind"),
    "bind to a bare IPv6 address": ("[vitrine]\nbind = ::1:9292", "bind"),
    "bind to no address": ("[vitrine]\nbind = [localhost]:9292", "bind"),
    "flavor": ("[paste_deploy]\nflavor = trusted-auth", "flavor"),
    "identity": ("[vitrine]\nidentity = ldap", "identity"),
    "no credentials": ("[paste_deploy]\nflavor = keystone", "auth_url, username, password"),
    "plugin of keystone": (
        "[paste_deploy]\nflavor = keystone\n[keystone_authtoken]\nauth_type = v3kerberos",
        "v3kerberos",
    ),
    "local user": ("[local_identity]\nusers = ann", "'ann'"),
    "local user twice": ("[local_identity]\nusers = ann:p:, ann:q:", "twice"),
    "database": ("[database]\nconnection = mongodb://h/glance", "connection"),
    "memory in several processes": (
        "[glance_store]\nstores = memory\ndefault_store = memory\n[vitrine]\nworkers = 2",
        "workers",
    ),
    "database in memory in several processes": (
        "[database]\nconnection = sqlite://\n[vitrine]\nworkers = 2",
        "workers",
    ),
    "cache of a node without a name": (
        "[DEFAULT]\nimage_cache_dir = /var/cache\npublic_endpoint = http://h.example.org",
        "worker_self_reference_url",
    ),
    "reference to nothing": ("[DEFAULT]\npublic_endpoint = http://$nowhere/", "public_endpoint"),
}


@pytest.mark.parametrize(("text", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_work_is_refused_by_name(load_text: Load, text: str, named: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        load_text(text)
    assert named in str(raised.value)


def test_every_unacceptable_value_is_named_at_once(load_text: Load) -> None:
    with pytest.raises(Misconfigured) as raised:
        load_text("[DEFAULT]\nimage_tag_quota = many\n[vitrine]\nthreads = few\n")
    assert "image_tag_quota" in str(raised.value)
    assert "threads" in str(raised.value)


def test_a_bad_value_of_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_VITRINE__THREADS", "few")
    with pytest.raises(Misconfigured, match="threads"):
        load()


@pytest.mark.parametrize("line", ["[DEFAULT", "novalue", "= nameless"])
def test_a_file_that_cannot_be_parsed_is_refused_by_its_line(load_text: Load, line: str) -> None:
    with pytest.raises(Misconfigured, match=r"glance-api\.conf, line 2"):
        load_text(f"[vitrine]\n{line}\n")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "vitrine.conf"
    file.write_bytes(b"[DEFAULT]\nstore_description = caf\xe9\n")
    with pytest.raises(Misconfigured, match="UTF-8"):
        load(CommandLine(config_files=(file,)))


def test_files_that_are_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="gone"):
        load(CommandLine(config_files=(tmp_path / "gone",)))
    with pytest.raises(Misconfigured, match="gone"):
        load(CommandLine(config_dirs=(tmp_path / "gone",)))
