"""Where the configuration comes from: files, the environment, the command line."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs
from oslo_config import cfg, iniparser

from vitrine.adapters.config.options import SECTIONS
from vitrine.adapters.config.reading import Configuration
from vitrine.core.errors import Misconfigured

_DIRECTORIES = (Path("/etc/vitrine"), Path("/etc/glance"))
_DIRECTORY_VARIABLES = ("VITRINE_CONFIG_DIR", "OS_GLANCE_CONFIG_DIR")
_FILES = ("glance-image-import.conf", "glance-api.conf", "vitrine.conf")


@attrs.frozen(kw_only=True)
class CommandLine:
    """What was said when the command was started; it goes before everything else.

    Attributes:
        config_files: The files to read, in order; none means to search for them.
        config_dirs: Directories whose ``*.conf`` are read after these, by name.
        bind: For ``[vitrine] bind``.
        workers: For ``[vitrine] workers``.
        threads: For ``[vitrine] threads``.
        identity: For ``[vitrine] identity``.
        debug: For ``[DEFAULT] debug``; False leaves it to the files.
    """

    config_files: tuple[Path, ...] = ()
    config_dirs: tuple[Path, ...] = ()
    bind: str | None = None
    workers: int | None = None
    threads: int | None = None
    identity: str | None = None
    debug: bool = False


@attrs.frozen(kw_only=True)
class Sources:
    """The files found, and what names they hold.

    Attributes:
        files: In the order in which they are read; later ones override.
        search_path: Where files with a relative name are looked for.
        missing_dir: A directory that the environment names, without any file.
    """

    files: tuple[Path, ...]
    search_path: tuple[Path, ...]
    missing_dir: Path | None = None

    def find(self, name: str) -> Path | None:
        """Return the file or directory called *name*, absolute, or None if there is none."""
        return next((each for each in self._candidates(name) if each.exists()), None)

    def place(self, name: str) -> Path | None:
        """Return what `find` finds, or else where it would look first; None for nowhere."""
        return self.find(name) or next(iter(self._candidates(name)), None)

    def _candidates(self, name: str) -> Sequence[Path]:
        path = Path(name).expanduser()
        return [path] if path.is_absolute() else [each / path for each in self.search_path]

    def names(self) -> Iterator[tuple[Path, Mapping[str, Sequence[str]]]]:
        """Yield every file with its sections and the names of the options in each.

        Raises:
            Misconfigured: A file cannot be read. The message names the line, and
                shows nothing of it, since it may be a broken password.
        """
        for path in self.files:
            sections: dict[str, dict[str, object]] = {}
            try:
                cfg.ConfigParser(str(path), sections).parse()
            except iniparser.ParseError as error:
                raise Misconfigured(f"{path}, line {error.lineno}: {error.msg}.") from None
            except UnicodeDecodeError:
                raise Misconfigured(f"{path} is not text in UTF-8.") from None
            except OSError as error:
                raise Misconfigured(f"{path} cannot be read: {error.strerror}.") from None
            yield path, {section: tuple(names) for section, names in sections.items()}


def find_sources(command_line: CommandLine) -> Sources:
    """Return the files that are to be read.

    Raises:
        Misconfigured: One that was named is not there.
    """
    if command_line.config_files or command_line.config_dirs:
        return _named(command_line)
    for variable in _DIRECTORY_VARIABLES:
        if value := os.environ.get(variable):
            directory = Path(value).expanduser().absolute()
            files = _files_in(directory)
            return Sources(
                files=files,
                search_path=(directory,),
                missing_dir=None if files else directory,
            )
    for directory in _DIRECTORIES:
        if files := _files_in(directory):
            return Sources(files=files, search_path=(directory,))
    return Sources(files=(), search_path=())


def _files_in(directory: Path) -> tuple[Path, ...]:
    """Return what is read of *directory*: each known file, and its ``.d`` right after it."""
    found: list[Path] = []
    for name in _FILES:
        found.extend(path for path in [directory / name] if path.is_file())
        found.extend(sorted((directory / f"{name}.d").glob("*.conf")))
    return tuple(found)


def _named(command_line: CommandLine) -> Sources:
    files: list[Path] = []
    for path in command_line.config_files:
        if not path.is_file():
            raise Misconfigured(f"There is no configuration file {path}.")
        files.append(path.absolute())
    directories: list[Path] = []
    for path in command_line.config_dirs:
        if not path.is_dir():
            raise Misconfigured(f"There is no configuration directory {path}.")
        directories.append(path.absolute())
        files.extend(sorted(path.absolute().glob("*.conf")))
    # The directory of the last word comes first.
    search_path = dict.fromkeys([*reversed(directories), *(p.parent for p in reversed(files))])
    return Sources(files=tuple(files), search_path=tuple(search_path))


def parse(sources: Sources, command_line: CommandLine) -> Configuration:
    """Return oslo.config's view of all sources; of stores, only what is always there.

    Raises:
        Misconfigured: A file or a value of the command line is not acceptable.
    """
    configuration = Configuration()
    for section in SECTIONS:
        configuration.add(section.name, section.options)
    try:
        configuration.conf(
            [],
            project="vitrine",
            default_config_files=[str(path) for path in sources.files],
            default_config_dirs=[],
        )
    except cfg.Error as error:
        raise Misconfigured(f"The configuration cannot be read: {error}.") from None
    overrides = {
        ("vitrine", "bind"): command_line.bind,
        ("vitrine", "workers"): command_line.workers,
        ("vitrine", "threads"): command_line.threads,
        ("vitrine", "identity"): command_line.identity,
        (None, "debug"): command_line.debug or None,
    }
    for (group, name), value in overrides.items():
        if value is not None:
            try:
                configuration.conf.set_override(name, value, group=group)
            except ValueError as error:
                raise Misconfigured(f"--{name}: {error}.") from None
    return configuration
