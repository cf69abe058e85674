"""What an operator types, and what comes of it."""

from pathlib import Path

import attrs
import pytest
import yaml
from click.testing import CliRunner, Result

from vitrine.adapters.cli.commands import make_cli
from vitrine.adapters.cli.operations import Invocation, Operations
from vitrine.core.errors import Misconfigured, PersistenceUnavailable
from vitrine.core.metadefs.loading import Existing


@attrs.frozen
class Loaded:
    """Settings that remember what they were loaded for."""

    invocation: Invocation
    warnings: tuple[str, ...] = ()


@attrs.define
class Service:
    """A service that only takes notes."""

    current: bool = True
    warnings: tuple[str, ...] = ()
    refusal: str | None = None
    broken: str | None = None
    away: bool = False
    served: list[Invocation] = attrs.field(factory=list)
    loaded: list[tuple[Path | None, Existing]] = attrs.field(factory=list)

    def run(self, *arguments: str) -> Result:
        operations = Operations[Loaded](
            load_settings=self.load,
            check=self.check,
            sample=lambda: "[DEFAULT]\n",
            show=lambda invocation: f"files = {len(invocation.config_files)}\n",
            serve=lambda settings: self.served.append(settings.invocation),
            db_sync=lambda _: "Brought up to date.",
            db_version=self.version,
            db_check=lambda _: self.current,
            load_metadefs=self.load_metadefs,
            unload_metadefs=lambda _: "Namespaces deleted: 2.",
            export_metadefs=lambda _, directory: f"Written into {directory.name}.",
            policy_rules=lambda _: {"get_image": "role:reader", "odd": 'a"b'},
            policy_warnings=lambda settings: settings.warnings,
            policy_explain=lambda _, question: [str(question.rule), *question.roles],
        )
        return CliRunner().invoke(make_cli(operations), arguments)

    def load(self, invocation: Invocation) -> Loaded:
        if self.refusal is not None:
            raise Misconfigured(self.refusal)
        return Loaded(invocation, self.warnings)

    def check(self, _: Loaded) -> None:
        if self.broken is not None:
            raise Misconfigured(self.broken)

    def load_metadefs(self, _: Loaded, directory: Path | None, existing: Existing) -> str:
        self.loaded.append((directory, existing))
        return "Namespaces created: 1."

    def version(self, _: Loaded) -> str:
        if self.away:
            raise PersistenceUnavailable
        return "0001"


def test_serve_hands_on_what_was_typed() -> None:
    service = Service()

    result = service.run(
        "serve",
        *("--config-file", "a.conf", "--config-file", "b.conf", "--config-dir", "c.d"),
        *("--bind", "127.0.0.1:80", "--workers", "2", "--threads", "9"),
        *("--identity", "local", "--debug"),
    )

    assert result.exit_code == 0
    assert service.served == [
        Invocation(
            config_files=(Path("a.conf"), Path("b.conf")),
            config_dirs=(Path("c.d"),),
            bind="127.0.0.1:80",
            workers=2,
            threads=9,
            identity="local",
            debug=True,
        )
    ]


def test_serve_leaves_what_was_not_typed_to_the_configuration() -> None:
    service = Service()

    assert service.run("serve").exit_code == 0
    assert service.served == [Invocation()]


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", "--workers", "0"),
        ("serve", "--threads", "few"),
        ("serve", "--identity", "ldap"),
        ("fly",),
        ("db", "sync", "--bind", "x"),
    ],
)
def test_what_is_not_understood_ends_with_2(arguments: tuple[str, ...]) -> None:
    service = Service()

    assert service.run(*arguments).exit_code == 2
    assert service.served == []


@pytest.mark.parametrize(
    "arguments",
    [("serve",), ("db", "sync"), ("db", "version"), ("db", "check"), ("config", "check")],
)
def test_a_refused_configuration_ends_with_1_and_its_reason(arguments: tuple[str, ...]) -> None:
    result = Service(refusal="[vitrine] bind: no.").run(*arguments)

    assert result.exit_code == 1
    assert result.stderr == "Error: [vitrine] bind: no.\n"
    assert result.stdout == ""


