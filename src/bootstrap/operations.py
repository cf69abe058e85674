"""What the command does."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import attrs
from dependency_injector import providers

from vitrine.adapters.config.settings import (
    Settings,
)
from vitrine.adapters.http import metadef_documents
from vitrine.adapters.seeds import files as seeds
from vitrine.bootstrap.container import Container
from vitrine.bootstrap.parts import make_authorizer, make_protections
from vitrine.core import errors, policy
from vitrine.core.context import Context
from vitrine.core.images import access
from vitrine.core.images.access import ImageRecord
from vitrine.core.images.image import Image, Visibility
from vitrine.core.images.members import MemberStatus
from vitrine.core.images.status import Status
from vitrine.core.metadefs.loading import Existing
from vitrine.core.metadefs.namespaces import NewNamespace
from vitrine.usecases.seeding import Seeding

_ANOTHER: Final = "another project"  # ids have no blanks
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


def serve(settings: Settings) -> None:
    """Serve until a signal says otherwise.

    Raises:
        Misconfigured: A setting makes this impossible.
    """
    # gunicorn, which only this needs
    from vitrine.adapters.http import server  # noqa: PLC0415
    from vitrine.adapters.http.connection import Patience  # noqa: PLC0415

    _prepare(settings)
    container = Container(settings=providers.Object(settings))
    app = container.app()
    background = container.background()
    chosen = settings.server
    server.run(
        lambda: app,
        server.ServerSettings(
            bind=(chosen.bind,),
            workers=chosen.workers,
            threads=chosen.threads,
            graceful_timeout=chosen.graceful_timeout,
            patience=Patience(
                silence=chosen.socket_timeout,
                slowest=chosen.min_transfer_rate,
                grace=chosen.transfer_grace,
            ),
        ),
        on_worker_start=background.start,
        on_worker_stop=background.stop,
    )


def _prepare(settings: Settings) -> None:
    """Make the database of a service that was not given one."""
    if settings.database.embedded:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        database_sync(settings)


def database_sync(settings: Settings) -> str:
    """Bring the database's schema up to date and return its version."""
    from vitrine.adapters.persistence.sql import migrate  # noqa: PLC0415

    migrate.upgrade(settings.database.url)
    return migrate.head()


def database_version(settings: Settings) -> str:
    """Return the version of the database's schema, ``none`` before the first."""
    from vitrine.adapters.persistence.sql import migrate  # noqa: PLC0415

    return migrate.current(settings.database.url) or "none"


def database_is_current(settings: Settings) -> bool:
    """Return whether the database's schema is the one this version works with."""
    from vitrine.adapters.persistence.sql import migrate  # noqa: PLC0415

    return migrate.is_current(settings.database.url)


def load_metadefs(settings: Settings, directory: Path | None, existing: Existing) -> str:
    """Load the metadata definitions in *directory*, or those that come along; say what was done.

    Raises:
        Misconfigured, InvalidRequest: A file is not what it should be; nothing was loaded.
    """
    namespaces = [_namespace(seed) for seed in seeds.read_seeds(directory or seeds.BUNDLED)]
    done = _seeding(settings).load(namespaces, existing)
    return (
        f"Namespaces created: {done.created}, changed: {done.changed}, "
        f"left as they were: {done.kept}."
    )


def _namespace(seed: seeds.Seed) -> NewNamespace:
    try:
        return metadef_documents.new_namespace(seed.document)
    except errors.VitrineError as error:
        raise errors.InvalidRequest(f"{seed.file_name}: {error}") from error


def unload_metadefs(settings: Settings) -> str:
    """Delete all metadata definitions and say how many namespaces that were."""
    return f"Namespaces deleted: {_seeding(settings).unload()}."


def export_metadefs(settings: Settings, directory: Path) -> str:
    """Write all metadata definitions into *directory* and say how many namespaces those are.

    Raises:
        Misconfigured: They cannot be written.
    """
    seeds.make_directory(directory)
    count = 0
    for definitions in _seeding(settings).export():
        document = metadef_documents.seed_document(definitions)
        seeds.write_seed(directory, definitions.namespace.name, document)
        count += 1
    return f"Namespaces written: {count}."


def _seeding(settings: Settings) -> Seeding:
    _prepare(settings)
    return Container(settings=providers.Object(settings)).seeding()


def policy_rules(settings: Settings) -> Mapping[str, str]:
    """Return the checks in force by the names of their rules."""
    return make_authorizer(settings).checks()


def policy_warnings(settings: Settings) -> Sequence[str]:
    """Read the policy and return what the operator should hear about it.

    Raises:
        Misconfigured: The service would not start with it.
    """
    authorizer = make_authorizer(settings)
    make_protections(settings, authorizer)
    return [f"Nothing asks for the rule '{name}'." for name in authorizer.unknown()]


def policy_explain(  # noqa: PLR0913 - who, what, and with which image
    settings: Settings,
    *,
    rule: str,
    user: str | None,
    project: str | None,
    roles: tuple[str, ...],
    system: bool,
    owner: str | None,
    visibility: str,
    member: bool,
) -> Sequence[str]:
    """Say whether *rule* lets a user at an image and how a denial would look, and why.

    Args:
        settings: Where the policy is.
        rule: Its name.
        user: The caller.
        project: The caller's project, unless its token is for the whole *system*.
        roles: Of the caller.
        system: Whether that is what the token is for.
        owner: The image's project; None for the caller's, or some other one of a *member*.
        visibility: Of the image.
        member: Whether the caller's project is a member of the image.

    Raises:
        Misconfigured: There is no such rule.
        InvalidRequest: Nobody can be a *member* of such an image.
    """
    authorizer = make_authorizer(settings)
    context = Context(
        user_id=user,
        project_id=None if system else project,
        system_scope="all" if system else None,
        roles=frozenset(roles),
    )
    admin = authorizer.allows(policy.CONTEXT_IS_ADMIN, context, {})
    context = attrs.evolve(context, is_admin=admin)
    image = _image(owner or (_ANOTHER if member else project), Visibility(visibility))
    record = ImageRecord(image=image, membership=MemberStatus.ACCEPTED if member else None)
    if member and (context.project_id is None or not access.reached_as_member(record, context)):
        raise errors.InvalidRequest(
            "Only a project is a member of an image, and only of another project's, "
            "whose visibility is shared."
        )
    target = access.policy_target(record, context)
    explained = authorizer.explain(rule, context, target)
    answer = "not known without asking a remote service"
    if explained.holds is not None:
        answer = "allowed" if explained.holds else "denied"
    if explained.holds is False and rule in policy.RULES:
        hidden = policy.hides_target(rule, lambda guard: authorizer.allows(guard, context, target))
        answer += ", by an answer that hides the image (404)" if hidden else " (403)"
    return [f"{rule}: {answer}", *explained.lines(1)]


def _image(owner: str | None, visibility: Visibility) -> Image:
    """Return an image of which nothing else is said."""
    return Image(
        id=str(uuid.UUID(int=0)),
        created_at=_LONG_AGO,
        updated_at=_LONG_AGO,
        owner=owner,
        status=Status.ACTIVE,
        visibility=visibility,
    )
