"""The operator's policy by oslo.policy."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
import requests
from hypothesis import given, settings
from oslo_config import cfg
from oslo_policy import _checks as checks
from oslo_policy import policy as oslo

from tests.contracts.authorization import CONTEXTS, TARGETS, AuthorizerContract
from vitrine.adapters.policy.authorizer import OsloAuthorizer, RemoteChecks
from vitrine.core.context import Context
from vitrine.core.errors import Misconfigured, Unavailable
from vitrine.core.policy import RULES

MEMBER = Context(user_id="u", project_id="p", roles={"member", "reader"})
READER = Context(user_id="u", project_id="p", roles={"reader"})
ADMIN = Context(user_id="a", project_id="q", roles={"admin"})
NO_ROLE = Context(user_id="n", project_id="p")
OWN = {"project_id": "p", "owner": "p", "visibility": "private"}
FOREIGN = {"project_id": "q", "owner": "q", "visibility": "private"}


class Clock:
    """Time that passes when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def write(path: Path, text: str) -> None:
    """Replace a file so that it can be told from the one before, however fast."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    os.utime(path, ns=(0, before + 1_000_000_000))


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "policy.yaml"
    write(path, text)
    return path


class TestDefaults(AuthorizerContract):
    @pytest.fixture
    def authorizer(self) -> OsloAuthorizer:
        return OsloAuthorizer()


class TestEarlierDefaults(AuthorizerContract):
    legacy: ClassVar[bool] = True

    @pytest.fixture
    def authorizer(self) -> OsloAuthorizer:
        return OsloAuthorizer(enforce_new_defaults=False)


class TestOverridden(AuthorizerContract):
    """With a file, one of whose checks no compiler knows."""

    for_owners: ClassVar[str] = "get_image"

    @pytest.fixture
    def authorizer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OsloAuthorizer:
        monkeypatch.setitem(checks.registered_checks, "odd", _Odd)
        text = (
            "get_image: 'project_id:%(owner)s and project_id:%(project_id)s and rule:boss'\n"
            "boss: 'user_id:u or odd:x'\n"
            "delete_image: 'odd:x or role:admin'\n"
        )
        return OsloAuthorizer(policy_file=written(tmp_path, text))


@pytest.fixture(scope="module")
def defaults() -> OsloAuthorizer:
    return OsloAuthorizer()


@pytest.mark.parametrize(
    ("rule", "context", "target", "allowed"),
    [
        ("modify_image", MEMBER, OWN, True),
        ("modify_image", READER, OWN, False),
        ("modify_image", MEMBER, FOREIGN, False),
        ("modify_image", ADMIN, OWN, True),
        ("get_image", READER, OWN, True),
        ("get_image", READER, FOREIGN, False),
        ("get_image", READER, {**FOREIGN, "visibility": "public"}, True),
        ("get_image", READER, {**FOREIGN, "member_id": "p"}, True),
        ("get_image", NO_ROLE, {**OWN, "visibility": "public"}, False),
        ("download_image", READER, OWN, False),
        ("download_image", MEMBER, OWN, True),
        ("add_image", MEMBER, OWN, True),
        ("add_image", MEMBER, {**OWN, "owner": "q"}, False),
        ("publicize_image", MEMBER, OWN, False),
        ("modify_member", MEMBER, OWN, False),
        ("modify_member", MEMBER, {**FOREIGN, "member_id": "p"}, True),
        ("get_metadef_tags", READER, {"project_id": "q", "visibility": "public"}, True),
        ("add_metadef_tag", MEMBER, OWN, False),
        ("stores_info_detail", Context(project_id="s", roles={"service"}), {}, True),
        ("default", NO_ROLE, {}, True),
    ],
)
def test_the_defaults_hold_without_a_file(
    defaults: OsloAuthorizer,
    rule: str,
    context: Context,
    target: dict[str, object],
    allowed: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert defaults.allows(rule, context, target) is allowed


def test_the_roles_of_a_service_that_sent_the_request_along_do_not_count(
    defaults: OsloAuthorizer,
) -> None:
    context = Context(project_id="p", service_roles={"service", "admin"})
    assert not defaults.allows("fetch_image_location", context, OWN)


@pytest.mark.parametrize(
    "context",
    [Context(roles={"admin"}, system_scope="all"), Context(roles={"admin"}, domain_id="d")],
)
def test_a_token_for_anything_but_a_project_is_denied_everything(
    defaults: OsloAuthorizer, context: Context
) -> None:
    assert not any(defaults.allows(rule, context, OWN) for rule in RULES)


@pytest.mark.parametrize("system", ["all", None])
def test_where_scopes_do_not_count_the_rules_alone_decide(
    tmp_path: Path, system: str | None
) -> None:
    file = written(tmp_path, "modify_image: 'role:auditor and system_scope:all'\n")
    policy = OsloAuthorizer(policy_file=file, enforce_scope=False)
    context = Context(roles={"admin", "auditor"}, system_scope=system)
    assert policy.allows("delete_image", context, OWN)
    assert policy.allows("modify_image", context, OWN) is (system is not None)
    assert policy.explain("delete_image", context, OWN).holds


def test_a_caller_without_a_project_does_not_own_what_nobody_owns(
    defaults: OsloAuthorizer,
) -> None:
    nobodys = {"project_id": None, "owner": None, "visibility": "private"}
    assert not defaults.allows("modify_image", Context(roles={"member"}), nobodys)


def test_a_file_overrides_and_adds_rules(tmp_path: Path) -> None:
    policy = OsloAuthorizer(
        policy_file=written(
            tmp_path,
            "get_image: '!'\nmodify_image: 'rule:boss'\nboss: 'user_id:u and not role:x'\n",
        )
    )
    assert policy.knows("boss")
    assert policy.allows("boss", MEMBER, {})
    assert policy.allows("modify_image", MEMBER, FOREIGN)
    assert not policy.allows("modify_image", ADMIN, FOREIGN)
    assert not policy.allows("get_image", ADMIN, OWN)
    assert policy.allows("delete_image", MEMBER, OWN)


def test_directories_override_the_file_in_the_order_of_their_names(tmp_path: Path) -> None:
    directory = tmp_path / "policy.d"
    directory.mkdir()
    write(directory / "2.yaml", "get_image: '@'\n")
    write(directory / "1.yaml", "get_image: '!'\ndelete_image: '!'\n")
    write(directory / ".hidden", "{ not yaml")
    policy = OsloAuthorizer(
        policy_file=written(tmp_path, "get_image: '!'\nadd_image: '!'\n"),
        policy_dirs=[directory],
    )
    assert policy.allows("get_image", NO_ROLE, FOREIGN)
    assert not policy.allows("delete_image", ADMIN, OWN)
    assert not policy.allows("add_image", ADMIN, OWN)


def test_earlier_defaults_hold_too_if_the_operator_wants(tmp_path: Path) -> None:
    old = OsloAuthorizer(
        policy_file=written(tmp_path, "upload_image: 'role:admin'\n"),
        enforce_new_defaults=False,
    )
    assert old.allows("modify_image", NO_ROLE, FOREIGN)
    assert old.allows("get_metadef_tags", NO_ROLE, FOREIGN)
    assert not old.allows("publicize_image", NO_ROLE, OWN)
    assert not old.allows("cache_list", MEMBER, {})
    # What the file says is not widened.
    assert not old.allows("upload_image", NO_ROLE, OWN)


@pytest.mark.parametrize(
    "text",
    [
        "{ not yaml",
        "- a list\n",
        "get_image: 'role:admin or'\n",
        "get_image: 'admin'\n",
        "get_image: 'role:admin and nonsense'\n",
        "get_image: 'rule:nowhere'\n",
        "a: 'rule:b'\nb: 'rule:a'\n",
        "get_image: 'project_id:%(owner'\n",
        "get_image: 'project_id.name:%(owner)s'\n",
        "get_image: 5\n",
    ],
)
def test_a_file_that_makes_no_sense_stops_the_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        OsloAuthorizer(policy_file=written(tmp_path, text))
    assert str(tmp_path) not in str(raised.value)


def test_a_directory_in_the_place_of_the_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        OsloAuthorizer(policy_file=tmp_path)


@pytest.mark.parametrize("text", ["", "# nothing\n", "get_image: ''\n", "get_image: []\n"])
def test_little_is_not_nonsense(tmp_path: Path, text: str) -> None:
    OsloAuthorizer(policy_file=written(tmp_path, text))


def test_a_file_that_changes_is_read_again_when_it_is_time(tmp_path: Path) -> None:
    clock = Clock()
    path = tmp_path / "policy.yaml"
    policy = OsloAuthorizer(policy_file=path, monotonic=clock, reload_interval=1.0)
    assert policy.allows("get_image", READER, OWN)
    write(path, "get_image: '!'\n")
    assert policy.allows("get_image", READER, OWN)
    clock.now = 1.0
    assert not policy.allows("get_image", READER, OWN)
    path.unlink()
    clock.now = 2.0
    assert policy.allows("get_image", READER, OWN)


def test_a_directory_that_comes_later_is_read_then(tmp_path: Path) -> None:
    clock = Clock()
    directory = tmp_path / "policy.d"
    policy = OsloAuthorizer(policy_dirs=[tmp_path / "never", directory], monotonic=clock)
    assert policy.allows("get_image", READER, OWN)
    directory.mkdir()
    clock.now = 1.0
    assert policy.allows("get_image", READER, OWN)
    write(directory / "rules.yaml", "get_image: '!'\n")
    clock.now = 2.0
    assert not policy.allows("get_image", READER, OWN)


@pytest.mark.parametrize("closed", ["policy.d", "policy.d/rules.yaml"])
def test_rules_that_may_not_be_read_are_not_taken_for_none(
    tmp_path: Path, closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    directory = tmp_path / "policy.d"
    policy = OsloAuthorizer(policy_dirs=[directory], monotonic=clock)
    directory.mkdir()
    write(directory / "rules.yaml", "get_image: '!'\n")
    _close(tmp_path / closed, monkeypatch)
    clock.now = 1.0
    assert policy.allows("get_image", READER, OWN)
    with pytest.raises(Misconfigured):
        OsloAuthorizer(policy_dirs=[directory])
    (tmp_path / closed).chmod(0o700)


def _close(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody read a file or a directory, root neither."""
    path.chmod(0)
    name = "iterdir" if path.is_dir() else "read_bytes"
    real = getattr(Path, name)

    def refused(self: Path) -> object:
        if self == path:
            raise PermissionError
        return real(self)

    monkeypatch.setattr(Path, name, refused)


