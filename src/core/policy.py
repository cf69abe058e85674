"""The policy rules: their names, their defaults, and how a denial looks.

This is data. The operator may override any check; who asks whether a rule holds
does it through the authorization port. Checks are written in the language of
oslo.policy. A target is a mapping of the attributes of an image or a namespace;
its ``project_id`` is its owner, and its ``member_id`` is the caller's project
where the caller reached the image by being a member of it.
"""

import enum
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

import attrs


class Denial(enum.Enum):
    """What a denied caller gets to know."""

    FORBIDDEN = "forbidden"
    """That the action is not permitted."""

    NOT_FOUND = "not found"
    """Nothing, not even that there is such a thing."""

    IMAGE_DECIDES = "forbidden where get_image holds, else not found"
    """That the action is not permitted, if the caller may see the image; else nothing."""

    NAMESPACE_DECIDES = "forbidden where get_metadef_namespace holds, else not found"
    """That the action is not permitted, if the caller may see the namespace; else nothing."""

    @property
    def guard(self) -> str | None:
        """The rule that decides whether a denied caller may know of the target."""
        return _GUARDS.get(self)


@attrs.frozen(kw_only=True)
class Rule:
    """One rule of the policy.

    Attributes:
        name: What operators call it, such as ``modify_image``.
        check: When it holds unless the operator says otherwise.
        description: What it permits, a sentence.
        denial: How a denial looks to the caller.
        scope: The scopes a token may have; with any other one the rule fails.
        deprecated_check: When it held in earlier releases. An operator who has
            turned ``enforce_new_defaults`` off gets either of the two.
    """

    name: str
    check: str
    description: str
    denial: Denial = Denial.FORBIDDEN
    scope: tuple[str, ...] = ("project",)
    deprecated_check: str | None = None


# --- names ---------------------------------------------------------------------------

CONTEXT_IS_ADMIN: Final = "context_is_admin"
DEFAULT: Final = "default"
SERVICE_API: Final = "service_api"
METADEF_DEFAULT: Final = "metadef_default"
METADEF_ADMIN: Final = "metadef_admin"

ADD_IMAGE: Final = "add_image"
DELETE_IMAGE: Final = "delete_image"
GET_IMAGE: Final = "get_image"
GET_IMAGES: Final = "get_images"
MODIFY_IMAGE: Final = "modify_image"
PUBLICIZE_IMAGE: Final = "publicize_image"
COMMUNITIZE_IMAGE: Final = "communitize_image"
DOWNLOAD_IMAGE: Final = "download_image"
DOWNLOAD_FROM_STORE: Final = "download_from_store"
UPLOAD_IMAGE: Final = "upload_image"
DEACTIVATE: Final = "deactivate"
REACTIVATE: Final = "reactivate"
COPY_IMAGE: Final = "copy_image"

DELETE_IMAGE_LOCATION: Final = "delete_image_location"
GET_IMAGE_LOCATION: Final = "get_image_location"
SET_IMAGE_LOCATION: Final = "set_image_location"
ADD_IMAGE_LOCATION: Final = "add_image_location"
FETCH_IMAGE_LOCATION: Final = "fetch_image_location"

ADD_MEMBER: Final = "add_member"
DELETE_MEMBER: Final = "delete_member"
GET_MEMBER: Final = "get_member"
GET_MEMBERS: Final = "get_members"
MODIFY_MEMBER: Final = "modify_member"

MANAGE_IMAGE_CACHE: Final = "manage_image_cache"
CACHE_IMAGE: Final = "cache_image"
CACHE_LIST: Final = "cache_list"
CACHE_DELETE: Final = "cache_delete"
CACHE_CLEAN: Final = "cache_clean"
CACHE_PRUNE: Final = "cache_prune"
LIST_CACHED_NODES: Final = "list_cached_nodes"

STORES_INFO_DETAIL: Final = "stores_info_detail"

TASKS_API_ACCESS: Final = "tasks_api_access"
GET_TASK: Final = "get_task"
GET_TASKS: Final = "get_tasks"
ADD_TASK: Final = "add_task"
MODIFY_TASK: Final = "modify_task"

