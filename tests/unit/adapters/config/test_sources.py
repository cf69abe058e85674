"""Which files are read, and in what order."""

from pathlib import Path

import pytest

from vitrine.adapters.config.loading import load
from vitrine.adapters.config.sources import CommandLine


def _write(directory: Path, name: str, threads: int) -> Path:
    file = directory / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"[vitrine]\nthreads = {threads}\n")
    return file


def test_the_import_file_is_read_first_and_ours_last(tmp_path: Path) -> None:
    directory = tmp_path / "etc-glance"
    ours = _write(directory, "vitrine.conf", 3)
    api = _write(directory, "glance-api.conf", 2)
    of_import = _write(directory, "glance-image-import.conf", 1)

    settings = load()

    assert settings.files == (of_import, api, ours)
    assert settings.server.threads == 3


def test_our_directory_goes_before_the_customary_one(tmp_path: Path) -> None:
    _write(tmp_path / "etc-glance", "glance-api.conf", 2)
    ours = _write(tmp_path / "etc-vitrine", "vitrine.conf", 3)

    assert load().files == (ours,)


@pytest.mark.parametrize("variable", ["VITRINE_CONFIG_DIR", "OS_GLANCE_CONFIG_DIR"])
def test_the_environment_names_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    _write(tmp_path / "etc-vitrine", "vitrine.conf", 3)
    elsewhere = _write(tmp_path / "elsewhere", "glance-api.conf", 4)
    monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))

    assert load().files == (elsewhere,)


def test_a_directory_without_files_is_not_passed_over_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_GLANCE_CONFIG_DIR", str(tmp_path / "empty"))

    (warning,) = load().warnings

    assert "empty" in warning


def test_a_drop_in_overrides_its_file_and_nothing_later(tmp_path: Path) -> None:
    directory = tmp_path / "etc-glance"
    api = _write(directory, "glance-api.conf", 1)
    second = _write(directory, "glance-api.conf.d/20-more.conf", 3)
    first = _write(directory, "glance-api.conf.d/10-some.conf", 2)
    _write(directory, "glance-api.conf.d/README", 9)

    settings = load()

    assert settings.files == (api, first, second)
    assert settings.server.threads == 3


def test_files_that_are_named_replace_the_search_and_directories_follow(tmp_path: Path) -> None:
    _write(tmp_path / "etc-vitrine", "vitrine.conf", 9)
    one = _write(tmp_path, "one.conf", 1)
    two = _write(tmp_path, "two.conf", 2)
    three = _write(tmp_path / "three.d", "x.conf", 3)

    settings = load(CommandLine(config_files=(two, one), config_dirs=(tmp_path / "three.d",)))

    assert settings.files == (two, one, three)
    assert settings.server.threads == 3
    assert settings.search_path == (tmp_path / "three.d", tmp_path)
