"""Print a token that Keystone signed, for a life that is over; run by Keystone's own Python.

    expired_token.py CONFIG_FILE USER_ID PROJECT_ID EXPIRED_AT

EXPIRED_AT is ``YYYY-MM-DDTHH:MM:SS.000000Z``. A token that has run out by itself
would need a test that waits.
"""

# ruff: noqa: PLC0415 (Keystone is imported once it can find its configuration)

import sys


def main(config_file: str, user_id: str, project_id: str, expired_at: str) -> None:
    """Sign the token with the deployment's own keys."""
    import keystone.conf
    from keystone.token.provider import random_urlsafe_str
    from keystone.token.token_formatters import ProjectScopedPayload, TokenFormatter

    keystone.conf.configure()
    keystone.conf.CONF([], project="keystone", default_config_files=[config_file])
    token = TokenFormatter().create_token(
        user_id,
        expired_at,
        [random_urlsafe_str()],
        ProjectScopedPayload,
        methods=["password"],
        project_id=project_id,
    )
    sys.stdout.write(token)


if __name__ == "__main__":
    main(*sys.argv[1:])