GET_METADEF_NAMESPACE: Final = "get_metadef_namespace"
GET_METADEF_NAMESPACES: Final = "get_metadef_namespaces"
ADD_METADEF_NAMESPACE: Final = "add_metadef_namespace"
MODIFY_METADEF_NAMESPACE: Final = "modify_metadef_namespace"
DELETE_METADEF_NAMESPACE: Final = "delete_metadef_namespace"
GET_METADEF_OBJECT: Final = "get_metadef_object"
GET_METADEF_OBJECTS: Final = "get_metadef_objects"
ADD_METADEF_OBJECT: Final = "add_metadef_object"
MODIFY_METADEF_OBJECT: Final = "modify_metadef_object"
DELETE_METADEF_OBJECT: Final = "delete_metadef_object"
LIST_METADEF_RESOURCE_TYPES: Final = "list_metadef_resource_types"
GET_METADEF_RESOURCE_TYPE: Final = "get_metadef_resource_type"
ADD_METADEF_RESOURCE_TYPE_ASSOCIATION: Final = "add_metadef_resource_type_association"
REMOVE_METADEF_RESOURCE_TYPE_ASSOCIATION: Final = "remove_metadef_resource_type_association"
GET_METADEF_PROPERTY: Final = "get_metadef_property"
GET_METADEF_PROPERTIES: Final = "get_metadef_properties"
ADD_METADEF_PROPERTY: Final = "add_metadef_property"
MODIFY_METADEF_PROPERTY: Final = "modify_metadef_property"
REMOVE_METADEF_PROPERTY: Final = "remove_metadef_property"
GET_METADEF_TAG: Final = "get_metadef_tag"
GET_METADEF_TAGS: Final = "get_metadef_tags"
ADD_METADEF_TAG: Final = "add_metadef_tag"
ADD_METADEF_TAGS: Final = "add_metadef_tags"
MODIFY_METADEF_TAG: Final = "modify_metadef_tag"
DELETE_METADEF_TAG: Final = "delete_metadef_tag"
DELETE_METADEF_TAGS: Final = "delete_metadef_tags"

_GUARDS: Final = {
    Denial.IMAGE_DECIDES: GET_IMAGE,
    Denial.NAMESPACE_DECIDES: GET_METADEF_NAMESPACE,
}

# --- building blocks of the checks ---------------------------------------------------

_ADMIN = f"rule:{CONTEXT_IS_ADMIN}"
_OWNER = "project_id:%(project_id)s"
_IS_MEMBER = "project_id:%(member_id)s"
_ADMIN_OR_OWNING_MEMBER = f"{_ADMIN} or (role:member and {_OWNER})"
_ADMIN_OR_OWNING_READER = f"{_ADMIN} or (role:reader and {_OWNER})"
_OWNING_CREATOR = f"(role:member and {_OWNER} and project_id:%(owner)s)"
_SEEN = (
    f"({_OWNER} or {_IS_MEMBER} or 'community':%(visibility)s"
    " or 'public':%(visibility)s or 'shared':%(visibility)s)"
)
_NAMESPACE_READER = f"{_ADMIN} or (role:reader and ({_OWNER} or 'public':%(visibility)s))"
_MEMBERSHIP_READER = f"{_ADMIN} or role:reader and ({_OWNER} or {_IS_MEMBER})"

# What applied in earlier releases.
_ANYBODY = f"rule:{DEFAULT}"
_ANY_METADEF_READER = f"rule:{METADEF_DEFAULT}"
_CACHE_OPERATOR = f"rule:{MANAGE_IMAGE_CACHE}"

_METADEF_ADMIN = f"rule:{METADEF_ADMIN}"


def _blocks() -> Iterator[Rule]:
    yield Rule(
        name=CONTEXT_IS_ADMIN,
        check="role:admin",
        description="Who counts as an administrator.",
    )
    yield Rule(name=DEFAULT, check="", description="What holds where no other rule is defined.")
    yield Rule(
        name=SERVICE_API,
        check="role:service or role:admin",
        description="Who may use what is there for other services.",
    )
    yield Rule(name=METADEF_DEFAULT, check="", description="Who may read metadata definitions.")
    yield Rule(name=METADEF_ADMIN, check=_ADMIN, description="Who may change metadata definitions.")


def _on_image(name: str, check: str, description: str, deprecated_check: str | None = None) -> Rule:
    return Rule(
        name=name,
        check=check,
        description=description,
        denial=Denial.IMAGE_DECIDES,
        deprecated_check=deprecated_check,
    )


