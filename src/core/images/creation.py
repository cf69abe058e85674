"""What it takes to begin an image."""

from collections.abc import Mapping
from datetime import datetime

import attrs

from vitrine.core import errors
from vitrine.core.context import Context
from vitrine.core.images import properties as rules
from vitrine.core.images.image import (
    LONGEST_FORMAT,
    LONGEST_NAME,
    Image,
    Visibility,
    check_minimum,
    check_tags,
    is_image_id,
    whole_seconds,
)
from vitrine.core.images.text import storable
from vitrine.core.quota import Quotas, within


@attrs.frozen(kw_only=True)
class NewImage:
    """What a caller asks for when it creates an image.

    Attributes:
        id: The id the caller chose; None to have one made.
        owner: The project it shall belong to, where *owner_given*; otherwise it
            belongs to the caller's.
        owner_given: Whether the caller named an owner, if only null.
        forbidden: Names of read-only attributes that the caller tried to set.
    """

    id: str | None = None
    name: str | None = None
    owner: str | None = None
    owner_given: bool = False
    visibility: Visibility = Visibility.SHARED
    protected: bool = False
    hidden: bool = False
    disk_format: str | None = None
    container_format: str | None = None
    min_disk: int = 0
    min_ram: int = 0
    properties: Mapping[str, str | None] = attrs.field(factory=dict[str, str | None])
    tags: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()

    def check_names(self) -> None:
        """Refuse properties that no caller may set.

        Raises:
            InvalidValue: A name is too long, or the id is no UUID.
            ReservedName: A name belongs to the service.
        """
        if self.id is not None and not is_image_id(self.id):
            raise errors.InvalidValue("id", "it is not a UUID")
        for name in self.properties:
            rules.check_name(name)

    def owner_for(self, context: Context) -> str | None:
        """Return whose image it will be."""
        return self.owner if self.owner_given else context.project_id

    def check_tags(self, quotas: Quotas) -> None:
        """Refuse tags that cannot be, or are too many.

        Raises:
            InvalidValue: A tag is not acceptable.
            LimitExceeded: There are more than the quota.
        """
        check_tags(self.tags)
        within("tags", quotas.tags, len(self.tags))

    def image(self, image_id: str, context: Context, quotas: Quotas, now: datetime) -> Image:
        """Return the image that begins so: queued, without data.

        Raises:
            ForeignOwner: The caller names another owner and is no administrator.
            ReadOnlyAttribute: It sets what only the service sets.
            InvalidValue: A value is not acceptable.
            LimitExceeded: There are too many properties.
        """
        owner = self.owner_for(context)
        if owner != context.project_id and not context.is_admin:
            raise errors.ForeignOwner
        for name in sorted(self.forbidden):
            raise errors.ReadOnlyAttribute(name)
        check_minimum("min_disk", self.min_disk)
        check_minimum("min_ram", self.min_ram)
        within("properties", quotas.properties, rules.countable(self.properties))
        rules.check_characters(self.properties)
        moment = whole_seconds(now)
        return Image(
            id=image_id,
            created_at=moment,
            updated_at=moment,
            owner=owner and storable("owner", owner, longest=LONGEST_NAME),
            name=self.name and storable("name", self.name, longest=LONGEST_NAME),
            visibility=self.visibility,
            protected=self.protected,
            hidden=self.hidden,
            disk_format=self.disk_format
            and storable("disk_format", self.disk_format, longest=LONGEST_FORMAT),
            container_format=self.container_format
            and storable("container_format", self.container_format, longest=LONGEST_FORMAT),
            min_disk=self.min_disk,
            min_ram=self.min_ram,
            properties=self.properties,
            tags=self.tags,
        )
