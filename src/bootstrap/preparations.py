"""The steps on the way of an import, as the operator chose and ordered them."""

from collections.abc import Callable, Mapping

from vitrine.adapters.config.settings import Settings
from vitrine.adapters.conversion.qemu import QemuImg
from vitrine.adapters.conversion.unpacking import Unpackers
from vitrine.core.images.conversion import ConversionRules
from vitrine.ports.clock import Ids
from vitrine.ports.inspection import Inspector
from vitrine.ports.limits import Limits
from vitrine.ports.persistence import Persistence
from vitrine.ports.staging import Staging
from vitrine.usecases.preparations.converting import Conversion
from vitrine.usecases.preparations.decompression import Decompression
from vitrine.usecases.preparations.injection import Injection
from vitrine.usecases.preparations.no_op import NoOp
from vitrine.usecases.preparations.room import Rooms
from vitrine.usecases.preparing import Preparation, Preparations


def make_rooms(settings: Settings, *, limits: Limits, persistence: Persistence) -> Rooms:
    """Return how large images may grow on their way."""
    return Rooms(limits=limits, ledger=persistence.ledger, largest=settings.limits.image_size)


def make_conversion(  # noqa: PLR0913 - what reads, what writes, and what may be
    output_format: str,
    settings: Settings,
    *,
    staging: Staging,
    inspector: Inspector,
    rooms: Rooms,
    ids: Ids,
) -> Conversion:
    """Return the step that converts to *output_format*.

    Raises:
        Misconfigured: The program for it is missing.
    """
    return Conversion(
        staging=staging,
        converter=QemuImg(),
        inspector=inspector,
        rooms=rooms,
        ids=ids,
        rules=ConversionRules(
            output_format=output_format,
            vmdk_types=frozenset(settings.formats.vmdk_allowed_types),
            gpt_nonfatal=frozenset(settings.formats.gpt_nonfatal_checks),
        ),
    )


def make_preparations(
    settings: Settings,
    *,
    staging: Staging,
    inspector: Inspector,
    rooms: Rooms,
    ids: Ids,
) -> Preparations:
    """Return the steps.

    Raises:
        Misconfigured: A program that one of them needs is missing.
    """
    imports = settings.imports

    def decompression() -> Preparation:
        return Decompression(staging=staging, unpacker=Unpackers(), rooms=rooms, ids=ids)

    def conversion() -> Preparation:
        return make_conversion(
            imports.conversion_format,
            settings,
            staging=staging,
            inspector=inspector,
            rooms=rooms,
            ids=ids,
        )

    def injection() -> Preparation:
        return Injection(imports.inject, spared=imports.inject_ignored_roles)

    steps: Mapping[str, Callable[[], Preparation]] = {
        "no_op": NoOp,
        "image_decompression": decompression,
        "image_conversion": conversion,
        "inject_image_metadata": injection,
    }
    return Preparations([steps[name]() for name in imports.plugins], delete=staging.delete)
