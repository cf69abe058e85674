"""The service answers alike whatever remembers: a database, or memory, which knows no SQL.

Both are asked the same, with clocks that agree and ids that do.
"""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import attrs
import hypothesis
import pytest
from dependency_injector import providers
from falcon import testing
from hypothesis import event, given
from hypothesis import strategies as st

from tests.support.clients import DATA_TYPE, PATCH_TYPE
from tests.support.clock import START, CountingIds, ManualClock
from tests.support.server import Config, write_config
from tests.support.services import database
from vitrine.adapters.config.loading import load
from vitrine.adapters.config.sources import CommandLine
from vitrine.adapters.persistence.memory.persistence import MemoryPersistence
from vitrine.adapters.persistence.sql import migrate
from vitrine.adapters.persistence.sql.persistence import SqlPersistence
from vitrine.adapters.persistence.sql.tables import METADATA
from vitrine.adapters.work.heartbeat import ManualHeartbeat
from vitrine.adapters.work.pump import InlinePump
from vitrine.bootstrap import Container
from vitrine.ports.persistence import Persistence

IMAGES = "/v2/images"
PROJECTS = ("admin", "demo", "alt")
MOST_IMAGES = 4  # that are spoken of, made or not


# --- what is asked -------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Call:
    """One request; ``{0}`` in its path or query stands for the first image made, and so on.

    Attributes:
        wait: Seconds that go by before it.
    """

    user: str
    method: str
    path: str
    body: object = None
    content_type: str = "application/json"
    query: Sequence[tuple[str, str]] = ()
    wait: int = 0


# Few of each, so that things collide, and none that all databases would sort alike anyway.
NAMES = ("", "a", "A", "B", "ä", "a ", "b", "a,b", "x:y", "é", "e")
TAGS = ("x", "X", "y", "y ", "\N{GRINNING FACE}")
VALUES = ("", "1", "x", "X", "ß", "ss")
KEYS = ("os_distro", "OS_DISTRO", "größe")
VISIBILITIES = ("public", "community", "shared", "private")
ANSWERS = ("pending", "accepted", "rejected")

users = st.sampled_from(
    ("admin", "admin", "demo", "demo", "demo_reader", "alt", "alt", "alt_reader")
)
images = st.integers(0, MOST_IMAGES - 1).map(lambda number: f"{{{number}}}")
names = st.none() | st.sampled_from(NAMES)
flags = st.booleans()
numbers = st.sampled_from((0, 1, 2, 2**31 - 1))
fields: Final[Mapping[str, st.SearchStrategy[object]]] = {
    "name": names,
    "visibility": st.sampled_from(VISIBILITIES),
    "protected": flags,
    "os_hidden": flags,
    "disk_format": st.sampled_from((None, "raw", "qcow2")),
    "container_format": st.sampled_from((None, "bare", "ovf")),
    "min_disk": numbers,
    "min_ram": numbers,
    "tags": st.lists(st.sampled_from(TAGS), max_size=3, unique=True),
    **dict.fromkeys(KEYS, st.sampled_from(VALUES)),
}

owners = st.sampled_from((*PROJECTS, None))
waits = st.sampled_from((0, 0, 1))


def by_admin(calls: st.SearchStrategy[Call]) -> st.SearchStrategy[Call]:
    return calls.map(lambda call: attrs.evolve(call, user="admin"))


creations = st.builds(
    Call,
    user=st.sampled_from(("admin", "demo", "demo", "alt", "alt_reader")),
    method=st.just("POST"),
    path=st.just(IMAGES),
    body=st.fixed_dictionaries({}, optional=dict(fields)),
    wait=waits,
)


def _patched(
    name: str, value: st.SearchStrategy[object]
) -> st.SearchStrategy[Mapping[str, object]]:
    path = st.just(f"/{name}")
    op = st.sampled_from(("add", "replace"))
    setting = st.fixed_dictionaries({"op": op, "path": path, "value": value})
    return setting | st.fixed_dictionaries({"op": st.just("remove"), "path": path})


