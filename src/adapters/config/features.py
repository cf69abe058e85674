"""What the configuration asks for and does not get: said by name, never passed over."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import attrs

from vitrine.adapters.config.drivers import built_in_options
from vitrine.adapters.config.reading import Configuration


@attrs.frozen
class _Unbuilt:
    """An option whose feature does not exist yet.

    Attributes:
        section: The option's section.
        option: Its name.
        feature: What does not exist, in the singular.
        is_on: Whether a value that somebody set asks for the feature.
    """

    section: str
    option: str
    feature: str
    is_on: Callable[[object], bool] = bool


def _differs_from(*harmless: object) -> Callable[[object], bool]:
    return lambda value: value not in harmless


# Building a feature means deleting its rows. A value nobody set never counts, so
# that defaults which switch something on are not complained about.
UNBUILT: tuple[_Unbuilt, ...] = (
    _Unbuilt("DEFAULT", "metadata_encryption_key", "encryption of locations"),
    _Unbuilt("DEFAULT", "delayed_delete", "delayed deletion"),
    _Unbuilt("DEFAULT", "daemon", "delayed deletion"),
    _Unbuilt("DEFAULT", "restore", "delayed deletion"),
    _Unbuilt("paste_deploy", "config_file", "a pipeline of the operator's own"),
    _Unbuilt("profiler", "enabled", "profiling"),
    _Unbuilt("database", "slave_connection", "reading from a replica"),
    _Unbuilt("DEFAULT", "log_config_append", "logging by a file of its own"),
    _Unbuilt("DEFAULT", "use_syslog", "logging to syslog"),
    _Unbuilt("DEFAULT", "syslog_log_facility", "logging to syslog"),
    _Unbuilt("DEFAULT", "use_journal", "logging to the journal"),
    _Unbuilt("DEFAULT", "use_json", "logging as JSON"),
    _Unbuilt("DEFAULT", "log_rotation_type", "rotation of the log", _differs_from("none")),
    *(
        _Unbuilt("DEFAULT", name, "log lines of another form")
        for name in (
            "logging_context_format_string",
            "logging_default_format_string",
            "logging_debug_format_suffix",
            "logging_exception_prefix",
            "logging_user_identity_format",
        )
    ),
    _Unbuilt(
        "oslo_policy",
        "policy_default_rule",
        "a default rule of another name",
        _differs_from("default"),
    ),
)

_UNREAD: Mapping[str, str] = MappingProxyType(
    {
        "service_user": "sending service tokens",
        "oslo_reports": "the report on a signal",
        "privsep": "work as another user",
    }
)
"""Sections that libraries read by themselves once their feature exists."""

_READ_BY_LIBRARIES = frozenset(
    {
        "barbican",
        "barbican_service_user",
        "key_manager",
        "oslo_messaging_kafka",
        "oslo_messaging_rabbit",
        "vault",
    }
)
"""Sections that libraries read by themselves: what is in them is not known here."""


def unbuilt(configuration: Configuration) -> Iterator[str]:
    """Yield a sentence for every option that was set and whose feature does not exist."""
    for row in UNBUILT:
        values = configuration.section(row.section)
        if values.is_set(row.option) and row.is_on(values.get(row.option)):
            yield (
                f"[{row.section}] {row.option} does not have its full effect: "
                f"this version does not have {row.feature}."
            )


def unknown(
    configuration: Configuration,
    files: Iterator[tuple[Path, Mapping[str, Sequence[str]]]],
) -> Iterator[str]:
    """Yield a sentence for every name in *files* that means nothing here."""
    known = _known_names(configuration)
    for path, sections in files:
        for section, names in sections.items():
            key = _key(section)
            if key in _READ_BY_LIBRARIES:
                continue
            if key in _UNREAD:
                yield (
                    f"Section [{section}] in {path.name} has no effect: "
                    f"this version does not have {_UNREAD[key]}."
                )
            elif key not in known:
                yield f"Section [{section}] in {path.name} is unknown and has no effect."
            else:
                for name in names:
                    if name not in known[key] and not _of_another_kind(key, name):
                        yield (
                            f"Option [{section}] {name} in {path.name} is unknown and has no "
                            "effect."
                        )


def _of_another_kind(section: str, name: str) -> bool:
    """Return whether a kind of store that is not enabled has the option."""
    return section == "glance_store" and any(
        name in {option.dest, option.name} for option in built_in_options()
    )


def _key(section: str) -> str:
    """Return the name under which oslo.config finds *section*."""
    return section if section == "DEFAULT" else section.lower()


def _known_names(configuration: Configuration) -> dict[str, set[str]]:
    known: dict[str, set[str]] = {}
    for section, options in configuration.known.items():
        known.setdefault(_key(section), set())
        for option in options.values():
            known[_key(section)] |= {option.dest, option.name}
            for former in option.deprecated_opts:
                group = _key(former.group or section)
                known.setdefault(group, set()).add(former.name or option.dest)
    return known
