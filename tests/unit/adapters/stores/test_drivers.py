"""Stores as drivers open them, by the values of their sections."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest
from oslo_config import cfg

from tests.support.fetching import MemoryFetcher
from vitrine.adapters.credentials.lazy import LazyCredentials
from vitrine.adapters.stores.drivers import file, http, memory
from vitrine.core.errors import Misconfigured
from vitrine.ports.fetching import Fetcher
from vitrine.ports.stores import (
    SERVICE,
    Ability,
    BlobTarget,
    Fetchers,
    Store,
    StoreDriver,
    StoreOpening,
)


class _Fetchers(Fetchers):
    def __init__(self) -> None:
        self.asked: list[tuple[bool, str | None, Mapping[str, str]]] = []

    def __call__(self, *, verify: bool, ca_file: str | None, proxies: Mapping[str, str]) -> Fetcher:
        self.asked.append((verify, ca_file, dict(proxies)))
        return MemoryFetcher()


def opening(
    driver: StoreDriver,
    directory: Path,
    values: Mapping[str, object] = {},
    *,
    fetchers: Fetchers | None = None,
    store_id: str = "store",
) -> StoreOpening:
    options = cast("Sequence[cfg.Opt]", driver.options)
    return StoreOpening(
        store_id=store_id,
        values={option.dest: option.default for option in options} | dict(values),
        data_dir=directory,
        credentials=LazyCredentials(None),
        fetchers=fetchers or _Fetchers(),
    )


def written(store: Store) -> str:
    writer = store.begin(BlobTarget(session_id="s", key="key"), SERVICE)
    return writer.commit().url


def test_a_file_store_is_where_its_section_says(tmp_path: Path) -> None:
    opened = opening(file.DRIVER, tmp_path, {"filesystem_store_datadir": str(tmp_path / "there")})

    assert written(file.DRIVER.open(opened)) == f"file://{tmp_path}/there/key"


@pytest.mark.parametrize(
    ("written_as", "place"), [(None, "images"), ("", "images"), ("a/b", "a/b")]
)
def test_a_file_store_is_in_the_data_directory_unless_its_path_is_absolute(
    tmp_path: Path, written_as: str | None, place: str
) -> None:
    opened = opening(file.DRIVER, tmp_path, {"filesystem_store_datadir": written_as})

    assert written(file.DRIVER.open(opened)) == f"file://{tmp_path}/{place}/key"


def test_a_file_store_has_the_directories_priorities_and_permissions_of_its_section(
    tmp_path: Path,
) -> None:
    directories = (f"{tmp_path}/low:1", f"{tmp_path}/high:20", f"{tmp_path}/none")
    store = file.DRIVER.open(
        opening(
            file.DRIVER,
            tmp_path,
            {"filesystem_store_datadirs": directories, "filesystem_store_file_perm": 640},
        )
    )

    assert written(store) == f"file://{tmp_path}/high/key"
    assert (tmp_path / "high/key").stat().st_mode & 0o7777 == 0o640


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (
            {"filesystem_store_datadir": "/a", "filesystem_store_datadirs": ("/b",)},
            "filesystem_store_datadirs",
        ),
        ({"filesystem_store_datadirs": ("/a:high",)}, "priority"),
        ({"filesystem_store_datadirs": ("a",)}, "absolute"),
        ({"filesystem_store_datadirs": ("/a:1", "/a/:2")}, "twice"),
        ({"filesystem_store_file_perm": 689}, "octal"),
    ],
)
def test_a_file_store_that_cannot_be_is_refused(
    tmp_path: Path, values: dict[str, object], named: str
) -> None:
    with pytest.raises(Misconfigured, match=named):
        file.DRIVER.open(opening(file.DRIVER, tmp_path, values))


@pytest.mark.parametrize(
    ("first", "second", "fine"),
    [
        (None, None, False),
        ("/a", "/a/", False),
        ("/a", "/a/b", False),
        ("/a/b/c", "/a", False),
        ("/a", "/ab", True),
        (None, "other", True),
    ],
)
def test_no_two_file_stores_share_a_directory(
    tmp_path: Path, first: str | None, second: str | None, *, fine: bool
) -> None:
    openings = [
        opening(file.DRIVER, tmp_path, {"filesystem_store_datadir": path}, store_id=store_id)
        for store_id, path in (("one", first), ("two", second))
    ]
    if fine:
        file.refuse_shared(openings)
        return
    with pytest.raises(Misconfigured, match=r"'(one|two)' and '(one|two)'"):
        file.refuse_shared(openings)


@pytest.mark.parametrize(
    ("insecure", "authorities", "asked"),
    [
        (True, None, (False, None)),
        (True, "", (False, None)),
        (True, "/ca.pem", (True, "/ca.pem")),
        (False, None, (True, None)),
    ],
)
def test_an_http_store_verifies_as_its_section_says(
    tmp_path: Path, authorities: str | None, asked: tuple[bool, str | None], *, insecure: bool
) -> None:
    fetchers = _Fetchers()

    store = http.DRIVER.open(
        opening(
            http.DRIVER,
            tmp_path,
            {
                "https_insecure": insecure,
                "https_ca_certificates_file": authorities,
                "http_proxy_information": {"http": "10.0.0.1:3128"},
            },
            fetchers=fetchers,
        )
    )

    assert fetchers.asked == [(*asked, {"http": "10.0.0.1:3128"})]
    assert store.abilities == Ability.RANGE


def test_a_store_in_memory_needs_no_values(tmp_path: Path) -> None:
    store = memory.DRIVER.open(opening(memory.DRIVER, tmp_path))

    assert written(store) == "memory://store/key"
