"""Hold what the web addresses of `batch` are answered from: the store, the attempts' folders and the workflow files."""

from dataclasses import dataclass

from jobmon.api.context import Context
from jobmon.batch.master import shared_path
from jobmon.batch.runs import Runs
from jobmon.batch.workflow.library import Library
from jobmon.config import Settings
from jobmon.engine.submission.folder import Folders
from jobmon.store import Store


@dataclass(frozen=True, slots=True)
class BatchContext:
    """Be what routes work with."""

    common: Context
    folders: Folders
    runs: Runs

    @property
    def settings(self) -> Settings:
        """Return the settings."""
        return self.common.settings

    def store(self) -> Store:
        """Return the store; StoreError when it does not answer."""
        return self.common.store()


def of(common: Context) -> BatchContext:
    """Return what belongs to the settings."""
    batch = common.settings.batch
    folders = Folders(shared_path(common.settings), batch.python)
    return BatchContext(common, folders, Runs(Library(batch.workflows), batch))
