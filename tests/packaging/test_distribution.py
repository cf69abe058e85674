"""What is shipped is all of it, and runs where nothing but its wheel was installed."""

import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
BUILT_BY_PYTHON = {".pyc", ".pyo"}


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sdist, and the wheel that was built from it."""
    out = tmp_path_factory.mktemp("dist")
    # The pinned setuptools is installed; isolation would fetch another.
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)],
        check=True,
        capture_output=True,
        text=True,
    )
    return out


def shipped_files() -> set[str]:
    files = (path for path in SOURCE.rglob("*") if path.is_file())
    return {str(path.relative_to(SOURCE)) for path in files if path.suffix not in BUILT_BY_PYTHON}


def test_the_wheel_holds_every_file_of_the_package(distributions: Path) -> None:
    (wheel,) = distributions.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    inside = {name.removeprefix("vitrine/") for name in names if name.startswith("vitrine/")}
    assert inside == shipped_files()


def test_the_sdist_holds_the_sources_and_what_tests_them(distributions: Path) -> None:
    (sdist,) = distributions.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"src/{name}" for name in shipped_files()} <= names
    assert {"LICENSE", "README.md", "requirements.lock", "tests/conftest.py"} <= names


def test_the_wheel_runs_where_only_it_is_installed(distributions: Path, tmp_path: Path) -> None:
    (wheel,) = distributions.glob("*.whl")
    home = tmp_path / "fresh"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", str(wheel)],
        check=True,
        capture_output=True,
    )
    # The dependencies of the environment that runs this, but not its editable vitrine: a directory
    # added by a .pth file is searched, and its own .pth files are not read.
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    theirs = next((home / "lib").glob("python*/site-packages"))
    (theirs / "dependencies.pth").write_text(ours + "\n")
    where = subprocess.run(
        [python, "-c", "import vitrine; print(vitrine.__file__)"],
        check=True, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(home)
    shown = subprocess.run(
        [home / "bin" / "vitrine", "--help"],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "serve" in shown.stdout
