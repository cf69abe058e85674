"""What is promised of images and members."""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs
import hypothesis
import pytest
from hypothesis import strategies as st

from tests.contracts.persistence_base import (
    NOON,
    PersistenceContractBase,
    a_member,
    an_image,
    changeset,
    current,
    new_id,
    new_prefix,
    stored,
)
from tests.support import strategies
from vitrine.core.errors import ImageExists, Stale
from vitrine.core.images.access import ImageRecord
from vitrine.core.images.image import Image, Location
from vitrine.core.images.members import Member, MemberStatus
from vitrine.core.images.query import (
    HasTag,
    ImageQuery,
    NumberField,
    NumberIs,
    PropertyIs,
    Scope,
    TextField,
    TextIn,
    in_order,
)
from vitrine.core.images.status import Status
from vitrine.ports.persistence import (
    CreateImage,
    Persistence,
    PutMember,
    RemoveMember,
    SaveImage,
    TouchImage,
)
from vitrine.testing.threads import at_once, results

EVERYTHING: Final = Scope(everything=True, all_visibilities=True)
UNLIKE: Final = [("a", "A"), ("a", "a "), ("a", " a"), ("a", "á"), ("á", "a\u0301"), ("ss", "ß")]
"""Pairs that some collation of some database takes for equal."""

Memberships = Mapping[tuple[str, str], MemberStatus]


