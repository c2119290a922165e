"""The list of the capabilities is the one place that names them."""

from pathlib import Path

import pytest

from jobmon import capabilities, config
from jobmon.errors import SettingsError


def settings(tmp_path: Path) -> config.Settings:
    return config.load(None, [f"live.data_path={tmp_path}"])


def test_each_has_the_same_word_everywhere(tmp_path: Path) -> None:
    for name in capabilities.ALL:
        (capability,) = capabilities.create(settings(tmp_path), [name])
        assert capability.name == name
        assert capability.interval > 0
        assert capability.status()
        assert name in config.Settings.model_fields, "its table in the settings has the same name"
        capability.close()


def test_all_are_run_unless_some_are_named(tmp_path: Path) -> None:
    made = capabilities.create(settings(tmp_path))
    assert [capability.name for capability in made] == list(capabilities.ALL)
    for capability in made:
        capability.close()


def test_one_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--only live,life: there is no life; known: live"):
        capabilities.create(settings(tmp_path), ["live", "life"])


def test_making_one_starts_no_process_and_writes_nothing(tmp_path: Path) -> None:
    (capability,) = capabilities.create(settings(tmp_path / "data"), ["live"])
    capability.close()
    assert not (tmp_path / "data").exists()
