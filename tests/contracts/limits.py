"""What `Limits` promises. A source of limits passes all of `LimitsContract` or is none."""

from typing import Final

import pytest

from vitrine.core.quota import Resource
from vitrine.ports.limits import Limits
from vitrine.testing.threads import at_once, results

MOST: Final = 3 * 1024 * 1024
"""Bytes that every project may have, where nothing else is limited."""


class LimitsContract:
    """Everything a source of limits promises."""

    @pytest.fixture
    def limits(self) -> Limits:
        """Limits of `MOST` bytes of images for every project, and no others."""
        raise NotImplementedError

    @pytest.mark.parametrize("project", ["a", "b", "a project", "ü/../?", "x" * 255])
    def test_every_project_may_have_so_many_bytes(self, limits: Limits, project: str) -> None:
        assert limits.of(project, Resource.SIZE_TOTAL) == MOST

    def test_what_nobody_owns_is_limited_too(self, limits: Limits) -> None:
        assert limits.of("", Resource.SIZE_TOTAL) == MOST

    @pytest.mark.parametrize("resource", sorted(set(Resource) - {Resource.SIZE_TOTAL}))
    def test_what_is_not_limited_has_no_number(self, limits: Limits, resource: Resource) -> None:
        assert limits.of("a", resource) is None

    def test_the_answer_is_the_same_every_time(self, limits: Limits) -> None:
        assert {limits.of("a", Resource.SIZE_TOTAL) for _ in range(3)} == {MOST}

    def test_many_can_ask_at_once(self, limits: Limits) -> None:
        def ask(number: int) -> list[int | None]:
            return [limits.of(f"project-{number % 3}", resource) for resource in Resource]

        expected = [MOST if resource is Resource.SIZE_TOTAL else None for resource in Resource]
        assert results(at_once(6, ask)) == [expected] * 6
