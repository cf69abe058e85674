"""The operations on images, their data, locations, tags and members."""

from typing import Final

from vitrine.adapters.http.openapi.operations import (
    BYTES,
    LIMIT,
    MARKER,
    NO_CONTENT,
    SORT_DIR,
    STRING,
    Answer,
    Body,
    Errors,
    Operation,
    Parameter,
    Schema,
    json_body,
)
from vitrine.core import errors
from vitrine.core.images.changes import Dialect
from vitrine.core.images.image import Visibility
from vitrine.core.images.members import MemberStatus
from vitrine.core.images.query import SortField
from vitrine.core.images.status import Status

_IMAGE: Final = "/v2/images/{image_id}"

_ETAG: Final = {"ETag": "Names this version of the image."}
_DATA_ETAG: Final = {
    "ETag": "The hash of the data.",
    "Content-MD5": "The MD5 of the whole data, in hexadecimal.",
}

_IF_MATCH: Final = Parameter(
    name="If-Match",
    about="Do it only if the image is in one of the versions that these entity tags name.",
)
_IF_NONE_MATCH: Final = Parameter(
    name="If-None-Match", about="Entity tags of what the client has already."
)

_CHANGE: Final[Errors] = (
    errors.NotPermitted,
    errors.ReadOnlyCaller,
    errors.BeingDeleted,
)
_PROPERTIES: Final[Errors] = (
    errors.InvalidValue,
    errors.ForeignOwner,
    errors.ReservedName,
    errors.ReadOnlyAttribute,
    errors.PropertyProtected,
    errors.LimitExceeded,
    errors.QuotaExceeded,
)

_LOCATIONS: Final[Errors] = (
    errors.InvalidLocation,
    errors.UrlRefused,
    errors.LocationsClosed,
    errors.LastLocation,
    errors.LocationsFixed,
    errors.ValidationConflict,
    errors.LocationBusy,
    errors.StoreUnavailable,
    errors.BlobUnreadable,
    errors.CallerNotAdmitted,
)


def _filter(name: str, about: str, schema: Schema = STRING) -> Parameter:
    return Parameter(name=name, about=about, schema=schema)


_FILTERS: Final = (
    _filter("name", "Images of this name, or in:NAME,NAME,..."),
    _filter("id", "Images with this id, or in:ID,ID,..."),
    _filter("status", "Images in this status, or in:STATUS,...", {"enum": [*Status]}),
    _filter("visibility", "Images of this visibility.", {"enum": [*Visibility, "all"]}),
    _filter("owner", "Images of this project."),
    _filter("protected", "Images that are protected, or not.", {"enum": ["true", "false"]}),
    _filter("os_hidden", "Hidden images, instead of the others.", {"enum": ["true", "false"]}),
    _filter(
        "member_status",
        "Images shared with the caller, by its answer.",
        {"enum": [*MemberStatus, "all"]},
    ),
    _filter("tag", "Images with this tag; may be repeated."),
    _filter("disk_format", "Images of this format, or in:FORMAT,..."),
    _filter("container_format", "Images in this container, or in:FORMAT,..."),
    _filter("checksum", "Images whose data has this MD5."),
    _filter("os_hash_value", "Images whose data has this hash."),
    _filter("size_min", "Images of at least so many bytes.", {"type": "integer"}),
    _filter("size_max", "Images of at most so many bytes.", {"type": "integer"}),
    _filter("created_at", "Images created at this time, or OPERATOR:TIME."),
    _filter("updated_at", "Images changed at this time, or OPERATOR:TIME."),
)

