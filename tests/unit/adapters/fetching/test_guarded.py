import datetime as dt
import ipaddress
import itertools
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.contracts.fetching import BODY, FetcherContract, fetched
from tests.support.origin import Origin, Request, hang_until_closed, origin
from vitrine.adapters.fetching.filtering import UrlFilter
from vitrine.adapters.fetching.guarded import GuardedFetcher, Tls
from vitrine.adapters.fetching.wire import Patience, Watch
from vitrine.core.errors import (
    Misconfigured,
    RangesUnsupported,
    SourceNotFound,
    SourceUnavailable,
    UrlRefused,
)
from vitrine.ports.fetching import Fetcher

IMPATIENT = Patience(connect=5, head=0.3, silence=0.3, slowest=0)


@pytest.fixture
def far() -> Iterator[Origin]:
    with origin() as made:
        yield made


@pytest.fixture
def fetcher(far: Origin) -> Fetcher:
    return fetcher_of(far)


def fetcher_of(
    far: Origin,
    *hosts: str,
    patience: Patience | None = None,
    resolver: Callable[[str, int], Sequence[str]] | None = None,
) -> GuardedFetcher:
    urls = UrlFilter(allowed_hosts=hosts or ("127.0.0.1",), allowed_ports=(far.port,))
    return GuardedFetcher(
        urls, patience=patience, resolver=resolver or (lambda host, port: ["127.0.0.1"])
    )


class OneOrigin:
    """Serves from paths of one origin, which is reached as 127.0.0.1 only."""

    def __init__(self, far: Origin) -> None:
        self._far = far
        self._paths = (f"/{number}" for number in itertools.count())

    def serve(self, body: bytes) -> str:
        return self._far.serve(next(self._paths), body)

    def break_off(self, body: bytes) -> str:
        path = next(self._paths)
        self._far.answers[path] = lambda request: request.give(body[:-1000], announced=len(body))
        return self._far.url(path)

    def nothing(self) -> str:
        return self._far.url("/nothing")

    def refused(self) -> str:
        self._far.serve("/refused", BODY)
        return self._far.url("/refused", host="localhost")

    def contacted(self) -> Sequence[object]:
        return self._far.seen


class TestGuardedFetcher(FetcherContract):
    @pytest.fixture
    def web(self, far: Origin) -> OneOrigin:
        return OneOrigin(far)

    @pytest.fixture
    def fetcher(self, far: Origin) -> Fetcher:
        return fetcher_of(far)


# --- what comes ----------------------------------------------------------------------


def test_the_size_is_what_the_origin_says_to_head(far: Origin, fetcher: Fetcher) -> None:
    assert fetcher.size(far.serve("/image", BODY)) == len(BODY)
    assert [method for method, *_ in far.seen] == ["HEAD"]


def test_where_head_is_not_known_the_size_comes_from_get(far: Origin, fetcher: Fetcher) -> None:
    def answer(request: Request) -> None:
        request.give(BODY, status=405 if request.command == "HEAD" else 200)

    far.answers["/image"] = answer
    assert fetcher.size(far.url()) == len(BODY)


def test_a_size_that_was_not_said_is_unknown(far: Origin, fetcher: Fetcher) -> None:
    def answer(request: Request) -> None:
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")

    far.answers["/image"] = answer
    assert fetcher.size(far.url()) is None
    transfer = fetcher.open(far.url())
    transfer.close()
    assert transfer.size is None
    assert fetched(fetcher, far.url()) == b"abcdefg"


def test_an_origin_without_ranges_can_still_give_the_beginning(
    far: Origin, fetcher: Fetcher
) -> None:
    url = far.serve("/image", BODY, ranges=False)
    transfer = fetcher.open(url, length=10)
    assert transfer.size == 10
    assert b"".join(transfer.pieces()) == BODY[:10]
    transfer.close()
    with pytest.raises(RangesUnsupported):
        fetcher.open(url, offset=1)


@pytest.mark.parametrize("given", ["bytes 0-9/100", "bytes 5-200/*", "lines 5-14/100", ""])
def test_another_part_than_the_one_asked_for_is_not_taken(
    far: Origin, fetcher: Fetcher, given: str
) -> None:
    far.answers["/image"] = lambda request: request.give(
        b"0123456789", status=206, Content_Range=given
    )
    with pytest.raises((RangesUnsupported, SourceUnavailable)):
        fetcher.open(far.url(), offset=5, length=10)


# --- what goes wrong -----------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_what_the_origin_does_not_give_out_is_not_there(
    far: Origin, fetcher: Fetcher, status: int
) -> None:
    far.answers["/image"] = lambda request: request.give(status=status)
    with pytest.raises(SourceNotFound):
        fetcher.open(far.url())
    with pytest.raises(SourceNotFound):
        fetcher.size(far.url())


