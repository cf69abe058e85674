"""What a JSON patch of an image means, told once more in other words."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strategies
from vitrine.core.context import Context
from vitrine.core.errors import (
    BaseAttributeKept,
    Forbidden,
    ForeignOwner,
    FormatFixed,
    Invalid,
    InvalidRequest,
    InvalidValue,
    LimitExceeded,
    NotPermitted,
    PropertyMissing,
    PropertyPresent,
    PropertyProtected,
    ReadOnlyAttribute,
    ReservedName,
    VitrineError,
)
from vitrine.core.images.changes import (
    Change,
    Dialect,
    Op,
    PatchRules,
    apply_changes,
    read_patch,
)
from vitrine.core.images.image import Image, Visibility
from vitrine.core.images.status import Status
from vitrine.core.protection import Protections, RuleFormat
from vitrine.core.quota import Quotas

NOW: Final = datetime(2026, 5, 5, 5, 5, 5, 555_555, tzinfo=UTC)
SECOND: Final = datetime(2026, 5, 5, 5, 5, 5, tzinfo=UTC)
_NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
_IMAGE: Final = Image(id="i", created_at=_NOON, updated_at=_NOON, owner="p")


def _entry(dialect: Dialect, op: str, pointer: object, *value: object) -> dict[str, object]:
    """Write one entry as *dialect* wants it."""
    rest: dict[str, object] = {"value": value[0]} if value else {}
    if dialect is Dialect.V2_0:
        return {op: pointer, **rest}
    return {"op": op, "path": pointer, **rest}


def _pointer(name: str) -> str:
    return "/" + "".join({"~": "~0", "/": "~1"}.get(each, each) for each in name)


# --- reading -------------------------------------------------------------------------


@given(
    st.sampled_from(Dialect),
    st.lists(
        st.tuples(st.sampled_from(Op), strategies.patchable_names(), strategies.json_values()),
        max_size=4,
    ),
)
def test_what_was_written_is_what_is_read(
    dialect: Dialect, wanted: list[tuple[Op, str, object]]
) -> None:
    document = [
        _entry(dialect, op.value, _pointer(name), *([] if op is Op.REMOVE else [value]))
        for op, name, value in wanted
    ]
    assert read_patch(document, dialect) == tuple(
        Change(
            op=op,
            path=(name,),
            value=None if op is Op.REMOVE else value,
            overwrites=dialect is Dialect.V2_1,
        )
        for op, name, value in wanted
    )


@pytest.mark.parametrize(
    ("pointer", "name"),
    [("/~1", "/"), ("/~0", "~"), ("/~01", "~1"), ("/a~1b~0c", "a/b~c"), ("/ a ", "a")],
)
def test_pointers_are_unescaped_once_and_stripped(pointer: str, name: str) -> None:
    [change] = read_patch([_entry(Dialect.V2_1, "add", pointer, "v")], Dialect.V2_1)
    assert change.path == (name,)
    assert change.name == name


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("op", ["add", "replace", "remove"])
@pytest.mark.parametrize(
    "pointer",
    ["a", "", "/", "//", "/a/", "//a", "/a//b", "/ ", "/~", "/~2", "/a~b", "/~~0", "/a/b", "/a/b/c",
     "/name/0", None, 5, ["/a"], {"a": 1}, True],
)  # fmt: skip
def test_malformed_and_deep_pointers_are_refused(
    dialect: Dialect, op: str, pointer: object
) -> None:
    with pytest.raises(InvalidRequest):
        read_patch([_entry(dialect, op, pointer, "v")], dialect)


@pytest.mark.parametrize(
    ("op", "good", "bad"),
    [
        ("add", ["/locations/-", "/locations/0"], ["/locations", "/locations/0/url"]),
        ("remove", ["/locations/0"], ["/locations", "/locations/0/url"]),
        ("replace", ["/locations"], ["/locations/0"]),
    ],
)
@pytest.mark.parametrize("dialect", Dialect)
def test_locations_have_depths_of_their_own(
    dialect: Dialect, op: str, good: list[str], bad: list[str]
) -> None:
    for pointer in good:
        [change] = read_patch([_entry(dialect, op, pointer, [])], dialect)
        assert change.path == tuple(pointer[1:].split("/"))
    for pointer in bad:
        with pytest.raises(InvalidRequest):
            read_patch([_entry(dialect, op, pointer, [])], dialect)


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("document", [None, {}, {"op": "add"}, "[]", 5, True])
def test_a_patch_is_an_array(dialect: Dialect, document: object) -> None:
    with pytest.raises(InvalidRequest):
        read_patch(document, dialect)


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("entry", [None, [], "add", 5, True, {}])
def test_every_entry_is_an_object_that_says_what_to_do(dialect: Dialect, entry: object) -> None:
    with pytest.raises(InvalidRequest):
        read_patch([entry], dialect)


@pytest.mark.parametrize(
    "entry",
    [
        {"path": "/a", "value": "v"},
        {"op": "move", "path": "/a", "value": "v"},
        {"op": "ADD", "path": "/a", "value": "v"},
        {"op": ["add"], "path": "/a", "value": "v"},
        {"op": None, "path": "/a", "value": "v"},
        {"op": "add", "value": "v"},
        {"op": "remove"},
        {"op": "add", "path": "/a"},
        {"op": "replace", "path": "/a"},
        {"add": "/a", "value": "v"},
    ],
)
def test_the_newer_dialect_needs_op_path_and_value(entry: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        read_patch([entry], Dialect.V2_1)


@pytest.mark.parametrize(
    "entry",
    [
        {"value": "v"},
        {"add": "/a"},
        {"replace": "/a"},
        {"add": "/a", "replace": "/a", "value": "v"},
        {"add": "/a", "remove": "/a", "value": "v"},
        {"op": "add", "path": "/a", "value": "v"},
    ],
)
def test_the_older_dialect_needs_exactly_one_operation(entry: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        read_patch([entry], Dialect.V2_0)


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("op", ["add", "replace", "remove"])
@pytest.mark.parametrize(
    ("name", "error"),
    [
        *((name, ReadOnlyAttribute) for name in (
            "created_at", "updated_at", "status", "checksum", "size", "virtual_size",
            "direct_url", "self", "file", "schema", "id", "os_hash_algo", "os_hash_value")),
        *((name, ReservedName) for name in (
            "location", "deleted", "deleted_at", "os_glance", "os_glancex", "os_glance_x")),
        ("x" * 256, InvalidValue),
        ("a\x00", InvalidValue),
    ],
)  # fmt: skip
def test_what_belongs_to_the_service_is_refused_before_any_image_is_there(
    dialect: Dialect, op: str, name: str, error: type[VitrineError]
) -> None:
    with pytest.raises(error):
        read_patch([_entry(dialect, op, f"/{name}", "v")], dialect)


@given(st.sampled_from(Dialect), st.lists(strategies.patch_entries(), max_size=3))
def test_whatever_comes_is_read_or_refused(dialect: Dialect, document: list[object]) -> None:
    try:
        changes = read_patch(document, dialect)
    except (Invalid, Forbidden):
        # One entry is to blame, and is so alone.
        assert any(_refused(entry, dialect) for entry in document)
    else:
        assert len(changes) == len(document)
        assert not any(_refused(entry, dialect) for entry in document)


def _refused(entry: object, dialect: Dialect) -> bool:
    try:
        read_patch([entry], dialect)
    except (Invalid, Forbidden):
        return True
    return False


def test_the_first_entry_that_is_wrong_decides() -> None:
    wrong = [_entry(Dialect.V2_1, "remove", "/status"), _entry(Dialect.V2_1, "remove", "/")]
    with pytest.raises(ReadOnlyAttribute):
        read_patch(wrong, Dialect.V2_1)
    with pytest.raises(InvalidRequest):
        read_patch(wrong[::-1], Dialect.V2_1)


# --- applying ------------------------------------------------------------------------


def _rules(
    *,
    project: str | None = "p",
    roles: frozenset[str] = frozenset({"member"}),
    admin: bool = False,
    denied: frozenset[str] = frozenset(),
    protections: Protections | None = None,
    quotas: Quotas | None = None,
) -> PatchRules:
    def permit(action: str) -> None:
        if action in denied:
            raise NotPermitted(action)

    return PatchRules(
        context=Context(project_id=project, roles=roles, is_admin=admin),
        protections=protections or Protections.none(),
        holds=lambda _: False,
        permit=permit,
        quotas=quotas or Quotas(),
    )


def _change(op: Op, name: str, value: object = None, *, overwrites: bool = True) -> Change:
    return Change(op=op, path=(name,), value=value, overwrites=overwrites)


def _add(name: str, value: object, *, overwrites: bool = True) -> Change:
    return _change(Op.ADD, name, value, overwrites=overwrites)


def _replace(name: str, value: object) -> Change:
    return _change(Op.REPLACE, name, value)


def _remove(name: str) -> Change:
    return _change(Op.REMOVE, name)


def _patched(image: Image, *changes: Change, **rules: Any) -> Image:  # noqa: ANN401 - those of _rules
    return apply_changes(image, changes, _rules(**rules), NOW)


_names = st.sampled_from(["a", "b", "A", "a "])
_customs = st.builds(
    _change,
    st.sampled_from(Op),
    _names,
    strategies.kept_text() | st.sampled_from([None, 5, ["x"], "\x00", "😀"]),
    overwrites=st.booleans(),
)


def _expected(
    properties: Mapping[str, str | None], changes: list[Change]
) -> dict[str, str | None] | type[VitrineError]:
    """Return what *changes* make of *properties*, or the error of the first that fails."""
    after = dict(properties)
    for change in changes:
        present = change.name in after
        if change.op is Op.REMOVE:
            if not present:
                return PropertyMissing
            del after[change.name]
            continue
        if change.op is Op.REPLACE and not present:
            return PropertyMissing
        if change.op is Op.ADD and present and not change.overwrites:
            return PropertyPresent
        if isinstance(change.value, str) and change.value not in {"\x00", "😀"}:
            after[change.name] = change.value
        elif change.value is None:
            after[change.name] = None
        else:
            return InvalidValue
    return after


@given(st.dictionaries(_names, strategies.kept_text()), st.lists(_customs, max_size=5))
def test_properties_change_entry_by_entry_or_not_at_all(
    properties: dict[str, str | None], changes: list[Change]
) -> None:
    image = attrs.evolve(_IMAGE, properties=properties)
    expected = _expected(properties, changes)
    if isinstance(expected, dict):
        after = _patched(image, *changes)
        moment = SECOND if changes else _NOON
        assert after == attrs.evolve(image, properties=expected, updated_at=moment)
    else:
        with pytest.raises(expected):
            _patched(image, *changes)
    assert image.properties == properties


@given(strategies.images())
def test_an_empty_patch_changes_nothing_not_even_the_time(image: Image) -> None:
    assert _patched(image) == image


_VALUES: Final[dict[str, tuple[str, list[tuple[object, object]], list[object]]]] = {
    # API name: field, what is sent and what it becomes, what is refused
    "name": ("name", [("n", "n"), ("", ""), (None, None), ("x" * 255, "x" * 255)],
             [5, True, ["n"], "x" * 256, "😀", "\x00", "\ud800"]),
    "disk_format": ("disk_format", [("raw", "raw"), (None, None)], [5, ["raw"], "x" * 21]),
    "container_format": ("container_format", [("bare", "bare"), (None, None)], [5, "x" * 21]),
    "visibility": ("visibility", [(each.value, each) for each in Visibility],
                   ["secret", "", None, 5, ["public"]]),
    "protected": ("protected", [(True, True), (False, False)], [None, "true", 0, 1]),
    "os_hidden": ("hidden", [(True, True), (False, False)], [None, "true", 0, 1]),
    "min_disk": ("min_disk", [(0, 0), (7, 7), (7.0, 7), (2147483647, 2147483647)],
                 [-1, 2147483648, 1.5, "7", None, True, float("nan"), float("inf")]),
    "min_ram": ("min_ram", [(0, 0), (7.0, 7), (2147483647, 2147483647)],
                [-1, 2147483648, 1.5, "7", None, False]),
    "tags": ("tags", [([], frozenset()), (["a", "a", "😀"], frozenset({"a", "😀"}))],
             [None, "a", {"a": 1}, [5], [None], [""], ["x" * 256], ["\x00"], [["a"]]]),
    "owner": ("owner", [("q", "q"), (None, None), ("p", "p")], [5, "x" * 256, "😀"]),
}  # fmt: skip


@pytest.mark.parametrize("name", _VALUES)
@pytest.mark.parametrize("op", [Op.ADD, Op.REPLACE])
def test_base_attributes_take_what_they_can_hold(op: Op, name: str) -> None:
    field, good, bad = _VALUES[name]
    for sent, kept in good:
        after = _patched(_IMAGE, _change(op, name, sent), admin=True)
        expected: dict[str, Any] = {field: kept}
        assert after == attrs.evolve(_IMAGE, updated_at=SECOND, **expected)
        assert type(getattr(after, field)) is type(kept)
    for sent in bad:
        with pytest.raises(InvalidValue) as raised:
            _patched(_IMAGE, _change(op, name, sent), admin=True)
        assert raised.value.field == name


@pytest.mark.parametrize("name", _VALUES)
def test_base_attributes_are_never_removed(name: str) -> None:
    with pytest.raises(BaseAttributeKept) as raised:
        _patched(_IMAGE, _remove(name), admin=True)
    assert raised.value.name == name


@pytest.mark.parametrize("name", _VALUES)
def test_base_attributes_are_always_there_for_the_older_dialect(name: str) -> None:
    [(sent, _), *_] = _VALUES[name][1]
    with pytest.raises(PropertyPresent) as raised:
        _patched(_IMAGE, _add(name, sent, overwrites=False), admin=True)
    assert raised.value.name == name


# --- who -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("visibility", "action"),
    [("public", "publicize_image"), ("community", "communitize_image"), ("shared", None),
     ("private", None)],
)  # fmt: skip
def test_some_visibilities_need_a_permission(visibility: str, action: str | None) -> None:
    change = _replace("visibility", visibility)
    everything = frozenset({"publicize_image", "communitize_image"})
    if action is None:
        assert _patched(_IMAGE, change, denied=everything).visibility.value == visibility
    else:
        with pytest.raises(NotPermitted) as raised:
            _patched(_IMAGE, change, denied=everything)
        assert raised.value.action == action
        others = everything - {action}
        assert _patched(_IMAGE, change, denied=others).visibility.value == visibility


@pytest.mark.parametrize("owner", ["q", "p", "", None])
def test_only_administrators_replace_the_owner(owner: str | None) -> None:
    with pytest.raises(ForeignOwner):
        _patched(_IMAGE, _replace("owner", owner))
    assert _patched(_IMAGE, _replace("owner", owner), admin=True).owner == owner


@pytest.mark.parametrize("owner", ["q", "", None])
def test_nobody_else_adds_another_owner(owner: str | None) -> None:
    with pytest.raises(ForeignOwner):
        _patched(_IMAGE, _add("owner", owner))


def test_an_owner_may_add_itself() -> None:
    assert _patched(_IMAGE, _add("owner", "p")).owner == "p"


@pytest.mark.parametrize("owner", ["q", "", None])
def test_nobody_takes_the_image_of_another(owner: str | None) -> None:
    with pytest.raises(ForeignOwner):
        _patched(attrs.evolve(_IMAGE, owner=owner), _add("owner", "p"))


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("name", ["disk_format", "container_format"])
def test_formats_change_until_the_data_is_there(status: Status, name: str) -> None:
    image = attrs.evolve(_IMAGE, status=status, disk_format="raw", container_format="bare")
    for value in ("qcow2", getattr(image, name)):
        change = _replace(name, value)
        if status.value in {"queued", "importing"}:
            assert getattr(_patched(image, change), name) == value
        else:
            with pytest.raises(FormatFixed) as raised:
                _patched(image, change, admin=True)
            assert raised.value.name == name


_PROTECTED: Final = Protections.parse(
    {
        "^secret": {"create": "!", "read": "admin", "update": "admin", "delete": "admin"},
        "^hidden": {"create": "@", "read": "!", "update": "!", "delete": "!"},
        "^fixed": {"create": "@", "read": "@", "update": "!", "delete": "!"},
        "^given": {"create": "!", "read": "@", "update": "@", "delete": "@"},
        ".*": {"create": "@", "read": "@", "update": "@", "delete": "@"},
    },
    RuleFormat.ROLES,
    knows=lambda _: False,
)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (_replace("secret", "x"), PropertyMissing),
        (_remove("secret"), PropertyMissing),
        (_add("secret", "x"), PropertyProtected),
        (_add("secret", "x", overwrites=False), PropertyProtected),
        (_replace("fixed", "x"), PropertyProtected),
        (_add("fixed", "x"), PropertyProtected),
        (_add("fixed", "x", overwrites=False), PropertyPresent),
        (_remove("fixed"), PropertyProtected),
        (_add("given2", "x"), PropertyProtected),
        (_replace("given2", "x"), PropertyMissing),
        (_remove("given2"), PropertyMissing),
    ],
)
def test_protections_refuse_what_they_do_not_allow(
    change: Change, error: type[VitrineError]
) -> None:
    image = attrs.evolve(_IMAGE, properties={"secret": "s", "fixed": "f", "given": "g"})
    with pytest.raises(error):
        _patched(image, change, protections=_PROTECTED)


def test_protections_let_pass_what_they_allow() -> None:
    image = attrs.evolve(_IMAGE, properties={"given": "g", "gone": "g"})
    changes = [_replace("given", "x"), _add("fixed", "f"), _remove("gone"), _add("hidden", "h")]
    after = _patched(image, *changes, protections=_PROTECTED)
    assert after.properties == {"given": "x", "fixed": "f", "hidden": "h"}


def test_roles_of_an_administrator_open_what_is_protected() -> None:
    image = attrs.evolve(_IMAGE, properties={"secret": "s", "secret2": "s"})
    changes = [_replace("secret", "x"), _remove("secret2")]
    after = _patched(image, *changes, protections=_PROTECTED, roles=frozenset({"admin"}))
    assert after.properties == {"secret": "x"}


@given(
    st.dictionaries(st.sampled_from(["secret", "secret2", "a", "given"]), strategies.kept_text()),
    st.lists(
        st.builds(
            _change,
            st.sampled_from(Op),
            st.sampled_from(["secret", "secret2", "a", "given", "name"]),
            strategies.kept_text(),
            overwrites=st.booleans(),
        ),
        max_size=4,
    ),
)
def test_what_a_caller_cannot_read_no_patch_of_it_touches(
    properties: dict[str, str], changes: list[Change]
) -> None:
    image = attrs.evolve(_IMAGE, properties=properties)
    try:
        after = _patched(image, *changes, protections=_PROTECTED)
    except VitrineError:
        return
    assert not any(change.name.startswith("secret") for change in changes)
    for name in ("secret", "secret2"):
        assert after.properties.get(name) == properties.get(name)


# --- how much ------------------------------------------------------------------------


def test_a_new_property_must_fit_and_old_ones_need_not() -> None:
    three = attrs.evolve(_IMAGE, properties={"a": "1", "b": "2", "c": "3"})
    two = Quotas(properties=2)
    with pytest.raises(LimitExceeded) as raised:
        _patched(three, _add("d", "4"), quotas=two)
    assert (raised.value.what, raised.value.limit, raised.value.attempted) == ("properties", 2, 4)
    for change in (_replace("a", "x"), _add("a", "x"), _remove("a"), _replace("name", "n")):
        _patched(three, change, quotas=two)
    swapped = _patched(three, _remove("a"), _remove("b"), _add("d", "4"), quotas=two)
    assert swapped.properties == {"c": "3", "d": "4"}


def test_properties_of_the_service_do_not_count() -> None:
    image = attrs.evolve(_IMAGE, properties={"os_glance_a": "1", "os_glance_b": "2"})
    assert "a" in _patched(image, _add("a", "1"), quotas=Quotas(properties=1)).properties


@pytest.mark.parametrize("limit", [-1, 2, 3])
def test_distinct_tags_count(limit: int) -> None:
    quotas = Quotas(tags=limit)
    assert _patched(_IMAGE, _replace("tags", ["a", "b", "a"]), quotas=quotas).tags == {"a", "b"}
    if limit == 2:
        with pytest.raises(LimitExceeded) as raised:
            _patched(_IMAGE, _replace("tags", ["a", "b", "c"]), quotas=quotas)
        assert (raised.value.what, raised.value.attempted) == ("tags", 3)


@given(strategies.described_images(Status.QUEUED), st.sets(strategies.tags(), max_size=3))
def test_what_a_patch_sets_is_what_the_image_shows(image: Image, tags: set[str]) -> None:
    changes = [
        _replace("name", image.name),
        _replace("disk_format", image.disk_format),
        _replace("container_format", image.container_format),
        _replace("visibility", image.visibility.value),
        _replace("protected", image.protected),
        _replace("os_hidden", image.hidden),
        _replace("owner", image.owner),
        _replace("min_disk", image.min_disk),
        _replace("min_ram", image.min_ram),
        _replace("tags", sorted(tags)),
    ]
    blank = attrs.evolve(_IMAGE, id=image.id, created_at=image.created_at)
    after = _patched(blank, *changes, admin=True)
    assert after == attrs.evolve(image, tags=frozenset(tags), properties={}, updated_at=SECOND)