def test_a_file_in_the_place_of_a_directory_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        OsloAuthorizer(policy_dirs=[written(tmp_path, "")])


def test_a_file_that_is_broken_later_leaves_the_rules_before_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    path = tmp_path / "policy.yaml"
    write(path, "get_image: '!'\n")
    policy = OsloAuthorizer(policy_file=path, monotonic=clock)
    caplog.set_level(logging.ERROR, logger="vitrine")
    write(path, "{ not yaml")
    for second in range(1, 4):
        clock.now = float(second)
        assert not policy.allows("get_image", READER, OWN)
    told = [each for each in caplog.records if each.name.startswith("vitrine")]
    assert len(told) == 1
    assert str(tmp_path) not in told[0].getMessage()
    write(path, "get_image: '@'\n")
    clock.now = 4.0
    assert policy.allows("get_image", NO_ROLE, OWN)


@pytest.mark.contract("PRP-002")
@pytest.mark.parametrize("later", [None, "get_image: '@'\n"], ids=["no file", "no such rule"])
def test_a_policy_without_a_rule_that_somebody_relies_on_leaves_the_rules_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, later: str | None
) -> None:
    clock = Clock()
    path = written(tmp_path, "keepers: 'role:reader'\n")
    policy = OsloAuthorizer(policy_file=path, monotonic=clock)
    policy.rely_on({"keepers"})
    if later is None:
        path.unlink()
    else:
        write(path, later)
    for second in range(1, 4):
        clock.now = float(second)
        assert policy.allows("keepers", READER, OWN)
        assert not policy.allows("get_image", NO_ROLE, OWN)
    assert ["'keepers'" in each.getMessage() for each in caplog.records] == [True]
    write(path, "keepers: '!'\nget_image: '@'\n")
    clock.now = 4.0
    assert not policy.allows("keepers", READER, OWN)
    assert policy.allows("get_image", NO_ROLE, OWN)


