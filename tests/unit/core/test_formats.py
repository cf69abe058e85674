"""What follows from an inspection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.core.errors import FormatMismatch, FormatUnsafe
from vitrine.core.images.formats import (
    FormatRules,
    Inspection,
    Recognised,
    Verdict,
    judge,
    needs_inspection,
)

STRICT = FormatRules()
LENIENT = FormatRules(require_match=False)


def found(*recognised: Recognised, size: int = 1000) -> Inspection:
    return Inspection(size=size, recognised=recognised)


def is_(name: str, *failed: str, virtual_size: int | None = 10_000) -> Recognised:
    return Recognised(format=name, virtual_size=virtual_size, failed_checks=failed)


@pytest.mark.parametrize("container", [None, "ovf", "ova", "docker", "ami", "compressed"])
def test_only_bare_bytes_are_inspected(container: str | None) -> None:
    assert needs_inspection("bare")
    assert not needs_inspection(container)


@pytest.mark.parametrize("name", ["qcow2", "vhd", "vhdx", "vmdk", "vdi", "iso"])
def test_a_match_gives_the_size_in_the_header(name: str) -> None:
    assert judge(found(is_(name)), name, STRICT) == Verdict(virtual_size=10_000)


@pytest.mark.parametrize("virtual_size", [None, 0])
def test_a_header_without_a_size_gives_none(virtual_size: int | None) -> None:
    assert judge(found(is_("vhd", virtual_size=virtual_size)), "vhd", STRICT) == Verdict()


@pytest.mark.parametrize("name", ["gpt", "qcow2", "luks", "vmdk", "iso"])
def test_raw_may_be_any_one_format_and_is_as_large_as_its_bytes(name: str) -> None:
    assert judge(found(is_(name)), "raw", STRICT) == Verdict(virtual_size=1000)


def test_raw_may_be_nothing_in_particular() -> None:
    assert judge(found(), "raw", STRICT) == Verdict(virtual_size=1000)
    assert judge(found(size=0), "raw", STRICT) == Verdict()


def test_a_partition_table_is_as_large_as_its_bytes() -> None:
    assert judge(found(is_("gpt", virtual_size=5)), "gpt", STRICT) == Verdict(virtual_size=1000)


@pytest.mark.parametrize("disk_format", ["ami", "ari", "aki", "ploop"])
def test_what_cannot_be_recognised_may_be_nothing_in_particular(disk_format: str) -> None:
    assert judge(found(), disk_format, STRICT) == Verdict()
    with pytest.raises(FormatMismatch):
        judge(found(is_("qcow2")), disk_format, STRICT)


@pytest.mark.parametrize("disk_format", ["qcow2", "vhd", "vhdx", "vmdk", "vdi", "iso", "other"])
def test_what_can_be_recognised_must_be(disk_format: str) -> None:
    with pytest.raises(FormatMismatch) as raised:
        judge(found(), disk_format, STRICT)
    assert (raised.value.claimed, raised.value.found) == (disk_format, ("raw",))


def test_something_else_is_refused() -> None:
    with pytest.raises(FormatMismatch) as raised:
        judge(found(is_("vmdk")), "qcow2", STRICT)
    assert (raised.value.claimed, raised.value.found) == ("qcow2", ("vmdk",))


@pytest.mark.parametrize("disk_format", ["raw", "qcow2", "gpt"])
def test_several_things_at_once_are_refused(disk_format: str) -> None:
    with pytest.raises(FormatMismatch) as raised:
        judge(found(is_("gpt"), is_("qcow2")), disk_format, STRICT)
    assert raised.value.found == ("gpt", "qcow2")


def test_an_iso_may_carry_a_partition_table_even_an_odd_one() -> None:
    both = found(is_("gpt", "mbr"), is_("iso"))
    assert judge(both, "iso", STRICT) == Verdict(virtual_size=10_000)
    assert judge(both, "raw", STRICT) == Verdict(virtual_size=1000)
    with pytest.raises(FormatMismatch):
        judge(found(is_("gpt"), is_("iso"), is_("qcow2")), "iso", STRICT)


def test_where_no_match_is_required_a_mismatch_is_told_and_leaves_no_size() -> None:
    verdict = judge(found(is_("vmdk")), "qcow2", LENIENT)
    assert verdict.virtual_size is None
    assert verdict.mismatch is not None
    assert verdict.mismatch.found == ("vmdk",)
    assert judge(found(is_("qcow2")), "qcow2", LENIENT) == Verdict(virtual_size=10_000)


@pytest.mark.parametrize("rules", [STRICT, LENIENT])
@pytest.mark.parametrize("disk_format", ["qcow2", "raw"])
def test_unsafe_bytes_are_always_refused(rules: FormatRules, disk_format: str) -> None:
    with pytest.raises(FormatUnsafe) as raised:
        judge(found(is_("qcow2", "data_file", "backing_file")), disk_format, rules)
    assert (raised.value.format, raised.value.checks) == ("qcow2", ("backing_file", "data_file"))


def test_unsafe_bytes_of_several_kinds_are_refused_where_no_match_is_required() -> None:
    with pytest.raises(FormatUnsafe):
        judge(found(is_("gpt"), is_("qcow2", "backing_file")), "raw", LENIENT)


def test_the_operator_can_except_checks_of_partition_tables_and_of_nothing_else() -> None:
    excepting = FormatRules(gpt_nonfatal=frozenset({"mbr"}))
    with pytest.raises(FormatUnsafe):
        judge(found(is_("gpt", "mbr")), "raw", STRICT)
    assert judge(found(is_("gpt", "mbr")), "raw", excepting) == Verdict(virtual_size=1000)
    with pytest.raises(FormatUnsafe):
        judge(found(is_("luks", "mbr")), "raw", excepting)


@pytest.mark.parametrize("disk_format", ["aki", "ari"])
def test_a_kernel_may_begin_with_a_boot_sector(disk_format: str) -> None:
    assert judge(found(is_("gpt", "mbr")), disk_format, STRICT) == Verdict()
    assert judge(found(is_("gpt", "mbr")), disk_format, LENIENT) == Verdict()


def test_a_disk_larger_than_any_disk_is_refused_where_its_size_would_be_recorded() -> None:
    largest = 2**63 - 1
    assert judge(found(is_("qcow2", virtual_size=largest)), "qcow2", STRICT).virtual_size == largest
    beyond = found(is_("qcow2", virtual_size=largest + 1))
    with pytest.raises(FormatUnsafe) as raised:
        judge(beyond, "qcow2", STRICT)
    assert raised.value.checks == ("virtual_size",)
    assert judge(beyond, "raw", STRICT) == Verdict(virtual_size=1000)


FORMATS = ["qcow2", "qed", "vhd", "vhdx", "vmdk", "vdi", "iso", "gpt", "luks"]
RECOGNISED = st.lists(
    st.builds(
        Recognised,
        format=st.sampled_from(FORMATS),
        virtual_size=st.none() | st.integers(min_value=0, max_value=2**40),
        failed_checks=st.frozensets(st.sampled_from(["mbr", "other"])).map(sorted).map(tuple),
    ),
    max_size=3,
    unique_by=lambda each: each.format,
)


def oracle(inspection: Inspection, claim: str, *, require: bool, nonfatal: bool) -> object:
    """The rows of the table, one after the other; FormatUnsafe, FormatMismatch or a Verdict."""
    by_name = {each.format: each for each in inspection.recognised}
    if set(by_name) == {"iso", "gpt"} or (set(by_name) == {"gpt"} and claim in {"aki", "ari"}):
        del by_name["gpt"]
    unsafe = any(
        set(each.failed_checks)
        - ({"mbr"} if name == "gpt" and (nonfatal or claim == "ari") else set())
        for name, each in by_name.items()
    )
    if len(by_name) > 1:
        matches = False
    elif by_name:
        matches = claim in by_name or claim == "raw"
    else:
        matches = claim in {"raw", "ami", "aki", "ari", "ploop"}
    if require and not matches:
        return FormatMismatch
    if unsafe:
        return FormatUnsafe
    if not matches:
        return None
    if claim in {"raw", "gpt"}:
        return inspection.size or None
    return by_name[claim].virtual_size or None if by_name else None


@given(
    recognised=RECOGNISED,
    size=st.integers(min_value=0, max_value=5),
    claim=st.sampled_from([*FORMATS, "raw", "ami", "ari", "ploop", "unheard-of"]),
    require=st.booleans(),
    nonfatal=st.booleans(),
)
def test_the_judgement_is_that_of_the_table(
    *, recognised: list[Recognised], size: int, claim: str, require: bool, nonfatal: bool
) -> None:
    inspection = Inspection(size=size, recognised=tuple(recognised))
    rules = FormatRules(require_match=require, gpt_nonfatal=frozenset({"mbr"} if nonfatal else ()))
    expected = oracle(inspection, claim, require=require, nonfatal=nonfatal)
    try:
        outcome: object = judge(inspection, claim, rules).virtual_size
    except (FormatMismatch, FormatUnsafe) as error:
        outcome = type(error)
    assert outcome == expected
