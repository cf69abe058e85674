"""Facts: what is not there, or not for the caller to know of."""

import attrs

from vitrine.core.errors.kinds import NotFound


@attrs.define(eq=False)
class ImageNotFound(NotFound):
    """No image has this id, or the caller may not learn that one does."""

    image_id: str

    def __str__(self) -> str:
        return f"No image {self.image_id} was found."


@attrs.define(eq=False)
class MemberNotFound(NotFound):
    """The image is not shared with this project, as far as the caller may know."""

    image_id: str
    member_id: str

    def __str__(self) -> str:
        return f"{self.member_id} is not a member of image {self.image_id}."


@attrs.define(eq=False)
class TagNotFound(NotFound):
    """The image does not carry this tag."""

    image_id: str
    tag: str

    def __str__(self) -> str:
        return f"Image {self.image_id} has no tag '{self.tag}'."


@attrs.define(eq=False)
class BlobNotFound(NotFound):
    """The store holds nothing at this location."""

    def __str__(self) -> str:
        return "The image's data was not found in its store."


@attrs.define(eq=False)
class CopyNotFound(NotFound):
    """The image has no data in this store, or none any more."""

    image_id: str
    store_id: str

    def __str__(self) -> str:
        return f"Image {self.image_id} has no data in the store '{self.store_id}'."


@attrs.define(eq=False)
class CacheDisabled(NotFound):
    """This service has no image cache."""

    def __str__(self) -> str:
        return "This service has no image cache."


@attrs.define(eq=False)
class StoresUnnamed(NotFound):
    """There is one store, which has no name, and so there is no list of stores."""

    def __str__(self) -> str:
        return "The stores of this service have no names."


@attrs.define(eq=False)
class StagingDisabled(NotFound):
    """The operator does not let callers import data that they send beforehand."""

    def __str__(self) -> str:
        return "Data cannot be staged here."


@attrs.define(eq=False)
class SourceNotFound(NotFound):
    """The origin has nothing at the URL, or does not give it out."""

    def __str__(self) -> str:
        return "There is nothing to be had at the URL."


@attrs.define(eq=False)
class TaskNotFound(NotFound):
    """No task has this id, or none any more, or the caller may not learn that one does."""

    task_id: str

    def __str__(self) -> str:
        return f"No task {self.task_id} was found."


@attrs.define(eq=False)
class NamespaceNotFound(NotFound):
    """No namespace has this name, or the caller may not learn that one does."""

    namespace: str

    def __str__(self) -> str:
        return f"No namespace '{self.namespace}' was found."


@attrs.define(eq=False)
class MetadefsHidden(NotFound):
    """The caller may not learn of any metadata definitions."""

    def __str__(self) -> str:
        return "No metadata definitions were found."


@attrs.define(eq=False)
class DefinitionNotFound(NotFound):
    """The namespace defines nothing of this kind and name.

    Attributes:
        kind: What was looked for, such as ``tag``.
        name: Its name.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        return f"The namespace has no {self.kind} '{self.name}'."
