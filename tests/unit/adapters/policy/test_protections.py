"""The file of property protections."""

from pathlib import Path

import pytest

from vitrine.adapters.policy.protections import read_protections
from vitrine.core.errors import Misconfigured
from vitrine.core.protection import Operation, RuleFormat

ROLES = RuleFormat.ROLES


def knows(rule: str) -> bool:
    return rule == "boss"


def holds(rule: str) -> bool:
    return rule == "boss"


def test_the_sections_are_tried_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "protections.conf"
    path.write_text(
        "# first comes, first served\n"
        "[^x_[a-z]+%$]\ncreate = admin\nRead = admin, member\nupdate = !\ndelete = !\n"
        "[.*]\ncreate = @\nread = @\nupdate = @\ndelete = @\n",
        encoding="utf-8",
    )
    protections = read_protections(path, ROLES, knows)
    member = frozenset({"member"})
    assert protections.allows(Operation.READ, "x_abc%", member, holds)
    assert not protections.allows(Operation.CREATE, "x_abc%", member, holds)
    assert protections.allows(Operation.CREATE, "x_1", member, holds)


def test_the_values_may_be_policy_rules(tmp_path: Path) -> None:
    path = tmp_path / "protections.conf"
    path.write_text("[x]\ncreate = boss\nread = @\nupdate = !\ndelete = boss\n")
    protections = read_protections(path, RuleFormat.POLICIES, knows)
    assert protections.allows(Operation.CREATE, "x", frozenset(), holds)
    assert not protections.allows(Operation.CREATE, "x", frozenset(), lambda _rule: False)


@pytest.mark.parametrize(
    "content",
    [
        b"create = admin\n",
        b"[x]\ncreate = admin\n",
        b"[x]\n[x]\n",
        b"[(]\ncreate=@\nread=@\nupdate=@\ndelete=@\n",
        b"[x]\nnonsense\n",
        b"\xff\xfe\n",
    ],
)
def test_a_file_that_makes_no_sense_is_refused_without_naming_its_path(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "protections.conf"
    path.write_bytes(content)
    with pytest.raises(Misconfigured) as raised:
        read_protections(path, ROLES, knows)
    assert str(tmp_path) not in str(raised.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="No such file"):
        read_protections(tmp_path / "nothing", ROLES, knows)
