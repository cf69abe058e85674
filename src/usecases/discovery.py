"""What this service offers, for callers that ask before they act."""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from vitrine.core import errors, policy
from vitrine.core.context import Context
from vitrine.core.importing import Method
from vitrine.core.quota import Resource
from vitrine.ports.authorization import Authorizer
from vitrine.ports.limits import Limits
from vitrine.ports.persistence import Ledger
from vitrine.ports.stores import Ability, StoreInfo, Stores

IMPORT_METHODS: Final[frozenset[str]] = frozenset(
    {Method.GLANCE_DIRECT, Method.WEB_DOWNLOAD, Method.GLANCE_DOWNLOAD, Method.COPY_IMAGE}
)
"""The import methods that this version has. Building one means adding its name here."""

RESERVED_STORES: Final = "os_glance_"
"""How the ids of stores begin that hold what is under way."""

_MIB: Final = 1024 * 1024  # bytes
_IN_MIB: Final = frozenset({Resource.SIZE_TOTAL, Resource.STAGE_TOTAL})


@attrs.frozen(kw_only=True)
class StoreDescription:
    """What callers can learn of a store.

    Attributes:
        info: What the operator says of it.
        default: Whether it is written to when the caller names none.
        read_only: Whether it takes no data.
    """

    info: StoreInfo
    default: bool
    read_only: bool


@attrs.frozen(kw_only=True)
class StoreDetail:
    """What administrators can learn of a store.

    Attributes:
        store: What everybody can.
        kind: The kind of driver, such as ``file``.
        properties: What the driver tells of itself.
    """

    store: StoreDescription
    kind: str
    properties: Mapping[str, object]


@attrs.frozen(kw_only=True)
class ResourceUsage:
    """How much a project has of something, in MiB where that is bytes.

    Attributes:
        used: What it has, reservations included.
        limit: What it may have, None for any amount.
    """

    used: int
    limit: int | None


class Discovery:
    """What callers can find out about the service."""

    def __init__(  # noqa: PLR0913 - what is passed in is what can be found out
        self,
        *,
        stores: Stores,
        authorizer: Authorizer,
        ledger: Ledger,
        limits: Limits,
        enabled_methods: Sequence[str] = (),
        usage_shown: bool = False,
    ) -> None:
        """Take the parts.

        Args:
            stores: All stores.
            authorizer: Says who may look closely at them.
            ledger: What projects use.
            limits: What they may use.
            enabled_methods: The import methods that the operator wants, in order.
            usage_shown: Whether there are limits worth comparing one's usage with.
        """
        self._stores = stores
        self._authorizer = authorizer
        self._ledger = ledger
        self._limits = limits
        self._methods = tuple(method for method in enabled_methods if method in IMPORT_METHODS)
        self._usage_shown = usage_shown

    def import_methods(self) -> Sequence[str]:
        """Return the methods by which images can be imported, in the operator's order."""
        return self._methods

    def stores(self) -> Sequence[StoreInfo]:
        """Return the stores that callers can choose from; none if there is no choice."""
        if not self._stores.multiple:
            return ()
        return [each for each in self._stores.listed() if not each.id.startswith(RESERVED_STORES)]

    def describe_stores(self) -> Sequence[StoreDescription]:
        """Return what there is to know of each store that callers can choose from.

        No store is asked for anything, so that one which is away holds up nobody.

        Raises:
            StoresUnnamed: There is no choice.
        """
        if not self._stores.multiple:
            raise errors.StoresUnnamed
        return [self._described(info) for info in self.stores()]

    def inspect_stores(self, context: Context) -> Sequence[StoreDetail]:
        """Return the same stores as `describe_stores`, in detail, to those who may see it.

        Raises:
            StoresUnnamed: There is no choice.
            NotPermitted: The caller may not see it.
        """
        described = self.describe_stores()
        if not self._authorizer.allows(policy.STORES_INFO_DETAIL, context, {}):
            raise errors.NotPermitted(policy.STORES_INFO_DETAIL)
        return [self._inspected(each) for each in described]

    def _described(self, info: StoreInfo) -> StoreDescription:
        store = self._stores.get(info.id)
        return StoreDescription(
            info=info,
            default=info.id == self._stores.default_id,
            read_only=Ability.WRITE not in store.abilities,
        )

    def _inspected(self, described: StoreDescription) -> StoreDetail:
        store = self._stores.get(described.info.id)
        return StoreDetail(store=described, kind=store.kind, properties=store.properties)

    def usage(self, context: Context) -> Mapping[Resource, ResourceUsage]:
        """Return what the caller's project uses of what is limited; empty if nothing is."""
        if not self._usage_shown:
            return {}
        project = context.project_id or ""
        used = self._ledger.usage(project)
        return {
            resource: ResourceUsage(
                used=_shown(resource, used[resource].used + used[resource].reserved),
                limit=None if limit is None else _shown(resource, limit),
            )
            for resource in Resource
            for limit in [self._limits.of(project, resource)]
        }


def _shown(resource: Resource, amount: int) -> int:
    return amount // _MIB if resource in _IN_MIB else amount