changes = st.builds(
    Call,
    user=users,
    method=st.just("PATCH"),
    path=images.map(lambda image: f"{IMAGES}/{image}"),
    body=st.lists(
        st.one_of(
            _patched("owner", owners), *(_patched(name, value) for name, value in fields.items())
        ),
        max_size=3,
    ),
    content_type=st.just(PATCH_TYPE),
    wait=waits,
)

visibilities = st.builds(
    lambda user, image, visibility: Call(
        user=user,
        method="PATCH",
        path=f"{IMAGES}/{image}",
        body=[{"op": "replace", "path": "/visibility", "value": visibility}],
        content_type=PATCH_TYPE,
    ),
    st.sampled_from(("admin", "demo", "alt")),
    images,
    st.sampled_from(VISIBILITIES),
)

tagging = st.builds(
    Call,
    user=users,
    method=st.sampled_from(("PUT", "DELETE")),
    path=st.builds(
        lambda image, tag: f"{IMAGES}/{image}/tags/{tag}", images, st.sampled_from(TAGS)
    ),
    wait=waits,
)

members = images.map(lambda image: f"{IMAGES}/{image}/members")
sharing = st.builds(
    Call,
    user=users,
    method=st.just("POST"),
    path=members,
    body=st.sampled_from(PROJECTS).map(lambda project: {"member": project}),
    wait=waits,
)
one_member = st.builds(lambda path, member: f"{path}/{member}", members, st.sampled_from(PROJECTS))
answering = st.builds(
    Call,
    user=users,
    method=st.just("PUT"),
    path=one_member,
    body=st.sampled_from(ANSWERS).map(lambda answer: {"status": answer}),
    wait=waits,
)
unsharing = st.builds(Call, user=users, method=st.just("DELETE"), path=one_member)
member_reading = st.builds(Call, user=users, method=st.just("GET"), path=members | one_member)

showing = st.builds(
    Call, user=users, method=st.just("GET"), path=images.map(lambda image: f"{IMAGES}/{image}")
)
deleting = st.builds(
    Call, user=users, method=st.just("DELETE"), path=images.map(lambda image: f"{IMAGES}/{image}")
)
uploading = st.builds(
    Call,
    user=st.sampled_from(("admin", "demo", "alt")),
    method=st.just("PUT"),
    path=images.map(lambda image: f"{IMAGES}/{image}/file"),
    body=st.sampled_from((b"", b"x", b"yy")),
    content_type=st.just(DATA_TYPE),
    wait=waits,
)

