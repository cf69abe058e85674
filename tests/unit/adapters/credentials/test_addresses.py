"""Where an account is proved."""

import pytest

from vitrine.adapters.credentials.calls import versioned
from vitrine.ports.credentials import Account


@pytest.mark.parametrize(
    ("version", "given", "url"),
    [
        ("3", "http://keystone:5000", "http://keystone:5000/v3"),
        ("3", "http://keystone:5000/", "http://keystone:5000/v3"),
        ("3", "http://keystone:5000/v3", "http://keystone:5000/v3"),
        ("3", "http://keystone:5000/v3/", "http://keystone:5000/v3"),
        ("3", "https://cloud/identity", "https://cloud/identity/v3"),
        ("3", "https://cloud/identity/v2.0", "https://cloud/identity/v3"),
        ("2", "https://cloud/identity", "https://cloud/identity/v2.0"),
        ("2", "https://cloud/identity/v3/", "https://cloud/identity/v2.0"),
        ("1", "http://swift/auth/v1.0", "http://swift/auth/v1.0"),
    ],
)
def test_the_version_may_follow_or_not(version: str, given: str, url: str) -> None:
    assert versioned(Account(auth_url=given, auth_version=version)) == url
