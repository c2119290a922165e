"""Name what can go wrong, and say whether trying again can help."""


class JobmonError(Exception):
    """Base of every error that jobmon raises on purpose; its text is written for people."""

    retry_can_help = False


class SettingsError(JobmonError):
    """A setting, a definition file or a command line is wrong; the text names file, key, value and what is allowed."""


class MissingExtraError(SettingsError):
    """An optional package that the settings ask for is missing; the text holds the command that installs it."""


class SourceError(JobmonError):
    """A scheduler or telemetry source did not answer, or not in a form we know; the next cycle asks again."""

    retry_can_help = True


class SpoolError(JobmonError):
    """A published file could not be written or read."""

    retry_can_help = True


class StoreError(JobmonError):
    """The store did not take or give what was asked for."""

    retry_can_help = True


class StoreValueError(StoreError):
    """The store does not take a value; what else is to be written may well be fine."""

    retry_can_help = False


class StoreTimeoutError(StoreError):
    """A question took longer than one may, or there were too many at once; the text says what to do."""


class LeaseLostError(JobmonError):
    """Another process acts now, and nothing was written; one that wants to act has to take the lease again."""


class AlreadyRunningError(JobmonError):
    """Another daemon holds the lock of this data path."""
