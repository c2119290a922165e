"""See whether `live` could work with some settings, before anything is ended for their sake."""

from pathlib import Path

from jobmon.backends.child import BackendProcess, CycleFailed
from jobmon.config import Settings
from jobmon.errors import SettingsError


def check(settings: Settings) -> None:
    """Load the back end and ask it once, as the daemon would; SettingsError when that cannot work."""
    site = settings.web.site
    if settings.web.enabled and site and not Path(site).is_file():
        raise SettingsError(f'[web] site = "{site}": there is no such file; leave it empty to use the page\'s own')
    process = BackendProcess(settings, no_history=True)
    try:
        process.cycle()
    except CycleFailed:
        pass  # a source may be down: that is no matter of settings
    finally:
        process.close()
