"""Who vouches for callers, as operators write it."""

import pytest

from tests.unit.adapters.config.deployed import Load
from vitrine.adapters.config.settings import IdentityKind
from vitrine.core.errors import Misconfigured

KEYSTONE = """
[paste_deploy]
flavor = keystone
[keystone_authtoken]
auth_url = http://identity.example.org
username = glance
password = hush
"""
TRUSTED = "[vitrine]\nidentity = trusted\n"


# --- trusted proxies


def test_proxies_are_addresses_and_networks(load_text: Load) -> None:
    trusted = load_text(
        TRUSTED + "[trusted_identity]\nproxies = 192.0.2.7, 2001:db8::/32\nsecret = hush\n"
    ).identity.trusted
    assert trusted.proxies == ("192.0.2.7", "2001:db8::/32")
    assert trusted.secret == "hush"
    assert "hush" not in repr(trusted)


@pytest.mark.parametrize("proxy", ["proxy.example.org", "192.0.2.0/33", "*"])
def test_a_proxy_is_not_named_otherwise(load_text: Load, proxy: str) -> None:
    with pytest.raises(Misconfigured, match="trusted_identity"):
        load_text(TRUSTED + f"[trusted_identity]\nproxies = {proxy}\n")


@pytest.mark.parametrize("bind", ["0.0.0.0:9292", "192.0.2.1:9292", "[::]:9292", "host:9292"])
def test_headers_of_the_whole_network_are_not_believed(load_text: Load, bind: str) -> None:
    text = TRUSTED + f"bind = {bind}\n"
    with pytest.raises(Misconfigured) as raised:
        load_text(text)
    assert "[trusted_identity] proxies" in str(raised.value)
    settings = load_text(text + "[trusted_identity]\nproxies = 192.0.2.7\n")
    assert settings.identity.kind is IdentityKind.TRUSTED
    assert settings.warnings == ()


def test_headers_of_this_machine_are_believed_without_a_list(load_text: Load) -> None:
    settings = load_text(TRUSTED)
    assert settings.identity.trusted.proxies == ()
    assert settings.warnings == ()


# --- the shared token cache


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", None),
        ("memcached_servers = a:11211, b:11211", "memcached://a:11211,b:11211"),
        ("memcache_servers = a:11211", "memcached://a:11211"),
        ("[vitrine]\ntoken_cache_url = redis://a", "redis://a"),
        ("memcached_servers = a:1\n[vitrine]\ntoken_cache_url = redis://a", "redis://a"),
    ],
)
def test_where_tokens_are_shared(load_text: Load, text: str, url: str | None) -> None:
    assert load_text(KEYSTONE + text).identity.keystone.token_cache_url == url


def test_what_is_shared_may_be_hidden(load_text: Load) -> None:
    keystone = load_text(
        KEYSTONE + "memcache_security_strategy = encrypt\nmemcache_secret_key = whisper\n"
    ).identity.keystone
    assert keystone.token_cache_encrypted
    assert keystone.token_cache_secret == "whisper"
    assert "whisper" not in repr(keystone)
    assert not load_text(KEYSTONE).identity.keystone.token_cache_encrypted


@pytest.mark.parametrize(
    ("text", "idle"),
    [
        (KEYSTONE + "memcache_pool_socket_timeout = 9", "memcache_pool_socket_timeout"),
        (KEYSTONE + "memcached_servers = a:1\n[vitrine]\ntoken_cache_url = redis://a", "before it"),
        ("[vitrine]\nidentity = none\ntoken_cache_url = redis://a", "identity is none"),
        (KEYSTONE + "memcached_servers = a:1\ntoken_cache_time = -1", "token_cache_time"),
    ],
)
def test_what_is_set_and_not_used_is_named(load_text: Load, text: str, idle: str) -> None:
    (warning,) = load_text(text).warnings
    assert idle in warning
    assert "has no effect" in warning


@pytest.mark.parametrize("text", ["", "memcached_servers = a:11211\ntoken_cache_time = 60"])
def test_what_is_used_is_no_reason_to_warn(load_text: Load, text: str) -> None:
    assert load_text(KEYSTONE + text).warnings == ()
