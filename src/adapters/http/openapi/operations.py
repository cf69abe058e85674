"""What is declared of each operation.

Whoever adds a route adds an `Operation` for each of its methods, in the module of
its area beside this one. The rest of the document follows: the statuses of errors
from the table that the service answers by, schemas from those that are published.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from vitrine.adapters.http.media import JSON
from vitrine.core import errors

Schema = Mapping[str, Any]
Errors = tuple[type[errors.VitrineError], ...]

STRING: Final[Schema] = {"type": "string"}
BYTES: Final = "application/octet-stream"


@attrs.frozen(kw_only=True)
class Parameter:
    """A parameter of a query or a header.

    Attributes:
        name: As it is sent.
        about: A sentence.
        schema: What values it has.
    """

    name: str
    about: str
    schema: Schema = STRING


@attrs.frozen(kw_only=True)
class Body:
    """What a request brings.

    Attributes:
        about: A sentence.
        content: For each media type the name of a component, or a schema.
    """

    about: str
    content: Mapping[str, str | Schema]


@attrs.frozen(kw_only=True)
class Answer:
    """A response that is no error.

    Attributes:
        about: A sentence.
        content: The name of a component or a schema; None for no body.
        media: The media type of the body.
        headers: Those worth a mention, each with a sentence.
    """

    about: str
    content: str | Schema | None = None
    media: str = JSON
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen(kw_only=True)
class Operation:
    """One method of one route.

    Attributes:
        route: The method and the route, such as ``GET /v2/images/{image_id}``.
        id: Names the operation among all, such as ``show_image``.
        about: A sentence.
        answers: What comes when nothing is wrong, by status.
        errors: What can be wrong besides what every operation may meet.
        query: Parameters of the query.
        headers: Parameters among the headers.
        body: What the request must bring, None for nothing.
    """

    route: str = attrs.field(validator=attrs.validators.matches_re(r"[A-Z]+ /v2/\S+"))
    id: str = attrs.field(validator=attrs.validators.matches_re("[a-z_]+"))
    about: str
    answers: Mapping[int, Answer]
    errors: Errors = ()
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    body: Body | None = None

    @property
    def method(self) -> str:
        """The method, in upper case."""
        return self.route.partition(" ")[0]

    @property
    def path(self) -> str:
        """The route's path, with its fields in braces."""
        return self.route.partition(" ")[2]

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields in the path."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def area(self) -> str:
        """The part of the API that it belongs to: what stands behind the version."""
        return self.path.split("/")[2]


NO_CONTENT: Final[Mapping[int, Answer]] = {204: Answer(about="Done.")}

LIMIT: Final = Parameter(
    name="limit",
    about="The most entries on the page.",
    schema={"type": "integer", "minimum": 0},
)
MARKER: Final = Parameter(
    name="marker", about="The last entry of the page before: the page begins behind it."
)
SORT_DIR: Final = Parameter(
    name="sort_dir", about="The direction to sort in.", schema={"enum": ["asc", "desc"]}
)


def json_body(about: str, content: str | Schema) -> Body:
    """Return a body that is a JSON document."""
    return Body(about=about, content={JSON: content})
