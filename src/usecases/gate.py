"""What every use case on images asks first: is it there, and may the caller?"""

from collections.abc import Callable, Mapping

import attrs

from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.images import access
from vitrine.core.images.access import ImageRecord
from vitrine.core.images.image import Image
from vitrine.core.policy import GET_IMAGE, hides_target
from vitrine.core.protection import Operation, Protections
from vitrine.ports.authorization import Authorizer
from vitrine.ports.persistence import Persistence
from vitrine.ports.stores import Stores
from vitrine.usecases.repair import repaired


class Gate:
    """Finds images for callers, and shows them what they may see of them."""

    def __init__(
        self,
        persistence: Persistence,
        authorizer: Authorizer,
        protections: Protections,
        stores: Stores,
    ) -> None:
        """Take what decides."""
        self._persistence = persistence
        self._stores = stores
        self._authorizer = authorizer
        self._protections = protections

    @property
    def protections(self) -> Protections:
        """Who may do what to which custom property."""
        return self._protections

    @property
    def legacy(self) -> bool:
        """Whether the policy still grants what earlier releases granted."""
        return self._authorizer.legacy

    @staticmethod
    def check_may_change(context: Context) -> None:
        """Refuse callers that may change nothing at all.

        Raises:
            ReadOnlyCaller: The caller is one.
        """
        if context.read_only:
            raise errors.ReadOnlyCaller

    def find(self, context: Context, image_id: str) -> ImageRecord:
        """Return the image if the rules of the domain let the caller see it.

        Its locations are put right, so whoever saves a change of it saves that too.

        Raises:
            ImageNotFound: They do not, or it is not there.
        """
        return self.repaired(self.look(context, image_id))

    def repaired(self, record: ImageRecord) -> ImageRecord:
        """Return *record* with locations that are put right: the same one if they are."""
        image = repaired(self._stores, record.image)
        return record if image is record.image else attrs.evolve(record, image=image)

    def look(self, context: Context, image_id: str) -> ImageRecord:
        """Return the image as it is remembered, if `find` finds it.

        Raises:
            ImageNotFound: It does not.
        """
        record = self._persistence.images.get(image_id, member=context.project_id)
        if record is None or not access.may_see(record, context):
            raise errors.ImageNotFound(image_id)
        return record

    def require(self, context: Context, record: ImageRecord, rule: str) -> None:
        """Ask the policy for *rule* on an image that the caller found.

        Raises:
            NotPermitted: It says no.
            ImageNotFound: It says no, and the caller may not even see the image.
        """
        target = access.policy_target(record, context)
        if self._authorizer.allows(rule, context, target):
            return
        if hides_target(rule, self.holds(context, target)):
            raise errors.ImageNotFound(record.image.id)
        raise errors.NotPermitted(rule)

    def shows(self, context: Context, record: ImageRecord) -> bool:
        """Return whether the policy, too, lets the caller see an image that it found.

        Whoever does not see an image must not learn of its state before it is known
        that the caller may do what it asks for.
        """
        return self._authorizer.allows(GET_IMAGE, context, access.policy_target(record, context))

    def require_in_general(self, context: Context, rule: str, target: Mapping[str, object]) -> None:
        """Ask the policy for *rule* on something that is no image yet.

        Raises:
            NotPermitted: It says no.
        """
        if not self._authorizer.allows(rule, context, target):
            raise errors.NotPermitted(rule)

    def change(self, context: Context, record: ImageRecord, rule: str) -> None:
        """Ask whether the caller may change an image that it found.

        Whatever the policy says, only its owner and administrators change one.

        Raises:
            NotPermitted, ImageNotFound: As `require`, and for anybody else.
            BeingDeleted: The image is on its way out.
        """
        self.require(context, record, rule)
        if not (context.is_admin or access.is_owner(record.image, context)):
            raise errors.NotPermitted(rule)
        record.image.check_not_being_deleted()

    def filter(self, context: Context) -> Callable[[ImageRecord], bool]:
        """Return whether the policy lets the caller get an image, for many images."""
        allows = self._authorizer.compiled(GET_IMAGE, context)
        return lambda record: allows(access.policy_target(record, context))

    def shown(self, context: Context, record: ImageRecord) -> Image:
        """Return the image with only those properties and locations the caller may see."""
        record = self.repaired(record)
        image = record.image
        if not access.may_see_locations(image, context):
            image = attrs.evolve(image, locations=())
        if self._protections.active:
            roles = context.roles | context.service_roles
            holds = self.holds_for(context, record)
            readable = {
                name: value
                for name, value in image.properties.items()
                if self._protections.allows(Operation.READ, name, roles, holds)
            }
            image = attrs.evolve(image, properties=readable)
        return image

    def holds_for(self, context: Context, record: ImageRecord) -> Callable[[str], bool]:
        """Return whether a policy rule holds for the caller on an image that it found."""
        return self.holds(context, access.policy_target(record, context))

    def holds(self, context: Context, target: Mapping[str, object]) -> Callable[[str], bool]:
        """Return whether a policy rule holds for the caller on *target*."""
        return lambda rule: self._authorizer.allows(rule, context, target)
