"""Lists of images: which."""

from collections.abc import Mapping

import pytest

from tests.support.clients import Api, unique
from tests.support.clock import START
from tests.support.engines import EngineServer, Shelf
from tests.support.server import Server
from vitrine.core.digests import Digest
from vitrine.core.images.image import Visibility
from vitrine.core.images.status import Status

Fields = Mapping[str, object]

WITH_OPERATORS = ("name", "id", "status", "container_format", "disk_format")


@pytest.fixture
def server(on_every_engine: EngineServer) -> Server:
    return on_every_engine.server


def answers(shelf: Shelf, asked: Fields) -> set[str]:
    """Return what is found, in whatever order."""
    return {*shelf.found(**asked)}


# --- equality, and one of several ----------------------------------------------------


@pytest.fixture
def three(shelf: Shelf) -> Shelf:
    """Three images that differ in everything."""
    shelf.put(
        one={"status": Status.QUEUED, "disk_format": "raw", "container_format": "bare"},
        two={"status": Status.ACTIVE, "disk_format": "qcow2", "container_format": "ovf"},
        three={"name": None, "status": Status.SAVING},
    )
    return shelf


def value_of(shelf: Shelf, field: str, label: str) -> str:
    values = {
        "one": {"status": "queued", "disk_format": "raw", "container_format": "bare"},
        "two": {"status": "active", "disk_format": "qcow2", "container_format": "ovf"},
    }
    return {**values[label], "name": label, "id": shelf.ids[label]}[field]


@pytest.mark.contract("LST-013")
@pytest.mark.parametrize("field", WITH_OPERATORS)
def test_a_field_equals_a_value_or_is_one_of_several(three: Shelf, field: str) -> None:
    one, two = (value_of(three, field, label) for label in ("one", "two"))
    assert answers(three, {field: one}) == {"one"}
    assert answers(three, {field: f"eq:{one}"}) == {"one"}
    assert answers(three, {field: f"in:{one}"}) == {"one"}
    assert answers(three, {field: f"in:{one},{two}"}) == {"one", "two"}
    assert answers(three, {field: f"in:{two},nonsense,{two}"}) == {"two"}
    assert answers(three, {field: "nonsense"}) == set()
    assert answers(three, {field: one.capitalize()}) == ({"one"} if one[0].isdigit() else set())
    assert answers(three, {field: f"{one} "}) == set()


@pytest.mark.contract("LST-013")
def test_names_are_compared_exactly(shelf: Shelf) -> None:
    names = {"lower": "größe", "upper": "GRÖSSE", "plain": "grosse", "padded": "größe "}
    shelf.put(**{label: {"name": name} for label, name in names.items()})
    for label, name in names.items():
        assert shelf.found(name=name) == [label]
        assert shelf.found(name=f"in:{name},x") == [label]


@pytest.mark.contract("LST-013")
@pytest.mark.parametrize("field", ["name", "disk_format", "container_format"])
def test_an_empty_value_is_not_what_is_not_set(shelf: Shelf, field: str) -> None:
    shelf.put(unset={field: None}, empty={field: ""}, set={field: "raw"})
    for value in ("", "eq:", "in:"):
        assert shelf.found(**{field: value}) == ["empty"]
    assert answers(shelf, {field: "in:raw,"}) == {"empty", "set"}


@pytest.mark.contract("LST-014")
@pytest.mark.parametrize(
    ("operand", "labels"),
    [
        ('"a,b"', {"both"}),
        ('"a,b",c', {"both", "c"}),
        ('c,"a,b"', {"both", "c"}),
        ('"a","c"', {"a", "c"}),
        ("a,b", {"a"}),
        ('"a,b","c"', {"both", "c"}),
        ("x:y", {"colon"}),
        ('"x:y",a', {"colon", "a"}),
    ],
)
def test_quotes_hold_values_with_commas_together(
    shelf: Shelf, operand: str, labels: set[str]
) -> None:
    shelf.put(a={}, c={}, both={"name": "a,b"}, colon={"name": "x:y"})
    assert answers(shelf, {"name": f"in:{operand}"}) == labels


@pytest.mark.contract("LST-014")
@pytest.mark.parametrize("field", WITH_OPERATORS)
@pytest.mark.parametrize("operand", ['"a', 'a"', 'a"b"', '"a"b', '"a""b"', 'a,"b', '"', 'b"c"d'])
def test_stray_quotes_are_refused(shelf: Shelf, field: str, operand: str) -> None:
    assert shelf.ask(**{field: f"in:{operand}"}).status_code == 400