SORTABLE = (
    "name",
    "status",
    "container_format",
    "disk_format",
    "size",
    "id",
    "created_at",
    "updated_at",
)
moments = st.integers(-1, 8).map(lambda after: (START + timedelta(seconds=after)).isoformat())
orders = st.one_of(
    st.just([]),
    st.lists(
        st.builds(
            lambda key, direction: f"{key}{direction}",
            st.sampled_from(SORTABLE),
            st.sampled_from(("", ":asc", ":desc")),
        ),
        min_size=1,
        max_size=3,
    ).map(lambda keys: [("sort", ",".join(keys))]),
    st.builds(
        lambda keys, directions: [
            *(("sort_key", key) for key in keys),
            *(("sort_dir", direction) for direction in directions),
        ],
        st.lists(st.sampled_from(SORTABLE), max_size=2),
        st.lists(st.sampled_from(("asc", "desc")), max_size=2),
    ),
)
filters = st.one_of(
    *(
        st.tuples(st.just(name), values)
        for name, values in {
            "name": st.sampled_from((*NAMES, "eq:x:y", 'in:"a,b",ä,a', "in:a,A", "in:")),
            "id": images,
            "owner": st.sampled_from((*PROJECTS, "")),
            "status": st.sampled_from(("queued", "active", "in:queued,active", "killed")),
            "disk_format": st.sampled_from(("raw", "in:raw,qcow2", "")),
            "container_format": st.sampled_from(("bare", "")),
            "visibility": st.sampled_from((*VISIBILITIES, "all")),
            "member_status": st.sampled_from((*ANSWERS, "all")),
            "protected": st.sampled_from(("true", "false")),
            "os_hidden": st.sampled_from(("true", "false")),
            "tag": st.sampled_from(TAGS),
            "size": st.sampled_from(("0", "1", "x")),
            "size_min": st.sampled_from(("0", "1", "-1")),
            "size_max": st.sampled_from(("0", "1", str(2**70))),
            "min_ram_min": st.sampled_from(("1", str(2**40))),
            "min_disk_max": st.sampled_from(("0", "1", str(2**40))),
            "min_disk": st.sampled_from(("0", "1", str(2**31))),
            "created_at": st.builds(
                lambda operator, moment: operator + moment,
                st.sampled_from(("", "gt:", "gte:", "lt:", "lte:", "neq:")),
                moments,
            ),
            "updated_at": moments.map(lambda moment: f"gte:{moment}"),
            **dict.fromkeys(KEYS, st.sampled_from(VALUES)),
        }.items()
    )
)
pages: st.SearchStrategy[list[tuple[str, str]]] = st.one_of(
    st.just([]),
    st.sampled_from(("0", "1", "2", "3")).map(lambda limit: [("limit", limit)]),
    st.builds(
        lambda limit, image: [("limit", limit), ("marker", image)],
        st.sampled_from(("1", "2")),
        images,
    ),
)
listing = st.builds(
    Call,
    user=users,
    method=st.just("GET"),
    path=st.just(IMAGES),
    query=st.builds(
        lambda *parts: [pair for part in parts for pair in part],
        st.lists(filters, max_size=3),
        orders,
        pages,
    ),
)

# First something to talk about: administrators may make images for everybody, share them and
# answer for their members.
scenes = st.tuples(
    st.lists(
        st.builds(
            Call,
            user=st.just("admin"),
            method=st.just("POST"),
            path=st.just(IMAGES),
            body=st.fixed_dictionaries({"owner": owners}, optional=dict(fields)),
            wait=waits,
        ),
        min_size=2,
        max_size=MOST_IMAGES,
    ),
    st.lists(by_admin(sharing), max_size=4),
    st.lists(by_admin(answering), max_size=4),
).map(lambda parts: [call for part in parts for call in part])

actions = st.one_of(
    creations,
    changes,
    visibilities,
    tagging,
    sharing,
    answering,
    unsharing,
    member_reading,
    showing,
    deleting,
    uploading,
)
# Lists are where a database has most to do.
scripts = st.builds(
    lambda *parts: [call for part in parts for call in part],
    scenes,
    st.lists(actions, min_size=5, max_size=20),
    st.lists(listing, min_size=3, max_size=8),
    st.lists(actions, max_size=5),
    st.lists(listing, min_size=3, max_size=8),
)


# --- who is asked --------------------------------------------------------------------


@attrs.frozen
class Answer:
    """What came back."""

    status: int
    body: str

    @property
    def next(self) -> str | None:
        """Where the list goes on, if this is a page of one that does."""
        document: object = json.loads(self.body) if self.body.startswith("{") else None
        found = document.get("next") if isinstance(document, dict) else None
        return found if isinstance(found, str) else None


