"""Custom properties."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strategies
from vitrine.core.errors import InvalidRequest, InvalidValue, ReservedName
from vitrine.core.images.properties import (
    MUTABLE_BASE,
    READ_ONLY,
    check_characters,
    check_name,
    countable,
    is_hidden,
    is_internal,
)

_RESERVED: Final = ("location", "deleted", "deleted_at")
_names = strategies.kept_text().filter(
    lambda name: name and name not in _RESERVED and not name.startswith("os_glance")
)


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("colour", False),
        ("os_glance_import_task", False),
        ("os_glance_importing_to_stores", False),
        ("os_glance_failed_import", False),
        ("os_glance_stage_host", True),
        ("os_glance_hash_op_host", True),
        ("os_glance_whatever_comes", True),
    ],
)
def test_what_the_service_notes_is_hidden_unless_clients_know_it(name: str, hidden: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    assert is_hidden(name) is hidden


@given(_names)
def test_callers_may_use_any_other_name(name: str) -> None:
    check_name(name)


@given(st.sampled_from(_RESERVED) | _names.map("os_glance".__add__))
def test_names_of_the_service_are_reserved(name: str) -> None:
    with pytest.raises(ReservedName) as raised:
        check_name(name)
    assert raised.value.name == name


@pytest.mark.parametrize("name", ["Location", "locations_", "os_glanc", "OS_GLANCE", "xos_glance"])
def test_names_that_only_look_reserved_are_free(name: str) -> None:
    check_name(name)


def test_a_name_may_have_255_characters_and_must_have_one() -> None:
    check_name("ü" * 255)
    with pytest.raises(InvalidValue):
        check_name("x" * 256)
    with pytest.raises(InvalidRequest):
        check_name("")


@given(strategies.text_nobody_keeps())
def test_a_name_that_nobody_can_keep_is_refused(name: str) -> None:
    with pytest.raises(InvalidValue):
        check_name(name)


@given(st.dictionaries(_names, st.none() | strategies.kept_text()))
def test_what_is_storable_passes(properties: dict[str, str | None]) -> None:
    check_characters(properties)


@given(
    st.dictionaries(_names, strategies.kept_text(), max_size=2),
    _names,
    strategies.text_beyond_the_basic_plane()
    | strategies.text_nobody_keeps()
    | st.just("x" * 65_536),
)
def test_one_bad_name_or_value_among_good_ones_is_found(
    good: dict[str, str], name: str, bad: str
) -> None:
    for wrong in ({**good, name: bad}, {**good, bad: "x"}):
        with pytest.raises(InvalidValue):
            check_characters(wrong)


@given(st.lists(_names), st.lists(_names.map("os_glance".__add__)))
def test_only_names_of_callers_count(names: list[str], internal: list[str]) -> None:
    assert countable([*names, *internal]) == len(names)
    assert all(map(is_internal, internal))


@pytest.mark.parametrize(
    "name",
    [
        *("created_at", "updated_at", "status", "checksum", "size", "virtual_size", "direct_url"),
        *("self", "file", "schema", "id", "os_hash_algo", "os_hash_value"),
    ],
)
def test_what_only_the_service_sets_is_read_only(name: str) -> None:
    assert name in READ_ONLY
    assert name not in MUTABLE_BASE


@pytest.mark.parametrize(
    "name",
    [
        *("name", "disk_format", "container_format", "visibility", "protected", "os_hidden"),
        *("owner", "min_disk", "min_ram", "tags", "locations"),
    ],
)
def test_what_callers_may_change_has_rules_of_its_own(name: str) -> None:
    assert name in MUTABLE_BASE
    assert name not in READ_ONLY