def _images() -> Iterator[Rule]:
    yield Rule(
        name=ADD_IMAGE,
        check=f"{_ADMIN} or {_OWNING_CREATOR}",
        description="Create an image.",
        deprecated_check=_ANYBODY,
    )
    yield _on_image(DELETE_IMAGE, _ADMIN_OR_OWNING_MEMBER, "Delete an image.", _ANYBODY)
    yield Rule(
        name=GET_IMAGE,
        check=f"{_ADMIN} or (role:reader and {_SEEN})",
        description="See an image.",
        denial=Denial.NOT_FOUND,
        deprecated_check=_ANYBODY,
    )
    yield Rule(
        name=GET_IMAGES,
        check=_ADMIN_OR_OWNING_READER,
        description="List images.",
        deprecated_check=_ANYBODY,
    )
    yield _on_image(MODIFY_IMAGE, _ADMIN_OR_OWNING_MEMBER, "Change an image.", _ANYBODY)
    yield _on_image(PUBLICIZE_IMAGE, _ADMIN, "Make an image public.")
    yield _on_image(
        COMMUNITIZE_IMAGE, _ADMIN_OR_OWNING_MEMBER, "Make an image a community image.", _ANYBODY
    )
    downloader = f"{_ADMIN} or (role:member and {_SEEN})"
    yield _on_image(DOWNLOAD_IMAGE, downloader, "Read the data of an image.", _ANYBODY)
    yield _on_image(
        DOWNLOAD_FROM_STORE, downloader, "Say from which stores to read the data of an image."
    )
    yield _on_image(UPLOAD_IMAGE, _ADMIN_OR_OWNING_MEMBER, "Give an image its data.", _ANYBODY)
    yield _on_image(DEACTIVATE, _ADMIN_OR_OWNING_MEMBER, "Deactivate an image.", _ANYBODY)
    yield _on_image(REACTIVATE, _ADMIN_OR_OWNING_MEMBER, "Reactivate an image.", _ANYBODY)
    yield _on_image(COPY_IMAGE, _ADMIN, "Copy the data of an image to more stores.")


def _locations() -> Iterator[Rule]:
    yield _on_image(DELETE_IMAGE_LOCATION, _ADMIN, "Take a location off an image.", _ANYBODY)
    yield _on_image(GET_IMAGE_LOCATION, _ADMIN_OR_OWNING_READER, "See where the data is.", _ANYBODY)
    yield _on_image(
        SET_IMAGE_LOCATION, _ADMIN_OR_OWNING_MEMBER, "Set the locations of an image.", _ANYBODY
    )
    yield _on_image(
        ADD_IMAGE_LOCATION,
        f"rule:{SERVICE_API} or {_OWNING_CREATOR}",
        "Give a queued image a location.",
    )
    yield _on_image(FETCH_IMAGE_LOCATION, f"rule:{SERVICE_API}", "List the locations of an image.")


def _members() -> Iterator[Rule]:
    yield _on_image(ADD_MEMBER, _ADMIN_OR_OWNING_MEMBER, "Share an image.", _ANYBODY)
    yield _on_image(DELETE_MEMBER, _ADMIN_OR_OWNING_MEMBER, "Stop sharing an image.", _ANYBODY)
    yield Rule(
        name=GET_MEMBER,
        check=_MEMBERSHIP_READER,
        description="See one member of an image.",
        denial=Denial.NOT_FOUND,
        deprecated_check=_ANYBODY,
    )
    yield _on_image(GET_MEMBERS, _MEMBERSHIP_READER, "List the members of an image.", _ANYBODY)
    yield _on_image(
        MODIFY_MEMBER,
        f"{_ADMIN} or (role:member and {_IS_MEMBER})",
        "Accept or reject an image that is shared.",
        _ANYBODY,
    )


def _operations() -> Iterator[Rule]:
    yield Rule(
        name=MANAGE_IMAGE_CACHE,
        check=_ADMIN,
        description="Manage the image cache by its old routes.",
    )
    for name, description in (
        (CACHE_IMAGE, "Have an image cached."),
        (CACHE_LIST, "List what is cached and what is queued."),
        (CACHE_DELETE, "Take images out of the cache or its queue."),
    ):
        yield Rule(
            name=name, check=_ADMIN, description=description, deprecated_check=_CACHE_OPERATOR
        )
    yield Rule(name=CACHE_CLEAN, check=_ADMIN, description="Clear the cache of broken entries.")
    yield Rule(name=CACHE_PRUNE, check=_ADMIN, description="Shrink the cache to its limit.")
    yield Rule(
        name=LIST_CACHED_NODES, check=_ADMIN, description="List the nodes that cache an image."
    )
    yield Rule(
        name=STORES_INFO_DETAIL,
        check=f"{_ADMIN} or rule:{SERVICE_API}",
        description="See the properties of the stores.",
        deprecated_check=_ADMIN,
    )
    yield Rule(name=TASKS_API_ACCESS, check=_ADMIN, description="Use the tasks API.")
    for name, description in (
        (GET_TASK, "See a task; the tasks API does not ask for this rule."),
        (GET_TASKS, "List tasks; the tasks API does not ask for this rule."),
        (ADD_TASK, "Create a task; the tasks API does not ask for this rule."),
        (MODIFY_TASK, "Nothing; the rule is there because policy files may name it."),
    ):
        yield Rule(name=name, check=_ANYBODY, description=description)


