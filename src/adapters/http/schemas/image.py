"""The schema of an image: the base attributes and what the operator adds."""

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import attrs
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from vitrine.core import errors
from vitrine.core.images.changes import Change, Op
from vitrine.core.images.image import Visibility
from vitrine.core.images.status import Status

Schema = Mapping[str, Any]

UUID_PATTERN: Final = (
    "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
)

LINK_NAMES: Final = ("direct_url", "self", "file", "schema", "stores")
"""What an image shows of where things are, and nobody can set."""

COMMON_PROPERTIES: Final[Schema] = MappingProxyType(
    {
        "kernel_id": {
            "type": ["null", "string"],
            "pattern": UUID_PATTERN,
            "description": "The image with the kernel that this one is booted with.",
        },
        "ramdisk_id": {
            "type": ["null", "string"],
            "pattern": UUID_PATTERN,
            "description": "The image with the initial RAM disk that this one is booted with.",
        },
        "instance_uuid": {
            "type": "string",
            "description": "The server that this image is a snapshot of; for information only.",
        },
        "architecture": {
            "type": "string",
            "description": "The processor architecture that the image was built for.",
        },
        "os_distro": {
            "type": "string",
            "description": "The common name of the operating system, in lower case.",
        },
        "os_version": {
            "type": "string",
            "description": "The version of the operating system, as its maker writes it.",
        },
        "description": {
            "type": "string",
            "description": "What people should know about this image.",
        },
        "cinder_encryption_key_id": {
            "type": "string",
            "description": "The key in the key manager that the image's data is encrypted with.",
        },
        "cinder_encryption_key_deletion_policy": {
            "type": "string",
            "enum": ["on_image_deletion", "do_not_delete"],
            "description": "What becomes of the encryption key when the image is deleted.",
        },
    }
)
"""Custom properties that are described where the operator describes none."""


def _base_properties(disk_formats: Sequence[str], container_formats: Sequence[str]) -> Schema:
    return {
        "id": {
            "type": "string",
            "pattern": UUID_PATTERN,
            "description": "The identifier of the image.",
        },
        "name": {
            "type": ["null", "string"],
            "maxLength": 255,
            "description": "A name for people; it need not be unique.",
        },
        "status": {
            "type": "string",
            "readOnly": True,
            "enum": [
                status.value
                for status in (
                    Status.QUEUED,
                    Status.SAVING,
                    Status.ACTIVE,
                    Status.KILLED,
                    Status.DELETED,
                    Status.UPLOADING,
                    Status.IMPORTING,
                    Status.PENDING_DELETE,
                    Status.DEACTIVATED,
                )
            ],
            "description": "Where the image is in its life.",
        },
        "visibility": {
            "type": "string",
            "enum": [
                visibility.value
                for visibility in (
                    Visibility.COMMUNITY,
                    Visibility.PUBLIC,
                    Visibility.PRIVATE,
                    Visibility.SHARED,
                )
            ],
            "description": "Who besides its owner can see the image.",
        },
        "protected": {
            "type": "boolean",
            "description": "Whether the image is safe from being deleted.",
        },
        "os_hidden": {
            "type": "boolean",
            "description": "Whether lists leave the image out unless they are asked for it.",
        },
        "checksum": {
            "type": ["null", "string"],
            "readOnly": True,
            "maxLength": 32,
            "description": "The MD5 of the data, hexadecimal.",
        },
        "os_hash_algo": {
            "type": ["null", "string"],
            "readOnly": True,
            "maxLength": 64,
            "description": "The algorithm of os_hash_value.",
        },
        "os_hash_value": {
            "type": ["null", "string"],
            "readOnly": True,
            "maxLength": 128,
            "description": "The hash of the data, hexadecimal.",
        },
        "owner": {
            "type": ["null", "string"],
            "maxLength": 255,
            "description": "The project that the image belongs to.",
        },
        "size": {
            "type": ["null", "integer"],
            "readOnly": True,
            "description": "The length of the data in bytes.",
        },
        "virtual_size": {
            "type": ["null", "integer"],
            "readOnly": True,
            "description": "The size in bytes of the disk that the data describes.",
        },
        "container_format": {
            "type": ["null", "string"],
            "enum": [None, *container_formats],
            "description": "What the disk is wrapped in.",
        },
        "disk_format": {
            "type": ["null", "string"],
            "enum": [None, *disk_formats],
            "description": "How the disk is written down.",
        },
        "created_at": {
            "type": "string",
            "readOnly": True,
            "description": "When the image was created.",
        },
        "updated_at": {
            "type": "string",
            "readOnly": True,
            "description": "When the image was last changed.",
        },
        "tags": {
            "type": "array",
            "items": {"type": "string", "maxLength": 255},
            "description": "Words that the image can be found by.",
        },
        "direct_url": {
            "type": "string",
            "readOnly": True,
            "description": "Where the best copy of the data is, in the store's own form.",
        },
        "min_ram": {
            "type": "integer",
            "description": "Megabytes of memory that a server needs to boot the image.",
        },
        "min_disk": {
            "type": "integer",
            "description": "Gigabytes of disk that a server needs to boot the image.",
        },
        "self": {
            "type": "string",
            "readOnly": True,
            "description": "The path of the image.",
        },
        "file": {
            "type": "string",
            "readOnly": True,
            "description": "The path of the image's data.",
        },
        "stores": {
            "type": "string",
            "readOnly": True,
            "description": "The stores that keep a copy of the data, separated by commas.",
        },
        "schema": {
            "type": "string",
            "readOnly": True,
            "description": "The path of the schema of an image.",
        },
        "locations": {
            "type": "array",
            "items": _LOCATION,
            "description": "Where the copies of the data are.",
        },
    }


