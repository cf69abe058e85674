"""Limits as the operator wrote them, the same for every project."""

from vitrine.core.quota import Resource
from vitrine.ports.limits import Limits


class SettingsLimits(Limits):
    """Limits the bytes that a project keeps, and nothing else."""

    def __init__(self, user_storage_quota: int | None) -> None:
        """Take the limit in bytes; None and 0 mean that there is none."""
        self._size_total = user_storage_quota or None

    def of(self, project: str, resource: Resource) -> int | None:
        return self._size_total if resource is Resource.SIZE_TOTAL else None