class Service:
    """The whole service over some persistence, in this process.

    Args:
        shared: What takes long to make and remembers nothing.
    """

    def __init__(
        self, shared: Container, persistence: Persistence, clock: ManualClock, ids: CountingIds
    ) -> None:
        container = Container(
            settings=shared.settings,
            authorizer=shared.authorizer,
            fetcher=shared.fetcher,
            persistence=providers.Object(persistence),
            clock=providers.Object(clock),
            ids=providers.Object(ids),
            heartbeat=providers.Object(ManualHeartbeat(persistence.leases)),
            pump=providers.Object(InlinePump()),
        )
        self._clock = clock
        self._app = container.app()
        self._made: list[str] = []

    def ask(self, call: Call) -> Answer:
        """Make one request."""
        self._clock.advance(timedelta(seconds=call.wait))
        query = urlencode([(name, self._filled(value)) for name, value in call.query])
        answer = self._send(call, self._filled(call.path), query)
        if call.method == "POST" and call.path == IMAGES and answer.status == 201:
            self._made.append(json.loads(answer.body)["id"])
        return answer

    def follow(self, call: Call, link: str) -> Answer:
        """Get the page that an answer to *call* links to."""
        path, _, query = link.partition("?")
        return self._send(call, path, query)

    def _send(self, call: Call, path: str, query: str) -> Answer:
        body = call.body if isinstance(call.body, bytes) else json.dumps(call.body).encode()
        environ = testing.create_environ(
            query_string=query,
            method=call.method,
            headers={"X-Auth-Token": call.user, "Content-Type": call.content_type},
            body=b"" if call.body is None else body,
        )
        environ["PATH_INFO"] = path.encode().decode("latin-1")
        capture = testing.StartResponseMock()
        content = b"".join(self._app(environ, capture))
        assert capture.status is not None
        return Answer(int(capture.status.partition(" ")[0]), content.decode())

    def _filled(self, text: str) -> str:
        """Return *text* with ids in it; an image that was never made has one too."""
        for number in range(MOST_IMAGES):
            known = number < len(self._made)
            image_id = self._made[number] if known else str(uuid.UUID(int=2**100 + number))
            text = text.replace(f"{{{number}}}", image_id)
        return text


# --- whether they agree --------------------------------------------------------------


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Container:
    """The service with its defaults, but for bytes, which are kept in memory."""
    directory = tmp_path_factory.mktemp("agreement")
    config: Config = {
        "DEFAULT": {"enabled_backends": "memory:memory"},
        "glance_store": {"default_backend": "memory"},
        "vitrine": {"data_dir": directory / "data"},
    }
    file = write_config(directory / "vitrine.conf", config)
    settings = load(CommandLine(config_files=(file,), identity="local"))
    return Container(settings=providers.Object(settings))


@contextmanager
def catalogue(engine: str, directory: Path) -> Iterator[SqlPersistence]:
    """A catalogue in a database of its own."""
    with database(engine, directory) as url:
        migrate.upgrade(url)
        persistence = SqlPersistence(url)
        try:
            yield persistence
        finally:
            persistence.dispose()


def forget_everything(persistence: SqlPersistence) -> None:
    with persistence.database.engine.begin() as connection:
        for table in reversed(METADATA.sorted_tables):
            connection.execute(table.delete())


def check_agreement(shared: Container, persistence: SqlPersistence, script: list[Call]) -> None:
    """Ask both services the same and compare each answer."""
    forget_everything(persistence)
    clocks = ManualClock(), ManualClock()
    sql = Service(shared, persistence, clocks[0], CountingIds())
    memory = Service(shared, MemoryPersistence(clocks[1].now), clocks[1], CountingIds())
    for call in script:
        said, expected = sql.ask(call), memory.ask(call)
        assert said == expected, call
        assert said.status < 500, call
        event(f"{call.method} {said.status}")
        while (link := said.next) is not None:
            said, expected = sql.follow(call, link), memory.follow(call, link)
            assert said == expected, call


# A transaction of a server takes its time.
_FEW: Final = max(10, hypothesis.settings().max_examples // 4)


@pytest.mark.parametrize(
    ("engine", "examples"),
    [
        ("sqlite", hypothesis.settings().max_examples),
        ("postgresql", _FEW),
        ("mariadb", _FEW),
    ],
)
def test_a_database_and_memory_answer_alike(
    engine: str, examples: int, shared: Container, tmp_path: Path
) -> None:
    with catalogue(engine, tmp_path) as persistence:

        @hypothesis.settings(max_examples=examples)
        @given(scripts)
        def agree(script: list[Call]) -> None:
            check_agreement(shared, persistence, script)

        agree()