class ImagesContract(PersistenceContractBase):
    """What `Images` and the commands for images promise."""

    # --- one image -------------------------------------------------------------------

    def test_an_image_that_nobody_created_is_not_there(self, persistence: Persistence) -> None:
        assert persistence.images.get(new_id()) is None

    def test_any_text_can_be_asked_for_as_an_id(self, persistence: Persistence) -> None:
        @self.examples
        @hypothesis.given(strategies.any_text())
        def holds(text: str) -> None:
            assert persistence.images.get(text) is None
            assert persistence.images.get(text, member=text) is None

        holds()

    def test_every_field_of_a_created_image_comes_back(self, persistence: Persistence) -> None:
        @self.examples
        @hypothesis.given(strategies.stored_images())
        def holds(image: Image) -> None:
            image = _renamed(image, new_prefix())
            persistence.commit(changeset(CreateImage(image)))
            assert persistence.images.get(image.id) == ImageRecord(image=image)

        holds()

    def test_every_field_of_a_saved_image_comes_back(self, persistence: Persistence) -> None:
        @self.examples
        @hypothesis.given(strategies.stored_images(), strategies.stored_images())
        def holds(before: Image, after: Image) -> None:
            before = _renamed(before, new_prefix())
            after = attrs.evolve(after, id=before.id)
            persistence.commit(changeset(CreateImage(before)))
            persistence.commit(changeset(SaveImage(after)))
            assert current(persistence, before.id) == attrs.evolve(after, version=2)

        holds()

    def test_the_longest_values_come_back(self, persistence: Persistence) -> None:
        wide = "\uffff"
        image = attrs.evolve(
            an_image(),
            owner=wide * 255,
            name=wide * 255,
            disk_format=wide * 20,
            container_format=wide * 20,
            size=strategies.LARGEST_SIZE,
            virtual_size=strategies.LARGEST_SIZE,
            properties={wide * 255: wide * 65_535, "other": ""},
            tags=frozenset({"\U0010ffff" * 255}),
            locations=(Location(url="file:///" + "x" * 10_000, metadata={"store": "fast"}),),
        )
        persistence.commit(changeset(CreateImage(image)))
        assert current(persistence, image.id) == image

    def test_an_id_is_not_issued_twice(self, persistence: Persistence) -> None:
        first = stored(persistence, an_image(name="first"))
        with pytest.raises(ImageExists) as raised:
            persistence.commit(changeset(CreateImage(attrs.evolve(first, name="second"))))
        assert raised.value.image_id == first.id
        assert current(persistence, first.id) == first

    def test_the_id_of_a_deleted_image_is_not_issued_again(self, persistence: Persistence) -> None:
        image = stored(persistence, an_image())
        persistence.commit(changeset(SaveImage(image.deleted(NOON))))
        with pytest.raises(ImageExists):
            persistence.commit(changeset(CreateImage(image)))

    def test_a_deleted_image_is_still_told_by_its_id(self, persistence: Persistence) -> None:
        image = stored(persistence, an_image())
        persistence.commit(changeset(SaveImage(image.deleted(NOON))))
        assert current(persistence, image.id) == attrs.evolve(image.deleted(NOON), version=2)

    def test_ids_are_compared_exactly(self, persistence: Persistence) -> None:
        lower = stored(persistence, an_image("abcdefab-0000-4000-8000-00000000000a", name="lower"))
        upper = stored(persistence, an_image(lower.id.upper(), name="upper"))
        assert current(persistence, lower.id) == lower
        assert current(persistence, upper.id) == upper
        assert persistence.images.get(lower.id + " ") is None
        assert persistence.images.get(lower.id.replace("-", "")) is None
        assert persistence.images.get(lower.id[:-1] + "á") is None

    def test_saving_counts_the_version_on(self, persistence: Persistence) -> None:
        image = stored(persistence, an_image())
        for version in (1, 2, 3):
            assert current(persistence, image.id).version == version
            persistence.commit(changeset(SaveImage(current(persistence, image.id))))

    def test_what_was_changed_meanwhile_is_not_overwritten(self, persistence: Persistence) -> None:
        image = stored(persistence, an_image())
        persistence.commit(changeset(SaveImage(attrs.evolve(image, name="mine"))))
        with pytest.raises(Stale) as raised:
            persistence.commit(changeset(SaveImage(attrs.evolve(image, name="yours"))))
        assert raised.value.image_id == image.id
        assert current(persistence, image.id).name == "mine"

    @pytest.mark.parametrize("version", [0, 2, 100])
    def test_another_version_than_the_stored_one_is_stale(
        self, persistence: Persistence, version: int
    ) -> None:
        image = stored(persistence, an_image())
        for command in (
            SaveImage(attrs.evolve(image, version=version)),
            TouchImage(image.id, version),
        ):
            with pytest.raises(Stale):
                persistence.commit(changeset(command))
        assert current(persistence, image.id) == image

    def test_what_is_not_there_is_stale(self, persistence: Persistence) -> None:
        image = an_image()
        for command in (SaveImage(image), TouchImage(image.id, 1)):
            with pytest.raises(Stale):
                persistence.commit(changeset(command))
        assert persistence.images.get(image.id) is None

    def test_touching_changes_the_version_and_nothing_else(self, persistence: Persistence) -> None:
        image = stored(persistence, attrs.evolve(an_image(), tags=frozenset({"t"})))
        persistence.commit(changeset(TouchImage(image.id, 1)))
        assert current(persistence, image.id) == attrs.evolve(image, version=2)

    def test_a_command_sees_what_the_one_before_it_did(self, persistence: Persistence) -> None:
        image = an_image()
        persistence.commit(
            changeset(
                CreateImage(image),
                TouchImage(image.id, 1),
                SaveImage(attrs.evolve(image, name="third", version=2)),
            )
        )
        assert current(persistence, image.id) == attrs.evolve(image, name="third", version=3)

    def test_of_those_who_create_one_id_at_once_one_succeeds(
        self, persistence: Persistence
    ) -> None:
        for _ in range(self.rounds):
            image = an_image()

            def create(number: int, image: Image = image) -> str:
                name = str(number)
                persistence.commit(changeset(CreateImage(attrs.evolve(image, name=name))))
                return name

            [name] = results(at_once(self.threads, create), ImageExists)
            assert current(persistence, image.id).name == name

    def test_of_those_who_save_one_image_at_once_one_succeeds(
        self, persistence: Persistence
    ) -> None:
        for _ in range(self.rounds):
            image = stored(persistence, an_image())

            def save(number: int, image: Image = image) -> str:
                name = str(number)
                persistence.commit(changeset(SaveImage(attrs.evolve(image, name=name))))
                return name

            [name] = results(at_once(2, save), Stale)
            assert current(persistence, image.id).name == name
            assert current(persistence, image.id).version == 2

    def test_nothing_is_lost_when_all_try_again(self, persistence: Persistence) -> None:
        image = stored(persistence, an_image())
        each = range(self.rounds)

        def add_tags(number: int) -> None:
            for tag in (f"{number}-{count}" for count in each):
                while True:
                    read = current(persistence, image.id)
                    try:
                        persistence.commit(changeset(SaveImage(read.tagged(tag, NOON))))
                    except Stale:
                        continue
                    break

        results(at_once(self.threads, add_tags))
        wanted = {f"{number}-{count}" for number in range(self.threads) for count in each}
        assert current(persistence, image.id).tags == wanted
        assert current(persistence, image.id).version == 1 + len(wanted)

    # --- many images -----------------------------------------------------------------

    def test_a_page_is_what_the_query_says(self, persistence: Persistence) -> None:
        @self.examples
        @hypothesis.given(st.data())
        def holds(data: st.DataObject) -> None:
            records = _a_catalogue(data, persistence)
            try:
                query = data.draw(strategies.queries([image for image, _ in records]))
                assert list(persistence.images.page(query)) == _page(records, query)
            finally:
                _forget(persistence, records)

        holds()

    def test_walking_all_pages_meets_every_image_once(self, persistence: Persistence) -> None:
        @self.examples
        @hypothesis.given(st.data())
        def holds(data: st.DataObject) -> None:
            records = _a_catalogue(data, persistence)
            try:
                query = attrs.evolve(data.draw(strategies.queries()), filters=(), after=None)
                walked: list[ImageRecord] = []
                while len(walked) <= len(records) and (page := persistence.images.page(query)):
                    assert len(page) <= query.limit
                    walked += page
                    query = attrs.evolve(query, after=query.position(page[-1].image))
                whole = attrs.evolve(query, after=None, limit=1000)
                assert walked == _page(records, whole)
            finally:
                _forget(persistence, records)

        holds()

    def test_a_marker_need_not_be_where_an_image_is(self, persistence: Persistence) -> None:
        first, second = (
            stored(persistence, an_image(f"{number}0000000-0000-4000-8000-000000000000"))
            for number in (1, 3)
        )
        query = ImageQuery(scope=EVERYTHING)
        between = (NOON, "20000000-0000-4000-8000-000000000000")
        assert _ids(persistence, attrs.evolve(query, after=(NOON, second.id))) == [first.id]
        assert _ids(persistence, attrs.evolve(query, after=between)) == [first.id]
        assert _ids(persistence, attrs.evolve(query, after=(NOON, first.id))) == []

    @pytest.mark.parametrize(("here", "asked"), [*UNLIKE, *((b, a) for a, b in UNLIKE)])
    def test_filters_compare_exactly(self, persistence: Persistence, here: str, asked: str) -> None:
        image = attrs.evolve(
            an_image(owner=here, name=here),
            disk_format=here,
            tags=frozenset({here}),
            properties={here: here, "x": here},
        )
        stored(persistence, image)
        for right, wrong in (
            (TextIn(TextField.NAME, (here,)), TextIn(TextField.NAME, (asked,))),
            (TextIn(TextField.OWNER, (here,)), TextIn(TextField.OWNER, (asked,))),
            (TextIn(TextField.DISK_FORMAT, (here,)), TextIn(TextField.DISK_FORMAT, (asked,))),
            (HasTag(here), HasTag(asked)),
            (PropertyIs("x", here), PropertyIs("x", asked)),
            (PropertyIs(here, here), PropertyIs(asked, here)),
        ):
            query = ImageQuery(scope=EVERYTHING, filters=(right,))
            assert _ids(persistence, query) == [image.id]
            assert _ids(persistence, attrs.evolve(query, filters=(wrong,))) == []

    @pytest.mark.parametrize("text", ["\x00", "a\x00", "\ud800", "😀", "x" * 70_000])
    def test_what_no_image_can_hold_is_found_nowhere(
        self, persistence: Persistence, text: str
    ) -> None:
        stored(persistence, attrs.evolve(an_image(name="a"), properties={"a": "a"}))
        for each in (
            TextIn(TextField.NAME, (text,)),
            TextIn(TextField.ID, (text,)),
            HasTag(text),
            PropertyIs(text, "a"),
            PropertyIs("a", text),
            NumberIs(NumberField.SIZE, 2**64),
        ):
            assert _ids(persistence, ImageQuery(scope=EVERYTHING, filters=(each,))) == []
        both = TextIn(TextField.NAME, (text, "a"))
        assert len(_ids(persistence, ImageQuery(scope=EVERYTHING, filters=(both,)))) == 1

    # --- locations -------------------------------------------------------------------

    def test_a_location_in_use_is_known(self, persistence: Persistence) -> None:
        url = "file:///a/B"
        image = attrs.evolve(
            an_image(), locations=(Location(url="file:///other"), Location(url=url))
        )
        stored(persistence, image)
        assert persistence.images.uses_location(url, besides=new_id())
        assert persistence.images.uses_location("file:///other", besides="")
        assert not persistence.images.uses_location(url, besides=image.id)
        for unlike in ("file:///a/b", "file:///a/B ", "file:///a/", "file:///a/_", "%", ""):
            assert not persistence.images.uses_location(unlike, besides=new_id())

    @pytest.mark.parametrize(
        ("written", "asked"),
        [
            ("s3+https://key:se/cret@host/bucket/k", "s3+https://host/bucket/k"),
            ("cinder://volume", "cinder://store/volume"),
            ("cinder://store/volume", "cinder://volume"),
        ],
    )
    def test_a_location_in_use_is_known_in_every_form(
        self, persistence: Persistence, written: str, asked: str
    ) -> None:
        image = attrs.evolve(an_image(), locations=(Location(url=written),))
        stored(persistence, image)
        assert persistence.images.uses_location(asked, besides="")
        assert not persistence.images.uses_location(f"{asked}x", besides="")
        persistence.commit(
            changeset(SaveImage(attrs.evolve(image, locations=(Location(url=asked),))))
        )
        assert persistence.images.uses_location(written, besides="")

    def test_very_long_locations_are_told_apart(self, persistence: Persistence) -> None:
        url = "rbd://" + "x" * 5000
        stored(persistence, attrs.evolve(an_image(), locations=(Location(url=url + "1"),)))
        assert persistence.images.uses_location(url + "1", besides="")
        assert not persistence.images.uses_location(url + "2", besides="")

    @pytest.mark.parametrize("status", Status)
    def test_only_a_deleted_image_uses_no_location(
        self, persistence: Persistence, status: Status
    ) -> None:
        location = Location(url="file:///a")
        stored(persistence, attrs.evolve(an_image(), status=status, locations=(location,)))
        used = persistence.images.uses_location(location.url, besides="")
        assert used is (status is not Status.DELETED)

    def test_a_location_that_was_taken_from_an_image_is_not_used(
        self, persistence: Persistence
    ) -> None:
        location = Location(url="file:///a")
        image = stored(persistence, attrs.evolve(an_image(), locations=(location,)))
        persistence.commit(changeset(SaveImage(attrs.evolve(image, locations=()))))
        assert not persistence.images.uses_location(location.url, besides="")


