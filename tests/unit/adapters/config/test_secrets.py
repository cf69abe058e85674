"""What is secret is shown nowhere."""

from pathlib import Path

import pytest
from oslo_config import cfg

from tests.unit.adapters.config.deployed import DEPLOYED, Load
from vitrine.adapters.config.drivers import BUILT_IN, as_options, load_driver
from vitrine.adapters.config.options import SECTIONS, all_sections
from vitrine.adapters.config.showing import show
from vitrine.adapters.config.sources import CommandLine
from vitrine.core.errors import Misconfigured

SECRET = "hunter2hunter2hu"
KINDS = [kind for kind in BUILT_IN if kind != "glance_store"]


def _every_secret() -> str:
    """Return a file that sets every secret option, and stores of every kind."""
    lines: list[str] = []
    for section in SECTIONS:
        lines.append(f"[{section.name}]")
        if section.name == "glance_store":
            lines.append("default_backend = store-file")
        if section.name == "DEFAULT":
            backends = ",".join(f"store-{kind}:{kind}" for kind in KINDS)
            lines.append(f"enabled_backends = {backends}")
        lines.extend(_secret_lines(section.options))
    for kind in KINDS:
        lines.extend([f"[store-{kind}]", *_secret_lines(as_options(load_driver(kind).options))])
    return "\n".join(lines)


def _secret_lines(options: tuple[cfg.Opt, ...]) -> list[str]:
    special = {
        "connection": f"mysql://u:{SECRET}@h/d",
        "slave_connection": f"mysql://u:{SECRET}@h/d",
        "http_proxy_information": f"http:u-{SECRET}-h",
    }
    return [
        f"{option.dest} = {special.get(option.dest, SECRET)}" for option in options if option.secret
    ]


def test_settings_and_their_warnings_hold_no_secret(load_text: Load) -> None:
    settings = load_text(_every_secret())

    assert settings.database.url.count(SECRET) == 1
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)
    assert SECRET not in "".join(settings.warnings)


def test_the_values_in_effect_are_shown_without_secrets(tmp_path: Path) -> None:
    file = tmp_path / "all.conf"
    file.write_text(_every_secret())

    shown = show(CommandLine(config_files=(file,)))

    assert SECRET not in shown
    assert "password = ****" in shown
    assert "connection = ****" in shown
    assert "vmware_server_username = ****" in shown
    assert "rbd_store_pool = images" in shown


@pytest.mark.parametrize("word", ["bus-secret", "db-secret", "keystone-secret", "cache-secret"])
def test_a_deployed_files_secrets_stay_in_it(load_text: Load, word: str) -> None:
    settings = load_text(DEPLOYED)

    assert word not in repr(settings)
    assert word not in "".join(settings.warnings)


@pytest.mark.parametrize(
    "text",
    [
        f"[DEFAULT]\nmetadata_encryption_key = {SECRET}x",
        f"[database]\nconnection = {SECRET}",
        f"[database]\nconnection = mysql://u:$${{{SECRET}@h/d\npassword-like {SECRET}",
        f"[keystone_authtoken]\npassword = a${SECRET}",
        f"[glance_store]\nhttp_proxy_information = {SECRET}",
        f"[DEFAULT\n{SECRET}",
    ],
)
def test_a_refusal_repeats_no_secret(load_text: Load, text: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        load_text(text)

    assert SECRET not in str(raised.value)
    assert SECRET not in repr(raised.value)


def test_every_option_that_sounds_secret_is_marked_as_such() -> None:
    every = [option for section in all_sections() for option in section.options]

    unmarked = [
        option.dest
        for option in every
        if option.dest.endswith(("password", "secret", "secret_key", "access_key", "transport_url"))
        and not option.secret
    ]

    assert unmarked == []