@pytest.mark.contract("LST-015")
@pytest.mark.parametrize("field", WITH_OPERATORS)
@pytest.mark.parametrize("value", ["neq:a", "gt:a", "like:a", "a:b", ":a", "IN:a", "Eq:a"])
def test_an_unknown_operator_is_refused(shelf: Shelf, field: str, value: str) -> None:
    assert shelf.ask(**{field: value}).status_code == 400


@pytest.mark.contract("LST-015")
def test_a_value_with_a_colon_needs_an_operator(shelf: Shelf) -> None:
    shelf.put(colon={"name": "a:b"}, operator={"name": "in:a"})
    assert shelf.found(name="eq:a:b") == ["colon"]
    assert shelf.found(name="eq:in:a") == ["operator"]


# --- times ---------------------------------------------------------------------------


@pytest.mark.contract("LST-016")
@pytest.mark.parametrize("field", ["created_at", "updated_at"])
@pytest.mark.parametrize(
    ("value", "labels"),
    [
        ("gt:2030-01-01T12:00:02Z", {"last"}),
        ("gte:2030-01-01T12:00:02Z", {"middle", "last"}),
        ("lt:2030-01-01T12:00:02Z", {"first"}),
        ("lte:2030-01-01T12:00:02Z", {"first", "middle"}),
        ("eq:2030-01-01T12:00:02Z", {"middle"}),
        ("neq:2030-01-01T12:00:02Z", {"first", "last"}),
        ("2030-01-01T12:00:02Z", {"middle"}),
        ("2030-01-01T12:00:02", {"middle"}),
        ("2030-01-01 12:00:02", {"middle"}),
        ("20300101T120002Z", {"middle"}),
        ("gt:2030-01-01T13:00:02+01:00", {"last"}),
        ("lt:2030-01-01T12:00:02.5Z", {"first", "middle"}),
        ("2030-01-01T12:00:02.5Z", set()),
        ("gte:2030-01-01", {"first", "middle", "last"}),
        ("lt:2030-01-01", set()),
        ("lt:2030-01-02", {"first", "middle", "last"}),
        ("2030-01-01", set()),
    ],
)
def test_times_are_compared(shelf: Shelf, field: str, value: str, labels: set[str]) -> None:
    shelf.put(first={}, middle={}, last={})
    assert answers(shelf, {field: value}) == labels


@pytest.mark.contract("LST-016")
@pytest.mark.parametrize("field", ["created_at", "updated_at"])
@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "gt:",
        "gt:yesterday",
        "2030-13-01",
        "2030-01-01T25:00:00Z",
        "in:2030-01-01",
        "in:2030-01-01T12:00:02Z",
        "GT:2030-01-01",
        "about:2030-01-01",
    ],
)
def test_a_time_or_operator_that_is_none_is_refused(shelf: Shelf, field: str, value: str) -> None:
    assert shelf.ask(**{field: value}).status_code == 400


# --- numbers -------------------------------------------------------------------------

NUMBERS = ("size", "virtual_size", "min_disk", "min_ram")


@pytest.mark.contract("LST-017")
@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize(
    ("least", "most", "labels"),
    [
        (10, None, {"ten", "twenty"}),
        (11, None, {"twenty"}),
        (None, 10, {"none", "ten"}),
        (None, 9, {"none"}),
        (10, 10, {"ten"}),
        (1, 20, {"ten", "twenty"}),
        (11, 19, set()),
        (20, 10, set()),
        (-5, 0, {"none"}),
        (None, -1, set()),
        (10**30 - 1, None, set()),
        (None, 10**30 - 1, {"none", "ten", "twenty"}),
    ],
)
def test_a_range_includes_its_bounds(
    shelf: Shelf, field: str, least: int | None, most: int | None, labels: set[str]
) -> None:
    shelf.put(none={field: 0}, ten={field: 10}, twenty={field: 20})
    asked = {f"{field}_min": least, f"{field}_max": most}  # None is not sent
    assert answers(shelf, asked) == labels


@pytest.mark.contract("LST-017")
@pytest.mark.parametrize("field", ["size", "virtual_size"])
def test_what_has_no_size_is_in_no_range(shelf: Shelf, field: str) -> None:
    shelf.put(unset={field: None}, set={field: 0})
    assert shelf.found(**{f"{field}_min": 0}) == ["set"]
    assert shelf.found(**{f"{field}_max": 5}) == ["set"]
    assert shelf.found(**{f"{field}_min": -5}) == ["set"]


@pytest.mark.contract("LST-017")
@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize("value", ["", "x", "1.5", "gt:1", "1e3"])
def test_a_bound_that_is_no_integer_is_refused(shelf: Shelf, field: str, value: str) -> None:
    assert shelf.ask(**{f"{field}_min": value}).status_code == 400
    assert shelf.ask(**{f"{field}_max": value}).status_code == 400


