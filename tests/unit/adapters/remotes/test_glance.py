import json
import logging
from collections.abc import Iterator, Mapping

import attrs
import pytest

from tests.support.origin import Origin, Request, hang_until_closed, origin
from tests.support.processes import free_port
from vitrine.adapters.remotes.glance import GlanceRemotes, Patience
from vitrine.adapters.remotes.lazy import LazyRemotes
from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.ports.credentials import Access, Account, StoreCredentials
from vitrine.ports.remotes import RemoteImage, RemotePlace, Remotes

ID = "8a3b6d3c-0a5e-4b0e-9a59-0c5f7d7a4f10"
PLACE = RemotePlace(region="North", image_id=ID, interface="internal")
CALLER = Context(user_id="dora", project_id="demo", token="a token", request_id="req-1")
SHOW, DATA = f"/v2/images/{ID}", f"/v2/images/{ID}/file"
DOCUMENT = {
    "status": "active",
    "size": 4,
    "disk_format": "raw",
    "container_format": "bare",
    "min_disk": 1,
    "os_type": "linux",
    "tags": ["a"],
    "os_hidden": False,
}


@attrs.define
class Catalogue(StoreCredentials):
    """What one caller's token is good for, by region and interface."""

    endpoints: Mapping[tuple[str, str], str]
    away: bool = False

    def account(self, account: Account, *, renew_before: float = 60.0) -> Access:
        raise AssertionError("nothing here is the service's own affair")

    def has_service(self) -> bool:
        return True

    def service(self) -> Access:
        raise AssertionError("nothing here is the service's own affair")

    def caller(self, context: Context, *, lasting: bool, renew_before: float = 60.0) -> Access:
        if context.token is None:
            raise errors.CallerNotAdmitted
        return _Access(self, context.token)


@attrs.define
class _Access(Access):
    catalogue: Catalogue
    held: str

    def token(self) -> str:
        return self.held

    def refused(self, token: str) -> None: ...

    def project_id(self) -> str | None:
        return None

    def endpoint(
        self,
        service_type: str,
        *,
        interface: str = "public",
        region: str | None = None,
        name: str | None = None,
    ) -> str:
        if self.catalogue.away:
            raise errors.StoreUnavailable
        url = self.catalogue.endpoints.get((region or "", interface))
        if url is None or service_type != "image":
            raise errors.CallerNotAdmitted
        return url


@pytest.fixture
def north() -> Iterator[Origin]:
    with origin() as made:
        yield made


@pytest.fixture
def catalogue(north: Origin) -> Catalogue:
    return Catalogue({("North", "internal"): north.url("")})


@pytest.fixture
def remotes(catalogue: Catalogue) -> Remotes:
    return GlanceRemotes(catalogue, patience=Patience(connect=1, silence=0.3))


def read(remotes: Remotes) -> bytes:
    transfer = remotes.open(CALLER, PLACE)
    try:
        return b"".join(transfer.pieces())
    finally:
        transfer.close()


def test_an_image_is_described_as_its_region_describes_it(north: Origin, remotes: Remotes) -> None:
    north.serve(SHOW, json.dumps(DOCUMENT).encode())
    texts = {name: value for name, value in DOCUMENT.items() if isinstance(value, str)}
    assert remotes.describe(CALLER, PLACE) == RemoteImage(
        status="active", size=4, disk_format="raw", container_format="bare", properties=texts
    )


def test_it_is_asked_for_with_the_token_of_the_caller_and_the_name_of_the_request(
    north: Origin, remotes: Remotes
) -> None:
    north.serve(SHOW, json.dumps(DOCUMENT).encode())
    north.serve(DATA, b"data")
    remotes.describe(CALLER, PLACE)
    assert read(remotes) == b"data"
    for _, _, headers in north.seen:
        assert headers["X-Auth-Token"] == "a token"
        assert headers["X-Openstack-Request-Id"] == "req-1"
        assert headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("end", ["/", "/v2", "/v2/", "/image", "/image/v2"])
def test_an_endpoint_may_name_the_version_or_lie_below_a_path(north: Origin, end: str) -> None:
    below = "/image" if "image" in end else ""
    north.serve(f"{below}{SHOW}", json.dumps(DOCUMENT).encode())
    found = Catalogue({("North", "internal"): north.url(end)})
    assert GlanceRemotes(found).describe(CALLER, PLACE).status == "active"