_LOCATION: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "maxLength": 255},
        "metadata": {"type": "object"},
        "validation_data": {
            "type": "object",
            "writeOnly": True,
            "additionalProperties": False,
            "properties": {
                "checksum": {"type": "string", "minLength": 32, "maxLength": 32},
                "os_hash_algo": {"type": "string", "maxLength": 64},
                "os_hash_value": {"type": "string", "maxLength": 128},
            },
            "required": ["os_hash_algo", "os_hash_value"],
            "description": "What the data at this address hashes to.",
        },
    },
    "required": ["url", "metadata"],
}

_LINKS: Final = (
    {"rel": "self", "href": "{self}"},
    {"rel": "enclosure", "href": "{file}"},
    {"rel": "describedby", "href": "{schema}"},
)


@attrs.frozen(kw_only=True)
class CustomSchema:
    """What the operator says of custom properties.

    Attributes:
        properties: A JSON schema for each of some names; others are strings.
        required: Names that every new image must have.
    """

    properties: Schema = COMMON_PROPERTIES
    required: tuple[str, ...] = ()

    @classmethod
    def read(cls, document: object) -> "CustomSchema":
        """Return what a decoded ``schema-image.json`` says, in either of its forms.

        The plain form maps names to schemas; the extended one has them under
        ``properties``, beside ``required``.

        Raises:
            Misconfigured: It is neither.
        """
        wrong = errors.Misconfigured("The schema of custom image properties is malformed.")
        if not isinstance(document, dict):
            raise wrong
        extended = "required" in document and isinstance(document["required"], list)
        properties = document.get("properties", {}) if extended else document
        required = document["required"] if extended else []
        if not isinstance(properties, dict) or not all(
            isinstance(each, dict) for each in properties.values()
        ):
            raise wrong
        if not all(isinstance(name, str) for name in required):
            raise wrong
        return cls(properties=properties, required=tuple(required))


@attrs.frozen(kw_only=True)
class ImageSchema:
    """The schema of an image in this deployment.

    Attributes:
        disk_formats: In the operator's order.
        container_formats: In the operator's order.
        custom: What the operator adds.
    """

    disk_formats: tuple[str, ...]
    container_formats: tuple[str, ...]
    custom: CustomSchema = attrs.field(factory=CustomSchema)

    def __attrs_post_init__(self) -> None:
        """Refuse additions that contradict the base.

        Raises:
            Misconfigured: A custom property is defined as something else than the
                base attribute of the same name.
        """
        base = self._base
        for name, schema in self.custom.properties.items():
            if name in base and base[name] != schema:
                raise errors.Misconfigured(
                    f"The custom image property '{name}' is defined differently from the "
                    "attribute of that name."
                )

    @cached_property
    def _base(self) -> Schema:
        return _base_properties(self.disk_formats, self.container_formats)

    @property
    def base_names(self) -> frozenset[str]:
        """The attributes that every image has."""
        return frozenset(self._base)

    @cached_property
    def properties(self) -> Schema:
        """The schemas of all properties that have one."""
        custom = {
            name: {**schema, "is_base": False}
            for name, schema in self.custom.properties.items()
            if name not in self._base
        }
        return {**self._base, **custom}

    def document(self) -> dict[str, Any]:
        """Return the schema of an image as it is published."""
        document: dict[str, Any] = {
            "name": "image",
            "properties": copy.deepcopy(dict(self.properties)),
            "additionalProperties": {"type": "string"},
        }
        if self.custom.required:
            document["required"] = list(self.custom.required)
        document["links"] = [dict(link) for link in _LINKS]
        return document

    def collection(self) -> dict[str, Any]:
        """Return the schema of a list of images as it is published."""
        return collection("images", self.document())

    @cached_property
    def _validator(self) -> Draft7Validator:
        schema = {"type": "object", **self.document()}
        return Draft7Validator(schema)

    @cached_property
    def _validators(self) -> Mapping[str, Draft7Validator]:
        validators = {
            name: Draft7Validator(dict(schema)) for name, schema in self.properties.items()
        }
        return {**validators, "locations/": Draft7Validator(_LOCATION)}

    def check(self, document: Mapping[str, object]) -> None:
        """Refuse an image that does not fit.

        Raises:
            InvalidRequest: It does not; the message says where.
        """
        _check(self._validator, document)

    def check_change(self, change: Change) -> None:
        """Refuse a value that does not fit the attribute it is for.

        Raises:
            InvalidRequest: It does not; the message says why.
        """
        if change.op is Op.REMOVE:
            return
        name = change.name if len(change.path) == 1 else "locations/"
        validator = self._validators.get(name, _ANY_PROPERTY)
        _check(validator, change.value, name.rstrip("/"))


_ANY_PROPERTY: Final = Draft7Validator({"type": "string"})


def _check(validator: Draft7Validator, value: Any, name: str | None = None) -> None:  # noqa: ANN401 - decoded JSON
    problem: ValidationError | None = next(iter(validator.iter_errors(value)), None)
    if problem is None:
        return
    where = ".".join([*([name] if name else []), *(str(step) for step in problem.absolute_path)])
    raise errors.InvalidRequest(
        f"The image does not fit its schema: {_shortened(problem.message)}"
        + (f" (at '{_shortened(where)}')." if where else ".")
    )


_LONGEST_MESSAGE: Final = 300  # characters of what was sent that are sent back


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}…"


def collection(name: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a paged list of *item*, as it is published."""
    return {
        "name": name,
        "properties": {
            name: {"type": "array", "items": item},
            "first": {"type": "string"},
            "next": {"type": "string"},
            "schema": {"type": "string"},
        },
        "links": [
            {"rel": "first", "href": "{first}"},
            {"rel": "next", "href": "{next}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
    }