def test_nobody_can_rely_on_a_rule_that_does_not_exist() -> None:
    with pytest.raises(Misconfigured, match="'keepers'"):
        OsloAuthorizer().rely_on({"get_image", "keepers"})


def test_a_rule_that_somebody_relies_on_is_one_that_the_service_has_a_use_for(
    tmp_path: Path,
) -> None:
    policy = OsloAuthorizer(policy_file=written(tmp_path, "keepers: '!'\nothers: '!'\n"))
    policy.rely_on({"keepers"})
    assert policy.unknown() == ["others"]


class _Odd(checks.Check):
    """A check that no compiler knows, as an extension may bring one."""

    def __call__(self, target: Mapping[str, object], *_rest: object) -> bool:
        if target.get("down"):
            raise requests.ConnectionError
        return bool(target.get("odd") == self.match)


def test_a_check_that_cannot_be_compiled_is_evaluated_by_oslo_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(checks.registered_checks, "odd", _Odd)
    policy = OsloAuthorizer(policy_file=written(tmp_path, "get_image: 'role:reader and odd:x'\n"))
    predicate = policy.compiled("get_image", READER)
    assert predicate({"odd": "x"})
    assert not predicate({"odd": "y"})
    assert not policy.allows("get_image", NO_ROLE, {"odd": "x"})
    with pytest.raises(Unavailable):
        predicate({"down": True})


