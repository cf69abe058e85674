"""The `vitrine` command: joins the command line, the configuration and the service.

What is heavy is imported by the operation that needs it, so that help and
completion stay quick.
"""

import logging
from typing import TYPE_CHECKING

import attrs

from vitrine.adapters.cli.commands import make_cli
from vitrine.adapters.cli.operations import Invocation, Operations

# ruff: noqa: PLC0415 (that is the point here, see above)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vitrine.adapters.cli.operations import PolicyQuestion
    from vitrine.adapters.config.settings import Settings
    from vitrine.adapters.config.sources import CommandLine
    from vitrine.core.metadefs.loading import Existing

_log = logging.getLogger("vitrine")


def main() -> None:
    """Run the command with the arguments of the process."""
    operations: Operations[Settings] = Operations(
        load_settings=_load_settings,
        check=_check,
        sample=_sample,
        show=_show,
        serve=_serve,
        db_sync=_db_sync,
        db_version=_db_version,
        db_check=_db_check,
        load_metadefs=_load_metadefs,
        unload_metadefs=_unload_metadefs,
        export_metadefs=_export_metadefs,
        policy_rules=_policy_rules,
        policy_warnings=_policy_warnings,
        policy_explain=_policy_explain,
    )
    make_cli(operations)()


def _command_line(invocation: Invocation) -> "CommandLine":
    from vitrine.adapters.config.sources import CommandLine

    return CommandLine(**attrs.asdict(invocation, recurse=False))


def _load_settings(invocation: Invocation) -> "Settings":
    from vitrine.adapters.config.loading import load

    return load(_command_line(invocation))


def _check(settings: "Settings") -> None:
    from vitrine import bootstrap

    bootstrap.create_app_for(settings)


def _sample() -> str:
    from vitrine.adapters.config.showing import sample

    return sample()


def _show(invocation: Invocation) -> str:
    from vitrine.adapters.config.showing import show

    return show(_command_line(invocation))


def _serve(settings: "Settings") -> None:
    from vitrine import bootstrap
    from vitrine.adapters.config.logs import start_logging

    start_logging(settings.logging)
    for warning in settings.warnings:
        _log.warning("%s", warning)
    bootstrap.serve(settings)


def _db_sync(settings: "Settings") -> str:
    from vitrine import bootstrap

    return bootstrap.database_sync(settings)


def _db_version(settings: "Settings") -> str:
    from vitrine import bootstrap

    return bootstrap.database_version(settings)


def _db_check(settings: "Settings") -> bool:
    from vitrine import bootstrap

    return bootstrap.database_is_current(settings)


def _load_metadefs(settings: "Settings", directory: "Path | None", existing: "Existing") -> str:
    from vitrine import bootstrap

    return bootstrap.load_metadefs(settings, directory, existing)


def _unload_metadefs(settings: "Settings") -> str:
    from vitrine import bootstrap

    return bootstrap.unload_metadefs(settings)


def _export_metadefs(settings: "Settings", directory: "Path") -> str:
    from vitrine import bootstrap

    return bootstrap.export_metadefs(settings, directory)


def _policy_rules(settings: "Settings") -> "Mapping[str, str]":
    from vitrine import bootstrap

    return bootstrap.policy_rules(settings)


def _policy_warnings(settings: "Settings") -> "Sequence[str]":
    from vitrine import bootstrap

    return bootstrap.policy_warnings(settings)


def _policy_explain(settings: "Settings", question: "PolicyQuestion") -> "Sequence[str]":
    from vitrine import bootstrap

    return bootstrap.policy_explain(settings, **attrs.asdict(question))


if __name__ == "__main__":
    main()
