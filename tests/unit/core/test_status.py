"""The states of images, against the table of the contract typed anew."""

import itertools

import pytest

from vitrine.core.images.status import (
    FINDABLE,
    FORMATS_OPEN,
    LISTED,
    NEEDS_FORMATS,
    TRANSITIONS,
    Status,
    may_change,
)

_TABLE = """
    queued: saving uploading importing active deleted
    saving: active killed deleted queued
    uploading: importing queued deleted
    importing: active deleted queued
    active: pending_delete deleted deactivated
    deactivated: active deleted
    killed: deleted
    pending_delete: deleted active
    deleted:
"""
_ALLOWED = {
    (current.strip(), wanted)
    for current, targets in (line.split(":") for line in _TABLE.strip().splitlines())
    for wanted in targets.split()
}


def test_the_statuses_are_those_of_the_api() -> None:
    assert {status.value for status in Status} == {
        line.split(":")[0].strip() for line in _TABLE.strip().splitlines()
    }
    assert set(TRANSITIONS) == set(Status)


@pytest.mark.parametrize(("current", "wanted"), list(itertools.product(Status, Status)))
def test_a_status_changes_as_the_table_says(current: Status, wanted: Status) -> None:
    assert may_change(current, wanted) is ((current.value, wanted.value) in _ALLOWED)


def test_nothing_follows_deletion_and_everything_else_leads_there() -> None:
    for status in Status:
        assert may_change(status, Status.DELETED) is (status is not Status.DELETED)


def test_formats_are_needed_before_data_and_open_until_then() -> None:
    assert {"saving", "importing", "active"} == {status.value for status in NEEDS_FORMATS}
    assert {"queued", "importing"} == {status.value for status in FORMATS_OPEN}


def test_what_is_being_deleted_is_never_shown_and_what_failed_never_listed() -> None:
    hidden = {Status.DELETED, Status.PENDING_DELETE}
    assert frozenset(Status) - hidden == FINDABLE
    assert frozenset(Status) - hidden - {Status.KILLED} == LISTED
