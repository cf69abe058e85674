"""What tests draw their examples from: small strategies, composed into larger ones.

The pools are small and full of text that careless comparisons take for equal, so
that filters hit, sorting meets ties and ids nearly collide. Strategies are made once:
making one takes far longer than drawing from it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Final, TypeVar

import attrs
from hypothesis import strategies as st

from vitrine.core.context import Context
from vitrine.core.digests import ALGORITHMS, Digest
from vitrine.core.events import Event, EventType, Priority
from vitrine.core.images.image import Image, Location, Visibility
from vitrine.core.images.members import Member, MemberStatus
from vitrine.core.images.properties import READ_ONLY, RESERVED, is_internal
from vitrine.core.images.query import (
    Comparison,
    Filter,
    FlagField,
    FlagIs,
    HasTag,
    ImageQuery,
    Nothing,
    NumberField,
    NumberIs,
    NumberWithin,
    PropertyIs,
    Scope,
    SortField,
    SortKey,
    SortValue,
    TextField,
    TextIn,
    TimeCompares,
    TimeField,
    number_of,
    text_of,
    time_of,
    total_order,
)
from vitrine.core.images.status import Status
from vitrine.core.sessions import Session, SessionKind

T = TypeVar("T")

# --- text ----------------------------------------------------------------------------

_LOOKALIKES: Final = (
    *("", " ", "a", "A", "a ", " a", "aa", "á", "a\u0301", "\uff41", "ß", "ss", "\u0131", "İ", "i"),
    *("%", "_", "a%", "\\", "'", '"', "a'b", "0", "00", "null", "\n", "\t", "\x7f", "\uffff"),
)
LARGEST_SIZE: Final = 2**63 - 1  # bytes


@cache
def kept_text(most: int = 255) -> st.SearchStrategy[str]:
    """Text that names, owners and properties can hold, at most *most* characters."""
    characters = st.characters(min_codepoint=1, max_codepoint=0xFFFF, exclude_categories=["Cs"])
    return st.sampled_from([each for each in _LOOKALIKES if len(each) <= most]) | st.text(
        characters, max_size=min(most, 12)
    )


@cache
def any_kept_text(most: int = 255) -> st.SearchStrategy[str]:
    """The same with characters of four bytes, as in tags and locations."""
    return kept_text(most) | st.sampled_from(["😀", "😀 ", "a😀", "\U0010ffff"])


@cache
def text_beyond_the_basic_plane() -> st.SearchStrategy[str]:
    """Text with at least one character of four bytes in UTF-8."""
    return _around(st.characters(min_codepoint=0x10000))


@cache
def text_nobody_keeps() -> st.SearchStrategy[str]:
    """Text with a NUL or half of a surrogate pair."""
    return _around(st.just("\x00") | st.characters(categories=["Cs"]))


@cache
def any_text() -> st.SearchStrategy[str]:
    """Whatever callers may ask for, whether the catalogue can keep it or not."""
    return any_kept_text() | text_nobody_keeps()


def _around(kernel: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda left, it, right: left + it + right, kept_text(), kernel, kept_text())


@cache
def uuids() -> st.SearchStrategy[str]:
    """Ids in the text forms that callers use: nearly all lower case."""
    lower = st.uuids().map(str)
    return lower | lower.map(str.upper)


# --- parts of images -----------------------------------------------------------------

PROJECTS: Final = ("p", "P", "p ", "q", "á", "")


@cache
def projects() -> st.SearchStrategy[str]:
    """Projects that are easily taken for one another."""
    return st.sampled_from(PROJECTS)


@cache
def moments() -> st.SearchStrategy[datetime]:
    """Moments in UTC and whole seconds, often the same one."""
    few = st.integers(0, 2).map(lambda second: datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC))
    return few | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - hypothesis wants them naive
        lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
    )


@cache
def exact_moments() -> st.SearchStrategy[datetime]:
    """Moments in UTC with microseconds."""
    return st.datetimes(
        datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis wants them naive
        datetime(2200, 1, 1),  # noqa: DTZ001 - the same
        timezones=st.just(UTC),
    )


@cache
def sizes() -> st.SearchStrategy[int]:
    """Sizes in bytes: a few small ones, and all there can be."""
    return st.integers(0, 3) | st.integers(0, LARGEST_SIZE)


@st.composite
def digests(draw: st.DrawFn) -> Digest:
    """Digests of every algorithm."""
    algorithm = draw(st.sampled_from(["sha512", "sha256", *ALGORITHMS]))
    number = draw(st.integers(0, 3) | st.integers(0, 16 ** ALGORITHMS[algorithm] - 1))
    return Digest(algorithm=algorithm, value=f"{number:0{ALGORITHMS[algorithm]}x}")


@cache
def checksums() -> st.SearchStrategy[str]:
    """Values of MD5."""
    return (st.integers(0, 2) | st.integers(0, 2**128 - 1)).map(lambda number: f"{number:032x}")


@cache
def json_values() -> st.SearchStrategy[object]:
    """What JSON can say, without fractions, which no two parsers read alike."""
    leaves: st.SearchStrategy[object] = (
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | any_kept_text()
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(kept_text(), inner, max_size=2),
        max_leaves=4,
    )


@cache
def locations() -> st.SearchStrategy[Location]:
    """Locations with and without a store, with metadata of any form."""
    return st.builds(
        Location,
        url=any_kept_text(),
        metadata=st.dictionaries(kept_text(), json_values(), max_size=2)
        | st.fixed_dictionaries({"store": st.sampled_from(["fast", "cheap"])}),
    )


@cache
def property_names() -> st.SearchStrategy[str]:
    """Names of custom properties, as callers and the service use them."""
    return kept_text().filter(bool) | st.sampled_from(["os_distro", "os_glance_x", "name"])


@cache
def tags() -> st.SearchStrategy[str]:
    """Tags that an image can carry."""
    return any_kept_text().filter(bool)


@cache
def members(image_id: str | None = None) -> st.SearchStrategy[Member]:
    """Members, of one image if told which."""
    return st.builds(
        Member,
        image_id=uuids() if image_id is None else st.just(image_id),
        member_id=projects().filter(bool),
        status=st.sampled_from(MemberStatus),
        created_at=moments(),
        updated_at=moments(),
    )


# --- images --------------------------------------------------------------------------


@cache
def described_images(status: Status | None = None) -> st.SearchStrategy[Image]:
    """Images with all that callers say of them, and nothing known of any data."""
    return st.builds(
        Image,
        id=uuids(),
        created_at=moments(),
        updated_at=moments(),
        owner=st.none() | projects() | kept_text(),
        name=st.none() | kept_text(),
        status=st.sampled_from(Status) if status is None else st.just(status),
        visibility=st.sampled_from(Visibility),
        protected=st.booleans(),
        hidden=st.booleans(),
        disk_format=st.none() | st.sampled_from(["raw", "RAW", "qcow2"]) | kept_text(20),
        container_format=st.none() | st.sampled_from(["bare", "ova"]) | kept_text(20),
        min_disk=st.integers(0, 2) | st.integers(0, 2**31 - 1),
        min_ram=st.integers(0, 2) | st.integers(0, 2**31 - 1),
        properties=st.dictionaries(property_names(), st.none() | kept_text(), max_size=3),
        tags=st.frozensets(tags(), max_size=3),
    )


@st.composite
def stored_images(draw: st.DrawFn) -> Image:
    """Images in every status with any data at all: what a catalogue has to keep."""
    return attrs.evolve(
        draw(described_images()),
        size=draw(st.none() | sizes()),
        virtual_size=draw(st.none() | sizes()),
        checksum=draw(st.none() | checksums()),
        digest=draw(st.none() | digests()),
        locations=tuple(draw(st.lists(locations(), max_size=3))),
        attempts=draw(st.integers(0, 3)),
        deletion=draw(st.none() | uuids()),
        deleted_at=draw(st.none() | moments()),
    )


@st.composite
def images(draw: st.DrawFn, status: Status | None = None) -> Image:
    """Images as they can come to be: with formats, data and locations where they have to."""
    image = draw(described_images(status))
    if image.status is Status.QUEUED:
        return image
    image = attrs.evolve(
        image,
        disk_format=image.disk_format or "raw",
        container_format=image.container_format or "bare",
        attempts=draw(st.integers(1, 3)),
    )
    if image.status in {Status.UPLOADING, Status.IMPORTING}:
        return attrs.evolve(image, size=draw(st.none() | sizes()))
    if image.status in {Status.SAVING, Status.KILLED}:
        return image
    gone = image.status in {Status.DELETED, Status.PENDING_DELETE}
    return attrs.evolve(
        image,
        size=draw(sizes()),
        virtual_size=draw(st.none() | sizes()),
        checksum=draw(st.none() | checksums()),
        digest=draw(digests()),
        locations=tuple(draw(st.lists(locations(), min_size=1, max_size=3))),
        deleted_at=draw(moments()) if gone else None,
    )


# --- callers -------------------------------------------------------------------------


@cache
def contexts() -> st.SearchStrategy[Context]:
    """Callers of all kinds, some without a project."""
    return st.builds(
        Context,
        user_id=st.none() | st.just("u"),
        project_id=st.none() | projects().filter(bool),
        roles=st.frozensets(st.sampled_from(["reader", "Member", "admin"])),
        service_roles=st.frozensets(st.sampled_from(["service"])),
        is_admin=st.booleans(),
        read_only=st.booleans(),
    )


# --- queries -------------------------------------------------------------------------


@cache
def scopes() -> st.SearchStrategy[Scope]:
    """Scopes of every kind."""
    return st.builds(
        Scope,
        project=st.none() | projects(),
        everything=st.booleans(),
        visibility=st.none() | st.sampled_from(Visibility),
        all_visibilities=st.booleans(),
        member_status=st.none() | st.sampled_from(MemberStatus),
    )


@cache
def sorts() -> st.SearchStrategy[tuple[SortKey, ...]]:
    """Total orders by any fields."""
    keys = st.builds(SortKey, st.sampled_from(SortField), st.booleans())
    return st.lists(keys, max_size=3).map(total_order)


def _seen_or(seen: Sequence[T], other: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    return st.sampled_from(seen) | other if seen else other


def _text_filters(catalogue: Sequence[Image]) -> st.SearchStrategy[Filter]:
    def of(field: TextField) -> st.SearchStrategy[Filter]:
        seen = [text for image in catalogue if (text := text_of(image, field)) is not None]
        values = st.lists(_seen_or(seen, any_text()), max_size=3).map(tuple)
        return st.builds(TextIn, st.just(field), values)

    return st.sampled_from(TextField).flatmap(of)


def _number_filters(catalogue: Sequence[Image]) -> st.SearchStrategy[Filter]:
    def of(field: NumberField) -> st.SearchStrategy[Filter]:
        seen = [value for image in catalogue if (value := number_of(image, field)) is not None]
        numbers = _seen_or(seen, st.integers(-1, 3) | st.integers(-(2**70), 2**70))
        bounds = st.none() | numbers
        return st.builds(NumberIs, st.just(field), numbers) | st.builds(
            NumberWithin, st.just(field), bounds, bounds
        )

    return st.sampled_from(NumberField).flatmap(of)


def _time_filters(catalogue: Sequence[Image]) -> st.SearchStrategy[Filter]:
    def of(field: TimeField) -> st.SearchStrategy[Filter]:
        values = _seen_or([time_of(image, field) for image in catalogue], exact_moments())
        return st.builds(TimeCompares, st.just(field), st.sampled_from(Comparison), values)

    return st.sampled_from(TimeField).flatmap(of)


def filters(catalogue: Sequence[Image] = ()) -> st.SearchStrategy[Filter]:
    """Filters of every kind, on values of *catalogue* and on others."""
    tagged = sorted({tag for image in catalogue for tag in image.tags})
    pairs = [
        (name, value)
        for image in catalogue
        for name, value in image.properties.items()
        if value is not None
    ]
    return st.one_of(
        _text_filters(catalogue),
        _number_filters(catalogue),
        _time_filters(catalogue),
        st.builds(FlagIs, st.sampled_from(FlagField), st.booleans()),
        st.builds(HasTag, _seen_or(tagged, any_text())),
        _seen_or(pairs, st.tuples(any_text(), any_text())).map(lambda pair: PropertyIs(*pair)),
        st.just(Nothing()),
    )


@cache
def _sort_values(field: SortField) -> st.SearchStrategy[SortValue]:
    if field is SortField.SIZE:
        return sizes()
    if field in {SortField.CREATED_AT, SortField.UPDATED_AT}:
        return moments()
    return kept_text()


@st.composite
def queries(draw: st.DrawFn, catalogue: Sequence[Image] = ()) -> ImageQuery:
    """Queries of every kind, many of which find something in *catalogue*."""
    query = ImageQuery(
        scope=draw(scopes()),
        filters=tuple(draw(st.lists(filters(catalogue), max_size=2))),
        sort=draw(sorts()),
        limit=draw(st.integers(1, 5)),
    )
    elsewhere = st.tuples(*(_sort_values(key.field) for key in query.sort))
    somewhere = _seen_or([query.position(image) for image in catalogue], elsewhere)
    return attrs.evolve(query, after=draw(st.none() | somewhere))


# --- work and events -----------------------------------------------------------------


@cache
def sessions() -> st.SearchStrategy[Session]:
    """Sessions of both kinds."""
    return st.builds(
        Session,
        id=st.uuids().map(str),
        kind=st.sampled_from(SessionKind),
        image_id=uuids(),
        started_at=exact_moments(),
        store_id=st.none() | kept_text(),
        key=st.none() | kept_text(),
        handle=st.none() | any_kept_text(),
    )


@cache
def events(aggregate_id: str | None = None) -> st.SearchStrategy[Event]:
    """Events, of one image if told which."""
    return st.builds(
        Event,
        id=st.uuids().map(str),
        type=st.sampled_from(EventType),
        aggregate_id=uuids() if aggregate_id is None else st.just(aggregate_id),
        version=st.integers(1, 2**31 - 1),
        position=st.integers(0, 3),
        occurred_at=exact_moments(),
        payload=st.dictionaries(any_kept_text(), json_values(), max_size=3) | any_kept_text(),
        priority=st.sampled_from(Priority),
    )


# --- patches -------------------------------------------------------------------------


@cache
def patchable_names() -> st.SearchStrategy[str]:
    """Names of properties that a patch can speak of, some with characters to escape."""
    odd = st.sampled_from(["a/b", "~", "~1", "~0", "~01", "/", "a~/b"])
    taken = READ_ONLY | RESERVED | {"locations"}
    return (odd | kept_text()).filter(
        lambda name: name == name.strip() != "" and name not in taken and not is_internal(name)
    )


@cache
def patch_entries() -> st.SearchStrategy[object]:
    """What may come as an entry of a patch: sound, nearly sound and not at all."""
    pointers = st.sampled_from(
        [
            *("/a", "/a/b", "a", "/", "//", "/a/", "//a", "/~", "/~2", "/~0", "/a~1b", "/ ", ""),
            *("/locations", "/locations/0", "/locations/-", "/status", "/name", "/os_glance_x"),
        ]
    )
    keys = st.sampled_from(["op", "path", "value", "add", "replace", "remove", "other"])
    values = st.sampled_from(["add", "replace", "remove", "move"]) | pointers | json_values()
    return st.dictionaries(keys, values, max_size=4) | json_values()
