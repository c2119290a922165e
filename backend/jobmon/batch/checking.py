"""See whether `batch` could work with some settings, before anything is ended for their sake."""

import contextlib
from pathlib import Path

from jobmon.batch.master import scheduler_of
from jobmon.config import Settings
from jobmon.errors import StoreError
from jobmon.store import open_store


def check(settings: Settings) -> None:
    """Open the store and find the scheduler; SettingsError when one of them cannot be right."""
    scheduler_of(settings)
    with contextlib.suppress(StoreError):  # it may be away for a moment: that is no matter of settings
        open_store(settings.store.url, Path(settings.live.data_path)).close()
