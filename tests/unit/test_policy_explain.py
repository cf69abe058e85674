"""What `vitrine policy explain` says is what callers of the service meet."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.house import DEMO, House
from vitrine.adapters.config.loading import load
from vitrine.adapters.config.sources import CommandLine
from vitrine.bootstrap import policy_explain
from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.images.changes import Change, Op
from vitrine.core.images.image import Image, Visibility
from vitrine.core.images.members import MemberStatus

ROLES = ("member", "reader")
ALT = Context(user_id="alma", project_id="alt", roles=frozenset(ROLES))


def explained(
    tmp_path: Path,
    rule: str,
    *,
    project: str | None = "alt",
    owner: str | None = None,
    visibility: str = "shared",
    member: bool = False,
    system: bool = False,
) -> str:
    """The answer about a caller with the roles of a member, without the reasons."""
    file = tmp_path / "vitrine.conf"
    file.write_text("")
    lines = policy_explain(
        load(CommandLine(config_files=(file,))),
        rule=rule,
        user=None,
        project=project,
        roles=ROLES,
        system=system,
        owner=owner,
        visibility=visibility,
        member=member,
    )
    return lines[0]


def answer(house: House, image: Image) -> object:
    return house.sharing.answer(ALT, image.id, "alt", MemberStatus.ACCEPTED)


def rename(house: House, image: Image) -> object:
    return house.images.change(ALT, image.id, (Change(op=Op.REPLACE, path=("name",), value="x"),))


ACTS: dict[str, Callable[[House, Image], object]] = {
    "get_image": lambda house, image: house.images.show(ALT, image.id),
    "get_member": lambda house, image: house.sharing.show(ALT, image.id, "alt"),
    "get_members": lambda house, image: house.sharing.list(ALT, image.id),
    "modify_member": answer,
    "modify_image": rename,
    "add_member": lambda house, image: house.sharing.add(ALT, image.id, "third"),
    "delete_image": lambda house, image: house.images.delete(ALT, image.id),
}


def met(rule: str, act: Callable[[], object]) -> str:
    """What the caller meets, in the words of the command."""
    try:
        act()
    except errors.NotPermitted:
        return f"{rule}: denied (403)"
    return f"{rule}: allowed"


@pytest.mark.contract("POL-011")
@pytest.mark.parametrize("rule", ACTS)
def test_a_member_meets_what_was_explained(tmp_path: Path, rule: str) -> None:
    house = House()
    image = house.create()
    house.sharing.add(DEMO, image.id, "alt")

    said = explained(tmp_path, rule, member=True)

    assert said == met(rule, lambda: ACTS[rule](house, image))
    assert said == explained(tmp_path, rule, member=True, owner="demo")


@pytest.mark.contract("POL-011")
@pytest.mark.parametrize("visibility", Visibility)
def test_an_owner_does_not_answer_for_the_members_whatever_it_was_explained_with(
    tmp_path: Path, visibility: Visibility
) -> None:
    said = explained(tmp_path, "modify_member", visibility=visibility.value)
    assert said == "modify_member: denied (403)"


@pytest.mark.parametrize(
    "asked",
    [
        {"owner": "alt"},
        {"project": None},
        {"system": True},
        {"visibility": "private"},
        {"visibility": "public"},
    ],
)
def test_a_member_that_cannot_be_is_not_explained(tmp_path: Path, asked: dict[str, object]) -> None:
    with pytest.raises(errors.InvalidRequest, match="member"):
        explained(tmp_path, "modify_member", member=True, **asked)  # type: ignore[arg-type]  # options of it
