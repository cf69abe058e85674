"""What is told of uploads that fail and of tasks, and in which order."""

import hashlib

import pytest

from tests.support.house import DEMO, House, pieces
from vitrine.core import errors
from vitrine.core.events import Event
from vitrine.core.images.status import Status
from vitrine.usecases.data import DataRules

DATA = b"0123456789"
SIGNED = {
    "img_signature": hashlib.sha256(DATA).hexdigest(),
    "img_signature_hash_method": "SHA-256",
    "img_signature_key_type": "RSA-PSS",
    "img_signature_certificate_uuid": "there",
}
REFUSED = [
    ("image.create", "INFO"),
    ("image.update", "INFO"),
    ("image.prepare", "INFO"),
    ("image.upload", "ERROR"),
    ("image.update", "INFO"),
]


def told(house: House, image_id: str) -> list[Event]:
    house.relay.run()
    return [each for each in house.notifier.published if each.aggregate_id == image_id]


def kinds(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.type.value, event.priority.value) for event in events]


def test_why_data_was_refused_is_told_as_text_before_the_image_is_queued() -> None:
    house = House()
    image = house.create()
    with pytest.raises(errors.UploadTooLong) as raised:
        house.data.upload(DEMO, image.id, pieces(DATA), size=5)
    events = told(house, image.id)
    assert kinds(events) == REFUSED
    assert events[3].payload == str(raised.value)
    assert [event.version for event in events] == [1, 2, 2, 3, 3]


def test_a_good_signature_lets_the_data_in_and_a_bad_one_does_not() -> None:
    house = House()
    good = house.create(properties=SIGNED)
    house.data.upload(DEMO, good.id, pieces(DATA))
    assert house.stored(good.id).status is Status.ACTIVE

    bad = house.create(properties=SIGNED)
    with pytest.raises(errors.SignatureInvalid):
        house.data.upload(DEMO, bad.id, pieces(DATA[:-1]))
    assert house.stored(bad.id).status is Status.QUEUED
    assert kinds(told(house, bad.id)) == REFUSED


def test_a_key_manager_that_is_away_lets_nothing_in() -> None:
    house = House()
    image = house.create(properties={**SIGNED, "img_signature_certificate_uuid": "away"})

    source = pieces(DATA)
    with pytest.raises(errors.KeyManagerUnavailable):
        house.data.upload(DEMO, image.id, source)
    assert next(source) == DATA, "nothing is read before the certificate is there"
    assert house.stored(image.id).status is Status.QUEUED


@pytest.mark.parametrize("missing", SIGNED)
def test_where_signatures_are_required_three_properties_are_none(missing: str) -> None:
    house = House(rules=DataRules(signed=True))
    properties = {name: value for name, value in SIGNED.items() if name != missing}
    image = house.create(properties=properties)
    with pytest.raises(errors.SignatureRequired):
        house.data.upload(DEMO, image.id, pieces(DATA))
    assert house.stored(image.id).status is Status.QUEUED
    assert kinds(told(house, image.id)) == [("image.create", "INFO")]