def _metadefs() -> Iterator[Rule]:
    yield Rule(
        name=GET_METADEF_NAMESPACE,
        check=_NAMESPACE_READER,
        description="See a namespace.",
        denial=Denial.NOT_FOUND,
        deprecated_check=_ANY_METADEF_READER,
    )
    yield Rule(
        name=GET_METADEF_NAMESPACES,
        check=_ADMIN_OR_OWNING_READER,
        description="List namespaces.",
        denial=Denial.NAMESPACE_DECIDES,
        deprecated_check=_ANY_METADEF_READER,
    )
    for name, description in (
        (GET_METADEF_OBJECT, "See an object of a namespace."),
        (GET_METADEF_OBJECTS, "List the objects of a namespace."),
        (LIST_METADEF_RESOURCE_TYPES, "List resource types."),
        (GET_METADEF_RESOURCE_TYPE, "List the resource types of a namespace."),
        (GET_METADEF_PROPERTY, "See a property of a namespace."),
        (GET_METADEF_PROPERTIES, "List the properties of a namespace."),
        (GET_METADEF_TAG, "See a tag of a namespace."),
        (GET_METADEF_TAGS, "List the tags of a namespace."),
    ):
        yield Rule(
            name=name,
            check=_NAMESPACE_READER,
            description=description,
            denial=Denial.NAMESPACE_DECIDES,
            deprecated_check=_ANY_METADEF_READER,
        )
    for name, description in (
        (ADD_METADEF_NAMESPACE, "Create a namespace."),
        (MODIFY_METADEF_NAMESPACE, "Change a namespace."),
        (DELETE_METADEF_NAMESPACE, "Delete a namespace, or all of its objects or properties."),
        (ADD_METADEF_OBJECT, "Create an object in a namespace."),
        (MODIFY_METADEF_OBJECT, "Change an object of a namespace."),
        (DELETE_METADEF_OBJECT, "Delete an object of a namespace."),
        (ADD_METADEF_PROPERTY, "Create a property in a namespace."),
        (MODIFY_METADEF_PROPERTY, "Change a property of a namespace."),
        (REMOVE_METADEF_PROPERTY, "Delete a property of a namespace."),
        (ADD_METADEF_TAG, "Create a tag in a namespace."),
        (ADD_METADEF_TAGS, "Create several tags in a namespace at once."),
        (MODIFY_METADEF_TAG, "Rename a tag of a namespace."),
        (DELETE_METADEF_TAG, "Delete a tag of a namespace."),
        (DELETE_METADEF_TAGS, "Delete all tags of a namespace."),
        (ADD_METADEF_RESOURCE_TYPE_ASSOCIATION, "Associate a resource type and a namespace."),
        (REMOVE_METADEF_RESOURCE_TYPE_ASSOCIATION, "Separate a resource type and a namespace."),
    ):
        yield Rule(
            name=name,
            check=_METADEF_ADMIN,
            description=description,
            denial=Denial.NAMESPACE_DECIDES,
        )


def _all() -> Iterator[Rule]:
    yield from _blocks()
    yield from _images()
    yield from _locations()
    yield from _members()
    yield from _operations()
    yield from _metadefs()


RULES: Final[Mapping[str, Rule]] = MappingProxyType({rule.name: rule for rule in _all()})
"""Every rule by its name, the building blocks first."""


def hides_target(rule: str, holds: Callable[[str], bool]) -> bool:
    """Return whether a caller whom *rule* denies must not learn of the target.

    Args:
        rule: The name of the rule that denies.
        holds: Whether the rule of a name holds for the same caller and target;
            asked at most once, and for another rule than *rule*.
    """
    denial = RULES[rule].denial
    if denial.guard is None:
        return denial is Denial.NOT_FOUND
    return not holds(denial.guard)