@pytest.mark.parametrize("status", [204, 304, 429, 500, 503])
def test_an_origin_in_trouble_is_not_available(far: Origin, fetcher: Fetcher, status: int) -> None:
    far.answers["/image"] = lambda request: request.give(status=status)
    with pytest.raises(SourceUnavailable):
        fetcher.open(far.url())


def test_a_chunked_body_that_breaks_off_is_told_too(far: Origin, fetcher: Fetcher) -> None:
    def answer(request: Request) -> None:
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.wfile.write(b"a\r\nabc")
        request.close_connection = True

    far.answers["/image"] = answer
    with pytest.raises(SourceUnavailable):
        fetched(fetcher, far.url())


def test_what_is_not_http_is_not_available() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        fetcher = GuardedFetcher(UrlFilter(allowed_hosts=["127.0.0.1"], allowed_ports=[port]))
        with pytest.raises(SourceUnavailable):
            fetcher.open(f"http://127.0.0.1:{port}/")
        thread.join()


def test_a_port_where_nobody_listens_is_not_available() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    fetcher = GuardedFetcher(UrlFilter(allowed_hosts=["127.0.0.1"], allowed_ports=[port]))
    with pytest.raises(SourceUnavailable):
        fetcher.size(f"http://127.0.0.1:{port}/")


def test_an_origin_that_says_nothing_is_given_up(far: Origin) -> None:
    far.answers["/image"] = hang_until_closed
    fetcher = fetcher_of(far, patience=IMPATIENT)
    with pytest.raises(SourceUnavailable):
        fetcher.open(far.url())


def test_an_origin_that_falls_silent_is_given_up(far: Origin) -> None:
    def answer(request: Request) -> None:
        request.give(b"abc", announced=10)
        request.wfile.flush()
        hang_until_closed(request)

    far.answers["/image"] = answer
    transfer = fetcher_of(far, patience=IMPATIENT).open(far.url())
    pieces = transfer.pieces()
    assert next(pieces) == b"abc"
    with pytest.raises(SourceUnavailable):
        next(pieces)
    transfer.close()


def test_a_head_that_comes_in_drops_is_given_up_however_steady_it_drops() -> None:
    time = [0.0]
    watch = Watch(Patience(head=60, silence=30), lambda: time[0])
    assert watch.wait() == 30
    for _ in range(59):
        time[0] += 1
        watch.received(1)
        assert watch.wait() == min(30, 60 - time[0])
    time[0] += 1
    with pytest.raises(TimeoutError):
        watch.wait()


def test_a_body_that_trickles_is_given_up_and_one_that_flows_is_not() -> None:
    time = [0.0]
    watch = Watch(Patience(slowest=100, grace=60, silence=30), lambda: time[0])
    watch.body()
    watch.received(7000)
    time[0] = 69
    assert watch.wait() == pytest.approx(1)
    time[0] = 70
    with pytest.raises(TimeoutError):
        watch.wait()
    watch.received(10**6)
    assert watch.wait() == 30


def test_a_body_may_trickle_where_no_rate_is_asked_for() -> None:
    time = [0.0]
    watch = Watch(Patience(slowest=0, silence=30), lambda: time[0])
    watch.body()
    time[0] = 10**6
    assert watch.wait() == 30


