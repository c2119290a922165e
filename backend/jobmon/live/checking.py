"""See whether `live` could work with some settings, before anything is ended for their sake."""

from jobmon.backends.child import BackendProcess, CycleFailed
from jobmon.config import Settings


def check(settings: Settings, before: Settings) -> None:
    """Load the back end and ask it once, as the daemon would; SettingsError when that cannot work."""
    del before  # the sources of a back end may be down, whatever it was before
    process = BackendProcess(settings, no_history=True)
    try:
        process.cycle()
    except CycleFailed:
        pass  # a source may be down: that is no matter of settings
    finally:
        process.close()
