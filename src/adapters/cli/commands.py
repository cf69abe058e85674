"""The `vitrine` command and its subcommands."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

import vitrine
from vitrine.adapters.cli.operations import (
    Configured,
    Invocation,
    Operations,
    PolicyQuestion,
)
from vitrine.core.errors import VitrineError
from vitrine.core.metadefs.loading import Existing

UPGRADE_NEEDED = 3
"""The exit code of ``db check`` when the database must be brought up to date."""

_P = ParamSpec("_P")
_R = TypeVar("_R")
_SettingsT = TypeVar("_SettingsT", bound=Configured)

_EXIT_CODES = """\b
Exit codes:
  0  done
  1  refused, or failed; the reason is on stderr
  2  the command was not understood"""


def make_cli(operations: Operations[_SettingsT]) -> click.Group:
    """Return the command, doing *operations*."""
    group = click.Group(
        "vitrine",
        help=f"An image service that speaks the OpenStack Image API v2.\n\n{_EXIT_CODES}",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    click.version_option(vitrine.__version__, prog_name="vitrine")(group)
    group.add_command(_serve(operations))
    group.add_command(_database(operations))
    group.add_command(_configuration(operations))
    group.add_command(_policy(operations))
    return group


def _serve(operations: Operations[_SettingsT]) -> click.Command:
    @click.command("serve")
    @_sources
    @click.option("--bind", metavar="HOST:PORT", help="Where to listen.")
    @click.option("--workers", type=click.IntRange(min=1), help="Processes.")
    @click.option(
        "--threads",
        type=click.IntRange(min=1),
        help="Requests, and so transfers, that one process serves at once.",
    )
    @click.option(
        "--identity",
        type=click.Choice(["none", "local", "keystone", "trusted"]),
        help="Who vouches for callers: nobody (all are administrators), the users of the "
        "configuration (for development), Keystone, or a trusted proxy.",
    )
    @click.option("--debug", is_flag=True, help="Log what happens in detail.")
    def serve(  # noqa: PLR0913 (one parameter for each option, as click has it)
        *,
        config_file: tuple[Path, ...],
        config_dir: tuple[Path, ...],
        bind: str | None,
        workers: int | None,
        threads: int | None,
        identity: str | None,
        debug: bool,
    ) -> None:
        """Serve the API until told to stop.

        The options go before the environment (OS_SECTION__OPTION), and that
        before the configuration files. Without --config-file and --config-dir
        the files are looked for in $VITRINE_CONFIG_DIR or $OS_GLANCE_CONFIG_DIR,
        else in /etc/vitrine or /etc/glance.
        """
        with _failures():
            operations.serve(
                operations.load_settings(
                    Invocation(
                        config_files=config_file,
                        config_dirs=config_dir,
                        bind=bind,
                        workers=workers,
                        threads=threads,
                        identity=identity,
                        debug=debug,
                    )
                )
            )

    return serve


def _database(operations: Operations[_SettingsT]) -> click.Group:
    @click.group("db")
    def db() -> None:
        """Look after the database of the catalogue."""

    @db.command("sync")
    @_sources
    def sync(*, config_file: tuple[Path, ...], config_dir: tuple[Path, ...]) -> None:
        """Create the tables, or bring them up to date.

        Nothing happens where there is nothing to do. An interrupted run is
        finished by the next one.
        """
        with _failures():
            settings = operations.load_settings(_invocation(config_file, config_dir))
            click.echo(operations.db_sync(settings))

    @db.command("version")
    @_sources
    def version(*, config_file: tuple[Path, ...], config_dir: tuple[Path, ...]) -> None:
        """Print the revision that the database is at."""
        with _failures():
            settings = operations.load_settings(_invocation(config_file, config_dir))
            click.echo(operations.db_version(settings))

    @db.command("check")
    @_sources
    @click.pass_context
    def check(
        context: click.Context, *, config_file: tuple[Path, ...], config_dir: tuple[Path, ...]
    ) -> None:
        """Say whether the database is up to date.

        \b
        Exit codes:
          0  it is
          1  the configuration is refused, or the database does not answer
          3  'vitrine db sync' is needed
        """  # noqa: D301 (click's mark for text that is not to be wrapped)
        with _failures():
            settings = operations.load_settings(_invocation(config_file, config_dir))
            current = operations.db_check(settings)
        if not current:
            click.echo("The database is not up to date: run 'vitrine db sync'.")
            context.exit(UPGRADE_NEEDED)
        click.echo("The database is up to date.")

    _add_metadefs(db, operations)
    return db


def _add_metadefs(db: click.Group, operations: Operations[_SettingsT]) -> None:
    @db.command("load-metadefs")
    @_sources
    @click.argument("path", type=click.Path(path_type=Path), required=False)
    @click.option(
        "--merge", is_flag=True, help="Give namespaces that exist the definitions they lack."
    )
    @click.option(
        "--prefer-new",
        "--prefer_new",
        is_flag=True,
        help="Merge, and change what exists to what the files say.",
    )
    @click.option(
        "--overwrite",
        is_flag=True,
        help="Make namespaces that exist what the files say, and nothing besides.",
    )
    def load(  # noqa: PLR0913 (one parameter for each option, as click has it)
        *,
        config_file: tuple[Path, ...],
        config_dir: tuple[Path, ...],
        path: Path | None,
        merge: bool,
        prefer_new: bool,
        overwrite: bool,
    ) -> None:
        """Load metadata definitions from the *.json of the directory PATH.

        Each file holds one namespace, in the form in which the API takes it. Without
        PATH the definitions that come along with Vitrine are loaded. Namespaces that
        exist are left alone unless an option says otherwise.
        """
        if prefer_new and overwrite:
            raise click.UsageError("--prefer-new and --overwrite exclude each other.")
        existing = Existing.MERGE if merge else Existing.KEEP
        if prefer_new or overwrite:
            existing = Existing.OVERWRITE if overwrite else Existing.PREFER_NEW
        with _failures():
            settings = operations.load_settings(_invocation(config_file, config_dir))
            click.echo(operations.load_metadefs(settings, path, existing))

    @db.command("unload-metadefs")
    @_sources
    def unload(*, config_file: tuple[Path, ...], config_dir: tuple[Path, ...]) -> None:
        """Delete all metadata definitions, protected ones too."""
        with _failures():
            settings = operations.load_settings(_invocation(config_file, config_dir))
            click.echo(operations.unload_metadefs(settings))

    @db.command("export-metadefs")
    @_sources
    @click.argument("path", type=click.Path(path_type=Path))
    def export(*, config_file: tuple[Path, ...], config_dir: tuple[Path, ...], path: Path) -> None:
        """Write all metadata definitions into the directory PATH, a file for each namespace.

        What is written can be loaded again.
        """
        with _failures():
            settings = operations.load_settings(_invocation(config_file, config_dir))
            click.echo(operations.export_metadefs(settings, path))


def _configuration(operations: Operations[_SettingsT]) -> click.Group:
    @click.group("config")
    def config() -> None:
        """Look at the configuration."""

    @config.command("sample")
    def sample() -> None:
        """Print a configuration file of all options, with help and defaults."""
        with _failures():
            click.echo(operations.sample(), nl=False)

    @config.command("check")
    @_sources
    def check(*, config_file: tuple[Path, ...], config_dir: tuple[Path, ...]) -> None:
        """Read the configuration and say what is wrong with it. Contacts nobody.

        Names that mean nothing, and features that are switched on and do not
        exist, are warnings: they go to stdout. Values with which the service
        would not start go to stderr.

        \b
        Exit codes:
          0  the service would start, perhaps with warnings
          1  it would not
        """  # noqa: D301 (click's mark for text that is not to be wrapped)
        with _failures():
            settings = operations.load_settings(_invocation(config_file, config_dir))
            operations.check(settings)
        warnings = settings.warnings
        for warning in warnings:
            click.echo(f"Warning: {warning}")
        count = f"{len(warnings)} warning{'' if len(warnings) == 1 else 's'}"
        click.echo(f"The configuration is acceptable, with {count}.")

    @config.command("show")
    @_sources
    def show(*, config_file: tuple[Path, ...], config_dir: tuple[Path, ...]) -> None:
        """Print the values in effect; secrets are shown as ****."""
        with _failures():
            click.echo(operations.show(_invocation(config_file, config_dir)), nl=False)

    return config


def _policy(operations: Operations[_SettingsT]) -> click.Group:
    @click.group("policy")
    def policy() -> None:
        """Look at who may do what."""

    @policy.command("list")
    @_sources
    def rules(*, config_file: tuple[Path, ...], config_dir: tuple[Path, ...]) -> None:
        """Print all rules in force, as a policy file has them."""
        with _failures():
            settings = operations.load_settings(_invocation(config_file, config_dir))
            found = operations.policy_rules(settings)
        for name, check in found.items():
            click.echo(f"{json.dumps(name)}: {json.dumps(check)}")

    @policy.command("check")
    @_sources
    def check(*, config_file: tuple[Path, ...], config_dir: tuple[Path, ...]) -> None:
        """Read the policy files and say what is wrong with them.

        Rules that nothing asks for are warnings and go to stdout. What would keep
        the service from starting goes to stderr.

        \b
        Exit codes:
          0  the service would start, perhaps with warnings
          1  it would not
        """  # noqa: D301 (click's mark for text that is not to be wrapped)
        with _failures():
            settings = operations.load_settings(_invocation(config_file, config_dir))
            warnings = operations.policy_warnings(settings)
        for warning in warnings:
            click.echo(f"Warning: {warning}")
        count = f"{len(warnings)} warning{'' if len(warnings) == 1 else 's'}"
        click.echo(f"The policy is acceptable, with {count}.")

    _add_explain(policy, operations)
    return policy


def _add_explain(policy: click.Group, operations: Operations[_SettingsT]) -> None:
    @policy.command("explain")
    @_sources
    @click.argument("rule")
    @click.option("--user", metavar="ID", help="Who would do it.")
    @click.option("--project", metavar="ID", help="For which project.")
    @click.option("--role", metavar="NAME", multiple=True, help="With which role; repeatable.")
    @click.option("--system", is_flag=True, help="With a token for the whole system.")
    @click.option("--owner", metavar="ID", help="The image's project; else the same one.")
    @click.option(
        "--visibility",
        type=click.Choice(["public", "community", "shared", "private"]),
        default="shared",
        show_default=True,
        help="The image's visibility.",
    )
    @click.option(
        "--member",
        is_flag=True,
        help="The image belongs to another project, and is shared with this one.",
    )
    def explain(  # noqa: PLR0913 (one parameter for each option, as click has it)
        *,
        config_file: tuple[Path, ...],
        config_dir: tuple[Path, ...],
        rule: str,
        user: str | None,
        project: str | None,
        role: tuple[str, ...],
        system: bool,
        owner: str | None,
        visibility: str,
        member: bool,
    ) -> None:
        """Say whether RULE, such as modify_image, lets somebody at an image, and why.

        Below the answer comes the check of the rule, each part with what came of it.
        """
        question = PolicyQuestion(
            rule=rule,
            user=user,
            project=project,
            roles=role,
            system=system,
            owner=owner,
            visibility=visibility,
            member=member,
        )
        with _failures():
            settings = operations.load_settings(_invocation(config_file, config_dir))
            lines = operations.policy_explain(settings, question)
        for line in lines:
            click.echo(line)


def _sources(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Give *command* the options that say where the configuration is."""
    command = click.option(
        "--config-dir",
        type=click.Path(path_type=Path),
        multiple=True,
        metavar="DIR",
        help="Read the *.conf of DIR too, after all files, in the order of their names. May be "
        "repeated.",
    )(command)
    return click.option(
        "--config-file",
        type=click.Path(path_type=Path),
        multiple=True,
        metavar="FILE",
        help="Read FILE instead of looking for files. May be repeated; later ones go before "
        "earlier ones.",
    )(command)


def _invocation(config_file: tuple[Path, ...], config_dir: tuple[Path, ...]) -> Invocation:
    return Invocation(config_files=config_file, config_dirs=config_dir)


@contextmanager
def _failures() -> Iterator[None]:
    """Turn what the service can say about a failure into a message and exit code 1."""
    try:
        yield
    except VitrineError as error:
        raise click.ClickException(str(error)) from error
