"""The Swift driver, and callers whom Swift itself does not let do what they want."""

import uuid
from pathlib import Path

import pytest

from tests.support.services import Keystone
from tests.support.swift import Swift
from tests.support.swift_stores import by_project, caller, opened, service_account
from vitrine.core import errors
from vitrine.ports.stores import SERVICE, Store
from vitrine.testing.stores import rest_of, target_for, write_all


@pytest.fixture
def store(keystone_swift: Swift, keystone: Keystone, tmp_path: Path) -> Store:
    values = by_project(f"callers-{uuid.uuid4().hex[:12]}", swift_store_use_trusts=False)
    return opened(tmp_path, values, service=service_account(keystone))


def test_who_may_not_write_in_the_account_is_not_admitted(store: Store, keystone: Keystone) -> None:
    reader = keystone.make_user("demo", roles=("reader",))
    identity = caller(keystone, token=keystone.token(reader, project="demo"))
    with pytest.raises(errors.CallerNotAdmitted):
        store.begin(target_for(), identity)


def test_whose_token_is_good_no_more_is_not_admitted_anywhere(
    store: Store, keystone: Keystone
) -> None:
    identity = caller(keystone)
    writer = store.begin(target_for(), identity)
    write_all(writer, b"bytes")
    stored = writer.commit()
    token = keystone.token("demo", fresh=True)
    gone = caller(keystone, token=token)
    keystone.revoke(token)
    with pytest.raises(errors.CallerNotAdmitted):
        store.begin(target_for(), gone)
    with pytest.raises(errors.CallerNotAdmitted):
        store.size(stored.url, gone)
    with pytest.raises(errors.CallerNotAdmitted):
        store.open(stored.url, gone)
    with pytest.raises(errors.CallerNotAdmitted):
        store.delete(stored.url, gone)
    assert rest_of(store.open(stored.url, identity)) == b"bytes"
    store.delete(stored.url, identity)


def test_whose_token_ends_in_the_middle_is_not_admitted_and_the_service_tidies_up(
    store: Store, keystone: Keystone
) -> None:
    token = keystone.token("demo", fresh=True)
    target = target_for()
    writer = store.begin(target, caller(keystone, token=token))
    write_all(writer, bytes(1 << 20))
    keystone.revoke(token)
    with pytest.raises(errors.CallerNotAdmitted):
        write_all(writer, bytes(2 << 20))
    with pytest.raises(errors.CallerNotAdmitted):
        writer.abort()
    store.discard(target, writer.handle, SERVICE)
    with pytest.raises(errors.BlobNotFound):
        store.size(_url_of(writer.handle, target.key, store), SERVICE)


def _url_of(handle: str | None, key: str, store: Store) -> str:
    account = (handle or "").replace("http://", "swift+http://", 1)
    return f"{account}/{store.properties['container']}_{key}/{key}"
