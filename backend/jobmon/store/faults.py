"""Tell an outage from a value that the store does not take."""

import sqlalchemy as sa

from jobmon.errors import LeaseLostError, StoreError, StoreValueError


def concerns_all(error: BaseException) -> bool:
    """Say whether an error has nothing to do with the row at which it came up: the store is away, or another one acts.

    It is asked within transactions too, where the errors are still the database's own.
    """
    if isinstance(error, StoreError | LeaseLostError):
        return not isinstance(error, StoreValueError)
    if isinstance(error, sa.exc.DBAPIError):
        return not isinstance(error, sa.exc.DataError | sa.exc.IntegrityError)
    return isinstance(error, sa.exc.SQLAlchemyError) and not isinstance(error, sa.exc.StatementError)
