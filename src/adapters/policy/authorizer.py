"""The operator's policy, by oslo.policy."""

import functools
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs
from oslo_config import cfg
from oslo_policy import _checks as checks
from oslo_policy import opts
from oslo_policy import policy as oslo

from vitrine.adapters.policy import compiling, explaining
from vitrine.core.context import Context
from vitrine.core.errors import Misconfigured, Unavailable
from vitrine.core.policy import DEFAULT, RULES
from vitrine.ports.authorization import Authorizer, Predicate

_log = logging.getLogger(__name__)

_REMEMBERED: Final = 4096  # predicates; one for each rule and caller

_Signature = tuple[tuple[str, int, int, int], ...]


@attrs.frozen(kw_only=True, cache_hash=True)
class _Caller:
    """What policy rules can ask of a caller. Roles of a service do not count."""

    user_id: str | None
    project_id: str | None
    domain_id: str | None
    system_scope: str | None
    user_domain_id: str | None
    project_domain_id: str | None
    roles: frozenset[str]
    is_admin: bool

    @classmethod
    def of(cls, context: Context) -> "_Caller":
        return cls(
            user_id=context.user_id,
            project_id=context.project_id,
            domain_id=context.domain_id,
            system_scope=context.system_scope,
            user_domain_id=context.user_domain_id,
            project_domain_id=context.project_domain_id,
            roles=context.roles,
            is_admin=context.is_admin,
        )

    def credentials(self) -> dict[str, object]:
        """Return these as oslo.policy wants them.

        What is not known is left out: as None it would equal the text "None", so
        that a caller without a project would own every image without an owner.
        """
        named: dict[str, object] = {
            "user_id": self.user_id,
            "user": self.user_id,
            "project_id": self.project_id,
            "tenant": self.project_id,
            "tenant_id": self.project_id,
            "domain_id": self.domain_id,
            "system_scope": self.system_scope,
            "system": self.system_scope,
            "user_domain_id": self.user_domain_id,
            "project_domain_id": self.project_domain_id,
            "roles": sorted(self.roles),
            "is_admin": self.is_admin,
        }
        return {name: value for name, value in named.items() if value is not None}

    @property
    def scope(self) -> str:
        if self.system_scope:
            return "system"
        return "domain" if self.domain_id else "project"


_CREDENTIALS: Final = frozenset(
    _Caller(
        user_id="",
        project_id="",
        domain_id="",
        system_scope="",
        user_domain_id="",
        project_domain_id="",
        roles=frozenset(),
        is_admin=False,
    ).credentials()
)


class _Generation:
    """The rules as they were when the files were last read. Never changes."""

    def __init__(
        self, enforcer: oslo.Enforcer, signature: _Signature, *, enforce_scope: bool
    ) -> None:
        self.signature = signature
        self._enforcer = enforcer
        self._enforce_scope = enforce_scope
        self.predicate: Callable[[str, _Caller], Predicate] = functools.lru_cache(
            maxsize=_REMEMBERED
        )(self._predicate)

    def knows(self, rule: str) -> bool:
        return rule in self._enforcer.rules

    def explain(
        self, rule: str, caller: _Caller, target: Mapping[str, object]
    ) -> explaining.Explanation:
        self._check_known(rule)
        if not self._in_scope(rule, caller):
            text = f"rule:{rule}, for a token whose scope is {caller.scope}"
            return explaining.Explanation(text=text, holds=False)
        return explaining.explain(rule, self._enforcer.rules, caller.credentials(), target)

    def checks(self) -> Mapping[str, str]:
        return {name: str(check) for name, check in self._enforcer.rules.items()}

    def unknown(self, relied_on: frozenset[str]) -> Sequence[str]:
        named = {
            match
            for check in self._enforcer.rules.values()
            for match in re.findall(r"rule:([^\s()]+)", str(check))
        }
        return sorted(set(self._enforcer.file_rules) - set(RULES) - named - relied_on)

    def check_known(self, rules: Iterable[str]) -> None:
        """Refuse to do without one of *rules*."""
        for rule in sorted(rules):
            self._check_known(rule)

    def _check_known(self, rule: str) -> None:
        if not self.knows(rule):
            raise Misconfigured(f"There is no policy rule named '{rule}'.")

    def _predicate(self, rule: str, caller: _Caller) -> Predicate:
        self._check_known(rule)
        if not self._in_scope(rule, caller):
            return compiling.never
        rules = self._enforcer.rules
        try:
            return compiling.compile_check(rules[rule], rules, caller.credentials(), (rule,))
        except compiling.CannotCompile:
            return functools.partial(self.enforce, rule, caller)

    def enforce(self, rule: str, caller: _Caller, target: Mapping[str, object]) -> bool:
        """Have oslo.policy itself answer. It may write into the credentials."""
        try:
            return bool(self._enforcer.enforce(rule, target, caller.credentials()))
        except OSError as error:
            # What requests raises is one, for checks that ask a remote service.
            raise Unavailable("The operator's policy cannot be evaluated now.") from error

    def _in_scope(self, rule: str, caller: _Caller) -> bool:
        registered = RULES.get(rule) if self._enforce_scope else None
        return registered is None or caller.scope in registered.scope