class MembersContract(PersistenceContractBase):
    """What `Members` and the commands for members promise."""

    def test_an_image_without_members_has_none(self, persistence: Persistence) -> None:
        image = stored(persistence, an_image())
        assert list(persistence.members.of(image.id)) == []
        assert persistence.members.get(image.id, "q") is None
        assert list(persistence.members.of("\x00")) == []
        assert persistence.members.get("\ud800", "\x00") is None

    def test_every_field_of_a_member_comes_back(self, persistence: Persistence) -> None:
        image = stored(persistence, an_image())

        @self.examples
        @hypothesis.given(strategies.members(image.id), strategies.any_kept_text().filter(bool))
        def holds(member: Member, member_id: str) -> None:
            member = attrs.evolve(member, member_id=member_id)
            persistence.commit(changeset(PutMember(member)))
            assert persistence.members.get(image.id, member_id) == member

        holds()

    def test_members_come_in_the_order_in_which_they_were_added(
        self, persistence: Persistence
    ) -> None:
        image = stored(persistence, an_image())
        for member_id in ("b", "a", "c"):
            persistence.commit(changeset(PutMember(a_member(image.id, member_id))))
        assert _member_ids(persistence, image.id) == ["b", "a", "c"]
        answered = a_member(image.id, "b", MemberStatus.ACCEPTED)
        persistence.commit(changeset(PutMember(answered)))
        assert _member_ids(persistence, image.id) == ["b", "a", "c"]
        persistence.commit(changeset(RemoveMember(image.id, "b")))
        assert _member_ids(persistence, image.id) == ["a", "c"]
        persistence.commit(changeset(PutMember(answered)))
        assert _member_ids(persistence, image.id) == ["a", "c", "b"]

    def test_members_of_one_changeset_keep_their_order(self, persistence: Persistence) -> None:
        image = an_image()
        members = [a_member(image.id, member_id) for member_id in ("z", "m", "a", "q")]
        persistence.commit(changeset(CreateImage(image), *map(PutMember, members)))
        assert list(persistence.members.of(image.id)) == members

    def test_a_member_put_again_is_replaced(self, persistence: Persistence) -> None:
        image = stored(persistence, an_image())
        persistence.commit(changeset(PutMember(a_member(image.id, "q"))))
        answered = a_member(image.id, "q", MemberStatus.REJECTED)
        persistence.commit(changeset(PutMember(answered)))
        assert list(persistence.members.of(image.id)) == [answered]

    def test_removing_a_member_that_is_not_there_does_nothing(
        self, persistence: Persistence
    ) -> None:
        image = stored(persistence, an_image())
        persistence.commit(changeset(PutMember(a_member(image.id, "q"))))
        persistence.commit(changeset(RemoveMember(image.id, "r"), RemoveMember(new_id(), "q")))
        assert _member_ids(persistence, image.id) == ["q"]
        persistence.commit(changeset(RemoveMember(image.id, "q")))
        assert persistence.members.get(image.id, "q") is None

    def test_members_change_nothing_of_their_image(self, persistence: Persistence) -> None:
        image = stored(persistence, an_image())
        persistence.commit(changeset(PutMember(a_member(image.id, "q"))))
        persistence.commit(changeset(RemoveMember(image.id, "q")))
        assert current(persistence, image.id) == image

    @pytest.mark.parametrize(("here", "asked"), [*UNLIKE, *((b, a) for a, b in UNLIKE)])
    def test_members_are_compared_exactly(
        self, persistence: Persistence, here: str, asked: str
    ) -> None:
        image = stored(persistence, an_image())
        persistence.commit(changeset(PutMember(a_member(image.id, here))))
        assert persistence.members.get(image.id, here) is not None
        assert persistence.members.get(image.id, asked) is None
        assert _membership(persistence, image.id, asked) is None
        persistence.commit(changeset(RemoveMember(image.id, asked)))
        persistence.commit(changeset(PutMember(a_member(image.id, asked, MemberStatus.ACCEPTED))))
        assert _member_ids(persistence, image.id) == [here, asked]
        assert _membership(persistence, image.id, here) is MemberStatus.PENDING

    @pytest.mark.parametrize("status", MemberStatus)
    def test_an_image_tells_the_membership_that_was_asked_for(
        self, persistence: Persistence, status: MemberStatus
    ) -> None:
        image, other = stored(persistence, an_image()), stored(persistence, an_image())
        persistence.commit(changeset(PutMember(a_member(image.id, "q", status))))
        assert _membership(persistence, image.id, "q") is status
        assert _membership(persistence, image.id, "r") is None
        assert _membership(persistence, image.id, None) is None
        assert _membership(persistence, other.id, "q") is None
        persistence.commit(changeset(RemoveMember(image.id, "q")))
        assert _membership(persistence, image.id, "q") is None


