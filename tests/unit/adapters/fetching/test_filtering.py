from collections.abc import Sequence

import hypothesis
import pytest
from hypothesis import strategies as st

from vitrine.adapters.fetching.filtering import UrlFilter
from vitrine.core.errors import UrlRefused

PUBLIC = "93.184.216.34"


def resolving(*addresses: str) -> "Names":
    return Names({"": addresses})


class Names:
    """A resolver that knows some hosts; the host "" stands for every other one."""

    def __init__(self, names: dict[str, Sequence[str]]) -> None:
        self.names = names
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        found = self.names.get(host, self.names.get("", ()))
        if not found:
            raise OSError
        return found


def admitted(url: str, urls: UrlFilter | None = None, *addresses: str) -> list[str]:
    target = (urls or UrlFilter()).admit(url, resolving(*(addresses or (PUBLIC,))))
    return [str(address) for address in target.addresses]


def refused(url: str, urls: UrlFilter | None = None, *addresses: str) -> str:
    with pytest.raises(UrlRefused) as raised:
        admitted(url, urls, *addresses)
    return raised.value.reason


@pytest.mark.parametrize(
    "url",
    [
        "",
        "image",
        "/etc/passwd",
        "//example.org/image",
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "filesystem:///images/1",
        "ftp://example.org/image",
        "gopher://example.org/",
        "javascript:alert(1)",
        "data:text/plain,x",
        "jar:http://example.org/!/",
        "rbd://fsid/pool/image/snap",
        "http:example.org",
        "http:/example.org",
        "http://",
        "http:///image",
        "http://:80/",
        "http://user@/",
        "http://[/",
        "http://[::1/",
        "http://[]/",
        "http://[fe80::1%25eth0]/",
        "http://[v1.x]/",
        "http://example.org:0/",
        "http://example.org:-1/",
        "http://example.org:65536/",
        "http://example.org:99999999999/",
        "http://example.org:x/",
        "http://example.org:22/",
        "http://exa mple.org/",
        "http://example.org/a b",
        "http://example.org\\@127.0.0.1/",
        "http://example.org\n@127.0.0.1/",
        "http://example.org/\r\nHost: 127.0.0.1",
        "\thttp://example.org/",
        "http://example.org/\x00",
        "http://-example.org/",
        "http://.example.org/",
        "http://example..org/",
        "http://*/",
        "http://exämple.org/",
        "http://example。org/",
        "http://①②⑦.0.0.1/",
        "http://127。0。0。1/",
        "http://%31%32%37.0.0.1/",
        "http://localhost%00.example.org/",
    ],
)
def test_what_is_no_proper_url_is_refused(url: str) -> None:
    assert refused(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1.",
        "127.255.255.254",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0X7F.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.01",
        "0",
        "0.0.0.0",  # noqa: S104 - as a place to go
        "1.2.3.4.5",
        "1.2.3.256",
        "example.0x1",
        "example.1",
        "169.254.169.254",
        "169.254.0.1",
        "224.0.0.1",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[ff02::1]",
    ],
)
@pytest.mark.parametrize("credentials", ["", "example.org@", "a:b@", "example.org:80@"])
def test_no_way_of_writing_an_address_leads_to_this_machine(host: str, credentials: str) -> None:
    assert refused(f"http://{credentials}{host}/")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104 - as a place to go
        "169.254.169.254",
        "::1",
        "::",
        "fe80::1%eth0",
        "::ffff:127.0.0.1",
        "::ffff:169.254.1.1",
        "64:ff9b::7f00:1",
        "ff02::1",
    ],
)
def test_a_name_that_leads_to_this_machine_or_its_neighbours_is_refused(address: str) -> None:
    assert refused("http://example.org/", None, address)


