"""The sample shows every option, truly."""

import re
from pathlib import Path

from oslo_config import cfg

from vitrine.adapters.config.options import all_sections
from vitrine.adapters.config.reading import Configuration
from vitrine.adapters.config.showing import sample

ROOT = Path(__file__).parents[4]


def _configuration(files: list[str]) -> Configuration:
    configuration = Configuration()
    for section in all_sections():
        configuration.add(section.name, section.options)
    configuration.conf(
        [], project="t", default_config_files=files, default_config_dirs=[], use_env=False
    )
    return configuration


def test_the_sample_in_the_repository_is_the_present_one() -> None:
    written = (ROOT / "etc" / "vitrine.conf.sample").read_text()

    assert written == sample(), "run: vitrine config sample > etc/vitrine.conf.sample"


def test_every_option_is_in_the_sample_with_help() -> None:
    text = sample()

    for section in all_sections():
        assert f"\n[{section.name}]\n" in text
        for option in section.options:
            assert f"\n#{option.dest} =" in text
            assert option.help


def test_the_sample_as_it_is_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "vitrine.conf"
    file.write_text(sample())
    sections: dict[str, dict[str, object]] = {}

    cfg.ConfigParser(str(file), sections).parse()

    assert not any(sections.values())


def test_the_sample_with_its_values_in_effect_says_what_the_defaults_are(tmp_path: Path) -> None:
    shown_otherwise = {
        option.dest
        for section in all_sections()
        for option in section.options
        if option.sample_default is not None
    }
    file = tmp_path / "vitrine.conf"
    file.write_text(re.sub(r"^#(\w+ = )", r"\1", sample(), flags=re.MULTILINE))

    read = {(s, o.dest): value for s, o, value in _configuration([str(file)]).values()}
    defaults = {(s, o.dest): value for s, o, value in _configuration([]).values()}

    assert {key for key in defaults if read[key] != defaults[key]} == {
        key for key in defaults if key[1] in shown_otherwise
    }