def test_a_failure_of_the_service_ends_with_1_and_its_reason() -> None:
    result = Service(away=True).run("db", "version")

    assert result.exit_code == 1
    assert result.stderr == f"Error: {PersistenceUnavailable()}\n"


def test_db_commands_say_what_they_found() -> None:
    assert Service().run("db", "sync").stdout == "Brought up to date.\n"
    assert Service().run("db", "version").stdout == "0001\n"


@pytest.mark.parametrize(("current", "code"), [(True, 0), (False, 3)])
def test_db_check_tells_by_its_exit_code(*, current: bool, code: int) -> None:
    assert Service(current=current).run("db", "check").exit_code == code


def test_config_check_prints_warnings_and_succeeds() -> None:
    result = Service(warnings=("One thing.", "Another.")).run("config", "check")

    assert result.exit_code == 0
    assert result.stdout.startswith("Warning: One thing.\nWarning: Another.\n")


def test_config_check_fails_where_a_part_cannot_be_made() -> None:
    result = Service(broken="A package is missing.").run("config", "check")

    assert result.exit_code == 1
    assert "A package is missing." in result.stderr
    assert result.stdout == ""


def test_config_show_and_sample_print_what_they_are_given() -> None:
    assert Service().run("config", "sample").stdout == "[DEFAULT]\n"
    assert Service().run("config", "show", "--config-file", "a").stdout == "files = 1\n"


def test_the_version_is_the_packages() -> None:
    result = Service().run("--version")

    assert result.exit_code == 0
    assert result.stdout.startswith("vitrine, version ")


@pytest.mark.parametrize(
    "command", [(), ("serve",), ("db",), ("db", "check"), ("config",), ("config", "check")]
)
def test_every_command_has_help_in_sentences(command: tuple[str, ...]) -> None:
    result = Service().run(*command, "--help")

    assert result.exit_code == 0
    assert "Usage: vitrine" in result.stdout
    assert "." in result.stdout


@pytest.mark.parametrize(
    ("options", "existing"),
    [
        ([], Existing.KEEP),
        (["--merge"], Existing.MERGE),
        (["--merge", "--prefer-new"], Existing.PREFER_NEW),
        (["--prefer_new"], Existing.PREFER_NEW),
        (["--overwrite", "--merge"], Existing.OVERWRITE),
    ],
)
def test_load_metadefs_hands_on_where_from_and_what_of_those_that_exist(
    options: list[str], existing: Existing
) -> None:
    service = Service()

    done = [service.run("db", "load-metadefs", *path, *options) for path in ([], ["d"])]

    assert [result.output for result in done] == ["Namespaces created: 1.\n"] * 2
    assert service.loaded == [(None, existing), (Path("d"), existing)]


def test_load_metadefs_takes_one_way_with_those_that_exist() -> None:
    service = Service()

    result = service.run("db", "load-metadefs", "--prefer-new", "--overwrite")

    assert result.exit_code == 2
    assert service.loaded == []


def test_metadefs_are_exported_and_unloaded() -> None:
    service = Service()

    assert service.run("db", "export-metadefs", "d").output == "Written into d.\n"
    assert service.run("db", "export-metadefs").exit_code == 2
    assert service.run("db", "unload-metadefs").output == "Namespaces deleted: 2.\n"


def test_the_policy_is_listed_as_a_policy_file_has_it() -> None:
    done = Service().run("policy", "list")

    assert yaml.safe_load(done.stdout) == {"get_image": "role:reader", "odd": 'a"b'}


def test_what_the_policy_warns_of_is_counted() -> None:
    done = Service(warnings=("One.", "Two.")).run("policy", "check")

    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "Warning: One.",
        "Warning: Two.",
        "The policy is acceptable, with 2 warnings.",
    ]


def test_a_question_about_the_policy_is_passed_on_and_its_answer_printed() -> None:
    done = Service().run("policy", "explain", "get_image", "--role", "reader", "--role", "member")

    assert done.stdout.splitlines() == ["get_image", "reader", "member"]
