"""Which disk images may be converted, and from what."""

import pytest

from vitrine.core.errors import FormatMismatch, FormatUnsafe, NotConvertible
from vitrine.core.images.conversion import (
    ConversionRules,
    check_agreement,
    check_output,
    check_subtype,
    source_format,
    virtual_size_of,
)
from vitrine.core.images.formats import Inspection, Recognised

RULES = ConversionRules()


def found(*names: str, failed: tuple[str, ...] = (), virtual_size: int | None = 5120) -> Inspection:
    recognised = [
        Recognised(format=name, virtual_size=virtual_size, failed_checks=failed) for name in names
    ]
    return Inspection(size=1000, recognised=tuple(recognised))


@pytest.mark.parametrize("name", ["qcow2", "vmdk", "vhd", "vhdx", "vdi", "iso"])
def test_what_an_image_says_and_is_it_is_read_as(name: str) -> None:
    assert source_format(found(name), name, "bare", RULES) == name


def test_nothing_in_particular_and_a_partition_table_are_raw() -> None:
    assert source_format(found(), "raw", "bare", RULES) == "raw"
    assert source_format(found("gpt"), "raw", "bare", RULES) == "raw"


def test_an_iso_may_have_a_partition_table() -> None:
    assert source_format(found("gpt", "iso"), "iso", "bare", RULES) == "iso"


@pytest.mark.parametrize(
    ("names", "claimed"),
    [
        (["qcow2"], "raw"),
        (["luks"], "raw"),
        (["iso"], "raw"),
        ([], "qcow2"),
        (["gpt"], "qcow2"),
        (["qcow2", "vmdk"], "qcow2"),
        (["gpt", "qcow2"], "qcow2"),
    ],
)
def test_what_is_something_else_or_several_things_is_refused(
    names: list[str], claimed: str
) -> None:
    with pytest.raises(FormatMismatch) as raised:
        source_format(found(*names), claimed, "bare", RULES)
    assert raised.value.claimed == claimed


def test_a_failed_check_is_fatal_unless_it_is_excepted_for_partition_tables() -> None:
    lenient = ConversionRules(gpt_nonfatal=frozenset({"mbr"}))
    assert source_format(found("gpt", failed=("mbr",)), "raw", "bare", lenient) == "raw"
    for inspection, claimed, rules in (
        (found("gpt", failed=("mbr",)), "raw", RULES),
        (found("gpt", failed=("mbr", "other")), "raw", lenient),
        (found("qcow2", failed=("mbr",)), "qcow2", lenient),
    ):
        with pytest.raises(FormatUnsafe):
            source_format(inspection, claimed, "bare", rules)


def test_what_nothing_can_read_is_refused_though_it_is_what_it_says() -> None:
    with pytest.raises(NotConvertible, match="qed"):
        source_format(found("qed"), "qed", "bare", RULES)


@pytest.mark.parametrize("container", ["ova", "docker", "compressed"])
def test_what_is_packed_is_refused_before_anything_else(container: str) -> None:
    with pytest.raises(NotConvertible, match=container):
        source_format(found("qcow2", failed=("backing_file",)), "qcow2", container, RULES)


def test_a_header_that_tells_no_size_is_refused() -> None:
    assert virtual_size_of(found(), "raw") == 1000
    assert virtual_size_of(found("gpt"), "raw") == 1000
    assert virtual_size_of(found("vmdk"), "vmdk") == 5120
    with pytest.raises(FormatUnsafe):
        virtual_size_of(found("vmdk", virtual_size=None), "vmdk")


@pytest.mark.parametrize("told", [5120 - 512, 5120 + 512, 0, 2**62])
def test_a_program_that_finds_another_disk_is_not_believed(told: int) -> None:
    with pytest.raises(FormatUnsafe):
        check_agreement("qcow2", 5120, told)


def test_sizes_agree_that_are_rounded_to_sectors_or_counted_by_cylinders() -> None:
    check_agreement("qcow2", 5000, 5120)
    check_agreement("vhd", 5120, 1_000_000)


def test_types_of_vmdk_are_compared_in_any_case_of_letters() -> None:
    check_subtype("vmdk", "STREAMOPTIMIZED", RULES)
    check_subtype("qcow2", None, RULES)
    for subtype in (None, "", "monolithicFlat"):
        with pytest.raises(NotConvertible):
            check_subtype("vmdk", subtype, RULES)


def test_a_raw_output_may_hold_what_disks_hold_and_no_other_image() -> None:
    for names in ([], ["gpt"], ["iso"], ["gpt", "iso"], ["luks"]):
        check_output(found(*names), "raw")
    for names in (["qcow2"], ["gpt", "vmdk"], ["vhdx"]):
        with pytest.raises(FormatMismatch):
            check_output(found(*names), "raw")


def test_another_output_is_what_it_was_made_as_and_nothing_else() -> None:
    check_output(found("qcow2"), "qcow2")
    for names in ([], ["vmdk"], ["gpt", "qcow2"]):
        with pytest.raises(FormatMismatch):
            check_output(found(*names), "qcow2")