@pytest.mark.parametrize(
    "changed", [{"region": "South"}, {"interface": "public"}, {"interface": "nonsense"}]
)
def test_what_the_catalogue_does_not_have_is_not_asked_for(
    north: Origin, remotes: Remotes, changed: dict[str, str]
) -> None:
    with pytest.raises(errors.RemoteRefused):
        remotes.describe(CALLER, attrs.evolve(PLACE, **changed))
    assert not north.seen


def test_a_caller_without_a_token_is_refused(north: Origin, remotes: Remotes) -> None:
    with pytest.raises(errors.RemoteRefused):
        remotes.describe(attrs.evolve(CALLER, token=None), PLACE)
    assert not north.seen


def test_an_identity_service_that_is_away_is_trouble_for_a_while(
    catalogue: Catalogue, remotes: Remotes
) -> None:
    catalogue.away = True
    with pytest.raises(errors.SourceUnavailable):
        remotes.describe(CALLER, PLACE)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_told_without_the_words_of_whoever_refuses(
    north: Origin, remotes: Remotes, status: int
) -> None:
    for path in (SHOW, DATA):
        north.answers[path] = lambda request: request.give(b"secrets of the other", status=status)
    for act in (remotes.describe, remotes.open):
        with pytest.raises(errors.RemoteRefused) as raised:
            act(CALLER, PLACE)
        assert "secret" not in str(raised.value)


@pytest.mark.parametrize("status", [302, 408, 429, 500, 503])
def test_other_statuses_are_trouble_for_a_while(
    north: Origin, remotes: Remotes, status: int
) -> None:
    north.answers[SHOW] = lambda request: request.give(status=status, Location="/elsewhere")
    north.serve("/elsewhere", json.dumps(DOCUMENT).encode())
    with pytest.raises(errors.SourceUnavailable):
        remotes.describe(CALLER, PLACE)
    assert [path for _, path, _ in north.seen] == [SHOW]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'"x"'])
def test_a_document_that_is_none_is_trouble(north: Origin, remotes: Remotes, body: bytes) -> None:
    north.serve(SHOW, body)
    with pytest.raises(errors.SourceUnavailable):
        remotes.describe(CALLER, PLACE)


def test_a_document_without_end_is_not_read_to_it(north: Origin, remotes: Remotes) -> None:
    north.serve(SHOW, b'{"a": "' + bytes(5 * 1024 * 1024))
    with pytest.raises(errors.SourceUnavailable):
        remotes.describe(CALLER, PLACE)


def test_an_image_without_data_there_is_refused(north: Origin, remotes: Remotes) -> None:
    north.answers[DATA] = lambda request: request.give(status=204)
    with pytest.raises(errors.RemoteRefused):
        remotes.open(CALLER, PLACE)


def test_data_that_breaks_off_is_not_taken_for_whole(north: Origin, remotes: Remotes) -> None:
    north.answers[DATA] = lambda request: request.give(b"half", announced=8)
    with pytest.raises(errors.SourceUnavailable):
        read(remotes)


def test_data_that_stops_coming_is_given_up(north: Origin, remotes: Remotes) -> None:
    def answer(request: Request) -> None:
        request.give(b"half", announced=8)
        hang_until_closed(request)

    north.answers[DATA] = answer
    with pytest.raises(errors.SourceUnavailable):
        read(remotes)


def test_data_that_trickles_is_given_up(north: Origin, catalogue: Catalogue) -> None:
    north.serve(DATA, bytes(3 * 1024 * 1024))
    seconds = iter([0.0, 5.0, 1e6])
    slow = GlanceRemotes(
        catalogue, patience=Patience(grace=10, rate=1024), monotonic=lambda: next(seconds)
    )
    transfer = slow.open(CALLER, PLACE)
    received = transfer.pieces()
    assert next(received)
    with pytest.raises(errors.SourceUnavailable):
        next(received)
    transfer.close()


def test_who_does_not_listen_is_named_in_no_error_and_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    found = Catalogue({("North", "internal"): f"http://127.0.0.1:{port}"})
    with caplog.at_level(logging.INFO), pytest.raises(errors.SourceUnavailable) as raised:
        LazyRemotes(found, ca_file=None, insecure=False).describe(CALLER, PLACE)
    assert str(port) not in str(raised.value) + caplog.text
    assert "a token" not in caplog.text
