"""What the command line needs: loading the configuration, and the service itself.

The command line knows neither; whoever joins the parts passes them in.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import attrs

from vitrine.core.metadefs.loading import Existing


@attrs.frozen(kw_only=True)
class Invocation:
    """What was typed, as far as it changes the configuration.

    Attributes:
        config_files: Files to read instead of searching for them, in order.
        config_dirs: Directories whose files are read after these.
        bind: Where to listen, as HOST:PORT.
        workers: Processes.
        threads: Requests that one process serves at once.
        identity: ``none``, ``local``, ``keystone`` or ``trusted``.
        debug: Whether to log details.
    """

    config_files: tuple[Path, ...] = ()
    config_dirs: tuple[Path, ...] = ()
    bind: str | None = None
    workers: int | None = None
    threads: int | None = None
    identity: str | None = None
    debug: bool = False


@attrs.frozen(kw_only=True)
class PolicyQuestion:
    """Whether a rule of the policy lets somebody do something with an image.

    Attributes:
        rule: The name of the rule.
        user: The id of the user who would do it.
        project: The id of the user's project.
        roles: The names of the user's roles there.
        system: Whether the user's token is for the whole system instead.
        owner: The project that owns the image; None for the user's own, or another one
            where the user's is a member.
        visibility: Of the image.
        member: Whether the user's project is a member of the image.
    """

    rule: str
    user: str | None = None
    project: str | None = None
    roles: tuple[str, ...] = ()
    system: bool = False
    owner: str | None = None
    visibility: str = "shared"
    member: bool = False


class Configured(Protocol):
    """Settings, of which the command line knows only this."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the operator should hear about them; whole sentences."""
        ...


SettingsT = TypeVar("SettingsT", bound=Configured)


@attrs.frozen(kw_only=True)
class Operations(Generic[SettingsT]):
    """What the commands do. Any of them may raise a `VitrineError` to end in failure.

    Attributes:
        load_settings: Reads the configuration; `Misconfigured` when it is refused.
        check: Makes every part that the settings ask for, and contacts nobody;
            `Misconfigured` when one cannot be made.
        sample: Returns a configuration file of all options.
        show: Returns the values in effect, without secrets.
        serve: Serves until it is told to stop.
        db_sync: Brings the database up to date; returns what was done.
        db_version: Returns the revision of the database.
        db_check: Returns whether the database is up to date.
        load_metadefs: Loads metadata definitions from a directory, or those that come
            along, and does with namespaces that exist what it is told; returns what
            was done.
        unload_metadefs: Deletes all metadata definitions; returns what was done.
        export_metadefs: Writes all metadata definitions into a directory; returns
            what was done.
        policy_rules: Returns the checks in force by the names of their rules.
        policy_warnings: Reads the policy and returns what the operator should hear
            about it; `Misconfigured` when it is refused.
        policy_explain: Answers a question about the policy, in lines of text.
    """

    load_settings: Callable[[Invocation], SettingsT]
    check: Callable[[SettingsT], None]
    sample: Callable[[], str]
    show: Callable[[Invocation], str]
    serve: Callable[[SettingsT], None]
    db_sync: Callable[[SettingsT], str]
    db_version: Callable[[SettingsT], str]
    db_check: Callable[[SettingsT], bool]
    load_metadefs: Callable[[SettingsT, Path | None, Existing], str]
    unload_metadefs: Callable[[SettingsT], str]
    export_metadefs: Callable[[SettingsT, Path], str]
    policy_rules: Callable[[SettingsT], Mapping[str, str]]
    policy_warnings: Callable[[SettingsT], Sequence[str]]
    policy_explain: Callable[[SettingsT, PolicyQuestion], Sequence[str]]
