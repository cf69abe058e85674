"""A server for every database engine, and a way into what it remembers that no caller has."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import attrs
import requests

from tests.support.clients import Api, Json, unique
from tests.support.clock import START
from tests.support.server import Config, Server
from tests.support.services import database
from vitrine.adapters.persistence.sql import migrate
from vitrine.adapters.persistence.sql.persistence import SqlPersistence
from vitrine.core.images.image import Image
from vitrine.core.images.members import Member, MemberStatus
from vitrine.ports.persistence import Changeset, Command, CreateImage, PutMember

USERS = (
    "admin:admin:admin|member|reader",
    "demo:demo:member|reader",
    "demo_reader:demo:reader",
    "demo_writer:demo:member",
    "alt:alt:member|reader",
    "alt_reader:alt:reader",
    "other:other:member|reader",
)


class Catalogue:
    """What a running server remembers, written behind its back: any state, at any time."""

    def __init__(self, url: str) -> None:
        """Open the database at *url*, whose schema is up to date."""
        self._persistence = SqlPersistence(url)

    def add(self, *images: Image) -> None:
        """Remember new images, as they are."""
        self._commit([CreateImage(image) for image in images])

    def share(self, image_id: str, members: Mapping[str, str]) -> None:
        """Make projects members of an image; *members* has what each of them answered."""
        self._commit(
            [
                PutMember(
                    Member(
                        image_id=image_id,
                        member_id=project,
                        status=MemberStatus(status),
                        created_at=START,
                        updated_at=START,
                    )
                )
                for project, status in members.items()
            ]
        )

    def close(self) -> None:
        """Let go of the database."""
        self._persistence.dispose()

    def _commit(self, commands: Sequence[Command]) -> None:
        self._persistence.commit(Changeset(id=str(uuid.uuid4()), commands=tuple(commands)))


@attrs.frozen
class EngineServer:
    """A server, and its catalogue."""

    server: Server
    catalogue: Catalogue


class EngineServers:
    """Servers by their engine, each started when it is first asked for; its users are `USERS`."""

    def __init__(self, make_directory: Callable[[str], Path]) -> None:
        self._make_directory = make_directory
        self._servers: dict[str, EngineServer] = {}
        self._stack = ExitStack()

    def __call__(self, engine: str) -> EngineServer:
        """Return the running server for *engine*; all who ask share it."""
        if engine not in self._servers:
            self._servers[engine] = self._start(engine)
        return self._servers[engine]

    def stop(self) -> None:
        """Stop all of them and drop their databases."""
        self._stack.close()

    def _start(self, engine: str) -> EngineServer:
        directory = self._make_directory(engine)
        url = self._stack.enter_context(database(engine, directory))
        migrate.upgrade(url)
        catalogue = Catalogue(url)
        self._stack.callback(catalogue.close)
        config: Config = {
            "database": {"connection": url},
            "local_identity": {"users": ", ".join(USERS)},
        }
        server = Server(config, directory=directory / "server", workers=1)
        return EngineServer(self._stack.enter_context(server), catalogue)


class Shelf:
    """The images of one test, which a tag of its own tells from all others on the server.

    Each has a label, which is also its name unless it is given one.

    Attributes:
        tag: The tag.
        ids: The image of each label.
    """

    def __init__(self, api: Api, catalogue: Catalogue) -> None:
        self.tag = unique("shelf")
        self.ids: dict[str, str] = {}
        self._api = api
        self._catalogue = catalogue

    def put(self, **images: Mapping[str, object]) -> None:
        """Add images, by label, with fields of `Image`.

        They are demo's, and each was made a second after the one before it, unless
        their fields say otherwise.
        """
        made: list[Image] = []
        for label, fields in images.items():
            self.ids[label] = str(uuid.uuid4())
            moment = START + timedelta(seconds=len(self.ids))
            whole = {"name": label, "owner": "demo", "created_at": moment, **fields}
            whole.setdefault("updated_at", whole["created_at"])
            whole.setdefault("id", self.ids[label])
            self.ids[label] = str(whole["id"])
            tags = {self.tag, *whole.pop("tags", ())}  # type: ignore[misc]  # labels of tags
            made.append(Image(**whole, tags=frozenset(tags)))  # type: ignore[arg-type]  # named by the test
        self._catalogue.add(*made)

    def share(self, label: str, **members: str) -> None:
        """Make projects members of an image, with the answers given."""
        self._catalogue.share(self.ids[label], members)

    def ask(self, user: str | None = "demo", /, **parameters: object) -> requests.Response:
        """List what is on the shelf, whatever comes; a list repeats a parameter."""
        return self._api.as_(user).get("/v2/images", params={"tag": self.tag, **parameters})

    def page(self, user: str | None = "demo", /, **parameters: object) -> Json:
        """List what is on the shelf, one page."""
        answer = self.ask(user, **parameters)
        assert answer.status_code == requests.codes.ok, answer.text
        body: Json = answer.json()
        return body

    def found(self, user: str | None = "demo", /, **parameters: object) -> list[str]:
        """List what is on the shelf, one page, as labels in order."""
        return self.labels(self.page(user, **parameters))

    def paged(self, size: int, **parameters: object) -> list[list[str]]:
        """List what is on the shelf as demo, following the links, as labels page by page."""
        body = self.page("demo", limit=size, **parameters)
        pages = [self.labels(body)]
        while "next" in body:
            body = self._api.as_("demo").get(str(body["next"])).json()
            pages.append(self.labels(body))
        return pages

    def labels(self, body: Json) -> list[str]:
        """Return the labels of the images of a page."""
        labels = {image_id: label for label, image_id in self.ids.items()}
        return [labels[image["id"]] for image in body["images"]]
