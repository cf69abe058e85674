"""Fill an empty Keystone with the people the tests know; run by Keystone's own Python.

    seed_keystone.py CONFIG_FILE IDENTITY_URL IMAGE_URL

The database is synced and bootstrapped already. The application is called in
process, so that no port is needed; every call is an ordinary one of its API.
"""

# ruff: noqa: PLC0415 (Keystone is imported once it can find its configuration)

import json
import os
import sys

PASSWORD = "loopback-only"
REGION = "RegionOne"
PROJECTS = ("demo", "alt", "service")
# user: (project, roles on it)
USERS = {
    "demo": ("demo", ("member",)),
    "demo_reader": ("demo", ("reader",)),
    "demo_manager": ("demo", ("manager",)),
    "alt": ("alt", ("member",)),
    "alt_reader": ("alt", ("reader",)),
    "glance": ("service", ("service", "admin")),
    "nova": ("service", ("service",)),
}


def main(config_file: str, identity_url: str, image_url: str) -> None:  # noqa: C901 (one story)
    """Make roles, projects, users and the image service."""
    os.environ["OS_KEYSTONE_CONFIG_FILES"] = config_file
    from keystone.server.wsgi import initialize_public_application
    from webob import Request, Response

    application = initialize_public_application()

    def call(method: str, path: str, body: object = None, token: str | None = None) -> Response:
        request = Request.blank(f"{identity_url}{path}", method=method)
        if token:
            request.headers["X-Auth-Token"] = token
        if body is not None:
            request.content_type = "application/json"
            request.body = json.dumps(body).encode()
        response = request.get_response(application)
        if response.status_int >= 300:
            sys.exit(f"{method} {path}: {response.status} {response.text}")
        return response

    domain = {"id": "default"}
    token = call(
        "POST",
        "/auth/tokens",
        {
            "auth": {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"name": "admin", "domain": domain, "password": PASSWORD}},
                },
                "scope": {"project": {"name": "admin", "domain": domain}},
            }
        },
    ).headers["X-Subject-Token"]

    def make(kind: str, **fields: object) -> str:
        made = call("POST", f"/{kind}s", {kind: fields}, token).json
        return made[kind]["id"]

    def ids(kind: str) -> dict[str, str]:
        found = call("GET", f"/{kind}s", token=token).json[f"{kind}s"]
        return {one["name"]: one["id"] for one in found}

    roles = ids("role")
    for role in ("admin", "manager", "member", "reader", "service"):
        if role not in roles:
            roles[role] = make("role", name=role)
    projects = ids("project")
    for project in PROJECTS:
        projects[project] = make("project", name=project, domain_id="default")
    for user, (project, granted) in USERS.items():
        user_id = make(
            "user",
            name=user,
            password=PASSWORD,
            domain_id="default",
            default_project_id=projects[project],
        )
        for role in granted:
            call(
                "PUT",
                f"/projects/{projects[project]}/users/{user_id}/roles/{roles[role]}",
                token=token,
            )
        if user == "glance":
            # What a service needs to read unified limits.
            call("PUT", f"/system/users/{user_id}/roles/{roles['reader']}", token=token)
    service = make("service", name="glance", type="image")
    for interface in ("public", "internal", "admin"):
        make("endpoint", service_id=service, interface=interface, url=image_url, region_id=REGION)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    # Keystone reads options of its own from what is left here.
    del sys.argv[1:]
    main(*arguments)
