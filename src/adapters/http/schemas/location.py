"""The schema of a location that an image gets its data from."""

from typing import Any, Final

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from vitrine.core import errors

NEW_LOCATION: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "description": "Where the data is."},
        "validation_data": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "os_hash_algo": {
                    "type": "string",
                    "enum": ["sha1", "sha256", "sha512", "md5"],
                    "description": "The algorithm of os_hash_value.",
                },
                "os_hash_value": {
                    "type": "string",
                    "maxLength": 128,
                    "description": "What the data hashes to, hexadecimal.",
                },
            },
            "dependencies": {
                "os_hash_algo": ["os_hash_value"],
                "os_hash_value": ["os_hash_algo"],
            },
        },
    },
    "required": ["url"],
}

_VALIDATOR: Final = Draft7Validator(NEW_LOCATION)


def check_new_location(document: Any) -> None:  # noqa: ANN401 - decoded JSON
    """Refuse a body that does not fit.

    Raises:
        InvalidRequest: It does not; the message says where, and repeats nothing
            of it, since an address may hold credentials.
    """
    problem: ValidationError | None = next(iter(_VALIDATOR.iter_errors(document)), None)
    if problem is not None:
        where = ".".join(str(step) for step in problem.absolute_path)
        raise errors.InvalidRequest(
            "The location does not fit its schema" + (f" (at '{where}')." if where else ".")
        )