@attrs.frozen(kw_only=True)
class RemoteChecks:
    """How rules such as ``http://host/path`` ask the service that they name.

    Attributes:
        content_type: What they send: ``application/x-www-form-urlencoded`` or
            ``application/json``.
        timeout: Seconds to wait for the answer.
        verify: Whether the certificate of an https service is verified.
        ca_file: By which authorities; None for those of the system.
        certificate: The file of the certificate that is shown to it.
        key: The file of that certificate's key.
    """

    content_type: str = "application/x-www-form-urlencoded"
    timeout: float = 60
    verify: bool = False
    ca_file: str | None = None
    certificate: str | None = None
    key: str | None = None


class OsloAuthorizer(Authorizer):
    """Rules from a policy file, directories of such files, and the defaults.

    Files that change are read again, at most once in *reload_interval* seconds.
    If what they say then makes no sense, the rules before stay, and the log says
    why, once. A file that does not exist, or no longer, leaves the defaults, as long
    as nobody relies on a rule that is in it.
    """

    def __init__(  # noqa: PLR0913 - the files, what they mean, and when they are looked at
        self,
        *,
        policy_file: Path | None = None,
        policy_dirs: Sequence[Path] = (),
        enforce_new_defaults: bool = True,
        enforce_scope: bool = True,
        remote: RemoteChecks | None = None,
        reload_interval: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the files.

        Args:
            policy_file: YAML, names of rules to checks.
            policy_dirs: Directories of such files, which override the file; each in
                the order of their names, those that begin with a dot left out.
            enforce_new_defaults: Whether a rule that changed in earlier releases
                holds as it is now, and not also as it was.
            enforce_scope: Whether rules hold for tokens of their own scopes only.
            remote: How rules ask other services.
            reload_interval: In seconds.
            monotonic: Tells the time, in seconds.

        Raises:
            Misconfigured: A file cannot be read, a check cannot be understood or
                refers to itself or to a rule that is nowhere defined.
        """
        self._policy_file = policy_file
        self._policy_dirs = tuple(policy_dirs)
        self._enforce_new_defaults = enforce_new_defaults
        self._enforce_scope = enforce_scope
        self._remote = remote or RemoteChecks()
        self._reload_interval = reload_interval
        self._monotonic = monotonic
        self._reloading = threading.Lock()
        self._looked_at = monotonic()
        self._relied_on: frozenset[str] = frozenset()
        self._current = self._read(self._signature())
        self._refused: _Signature | None = None

    def allows(self, rule: str, context: Context, target: Mapping[str, object]) -> bool:
        return self.compiled(rule, context)(target)

    def compiled(self, rule: str, context: Context) -> Predicate:
        return self._generation().predicate(rule, _Caller.of(context))

    def knows(self, rule: str) -> bool:
        return self._generation().knows(rule)

    def explain(
        self, rule: str, context: Context, target: Mapping[str, object]
    ) -> explaining.Explanation:
        """Return why *rule* holds, or does not. Remote services are not asked.

        Raises:
            Misconfigured: There is no such rule.
        """
        return self._generation().explain(rule, _Caller.of(context), target)

    def checks(self) -> Mapping[str, str]:
        """Return the check of each rule that is in force, by its name, as text."""
        return self._generation().checks()

    def unknown(self) -> Sequence[str]:
        """Return the names in the files that the service has no use for."""
        return self._generation().unknown(self._relied_on)

    def rely_on(self, rules: Iterable[str]) -> None:
        """Keep *rules*, which others ask for: files that come without one make no sense.

        Raises:
            Misconfigured: One is not there now.
        """
        names = frozenset(rules)
        self._generation().check_known(names)
        self._relied_on |= names

    @property
    def legacy(self) -> bool:
        return not self._enforce_new_defaults

    def _generation(self) -> _Generation:
        due = self._monotonic() - self._looked_at >= self._reload_interval
        # Whoever comes while somebody else is reading goes on with the rules before.
        if due and self._reloading.acquire(blocking=False):
            try:
                self._reload()
            finally:
                self._looked_at = self._monotonic()
                self._reloading.release()
        return self._current

    def _reload(self) -> None:
        signature = self._signature()
        if signature in {self._current.signature, self._refused}:
            return
        try:
            generation = self._read(signature)
            generation.check_known(self._relied_on)
        except Misconfigured as error:
            self._refused = signature
            _log.error("The rules before stay in force: %s", error)
        else:
            self._current, self._refused = generation, None
            _log.info("The policy was read again.")

    def _files(self) -> Iterator[Path]:
        if self._policy_file is not None:
            yield self._policy_file
        for directory in self._policy_dirs:
            yield directory
            try:
                yield from sorted(
                    each for each in directory.iterdir() if not each.name.startswith(".")
                )
            except OSError:
                continue

    def _signature(self) -> _Signature:
        """Return what tells the files of now from those of another time."""
        seen: list[tuple[str, int, int, int]] = []
        for path in self._files():
            try:
                stat = path.stat()
            except OSError:
                continue
            seen.append((str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return tuple(seen)

    def _open_all(self) -> None:
        """Open every file: oslo.policy reads most that it cannot open as empty ones.

        Raises:
            OSError: One cannot be opened, or a directory not be looked into.
        """
        if self._policy_file is not None and self._policy_file.exists():
            self._policy_file.read_bytes()
        for directory in self._policy_dirs:
            for path in directory.iterdir() if directory.exists() else ():
                if path.is_file() and not path.name.startswith("."):
                    path.read_bytes()

    def _read(self, signature: _Signature) -> _Generation:
        """Make a new generation, without touching the one that is in use.

        oslo.policy would change its rules in place; for a moment all that are not
        in the file would be missing, and what is missing falls back to `default`.
        """
        enforcer = oslo.Enforcer(self._configuration(), default_rule=DEFAULT)
        # All rules are listed in the documentation of the release that changed them.
        enforcer.suppress_default_change_warnings = True
        enforcer.register_defaults(
            [_registered(rule.name, scoped=self._enforce_scope) for rule in RULES.values()],
        )
        try:
            self._open_all()
            enforcer.load_rules()
            _validate(enforcer)
        except oslo.InvalidDefinitionError as error:
            raise _unusable("rules refer to undefined rules or to themselves") from error
        except (ValueError, AttributeError, TypeError, cfg.Error, OSError) as error:
            raise _unusable("it is not a readable mapping of names to checks") from error
        # From here on no call looks at the files: see load_rules of oslo.policy.
        enforcer.use_conf = False
        return _Generation(enforcer, signature, enforce_scope=self._enforce_scope)

    def _configuration(self) -> cfg.ConfigOpts:
        configuration = cfg.ConfigOpts()
        configuration([], project="vitrine", default_config_files=[], default_config_dirs=[])
        opts._register(configuration)  # noqa: SLF001 - Enforcer does it, but later
        # Nobody can make a file below a device.
        none = Path("/dev/null/none")
        for name, value in (
            ("policy_file", str((self._policy_file or none).absolute())),
            ("policy_dirs", [str(path.absolute()) for path in self._policy_dirs]),
            ("enforce_new_defaults", self._enforce_new_defaults),
            ("remote_content_type", self._remote.content_type),
            ("remote_timeout", self._remote.timeout),
            ("remote_ssl_verify_server_crt", self._remote.verify),
            ("remote_ssl_ca_crt_file", self._remote.ca_file),
            ("remote_ssl_client_crt_file", self._remote.certificate),
            ("remote_ssl_client_key_file", self._remote.key),
        ):
            configuration.set_override(name, value, group="oslo_policy")
        return configuration


def _registered(name: str, *, scoped: bool) -> oslo.RuleDefault:
    rule = RULES[name]
    deprecated = (
        None
        if rule.deprecated_check is None
        else oslo.DeprecatedRule(
            name=name,
            check_str=rule.deprecated_check,
            deprecated_reason="The defaults tell readers, members and administrators apart.",
            deprecated_since="Glance Wallaby",
        )
    )
    return oslo.RuleDefault(
        name=name,
        check_str=rule.check,
        description=rule.description,
        # Newer releases of oslo.policy have no other way to say that scopes do not count.
        scope_types=list(rule.scope) if scoped else None,
        deprecated_rule=deprecated,
    )


def _validate(enforcer: oslo.Enforcer) -> None:
    """Refuse rules that oslo.policy would only ever deny, or answer with an error."""
    for name, written in enforcer.file_rules.items():
        wrong = ", ".join(compiling.flaws(written.check, _CREDENTIALS))
        if wrong:
            raise _unusable(f"in '{name}', this cannot be evaluated: {wrong}")
        if _misread(written.check, written.check_str):
            raise _unusable(f"the check of '{name}' cannot be understood")
    enforcer.check_rules(raise_on_violation=True)


def _misread(check: checks.BaseCheck, written: object) -> bool:
    # What oslo.policy does not understand it reads as "never". A list, the way to
    # write checks before there was a language, counts by its text as well.
    words: list[str] = re.findall(r"[^\s()\[\]',]+", str(written))
    return _nevers(check) > words.count("!")


def _nevers(check: checks.BaseCheck) -> int:
    if isinstance(check, checks.OrCheck | checks.AndCheck):
        return sum(_nevers(part) for part in check.rules)
    if isinstance(check, checks.NotCheck):
        return _nevers(check.rule)
    return int(isinstance(check, checks.FalseCheck))


def _unusable(reason: str) -> Misconfigured:
    return Misconfigured(f"The policy file is not usable: {reason}.")
