"""Who is asking."""

import attrs


def _lower(names: frozenset[str] | set[str] | tuple[str, ...] | list[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


@attrs.frozen(kw_only=True)
class Context:
    """The caller of one request, as the identity service vouched for it.

    Attributes:
        user_id: Who is calling; None for anonymous callers.
        project_id: For which project; an image's owner is a project. None for
            anonymous callers, unscoped and system-scoped tokens, and when the
            service runs without authentication.
        domain_id: The domain the token is scoped to, if it is scoped to one.
        system_scope: ``all`` for a system-scoped token, else None.
        user_domain_id: The domain of the user.
        project_domain_id: The domain of the project.
        roles: The roles of the user on the project, lower case.
        service_roles: The roles of a service that sent the request along, lower
            case. They count for property protections and nothing else.
        is_admin: Whether the policy rule ``context_is_admin`` holds.
        read_only: Whether the caller may change nothing, whatever the policy says.
        request_id: The id of the request, for events and logs.
        token: The caller's own token, for stores that act on its behalf. Never
            shown: it is left out of `repr`.
    """

    user_id: str | None = None
    project_id: str | None = None
    domain_id: str | None = None
    system_scope: str | None = None
    user_domain_id: str | None = None
    project_domain_id: str | None = None
    roles: frozenset[str] = attrs.field(default=frozenset(), converter=_lower)
    service_roles: frozenset[str] = attrs.field(default=frozenset(), converter=_lower)
    is_admin: bool = False
    read_only: bool = False
    request_id: str | None = None
    token: str | None = attrs.field(default=None, repr=False)