def test_only_the_addresses_that_are_allowed_are_left() -> None:
    found = ("127.0.0.1", PUBLIC, "::1", "10.0.0.1")
    assert admitted("http://example.org/", None, *found) == [PUBLIC, "10.0.0.1"]


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "fd00::1"]
)
def test_private_networks_can_be_reached_unless_the_operator_denies_them(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    for url in ("http://example.org/", f"http://{host}/"):
        assert admitted(url, None, address) == [address]
        assert refused(url, UrlFilter(deny_private=True), address)
    allowed = UrlFilter(deny_private=True, allowed_hosts={"example.org"})
    assert admitted("http://example.org/", allowed, address) == [address]


def test_public_addresses_are_reached_also_when_private_ones_are_denied() -> None:
    assert admitted("https://example.org/", UrlFilter(deny_private=True)) == [PUBLIC]


def test_a_host_that_does_not_resolve_is_refused_in_the_words_for_one_that_is_denied() -> None:
    with pytest.raises(UrlRefused) as raised:
        UrlFilter().admit("http://nowhere.example.org/", Names({}))
    denied = refused("http://example.org/", UrlFilter(disallowed_hosts={"example.org"}))
    assert raised.value.reason == denied
    assert refused("http://example.org/", None, "127.0.0.1") == denied


def test_a_name_of_this_machine_is_reached_where_the_operator_allows_that_name() -> None:
    urls = UrlFilter(allowed_hosts={"mirror.example.org", "127.0.0.1"})
    assert admitted("http://mirror.example.org/", urls, "127.0.0.1") == ["127.0.0.1"]
    assert admitted("http://127.0.0.1/", urls) == ["127.0.0.1"]
    assert refused("http://localhost/", urls, "127.0.0.1")


@pytest.mark.parametrize("host", ["MIRROR.example.ORG", "mirror.example.org."])
def test_hosts_are_compared_in_one_form(host: str) -> None:
    assert admitted(f"http://{host}/", UrlFilter(allowed_hosts={"Mirror.example.org"})) == [PUBLIC]
    assert refused(f"http://{host}/", UrlFilter(disallowed_hosts={"mirror.example.org."}))


def test_an_allow_list_makes_its_deny_list_ineffective() -> None:
    url = "http://example.org:8080/"
    allowing = UrlFilter(
        allowed_schemes={"http"},
        disallowed_schemes={"http"},
        allowed_hosts={"example.org"},
        disallowed_hosts={"example.org"},
        allowed_ports={8080},
        disallowed_ports={8080},
    )
    assert admitted(url, allowing) == [PUBLIC]
    denying = UrlFilter(allowed_ports=(), disallowed_ports={8080})
    assert refused(url, denying) == "its port is not allowed"
    assert admitted("http://example.org:81/", denying) == [PUBLIC]
    assert refused("https://example.org/", allowing) == "its scheme is not allowed"
    denying = UrlFilter(allowed_schemes=(), disallowed_schemes={"https"})
    assert refused("https://example.org/", denying) == "its scheme is not allowed"
    assert admitted("http://example.org/", denying) == [PUBLIC]
    assert refused("ftp://example.org/", denying) == "its scheme is not allowed"


def test_a_port_that_is_not_named_needs_no_permission() -> None:
    assert admitted("http://example.org/", UrlFilter(allowed_ports={8080})) == [PUBLIC]


def test_an_address_that_is_denied_stays_denied_whatever_name_leads_to_it() -> None:
    urls = UrlFilter(disallowed_hosts={"10.0.0.1"}, allowed_hosts={"example.org"})
    assert refused("http://example.org/", urls, "10.0.0.1")
    assert refused("http://example.org/", urls, "::ffff:10.0.0.1")
    assert admitted("http://example.org/", urls, "10.0.0.1", "10.0.0.2") == ["10.0.0.2"]


def test_credentials_and_fragments_are_no_part_of_what_is_asked_for() -> None:
    target = UrlFilter().admit(
        "http://me:s%40cret@example.org/a%20b/ü?c=d e#f".replace(" ", "+"), resolving(PUBLIC)
    )
    assert target.credentials == ("me", "s@cret")
    assert target.path == "/a%20b/%C3%BC?c=d+e"
    assert target.authority == "example.org"
    assert "s@cret" not in repr(target)


def test_a_host_is_looked_up_once_and_an_address_never() -> None:
    names = resolving(PUBLIC)
    UrlFilter().admit("http://example.org/", names)
    UrlFilter().admit("http://93.184.216.34/", names)
    assert names.asked == ["example.org"]


@hypothesis.given(
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from(["d", "x", "o"]), min_size=4, max_size=4),
    st.integers(1, 4),
)
def test_a_number_is_an_address_in_its_usual_form_or_nothing(
    number: int, forms: list[str], parts: int
) -> None:
    octets = list(number.to_bytes(4, "big"))
    values = [*octets[: parts - 1], int.from_bytes(bytes(octets[parts - 1 :]), "big")]
    write = {"d": "{:d}", "x": "0x{:x}", "o": "0{:o}"}
    host = ".".join(write[form].format(value) for form, value in zip(forms, values, strict=False))
    urls = UrlFilter(allowed_hosts={host})
    if parts == 4 and set(forms) == {"d"}:
        assert admitted(f"http://{host}/", urls) == [host]
    else:
        assert refused(f"http://{host}/", urls)


@hypothesis.given(st.text(max_size=60))
def test_any_text_is_let_through_or_refused_and_nothing_else(text: str) -> None:
    for url in (text, f"http://{text}", f"http://example.org/{text}"):
        try:
            target = UrlFilter().admit(url, resolving(PUBLIC))
        except UrlRefused:
            continue
        assert target.path.startswith("/")
        assert target.path.isascii()
        assert not set(target.path) & set(" \r\n\t")
