"""See whether `batch` could work with some settings, before anything is ended for their sake."""

from jobmon.config import Settings
from jobmon.engine.scheduler import scheduler_of
from jobmon.errors import StoreError
from jobmon.store import store_of


def check(settings: Settings, before: Settings) -> None:
    """Open the store and find the scheduler; SettingsError when one of them cannot be right.

    A store that is used already may be away for a moment; another one must answer, StoreError else.
    """
    scheduler_of(settings)
    try:
        store_of(settings).close()
    except StoreError:
        if (settings.store, settings.live.data_path) != (before.store, before.live.data_path):
            raise