OVERRIDES = {
    "get_image": "role:admin or project_id:%(owner)s or ('public':%(visibility)s and not role:x)",
    "delete_image": "tenant:%(owner)s and is_admin:False",
    "boss": "user_id:%(owner)s or project_domain_id:%(owner)s",
    "modify_member": "rule:boss or role:%(visibility)s",
}


def reference(path: Path, *, new_defaults: bool, scoped: bool) -> oslo.Enforcer:
    """Oslo.policy as its documentation has it, without anything of ours but the data."""
    conf = cfg.ConfigOpts()
    conf([], project="x", default_config_files=[], default_config_dirs=[])
    enforcer = oslo.Enforcer(conf, policy_file=str(path), default_rule="default")
    conf.set_override("enforce_new_defaults", new_defaults, group="oslo_policy")
    enforcer.suppress_default_change_warnings = True
    for rule in RULES.values():
        old = rule.deprecated_check
        enforcer.register_default(
            oslo.RuleDefault(
                rule.name,
                rule.check,
                scope_types=list(rule.scope) if scoped else None,
                deprecated_rule=None
                if old is None
                else oslo.DeprecatedRule(
                    rule.name, old, deprecated_reason="-", deprecated_since="-"
                ),
            )
        )
    return enforcer


@pytest.mark.parametrize("scoped", [True, False])
@pytest.mark.parametrize("new_defaults", [True, False])
@pytest.mark.parametrize("overrides", [{}, OVERRIDES], ids=["defaults", "overrides"])
def test_every_answer_is_the_one_that_oslo_policy_gives(
    tmp_path: Path,
    overrides: dict[str, str],
    new_defaults: bool,  # noqa: FBT001 - a parameter
    scoped: bool,  # noqa: FBT001 - a parameter
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("".join(f'"{name}": "{check}"\n' for name, check in overrides.items()))
    policy = OsloAuthorizer(
        policy_file=path, enforce_new_defaults=new_defaults, enforce_scope=scoped
    )
    enforcer = reference(path, new_defaults=new_defaults, scoped=scoped)

    @settings(max_examples=settings().max_examples // 2)
    @given(context=CONTEXTS, target=TARGETS)
    def agree(context: Context, target: dict[str, object]) -> None:
        credentials = {
            "user_id": context.user_id,
            "project_id": context.project_id,
            "tenant": context.project_id,
            "domain_id": context.domain_id,
            "system_scope": context.system_scope,
            "project_domain_id": context.project_domain_id,
        }
        known: dict[str, object] = {
            name: value for name, value in credentials.items() if value is not None
        }
        known |= {"roles": list(context.roles), "is_admin": context.is_admin}
        for rule in (*RULES, *overrides):
            theirs = bool(enforcer.enforce(rule, target, dict(known)))
            assert policy.allows(rule, context, target) is theirs, rule

    agree()


def test_a_remote_service_is_asked_as_the_operator_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Mapping[str, object]] = []

    def post(url: str, **how: object) -> requests.Response:
        asked.append({"url": url, **how})
        answer = requests.Response()
        answer.status_code, answer._content = 200, b"True"
        return answer

    monkeypatch.setattr(requests, "post", post)
    files = [tmp_path / name for name in ("ca.pem", "certificate.pem", "key.pem")]
    for file in files:
        file.touch()
    ca_file, certificate, key = map(str, files)
    policy = OsloAuthorizer(
        policy_file=written(tmp_path, 'get_image: "https://rules.example.org/image"\n'),
        remote=RemoteChecks(
            content_type="application/json",
            timeout=3,
            verify=True,
            ca_file=ca_file,
            certificate=certificate,
            key=key,
        ),
    )

    assert policy.allows("get_image", MEMBER, OWN)

    [call] = asked
    assert call["url"] == "https://rules.example.org/image"
    assert "json" in call
    assert call["timeout"] == 3
    assert (call["verify"], call["cert"]) == (ca_file, (certificate, key))