# --- helpers -------------------------------------------------------------------------


def _renamed(image: Image, prefix: str) -> Image:
    return attrs.evolve(image, id=prefix + image.id[8:])


def _ids(persistence: Persistence, query: ImageQuery) -> list[str]:
    return [record.image.id for record in persistence.images.page(query)]


def _member_ids(persistence: Persistence, image_id: str) -> list[str]:
    return [member.member_id for member in persistence.members.of(image_id)]


def _membership(persistence: Persistence, image_id: str, member: str | None) -> MemberStatus | None:
    record = persistence.images.get(image_id, member=member)
    assert record is not None
    return record.membership


_Catalogue = Sequence[tuple[Image, Mapping[str, MemberStatus]]]


def _a_catalogue(data: st.DataObject, persistence: Persistence) -> _Catalogue:
    """Fill *persistence* with some images and return them with their members."""
    prefix = new_prefix()
    drawn = data.draw(
        st.lists(
            st.tuples(
                strategies.stored_images() | strategies.images(),
                st.dictionaries(
                    strategies.projects().filter(bool), st.sampled_from(MemberStatus), max_size=2
                ),
            ),
            max_size=6,
            unique_by=lambda pair: pair[0].id[8:],
        )
    )
    catalogue = [(_renamed(image, prefix), memberships) for image, memberships in drawn]
    members = [
        PutMember(a_member(image.id, project, status))
        for image, memberships in catalogue
        for project, status in memberships.items()
    ]
    persistence.commit(changeset(*(CreateImage(image) for image, _ in catalogue), *members))
    return catalogue


def _forget(persistence: Persistence, catalogue: _Catalogue) -> None:
    """Take *catalogue* out of every list, so that the next example begins with nothing."""
    persistence.commit(
        changeset(
            *(SaveImage(attrs.evolve(image, status=Status.DELETED)) for image, _ in catalogue)
        )
    )


def _page(catalogue: _Catalogue, query: ImageQuery) -> list[ImageRecord]:
    project = query.scope.project
    records = [
        ImageRecord(image=image, membership=None if project is None else memberships.get(project))
        for image, memberships in catalogue
    ]
    admitted = [each for each in records if query.admits(each) and query.is_behind(each.image)]
    return in_order(admitted, query.sort)[: query.limit]
