"""Image services of other regions, as a caller of this one may use them.

Where such a service is, the caller's catalogue says, which operators write: users choose
by the name of a region and of an interface, and never an address. So what is reached here
is not under the filter for URLs of users, which by itself would let nobody reach an
internal network or a port such as 9292, where such services are. Nobody is sent on from
there: redirects are not followed.
"""

from collections.abc import Mapping
from typing import Protocol

import attrs

from vitrine.core.context import Context
from vitrine.ports.fetching import Transfer


@attrs.frozen(kw_only=True)
class RemotePlace:
    """One image in another region.

    Attributes:
        region: Its name in the catalogue.
        image_id: A UUID.
        interface: Which of its endpoints is used: ``public``, ``internal`` or ``admin``.
    """

    region: str
    image_id: str
    interface: str = "public"


@attrs.frozen(kw_only=True)
class RemoteImage:
    """What the other region says of its image.

    Attributes:
        status: As the Image API names it.
        size: Bytes of its data, None if it does not say.
        properties: Everything else that is text, by its name in the Image API; some of
            it are base attributes.
    """

    status: str
    size: int | None
    disk_format: str | None
    container_format: str | None
    properties: Mapping[str, str] = attrs.field(factory=dict[str, str])


class Remotes(Protocol):
    """Image services of other regions. Safe to share between threads.

    Both methods ask with the token of the caller, and raise

    * `RemoteRefused`: The catalogue has no such service, or it does not let the caller
      in, or it has no such image for this caller.
    * `SourceUnavailable`: It, or the identity service, does not answer sensibly now.
    """

    def describe(self, caller: Context, place: RemotePlace) -> RemoteImage:
        """Return what is known of an image there."""
        ...

    def open(self, caller: Context, place: RemotePlace) -> Transfer:
        """Begin to read its data, from the first byte on."""
        ...
