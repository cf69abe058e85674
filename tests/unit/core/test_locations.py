import string
from collections.abc import Callable
from datetime import UTC, datetime

import attrs
import hypothesis
import pytest
from hypothesis import strategies as st

from tests.support import strategies
from vitrine.core import errors
from vitrine.core.digests import Digest
from vitrine.core.images import locations as places
from vitrine.core.images.image import Image, Location
from vitrine.core.images.locations import LocationRules, NewLocation
from vitrine.core.images.status import Status

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 7
ANY_DIGEST = "ab" * 64


def placed(new: NewLocation) -> Location:
    return Location(url=new.url, metadata=new.metadata)


RULES = LocationRules(enabled=True, most=4, place=placed, measure=lambda location: SIZE)


def an_image(*urls: str, status: Status = Status.ACTIVE) -> Image:
    return Image(
        id="i",
        created_at=NOW,
        updated_at=NOW,
        status=status,
        size=SIZE if urls else None,
        disk_format="raw",
        container_format="bare",
        locations=tuple(Location(url=url) for url in urls),
    )


def urls_of(image: Image) -> list[str]:
    return [location.url for location in image.locations]


def a_location(url: str) -> dict[str, object]:
    return {"url": url, "metadata": {}}


@hypothesis.given(st.integers(1, 3), st.integers(0, 10**6) | st.just("-"))
def test_a_new_location_stands_where_a_list_would_put_it(count: int, position: int | str) -> None:
    image = an_image(*string.ascii_letters[:count])
    model = urls_of(image)
    model.insert(count if position == "-" else int(position), "new")
    changed = places.add(image, str(position), a_location("new"), RULES, NOW)
    assert urls_of(changed) == model
    assert attrs.evolve(changed, locations=(), updated_at=NOW) == attrs.evolve(image, locations=())


@hypothesis.given(st.integers(2, 4), st.integers(0, 9) | st.just("-"))
def test_a_removed_location_is_the_one_that_was_meant(count: int, position: int | str) -> None:
    image = an_image(*string.ascii_letters[:count])
    model = urls_of(image)
    if position != "-" and int(position) >= count:
        with pytest.raises(errors.InvalidValue):
            places.remove(image, str(position))
        return
    del model[-1 if position == "-" else int(position)]
    assert urls_of(places.remove(image, str(position))) == model


@pytest.mark.parametrize("status", Status)
def test_locations_change_in_few_states_only(status: Status) -> None:
    # The table of the contract, typed once more.
    new = {Status.QUEUED, Status.ACTIVE}
    acts: list[tuple[set[Status], Callable[[Image], object]]] = [
        (new, lambda image: places.add(image, "-", a_location("c"), RULES, NOW)),
        (
            new - {Status.QUEUED},
            lambda image: places.replace(image, [a_location("b"), a_location("a")], RULES, NOW),
        ),
        ({Status.ACTIVE}, lambda image: places.remove(image, "0")),
    ]
    for allowed, act in acts:
        image = an_image("a", "b", status=status)
        if status is Status.QUEUED:
            image = attrs.evolve(image, locations=(), size=None)
        if status in allowed:
            act(image)
        elif status not in new:
            with pytest.raises(errors.LocationsFixed) as raised:
                act(image)
            assert raised.value.status == status.value


def metadata() -> st.SearchStrategy[object]:
    return st.recursive(
        strategies.any_kept_text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(strategies.any_kept_text(), inner, max_size=3)
        ),
        max_leaves=8,
    )


@hypothesis.given(metadata())
def test_metadata_of_text_at_any_depth_is_kept_as_it_is(value: object) -> None:
    new = places.read_location({"url": "u", "metadata": {"k": value}}, "sha512")
    assert new.metadata == {"k": value}


@hypothesis.given(strategies.json_values())
def test_metadata_with_anything_else_in_it_is_refused(value: object) -> None:
    def is_text(each: object) -> bool:
        if isinstance(each, dict):
            return all(is_text(inner) for inner in each.values())
        return all(map(is_text, each)) if isinstance(each, list) else isinstance(each, str)

    hypothesis.assume(not is_text(value))
    with pytest.raises(errors.InvalidValue):
        places.read_location({"url": "u", "metadata": {"k": value}}, "sha512")


def test_what_is_known_of_the_data_never_changes() -> None:
    digest = Digest(algorithm="sha512", value=ANY_DIGEST)
    image = attrs.evolve(an_image("a"), digest=digest)
    for value, fine in ((ANY_DIGEST, True), (ANY_DIGEST.upper(), True), ("cd" * 64, False)):
        said = {
            **a_location("b"),
            "validation_data": {"os_hash_algo": "sha512", "os_hash_value": value},
        }
        if fine:
            assert places.add(image, "-", said, RULES, NOW).digest == digest
        else:
            with pytest.raises(errors.ValidationConflict):
                places.add(image, "-", said, RULES, NOW)


def test_a_digest_can_be_found_out_once() -> None:
    digest = Digest(algorithm="sha512", value=ANY_DIGEST)
    known = an_image("a").fingerprinted(NOW, checksum="0" * 32, digest=digest)
    assert (known.digest, known.checksum) == (digest, "0" * 32)
    assert known.fingerprinted(NOW, checksum="0" * 32, digest=digest) == known
    other = Digest(algorithm="sha512", value="cd" * 64)
    for checksum, found in (("0" * 32, other), ("1" * 32, digest)):
        with pytest.raises(errors.DigestMismatch):
            known.fingerprinted(NOW, checksum=checksum, digest=found)


def test_locations_of_different_sizes_are_not_the_same_data() -> None:
    sizes = {"a": 1, "b": 2}
    rules = attrs.evolve(RULES, measure=lambda location: sizes[location.url])
    queued = an_image(status=Status.QUEUED)
    with pytest.raises(errors.InvalidLocation):
        places.replace(queued, [a_location("a"), a_location("b")], rules, NOW)


def test_where_data_is_stays_what_the_service_knows() -> None:
    image = attrs.evolve(
        an_image(), locations=(Location(url="a", metadata={"store": "fast", "x": "1"}),), size=SIZE
    )
    wanted = [{"url": "a", "metadata": {"store": "slow", "y": "2"}}]
    changed = places.replace(image, wanted, RULES, NOW)
    assert changed.locations == (Location(url="a", metadata={"store": "fast", "y": "2"}),)


def test_nothing_is_asked_of_stores_where_locations_are_closed() -> None:
    rules = LocationRules()
    assert not rules.enabled
    with pytest.raises(errors.LocationsClosed):
        places.add(an_image("a"), "-", a_location("b"), rules, NOW)