@pytest.mark.contract("LST-017", "LST-025")
@pytest.mark.parametrize(
    "name", ["foo_min", "owner_max", "_min", "locations", "properties", "members"]
)
def test_what_looks_like_a_field_and_is_none_filters_by_a_custom_property(
    shelf: Shelf, name: str
) -> None:
    shelf.put(without={}, having={"properties": {name: "1"}})
    assert shelf.found(**{name: "1"}) == ["having"]
    assert shelf.found(**{name: "2"}) == []


# --- exactly this --------------------------------------------------------------------


@pytest.mark.contract("LST-018")
@pytest.mark.parametrize("field", NUMBERS)
def test_a_number_is_matched_exactly(shelf: Shelf, field: str) -> None:
    shelf.put(none={field: 0}, ten={field: 10}, many={field: 2**31 - 1})
    assert shelf.found(**{field: "10"}) == ["ten"]
    assert shelf.found(**{field: "0"}) == ["none"]
    assert shelf.found(**{field: str(2**31 - 1)}) == ["many"]


@pytest.mark.contract("LST-018")
@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize(
    "value", ["", "x", "1.5", "-1", str(2**40), str(2**63), str(10**40), "eq:10"]
)
def test_what_is_no_number_matches_nothing(shelf: Shelf, field: str, value: str) -> None:
    shelf.put(none={field: 0}, ten={field: 10})
    assert shelf.found(**{field: value}) == []


@pytest.mark.contract("LST-018")
def test_sizes_beyond_32_bits_are_matched(shelf: Shelf) -> None:
    shelf.put(huge={"size": 2**62, "virtual_size": 2**63 - 1})
    assert shelf.found(size=str(2**62), virtual_size=str(2**63 - 1)) == ["huge"]
    assert shelf.found(size_min=2**62, size_max=2**63) == ["huge"]


@pytest.mark.contract("LST-018")
def test_a_size_of_zero_is_not_the_lack_of_a_size(shelf: Shelf) -> None:
    shelf.put(unset={"size": None}, empty={"size": 0})
    assert shelf.found(size="0") == ["empty"]


@pytest.mark.contract("LST-018")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("checksum", "0" * 32),
        ("os_hash_algo", "sha512"),
        ("os_hash_value", "1" * 128),
        ("owner", "demo"),
    ],
)
def test_owner_checksum_and_hash_are_matched_exactly(shelf: Shelf, field: str, value: str) -> None:
    shelf.put(
        known={
            "checksum": "0" * 32,
            "digest": Digest(algorithm="sha512", value="1" * 128),
        },
        different={
            "owner": "alt",
            "visibility": Visibility.PUBLIC,
            "checksum": "f" * 32,
            "digest": Digest(algorithm="sha256", value="1" * 64),
        },
        unset={"owner": None, "visibility": Visibility.PUBLIC},
    )
    assert shelf.found(**{field: value}) == ["known"]
    assert shelf.found(**{field: value[:-1]}) == []
    assert shelf.found(**{field: ""}) == []
    # These know no operators.
    assert shelf.found(**{field: f"eq:{value}"}) == []


# --- visibility and membership: what they choose from is in test_visibility.py -------


@pytest.mark.contract("LST-019")
@pytest.mark.parametrize("value", ["", "Public", "hidden", "public,private", "in:public"])
def test_an_unknown_visibility_is_refused(shelf: Shelf, value: str) -> None:
    assert shelf.ask(visibility=value).status_code == 400


@pytest.mark.contract("LST-020")
@pytest.mark.parametrize("value", ["", "Accepted", "queued", "accepted,pending"])
def test_an_unknown_member_status_is_refused(shelf: Shelf, value: str) -> None:
    assert shelf.ask(member_status=value).status_code == 400
    assert shelf.ask("admin", member_status=value).status_code == 400


# --- true or false -------------------------------------------------------------------


@pytest.mark.contract("LST-021")
def test_protected_images_or_the_others_are_asked_for(shelf: Shelf) -> None:
    shelf.put(guarded={"protected": True}, free={})
    assert shelf.found() == ["free", "guarded"]
    assert shelf.found(protected="true") == ["guarded"]
    assert shelf.found(protected="false") == ["free"]


@pytest.mark.contract("LST-021")
@pytest.mark.parametrize("value", ["", "True", "FALSE", "1", "yes", "eq:true"])
def test_protected_is_spelt_exactly(shelf: Shelf, value: str) -> None:
    assert shelf.ask(protected=value).status_code == 400