def test_nothing_of_the_url_gets_into_logs_and_errors(
    far: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    fetcher = fetcher_of(far)
    far.answers["/s3cret"] = lambda request: request.give(b"abc", announced=10)
    url = far.url("/s3cret?t0ken").replace("//", "//us3r:passw0rd@")
    with caplog.at_level(logging.DEBUG), pytest.raises(SourceUnavailable) as raised:
        fetched(fetcher, url)
    told = caplog.text + str(raised.value) + repr(raised.value)
    for secret in ("s3cret", "t0ken", "us3r", "passw0rd", "127.0.0.1"):
        assert secret not in told


# --- where it goes -------------------------------------------------------------------


def test_this_machine_is_reached_only_where_it_is_allowed(far: Origin) -> None:
    far.serve("/image", BODY)
    fetcher = GuardedFetcher(UrlFilter(allowed_ports=[far.port]))
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
        for ask in (fetcher.check, fetcher.size, fetcher.open):
            with pytest.raises(UrlRefused):
                ask(far.url(host=host))
    assert far.seen == []
    fetcher_of(far).check(far.url())
    assert far.seen == []


def test_the_connection_goes_to_the_address_that_was_checked(far: Origin) -> None:
    far.serve("/image", BODY)
    answers = iter([["127.0.0.1"], ["192.0.2.1"]])
    fetcher = fetcher_of(far, "rebinding.example.org", resolver=lambda host, port: next(answers))
    assert fetched(fetcher, far.url(host="rebinding.example.org")) == BODY
    assert next(answers) == ["192.0.2.1"]  # Nobody looked a second time.
    assert far.seen[0][2]["Host"] == f"rebinding.example.org:{far.port}"


def test_a_name_that_is_rebound_to_this_machine_is_refused_when_it_is_asked_for_again(
    far: Origin,
) -> None:
    far.serve("/image", BODY)
    answers = iter([["192.0.2.1"], ["127.0.0.1"]])
    urls = UrlFilter(allowed_ports=[far.port])
    fetcher = GuardedFetcher(urls, resolver=lambda host, port: next(answers))
    fetcher.check(far.url(host="rebinding.example.org"))
    with pytest.raises(UrlRefused):
        fetcher.open(far.url(host="rebinding.example.org"))
    assert far.seen == []


def test_if_one_address_does_not_answer_the_next_one_is_tried(far: Origin) -> None:
    far.serve("/image", BODY)
    fetcher = fetcher_of(far, "two.example.org", resolver=lambda host, port: ["::1", "127.0.0.1"])
    assert fetched(fetcher, far.url(host="two.example.org")) == BODY


def test_the_environment_names_no_proxy(far: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetched(fetcher_of(far), far.serve("/image", BODY)) == BODY


def test_what_is_behind_a_hash_is_not_sent(far: Origin, fetcher: Fetcher) -> None:
    assert fetched(fetcher, far.serve("/image", BODY) + "#new") == BODY
    assert far.seen[0][1] == "/image"


# --- redirects -----------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["/image", "image", "http://127.0.0.1:{port}/image"])
def test_redirects_are_followed(far: Origin, fetcher: Fetcher, status: int, place: str) -> None:
    far.serve("/image", BODY)
    url = far.redirect("/there", place.format(port=far.port), status)
    assert fetched(fetcher, url) == BODY
    assert fetcher.size(url) == len(BODY)
    assert fetched(fetcher, url, offset=3, length=4) == BODY[3:7]


@pytest.mark.parametrize(
    "place",
    [
        "http://localhost:{port}/image",
        "http://2130706433:{port}/image",
        "http://[::1]:{port}/image",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:22/",
        "http://127.0.0.1/",
        "//localhost/image",
        "file:///etc/passwd",
        "ftp://127.0.0.1/image",
        "gopher://127.0.0.1/",
        "http://[/",
    ],
)
def test_a_redirect_leads_nowhere_where_the_url_itself_would_not(far: Origin, place: str) -> None:
    far.serve("/image", BODY)
    # Without a port a URL needs no permission for it; 127.0.0.1 is another origin by name.
    fetcher = fetcher_of(far, "front.example.org")
    far.redirect("/there", place.format(port=far.port))
    with pytest.raises((UrlRefused, SourceUnavailable)):
        fetcher.open(far.url("/there", host="front.example.org"))
    assert [path for _, path, _ in far.seen] == ["/there"]


def test_five_redirects_are_followed_and_not_a_sixth(far: Origin, fetcher: Fetcher) -> None:
    far.serve("/0", BODY)
    for number in range(1, 7):
        far.redirect(f"/{number}", f"/{number - 1}")
    assert fetched(fetcher, far.url("/5")) == BODY
    with pytest.raises(SourceUnavailable):
        fetcher.open(far.url("/6"))


def test_a_ring_of_redirects_is_left(far: Origin, fetcher: Fetcher) -> None:
    far.redirect("/there", "/back")
    far.redirect("/back", "/there")
    with pytest.raises(SourceUnavailable):
        fetcher.open(far.url("/there"))
    assert len(far.seen) == 6


def test_credentials_go_to_their_own_origin_and_to_no_other(far: Origin) -> None:
    far.serve("/image", BODY)
    far.redirect("/near", "/image")
    far.redirect("/far", far.url(host="other.example.org"))
    far.redirect("/back", far.url("/far-and-back", host="other.example.org"))
    far.redirect("/far-and-back", f"http://x:y@third.example.org:{far.port}/image")
    fetcher = fetcher_of(far, "127.0.0.1", "other.example.org", "third.example.org")

    def sent(path: str) -> list[str | None]:
        far.seen.clear()
        assert fetched(fetcher, far.url(path).replace("//", "//me:s3cret@")) == BODY
        return [headers.get("Authorization") for *_, headers in far.seen]

    basic = "Basic bWU6czNjcmV0"
    assert sent("/image") == [basic]
    assert sent("/near") == [basic, basic]
    assert sent("/far") == [basic, None]
    assert sent("/back") == [basic, None, None]


# --- TLS and proxies -----------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of secure.example.org, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "secure.example.org")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.DNSName("secure.example.org"),
                    x509.IPAddress(ipaddress.ip_address("127.0.0.9")),
                ]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[Origin]:
    with origin(certificate) as made:
        yield made


def secure_fetcher(
    secure: Origin, tls: Tls, proxies: dict[str, str] | None = None
) -> GuardedFetcher:
    hosts = ("secure.example.org", "other.example.org")
    return GuardedFetcher(
        UrlFilter(allowed_hosts=hosts, allowed_ports=(secure.port,)),
        tls=tls,
        proxies=proxies,
        patience=Patience(connect=5, head=5),
        resolver=lambda host, port: ["127.0.0.1"],
    )


def test_a_server_that_proves_to_be_the_one_that_was_named_is_talked_to(
    secure: Origin, certificate: Path
) -> None:
    secure.serve("/image", BODY)
    fetcher = secure_fetcher(secure, Tls(ca_file=str(certificate)))
    assert fetched(fetcher, secure.url(host="secure.example.org", scheme="https")) == BODY


def test_a_server_that_proves_to_be_somebody_else_is_not(secure: Origin, certificate: Path) -> None:
    secure.serve("/image", BODY)
    fetcher = secure_fetcher(secure, Tls(ca_file=str(certificate)))
    with pytest.raises(SourceUnavailable):
        fetcher.open(secure.url(host="other.example.org", scheme="https"))
    with pytest.raises(SourceUnavailable):
        secure_fetcher(secure, Tls()).open(secure.url(host="secure.example.org", scheme="https"))
    assert secure.seen == []


def test_any_server_is_talked_to_where_it_need_not_prove_anything(secure: Origin) -> None:
    secure.serve("/image", BODY)
    fetcher = secure_fetcher(secure, Tls(verify=False))
    assert fetched(fetcher, secure.url(host="other.example.org", scheme="https")) == BODY


def test_a_handshake_that_never_comes_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        fetcher = GuardedFetcher(
            UrlFilter(allowed_hosts=["127.0.0.1"], allowed_ports=[port]), patience=IMPATIENT
        )
        with pytest.raises(SourceUnavailable):
            fetcher.open(f"https://127.0.0.1:{port}/")


def test_authorities_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pem", tmp_path):
        with pytest.raises(Misconfigured):
            GuardedFetcher(UrlFilter(), tls=Tls(ca_file=str(path)))


def test_a_proxy_of_the_operators_is_handed_what_was_checked(far: Origin) -> None:
    with origin() as proxy:
        proxy.answers["http://mirror.example.org/image"] = lambda request: request.give(BODY)
        fetcher = GuardedFetcher(
            UrlFilter(),
            proxies={"http": f"127.0.0.1:{proxy.port}"},
            resolver=lambda host, port: ["93.184.216.34"],
        )
        assert fetched(fetcher, "http://mirror.example.org/image") == BODY
        with pytest.raises(UrlRefused):
            fetcher.open("http://127.0.0.1/image")
        assert [path for _, path, _ in proxy.seen] == ["http://mirror.example.org/image"]


def test_a_proxy_tunnels_to_the_address_that_was_checked(secure: Origin, certificate: Path) -> None:
    secure.serve("/image", BODY)
    with origin() as proxy:
        proxy.tunnel()
        fetcher = secure_fetcher(
            secure, Tls(ca_file=str(certificate)), {"https": f"http://127.0.0.1:{proxy.port}/"}
        )
        assert fetched(fetcher, secure.url(host="secure.example.org", scheme="https")) == BODY
        assert [(method, path) for method, path, _ in proxy.seen] == [
            ("CONNECT", f"127.0.0.1:{secure.port}")
        ]


def test_a_proxy_that_refuses_is_not_available(secure: Origin) -> None:
    with origin() as proxy:
        fetcher = secure_fetcher(secure, Tls(verify=False), {"https": f"127.0.0.1:{proxy.port}"})
        with pytest.raises(SourceUnavailable):
            fetcher.open(secure.url(host="secure.example.org", scheme="https"))


@pytest.mark.parametrize(
    "written", ["", "https://proxy:1", "socks5://proxy:1", "proxy:x", "http://"]
)
def test_a_proxy_that_is_none_stops_the_start(written: str) -> None:
    with pytest.raises(Misconfigured):
        GuardedFetcher(UrlFilter(), proxies={"http": written})


def test_the_default_way_of_speaking_tls_verifies() -> None:
    context = GuardedFetcher(UrlFilter())._tls
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
