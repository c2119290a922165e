"""See whether `batch` could work with some settings, before anything is ended for their sake."""

from pathlib import Path

from jobmon.batch.master import scheduler_of
from jobmon.config import Settings
from jobmon.errors import StoreError
from jobmon.store import open_store


def check(settings: Settings, before: Settings) -> None:
    """Open the store and find the scheduler; SettingsError when one of them cannot be right.

    A store that is used already may be away for a moment; another one must answer, StoreError else.
    """
    scheduler_of(settings)
    try:
        open_store(settings.store.url, Path(settings.live.data_path)).close()
    except StoreError:
        if (settings.store, settings.live.data_path) != (before.store, before.live.data_path):
            raise