@pytest.mark.contract("LST-022")
@pytest.mark.parametrize("user", ["demo", "admin"])
def test_hidden_images_are_listed_alone_and_when_asked_for(shelf: Shelf, user: str) -> None:
    shelf.put(hidden={"hidden": True}, shown={})
    assert shelf.found(user) == ["shown"]
    assert shelf.found(user, visibility="all") == ["shown"]
    for value in ("false", "False", "FALSE"):
        assert shelf.found(user, os_hidden=value) == ["shown"]
    for value in ("true", "True", "tRUE"):
        assert shelf.found(user, os_hidden=value) == ["hidden"]


@pytest.mark.contract("LST-022")
@pytest.mark.parametrize("value", ["", "1", "yes", "all"])
def test_hidden_is_true_or_false(shelf: Shelf, value: str) -> None:
    assert shelf.ask(os_hidden=value).status_code == 400


# --- tags and custom properties ------------------------------------------------------


@pytest.mark.contract("LST-023")
def test_an_image_must_carry_every_tag_that_is_asked_for(shelf: Shelf) -> None:
    shelf.put(x={"tags": ["x"]}, both={"tags": ["x", "y"]}, y={"tags": ["y"]}, upper={"tags": "X"})
    tag = shelf.tag
    assert answers(shelf, {"tag": [tag, "x"]}) == {"x", "both"}
    assert answers(shelf, {"tag": [tag, "x", "y"]}) == {"both"}
    assert answers(shelf, {"tag": ["y", tag, "x", "x"]}) == {"both"}
    assert answers(shelf, {"tag": [tag, "x", "z"]}) == set()
    assert answers(shelf, {"tag": [tag, "x,y"]}) == set()
    assert answers(shelf, {"tag": [tag, "x "]}) == set()
    assert answers(shelf, {"tag": [tag, ""]}) == set()


@pytest.mark.contract("LST-023")
def test_tags_of_any_characters_are_found(shelf: Shelf) -> None:
    tags = {"wide": "\N{GRINNING FACE}", "signs": 'a&b=c,"d":e/%', "accent": "é", "plain": "e"}
    shelf.put(**{label: {"tags": [tag]} for label, tag in tags.items()})
    for label, tag in tags.items():
        assert shelf.found(tag=[shelf.tag, tag]) == [label]


@pytest.mark.contract("LST-023")
def test_pages_of_a_list_by_several_tags_stay_within_them(shelf: Shelf) -> None:
    shelf.put(a={"tags": ["x", "y"]}, b={"tags": ["x"]}, c={"tags": ["x", "y"]}, d={"tags": ["y"]})
    assert shelf.paged(1, tag=[shelf.tag, "x", "y"]) == [["c"], ["a"], []]


@pytest.mark.contract("LST-024")
@pytest.mark.parametrize("value", ["2030-01-01T00:00:00Z", ""])
def test_changes_cannot_be_asked_for(shelf: Shelf, value: str) -> None:
    assert shelf.ask(**{"changes-since": value}).status_code == 400


@pytest.mark.contract("LST-025")
def test_any_other_parameter_is_a_custom_property_of_exactly_that_value(shelf: Shelf) -> None:
    shelf.put(
        plan9={"properties": {"os_distro": "plan9", "größe": "ä"}},
        other={"properties": {"os_distro": "Plan9"}},
        empty={"properties": {"os_distro": ""}},
        without={},
    )
    assert shelf.found(os_distro="plan9") == ["plan9"]
    assert shelf.found(os_distro="plan9", größe="ä") == ["plan9"]
    assert shelf.found(os_distro="plan9", größe="a") == []
    assert shelf.found(os_distro="") == ["empty"]
    assert shelf.found(os_distro="eq:plan9") == []
    assert shelf.found(os_distr0="plan9") == []
    assert shelf.found(OS_DISTRO="plan9") == []


@pytest.mark.contract("LST-025")
def test_deleted_is_no_filter(shelf: Shelf) -> None:
    shelf.put(
        there={"properties": {"deleted": "x"}},
        gone={"status": Status.DELETED, "deleted_at": START},
    )
    for value in ("true", "false", "x", ""):
        assert shelf.found(deleted=value) == ["there"]


@pytest.mark.contract("LST-025")
def test_filters_of_every_kind_must_hold_together(api: Api) -> None:
    tag = unique("tag")
    fields = {"tags": [tag], "min_ram": 5, "os_distro": "plan9"}
    wanted = api.create_image(name="wanted", **fields)
    api.create_image(name="wanted", **{**fields, "min_ram": 4})
    api.create_image(name="wanted", **{**fields, "os_distro": "x"})
    api.create_image(name="unwanted", **fields)
    found = api.images(tag=tag, name="in:wanted,x", min_ram_min=5, os_distro="plan9")
    assert found == [wanted]
    assert api.images(tag=tag, name="wanted", min_ram="5", os_distro="plan9") == [wanted]
