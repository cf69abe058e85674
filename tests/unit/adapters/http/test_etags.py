from datetime import UTC, datetime

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.adapters.http.etags import (
    data_tag,
    expected_versions,
    image_tag,
    is_known,
    range_applies,
)
from vitrine.core.digests import Digest
from vitrine.core.images.image import Image

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = "71c675ab-d94f-49cd-a114-e12490b328d9"
IMAGE = Image(id=ID, created_at=NOW, updated_at=NOW, version=7)

VERSIONS = st.integers(1, 10**18 - 1)


@given(st.sets(VERSIONS, min_size=1))
def test_the_tags_of_an_image_lead_back_to_its_versions(versions: set[int]) -> None:
    tags = [image_tag(attrs.evolve(IMAGE, version=version)) for version in versions]

    assert expected_versions(" , ".join(tags), ID) == frozenset(versions)


@given(VERSIONS, VERSIONS)
def test_two_versions_have_the_same_tag_only_if_they_are_one(one: int, other: int) -> None:
    tags = {image_tag(attrs.evolve(IMAGE, version=version)) for version in (one, other)}
    assert len(tags) == len({one, other})


@pytest.mark.parametrize("header", [None, "*", " * "])
def test_who_expects_nothing_takes_any_version(header: str | None) -> None:
    assert expected_versions(header, ID) is None


@pytest.mark.parametrize(
    "header",
    [
        "",
        "7",
        f"{ID}.7",
        '"7"',
        f'W/"{ID}.7"',
        f'"{ID}."',
        f'"{ID}.-7"',
        f'"{ID}.\N{ARABIC-INDIC DIGIT SEVEN}"',
        f'"{ID}.{"9" * 5000}"',
        f'"{ID.upper()}.7"',
        f'"{ID}.7.7"',
    ],
)
def test_what_is_no_tag_of_this_image_allows_no_version(header: str) -> None:
    assert expected_versions(header, ID) == frozenset()


def test_a_tag_of_the_packed_document_names_the_same_version() -> None:
    assert expected_versions(f'"{ID}.7-gzip", "{ID}.8"', ID) == frozenset({7, 8})


@given(st.text())
def test_any_other_header_is_read_without_an_error(header: str) -> None:
    expected_versions(header, ID)
    is_known(header, image_tag(IMAGE))
    range_applies(header, image_tag(IMAGE))


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (None, False),
        ("", False),
        ("*", True),
        (image_tag(IMAGE), True),
        (f"W/{image_tag(IMAGE)}", True),
        (f'"other", "{ID}.7-gzip"', True),
        ('"other"', False),
        (f"{ID}.7", False),
    ],
)
def test_a_client_has_what_one_of_its_tags_names(header: str | None, *, known: bool) -> None:
    assert is_known(header, image_tag(IMAGE)) is known


def test_what_has_no_tag_is_known_to_nobody() -> None:
    assert data_tag(IMAGE) is None
    assert not is_known("*", None)


def test_the_tag_of_data_is_its_hash() -> None:
    image = attrs.evolve(IMAGE, digest=Digest(algorithm="sha512", value="ab" * 64))
    assert data_tag(image) == f'"sha512.{"ab" * 64}"'


@pytest.mark.parametrize(
    ("header", "applies"),
    [
        (None, True),
        ('"x"', True),
        ('W/"x"', False),
        ('"y"', False),
        ("Wed, 01 Jan 2026 00:00:00 GMT", False),
    ],
)
def test_a_range_counts_while_the_data_is_the_same(header: str | None, *, applies: bool) -> None:
    assert range_applies(header, '"x"') is applies
