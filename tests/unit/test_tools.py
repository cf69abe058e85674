"""The scripts that guard the project, guarded."""

from pathlib import Path

import pytest

from tools import contract_report, lock

PYPROJECT = """
[project]
requires-python = ">=3.11"
dependencies = ["attrs>=23.2"]
[project.optional-dependencies]
[dependency-groups]
dev = []
"""
PINS = "attrs==24.1.0 ; sys_platform == 'linux' \\\n    --hash=sha256:00ff\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree whose lock fits."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    monkeypatch.setattr(lock, "PYPROJECT", tmp_path / "pyproject.toml")
    monkeypatch.setattr(lock, "LOCK", tmp_path / "requirements.lock")
    (tmp_path / "requirements.lock").write_text(f"{lock._first_line()}\n{PINS}")
    return tmp_path


def test_a_lock_that_fits_passes(tree: Path) -> None:
    assert lock.main(["check"]) == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("attrs>=23.2", "attrs>=23.1"),
        (">=3.11", ">=3.12"),
        ("dev = []", "dev = ['ruff']"),
        ("[dependency-groups]", "s3 = ['boto3']\n[dependency-groups]"),
    ],
)
def test_a_lock_older_than_the_dependencies_fails(tree: Path, old: str, new: str) -> None:
    (tree / "pyproject.toml").write_text(PYPROJECT.replace(old, new))
    assert lock.main(["check"]) == 1


@pytest.mark.parametrize("table", ["[tool.ruff]\nline-length = 100\n", "# Nothing.\n"])
def test_what_is_no_dependency_may_change_without_a_new_lock(tree: Path, table: str) -> None:
    (tree / "pyproject.toml").write_text(PYPROJECT + table)
    assert lock.main(["check"]) == 0


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://packages.example/simple",
        "thing @ file:///srv/thing.whl",
        "# via -r /srv/requirements.txt",
        "--find-links wheels",
    ],
)
def test_a_lock_that_names_a_place_fails(tree: Path, line: str) -> None:
    path = tree / "requirements.lock"
    path.write_text(f"{path.read_text()}{line}\n")
    assert lock.main(["check"]) == 1


def test_no_lock_fails(tree: Path) -> None:
    (tree / "requirements.lock").unlink()
    assert lock.main(["check"]) == 1


def test_a_row_is_proved_when_every_test_of_it_passed() -> None:
    proofs = contract_report.proofs_in(
        {
            "tests/a.py::one[x]": {"rows": ["IMG-001", "IMG-002"], "outcome": "passed"},
            "tests/a.py::one[y]": {"rows": ["IMG-001", "IMG-003"], "outcome": "passed"},
            "tests/b.py::two": {"rows": ["IMG-002"], "outcome": "skipped"},
            "tests/b.py::three": {"rows": ["IMG-004"], "outcome": "failed"},
        }
    )
    assert proofs == {"IMG-001": ["tests/a.py::one"], "IMG-003": ["tests/a.py::one"]}


def test_a_page_that_claims_too_much_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    areas = {"IMG": {"title": "Images", "IMG-001": "One thing", "IMG-002": "Another"}}
    proofs = {"IMG-001": ["tests/a.py::one"]}
    monkeypatch.setattr(contract_report, "PAGE", tmp_path / "page.md")
    (tmp_path / "page.md").write_text(contract_report.page(areas, proofs))
    assert contract_report.verify(proofs) == 0
    assert contract_report.verify({"IMG-002": ["tests/a.py::two"]}) == 1


def test_the_report_counts_by_area() -> None:
    areas = {"IMG": {"title": "Images", "IMG-001": "One thing", "IMG-002": "Another"}}
    text = contract_report.report(areas, {"IMG-001": ["tests/a.py::one"]})
    assert text.splitlines() == [
        "IMG     1 of   2   open: 002",
        "1 of 2 rows of the contract are proved.",
    ]
