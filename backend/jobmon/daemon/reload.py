"""Load settings anew beside the work: whatever can be wrong with them comes up before anything is ended for them."""

import threading
from collections.abc import Callable

from jobmon.config import Settings
from jobmon.daemon.place import Place


class Reload:
    """Load and check in a thread of its own, for a back end may take its time to load."""

    def __init__(
        self, place: Place, load: Callable[[], Settings], check: Callable[[Settings, Settings], None],
        on_done: Callable[[], None],
    ) -> None:  # fmt: skip
        self._place = place
        self._load = load
        self._check = check
        self._on_done = on_done
        self._found: Place | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="reload", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Say whether there is a result."""
        return not self._thread.is_alive()

    def result(self) -> Place:
        """Return the place for the new settings; what is wrong with them is raised."""
        if self._error is not None:
            raise self._error
        assert self._found is not None
        return self._found

    def _run(self) -> None:
        try:
            settings = self._load()
            found = self._place.successor(settings)
            try:
                self._check(settings, self._place.settings)
            except BaseException:
                found.close(self._place)
                raise
            self._found = found
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            self._error = error
        finally:
            self._on_done()
