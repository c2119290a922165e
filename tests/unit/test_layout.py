"""Pages lie in one folder, and in no folder where somebody else could write."""

import os
import stat
from pathlib import Path

import pytest

from jobmon.errors import SettingsError
from jobmon.spool import layout


def test_a_page_lies_below_pages_and_the_staffs_below_its_own(tmp_path: Path) -> None:
    assert layout.published(tmp_path, "live/summary") == tmp_path / "pages/live/summary.json.gz"
    assert layout.published(tmp_path, "staff/live/summary") == tmp_path / "staff/pages/live/summary.json.gz"


def test_the_folder_is_made_with_its_mode_and_others_cannot_write_there(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = layout.make_pages(tmp_path / "data")
        assert stat.S_IMODE(made.stat().st_mode) == 0o755
        made.chmod(0o777)
        assert stat.S_IMODE(layout.make_pages(tmp_path / "data").stat().st_mode) == 0o755
    finally:
        os.umask(before)


def test_nothing_is_published_through_a_link_or_into_a_file(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "pages").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsError, match="pages: is a link, so others could publish there; remove it"):
        layout.make_pages(tmp_path)
    (tmp_path / "pages").unlink()
    (tmp_path / "pages").write_text("")
    with pytest.raises(SettingsError, match="pages: cannot be made"):
        layout.make_pages(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
def test_nothing_is_published_into_a_folder_of_another_account(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    os.chown(tmp_path / "pages", 12345, 12345)
    with pytest.raises(SettingsError, match="belongs to another account"):
        layout.make_pages(tmp_path)
