"""What callers may do to the list of places where an image's bytes are.

Here is decided what a list may become. What only a store can tell, whether
there are bytes at an address and how many, is asked through `LocationRules`.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar, cast

import attrs

from vitrine.core import errors
from vitrine.core.digests import ALGORITHMS, CHECKSUM_ALGORITHM, Digest
from vitrine.core.images.image import Image, Location, whole_seconds
from vitrine.core.images.status import Status
from vitrine.core.images.text import storable
from vitrine.core.quota import within

_T = TypeVar("_T")

WEB_SCHEMES: Final = frozenset({"http", "https"})
"""Addresses that anybody may name, since whoever serves them decides who reads."""

OWN_SCHEMES: Final = frozenset({"file", "filesystem", "swift+config"})
"""Addresses that mean something to this service alone; no caller may name one."""

_OPEN_TO_NEW: Final = frozenset({Status.QUEUED, Status.ACTIVE})
_END: Final = "-"
_POSITION: Final = re.compile("[0-9]+", re.ASCII)
_LONGEST_POSITION: Final = 9  # digits; no list is as long
_HEX: Final = re.compile("[0-9a-f]+")


@attrs.frozen(kw_only=True)
class Validation:
    """What a caller says that the bytes at an address hash to."""

    digest: Digest
    checksum: str | None = None


@attrs.frozen(kw_only=True)
class NewLocation:
    """An address that a caller names.

    Attributes:
        url: As it was written.
        metadata: Text, and lists and mappings of text, to any depth.
        validation: What the caller says of the bytes, None if nothing.
    """

    url: str = attrs.field(repr=False)
    metadata: Mapping[str, object]
    validation: Validation | None = None


def _nothing(_new: object) -> "Location":
    raise errors.LocationsClosed


def _no_size(_location: object) -> int:
    raise errors.LocationsClosed


@attrs.frozen(kw_only=True)
class LocationRules:
    """Whether and how lists of locations may be changed.

    Attributes:
        enabled: Whether they are shown, and so may be changed.
        most: How many locations an image may have; negative for any number.
        algorithm: The deployment's hash, in which callers vouch for bytes.
        place: Returns a new location as it will be remembered, with its store in
            the metadata where stores have names. Raises `InvalidLocation` or
            `UrlRefused` where no store of this service could keep it.
        measure: Returns how many bytes there are. Raises `InvalidLocation` where
            there are none.
    """

    enabled: bool = False
    most: int = 10
    algorithm: str = "sha512"
    place: Callable[[NewLocation], Location] = _nothing
    measure: Callable[[Location], int] = _no_size


# --- reading -------------------------------------------------------------------------


def read_location(value: object, algorithm: str) -> NewLocation:
    """Return the location that a decoded JSON value describes.

    Raises:
        InvalidValue, InvalidRequest: It describes none, or its metadata is of
            types that no metadata may hold.
        ValidationConflict: What it says of the bytes cannot be so.
    """
    if not isinstance(value, dict):
        raise errors.InvalidValue("locations", "a location is not an object")
    fields = cast("dict[str, object]", value)
    url, metadata = fields.get("url"), fields.get("metadata")
    if not isinstance(url, str) or not isinstance(metadata, dict):
        raise errors.InvalidValue("locations", "a location needs a url and metadata")
    check_metadata(cast("dict[str, object]", metadata))
    given = fields.get("validation_data")
    return NewLocation(
        url=storable("locations", url, basic=False),
        metadata=cast("dict[str, object]", metadata),
        validation=None if given is None else _read_validation(given, algorithm),
    )


def read_locations(value: object, algorithm: str) -> tuple[NewLocation, ...]:
    """Return the locations in a decoded JSON array; errors as of `read_location`."""
    if not isinstance(value, list):
        raise errors.InvalidValue("locations", "it is not an array")
    return tuple(read_location(each, algorithm) for each in cast("list[object]", value))


def check_metadata(value: object) -> None:
    """Refuse what the metadata of a location cannot hold.

    Raises:
        InvalidValue: Something in it is neither text, nor a list, nor a mapping.
    """
    if isinstance(value, str):
        storable("metadata", value, basic=False)
    elif isinstance(value, dict):
        for key, each in cast("dict[str, object]", value).items():
            storable("metadata", key, basic=False)
            check_metadata(each)
    elif isinstance(value, list):
        for each in cast("list[object]", value):
            check_metadata(each)
    else:
        raise errors.InvalidValue(
            "metadata", "it holds something else than strings, lists and objects"
        )


def _read_validation(value: object, algorithm: str) -> Validation:
    if not isinstance(value, dict):
        raise errors.InvalidValue("validation_data", "it is not an object")
    fields = cast("dict[str, object]", value)
    name, digest, checksum = (
        fields.get(field) for field in ("os_hash_algo", "os_hash_value", "checksum")
    )
    if not isinstance(name, str) or not isinstance(digest, str):
        raise errors.InvalidValue("validation_data", "it needs both os_hash_algo and os_hash_value")
    if name != algorithm:
        raise errors.ValidationConflict(f"os_hash_algo must be {algorithm}")
    if not is_hex_digest(name, digest):
        raise errors.ValidationConflict(f"os_hash_value is no {name} digest")
    if checksum is not None and not (
        isinstance(checksum, str) and is_hex_digest(CHECKSUM_ALGORITHM, checksum)
    ):
        raise errors.ValidationConflict("checksum is no md5 digest")
    return Validation(
        digest=Digest(algorithm=name, value=digest.lower()),
        checksum=None if checksum is None else checksum.lower(),
    )


def is_hex_digest(algorithm: str, text: str) -> bool:
    """Return whether *text* has the form of a digest of a known algorithm."""
    return len(text) == ALGORITHMS.get(algorithm) and _HEX.fullmatch(text.lower()) is not None


# --- changing ------------------------------------------------------------------------


def add(
    image: Image,
    position: str,
    value: object,
    rules: LocationRules,
    now: datetime,
) -> Image:
    """Return *image* with one more location, and active if it was queued.

    Args:
        image: The image.
        position: Where in the list, counted from 0, or ``-`` for the end; beyond
            the end is the end.
        value: The location, decoded JSON.
        rules: See there for what it may raise.
        now: The time.

    Raises:
        LocationsFixed: The image is neither queued nor active.
        InvalidValue: The position or the location is none.
        ValidationConflict: What is said of the bytes contradicts what is known, or
            cannot be said any more.
        InvalidLocation: The image has it already, or it is nothing.
        LimitExceeded: There would be too many.
        FormatsMissing: A format is not set.
    """
    _check_status(image, _OPEN_TO_NEW)
    new = read_location(value, rules.algorithm)
    known = _known(image, [new])
    index = _index(position)
    before = image.locations
    index = len(before) if index is None else min(index, len(before))
    return _with_new(image, (*before[:index], new, *before[index:]), known, rules, now)


def replace(image: Image, value: object, rules: LocationRules, now: datetime) -> Image:
    """Return *image* with this list of locations.

    A list that has entries may only change in its order and its metadata. One
    that has none is filled, which makes a queued image active.

    Raises:
        LastLocation: The new list is empty.
        InvalidLocation: The addresses are other ones, or one comes twice.
        VitrineError: See `add`.
    """
    _check_status(image, _OPEN_TO_NEW)
    new = read_locations(value, rules.algorithm)
    if not new:
        raise errors.LastLocation(image.id)
    known = _known(image, new)
    if not image.locations:
        return _with_new(image, new, known, rules, now)
    if Counter(each.url for each in new) != Counter(each.url for each in image.locations):
        raise errors.InvalidLocation("only the metadata of existing locations can be replaced")
    stores = {each.url: each.store_id for each in image.locations}
    locations = tuple(_remembered(each, stores[each.url]) for each in new)
    _check_distinct(locations)
    within("locations", rules.most, len(locations))
    return attrs.evolve(image, locations=locations, updated_at=whole_seconds(now))


def remove(image: Image, position: str) -> Image:
    """Return *image* without one of its locations.

    Args:
        image: The image.
        position: Which one, counted from 0, or ``-`` for the last.

    Raises:
        LocationsFixed: The image is not active.
        InvalidValue: There is no location at that position.
        LastLocation: It is the only one.
    """
    _check_status(image, frozenset({Status.ACTIVE}))
    index = _index(position)
    count = len(image.locations)
    index = count - 1 if index is None else index
    if not 0 <= index < count:
        raise errors.InvalidValue("locations", "there is no location at that position")
    if count == 1:
        raise errors.LastLocation(image.id)
    left = (*image.locations[:index], *image.locations[index + 1 :])
    return attrs.evolve(image, locations=left)


def _check_status(image: Image, allowed: frozenset[Status]) -> None:
    if image.status not in allowed:
        raise errors.LocationsFixed(image.id, image.status.value)


def _index(position: str) -> int | None:
    """Return the index that is written, None for the end."""
    if position == _END:
        return None
    if not _POSITION.fullmatch(position):
        raise errors.InvalidValue("locations", "a position is a number or '-'")
    # Python refuses to read numbers that are too long.
    digits = position.lstrip("0") or "0"
    return int(digits) if len(digits) <= _LONGEST_POSITION else 10**_LONGEST_POSITION


def _known(image: Image, new: Sequence[NewLocation]) -> tuple[str | None, Digest | None]:
    """Return checksum and digest as image and callers together know them.

    What is known once stays; callers can tell it only before there are bytes.
    """
    checksum, digest = image.checksum, image.digest
    for validation in (each.validation for each in new if each.validation is not None):
        checksum = _agreed(image, checksum, validation.checksum)
        digest = _agreed(image, digest, validation.digest)
    return checksum, digest


def _agreed(image: Image, known: _T | None, told: _T | None) -> _T | None:
    if told is None or told == known:
        return known
    if known is not None:
        raise errors.ValidationConflict("it contradicts what is known of the data")
    if image.status is not Status.QUEUED:
        raise errors.ValidationConflict("it can be told only before the image has data")
    return told


def _with_new(
    image: Image,
    wanted: Sequence[Location | NewLocation],
    known: tuple[str | None, Digest | None],
    rules: LocationRules,
    now: datetime,
) -> Image:
    locations = tuple(
        rules.place(each) if isinstance(each, NewLocation) else each for each in wanted
    )
    _check_distinct(locations)
    sizes = [
        rules.measure(location)
        for location, each in zip(locations, wanted, strict=True)
        if isinstance(each, NewLocation)
    ]
    within("locations", rules.most, len(locations))
    if image.status is not Status.QUEUED:
        return attrs.evolve(image, locations=locations, updated_at=whole_seconds(now))
    if len(set(sizes)) > 1:
        raise errors.InvalidLocation("the locations are of different sizes")
    checksum, digest = known
    return image.active(
        now,
        size=sizes[0],
        virtual_size=None,
        checksum=checksum,
        digest=digest,
        locations=locations,
    )


def _remembered(new: NewLocation, store_id: str | None) -> Location:
    metadata = dict(new.metadata)
    if store_id is not None:
        # Where the bytes are is not for callers to say.
        metadata["store"] = store_id
    return Location(url=new.url, metadata=metadata)


def _check_distinct(locations: Sequence[Location]) -> None:
    for index, location in enumerate(locations):
        if location in locations[:index]:
            raise errors.InvalidLocation("the image has it already")
