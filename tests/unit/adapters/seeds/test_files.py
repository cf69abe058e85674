import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.metadefs import names
from vitrine.adapters.http.metadef_documents import new_namespace, seed_document
from vitrine.adapters.seeds.files import (
    BUNDLED,
    Seed,
    file_name,
    make_directory,
    read_seeds,
    write_seed,
)
from vitrine.core.errors import Misconfigured
from vitrine.core.metadefs.definitions import Association
from vitrine.core.metadefs.namespaces import NamespaceVisibility, new_definitions

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("seed", read_seeds(BUNDLED), ids=lambda seed: seed.file_name)
def test_what_comes_along_is_for_everybody_and_says_what_it_is_for(seed: Seed) -> None:
    new = new_namespace(seed.document)
    assert new.fields.visibility is NamespaceVisibility.PUBLIC
    assert new.fields.protected
    assert new.fields.display_name
    assert new.fields.description
    made = new_definitions("id", new, NOON)
    assert made.all(Association)
    assert made.properties or made.objects
    assert seed_document(made) == seed.document


def test_no_two_bundled_files_are_about_one_namespace() -> None:
    about = [seed.document["namespace"] for seed in read_seeds(BUNDLED)]
    assert len(about) == len({*about})


def test_only_json_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", "c.txt"):
        (tmp_path / name).write_text(json.dumps({"namespace": name}))
    assert [seed.document["namespace"] for seed in read_seeds(tmp_path)] == ["a.json", "b.json"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": "\\ud800"}', "1", "\xff"])
def test_a_file_that_holds_no_object_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "wrong.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(Misconfigured) as raised:
        read_seeds(tmp_path)
    assert "wrong.json" in str(raised.value)
    assert str(tmp_path) not in str(raised.value)


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        read_seeds(tmp_path / "nowhere")


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "directory"
    make_directory(directory)
    make_directory(directory)
    documents: list[dict[str, object]] = [{"namespace": "OS::A"}, {"namespace": "ß/../x"}]
    for document in documents:
        write_seed(directory, str(document["namespace"]), {"old": True})
        write_seed(directory, str(document["namespace"]), document)
    read = [seed.document for seed in read_seeds(directory)]
    assert sorted(read, key=str) == sorted(documents, key=str)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured):
        make_directory(tmp_path / "file")
    with pytest.raises(Misconfigured):
        write_seed(tmp_path / "file", "n", {})


AWKWARD = st.sampled_from(["OS::A", "OS-A", "OS::A::", "..", "/", "a/b"])


@given(st.lists(names() | AWKWARD, unique=True))
def test_every_namespace_has_a_file_of_its_own_in_the_directory(several: list[str]) -> None:
    files = [file_name(name) for name in several]
    assert len({*files}) == len(several)
    for file in files:
        assert Path(file).name == file
        assert len(file) < 255
        assert file.endswith(".json")


def test_plain_names_make_plain_files() -> None:
    assert file_name("OS::Compute::NUMA") == "OS-Compute-NUMA.json"