OPERATIONS: Final = (
    # --- images ----------------------------------------------------------------------
    Operation(
        route="GET /v2/images",
        id="list_images",
        about="List one page of the images that the caller may see. A parameter that is not "
        "named here filters by the custom property of that name.",
        answers={200: Answer(about="The page.", content="Images")},
        errors=(
            errors.InvalidValue,
            errors.InvalidMarker,
            errors.HiddenMarker,
            errors.NotPermitted,
        ),
        query=(
            LIMIT,
            MARKER,
            Parameter(name="sort", about="Keys to sort by, as KEY:DIRECTION,..."),
            Parameter(
                name="sort_key",
                about="A key to sort by; may be repeated.",
                schema={"enum": [*SortField]},
            ),
            SORT_DIR,
            *_FILTERS,
        ),
    ),
    Operation(
        route="POST /v2/images",
        id="create_image",
        about="Begin an image, which has no data yet.",
        body=json_body("The image. Attributes that are not described are custom.", "NewImage"),
        answers={
            201: Answer(
                about="The image.",
                content="Image",
                headers={
                    **_ETAG,
                    "Location": "The URL of the image.",
                    "OpenStack-image-import-methods": "How it can be imported, if at all.",
                    "OpenStack-image-store-ids": "Where its data can go, if there is a choice.",
                },
            )
        },
        errors=(errors.NotPermitted, errors.ReadOnlyCaller, errors.ImageExists, *_PROPERTIES),
    ),
    Operation(
        route=f"GET {_IMAGE}",
        id="show_image",
        about="Show an image.",
        headers=(_IF_NONE_MATCH,),
        answers={
            200: Answer(about="The image.", content="Image", headers=_ETAG),
            304: Answer(about="The client has it.", headers=_ETAG),
        },
        errors=(errors.ImageNotFound, errors.NotPermitted),
    ),
    Operation(
        route=f"PATCH {_IMAGE}",
        id="change_image",
        about="Make several changes of an image, or none.",
        headers=(_IF_MATCH,),
        body=Body(
            about="The changes, in order.",
            content={Dialect.V2_1.value: "ImagePatch", Dialect.V2_0.value: "OldImagePatch"},
        ),
        answers={200: Answer(about="The image as it is now.", content="Image", headers=_ETAG)},
        errors=(
            errors.ImageNotFound,
            errors.ImageChanged,
            errors.UnsupportedMedia,
            errors.BaseAttributeKept,
            errors.FormatFixed,
            errors.NotAllowedNow,
            errors.PropertyMissing,
            errors.PropertyPresent,
            *_LOCATIONS,
            *_CHANGE,
            *_PROPERTIES,
        ),
    ),
    Operation(
        route=f"DELETE {_IMAGE}",
        id="delete_image",
        about="Delete an image and its data.",
        headers=(_IF_MATCH,),
        answers=NO_CONTENT,
        errors=(
            errors.ImageNotFound,
            errors.ImageProtected,
            errors.ImageChanged,
            errors.NotAllowedNow,
            errors.BlobInUse,
            errors.StoreUnavailable,
            errors.CallerNotAdmitted,
            *_CHANGE,
        ),
    ),
    Operation(
        route=f"POST {_IMAGE}/actions/deactivate",
        id="deactivate_image",
        about="Withhold an image's data.",
        answers=NO_CONTENT,
        errors=(errors.ImageNotFound, errors.ActionNotAllowed, *_CHANGE),
    ),
    Operation(
        route=f"POST {_IMAGE}/actions/reactivate",
        id="reactivate_image",
        about="Give an image's data out again.",
        answers=NO_CONTENT,
        errors=(errors.ImageNotFound, errors.ActionNotAllowed, *_CHANGE),
    ),
    # --- data ------------------------------------------------------------------------
    Operation(
        route=f"GET {_IMAGE}/file",
        id="download_image",
        about="Download an image's data, or a part of it.",
        query=(
            Parameter(
                name="prefer", about="Stores to read from before all others, with commas between."
            ),
        ),
        headers=(
            Parameter(name="Range", about="One range of bytes, such as bytes=0-99."),
            Parameter(name="If-Range", about="Heed Range only if the data has this tag."),
            _IF_NONE_MATCH,
        ),
        answers={
            200: Answer(about="All data.", content={}, media=BYTES, headers=_DATA_ETAG),
            204: Answer(about="There is no data yet."),
            206: Answer(about="The part.", content={}, media=BYTES, headers=_DATA_ETAG),
            304: Answer(about="The client has it.", headers={"ETag": _DATA_ETAG["ETag"]}),
        },
        errors=(
            errors.ImageNotFound,
            errors.NotPermitted,
            errors.ImageDeactivated,
            errors.UnknownStore,
            errors.RangesUnsupported,
            errors.UnsatisfiableRange,
            errors.StoreUnavailable,
            errors.BlobUnreadable,
            errors.BlobDamaged,
            errors.CallerNotAdmitted,
        ),
    ),
    Operation(
        route=f"PUT {_IMAGE}/file",
        id="upload_image",
        about="Store the data of an image that has none.",
        headers=(
            _IF_MATCH,
            Parameter(
                name="X-OpenStack-Image-Size",
                about="How many bytes will come, where Content-Length does not say.",
                schema={"type": "integer", "minimum": 0},
            ),
            Parameter(name="X-Image-Meta-Store", about="The store to put them in."),
        ),
        body=Body(about="The data.", content={BYTES: {"type": "string", "format": "binary"}}),
        answers=NO_CONTENT,
        errors=(
            errors.ImageNotFound,
            errors.ImageChanged,
            errors.UnsupportedMedia,
            errors.InvalidValue,
            errors.UnknownStore,
            errors.StoreReadOnly,
            errors.FormatsMissing,
            errors.FormatMismatch,
            errors.FormatUnsafe,
            errors.NotAllowedNow,
            errors.DigestMismatch,
            errors.UploadCutShort,
            errors.UploadTooLong,
            errors.ImageTooLarge,
            errors.QuotaExceeded,
            errors.StoreFull,
            errors.StoreUnavailable,
            errors.CallerNotAdmitted,
            errors.DeletedMeanwhile,
            errors.LeaseLost,
            *_CHANGE,
        ),
    ),
    Operation(
        route=f"PUT {_IMAGE}/stage",
        id="stage_image",
        about="Keep the data of an image that has none until it is imported.",
        headers=(
            _IF_MATCH,
            Parameter(
                name="X-OpenStack-Image-Size",
                about="How many bytes will come, where Content-Length does not say.",
                schema={"type": "integer", "minimum": 0},
            ),
        ),
        body=Body(about="The data.", content={BYTES: {"type": "string", "format": "binary"}}),
        answers=NO_CONTENT,
        errors=(
            errors.StagingDisabled,
            errors.ImageNotFound,
            errors.ImageChanged,
            errors.UnsupportedMedia,
            errors.InvalidValue,
            errors.NotAllowedNow,
            errors.ImportRunning,
            errors.BlobExists,
            errors.UploadCutShort,
            errors.UploadTooLong,
            errors.ImageTooLarge,
            errors.QuotaExceeded,
            errors.StoreFull,
            errors.StoreUnavailable,
            errors.DeletedMeanwhile,
            errors.LeaseLost,
            *_CHANGE,
        ),
    ),
    Operation(
        route=f"GET {_IMAGE}/locations",
        id="list_locations",
        about="List the places where an image's data is.",
        answers={200: Answer(about="The places.", content="Locations")},
        errors=(errors.ImageNotFound, errors.NotPermitted),
    ),
    Operation(
        route=f"POST {_IMAGE}/locations",
        id="add_location",
        about="Have a queued image get its data from a place.",
        body=json_body("The place.", "NewLocation"),
        answers={202: Answer(about="It will be done.")},
        errors=(
            errors.ImageNotFound,
            errors.InvalidValue,
            errors.UrlRefused,
            errors.LocationReserved,
            errors.NotAllowedNow,
            errors.ImportRunning,
            *_CHANGE,
        ),
    ),
    Operation(
        route=f"POST {_IMAGE}/import",
        id="import_image",
        about="Have data brought into an image, or copied to more stores.",
        headers=(
            Parameter(
                name="X-Image-Meta-Store",
                about="The store that gets it, where the body names none.",
            ),
        ),
        body=json_body("Where the data comes from, and where it goes.", "Import"),
        answers={202: Answer(about="It will be done.")},
        errors=(
            errors.ImageNotFound,
            errors.InvalidValue,
            errors.QuotaExceeded,
            errors.NotAllowedNow,
            errors.FormatsMissing,
            errors.ImportRunning,
            errors.UnknownStore,
            errors.StoreReadOnly,
            errors.CopyExists,
            errors.UrlRefused,
            errors.WorkerUnreachable,
            errors.WorkerFailed,
            *_CHANGE,
        ),
    ),
    Operation(
        route="DELETE /v2/stores/{store_id}/{image_id}",
        id="delete_copy",
        about="Delete an image's data from one store, where another store keeps it too.",
        answers=NO_CONTENT,
        errors=(
            errors.StoresUnnamed,
            errors.UnknownStore,
            errors.ImageNotFound,
            errors.LocationsFixed,
            errors.LastLocation,
            errors.CopyNotFound,
            errors.BlobInUse,
            errors.StoreUnavailable,
            errors.CallerNotAdmitted,
            *_CHANGE,
        ),
    ),
    # --- tags ------------------------------------------------------------------------
    Operation(
        route=f"PUT {_IMAGE}/tags/{{tag}}",
        id="add_tag",
        about="Put a tag on an image; nothing happens if it has it.",
        answers=NO_CONTENT,
        errors=(errors.ImageNotFound, errors.InvalidValue, errors.LimitExceeded, *_CHANGE),
    ),
    Operation(
        route=f"DELETE {_IMAGE}/tags/{{tag}}",
        id="remove_tag",
        about="Take a tag off an image.",
        answers=NO_CONTENT,
        errors=(errors.ImageNotFound, errors.TagNotFound, *_CHANGE),
    ),
    # --- members ---------------------------------------------------------------------
    Operation(
        route=f"GET {_IMAGE}/members",
        id="list_members",
        about="List the projects that an image is shared with.",
        answers={200: Answer(about="The members.", content="Members")},
        errors=(errors.ImageNotFound, errors.NotPermitted, errors.NotShared),
    ),
    Operation(
        route=f"POST {_IMAGE}/members",
        id="add_member",
        about="Share an image with one more project.",
        body=json_body("The project.", "NewMember"),
        answers={200: Answer(about="The member.", content="Member")},
        errors=(
            errors.ImageNotFound,
            errors.InvalidValue,
            errors.NotShared,
            errors.MemberExists,
            errors.LimitExceeded,
            *_CHANGE,
        ),
    ),
    Operation(
        route=f"GET {_IMAGE}/members/{{member_id}}",
        id="show_member",
        about="Show a project that an image is shared with.",
        answers={200: Answer(about="The member.", content="Member")},
        errors=(errors.MemberNotFound, errors.ImageNotFound, errors.NotPermitted),
    ),
    Operation(
        route=f"PUT {_IMAGE}/members/{{member_id}}",
        id="answer_share",
        about="Accept an image that was shared, or reject it.",
        body=json_body("The answer.", "MemberAnswer"),
        answers={200: Answer(about="The member.", content="Member")},
        errors=(errors.MemberNotFound, errors.ImageNotFound, errors.NotShared, *_CHANGE),
    ),
    Operation(
        route=f"DELETE {_IMAGE}/members/{{member_id}}",
        id="remove_member",
        about="Share an image with a project no more.",
        answers=NO_CONTENT,
        errors=(errors.MemberNotFound, errors.ImageNotFound, errors.NotShared, *_CHANGE),
    ),
)
