"""Open the store, and read and write in transactions."""

import logging
import os
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import make_url

from jobmon import clock
from jobmon.config import Settings
from jobmon.config.secrets import hidden, read_secret
from jobmon.errors import SettingsError, StoreError, StoreTimeoutError, StoreValueError
from jobmon.store.versions import is_current

log = logging.getLogger("jobmon.store")

BUSY_S = 5
"""So long a writer waits for another one."""
MOST_NAMED = 500
"""So many values are named in one statement."""
SEARCH_S = 5.0
SEARCHES = 6
"""So many questions of visitors are answered at a time; the others wait, and leave connections to what acts."""
LOOK_EVERY = 10_000
"""After so many steps of its machine SQLite looks whether a question takes too long."""
CANCELLED = "57014"
"""What PostgreSQL calls a statement that took too long."""
CONNECT_S = 3
IDLE_S = 5
"""So long a transaction may lie idle, and data wait for an answer, before the other side is taken for gone."""
KEEPALIVE_S = 3
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "glusterfs", "fuse.sshfs", "afs", "9p"}
)
SETTING = "[store] password_file"
MOUNTS = Path("/proc/self/mounts")
_opening = threading.Lock()


@dataclass(frozen=True, slots=True)
class Store:
    """Be an open store; all that can go wrong while it is used is a StoreError."""

    engine: sa.Engine
    search_s: float = SEARCH_S
    _places: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(SEARCHES))

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Open a transaction that may write: all of it happens, or nothing does."""
        with _told(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a transaction that only reads, and never waits for a writer."""
        with _told(), self.engine.connect() as connection:
            yield connection.execution_options(jobmon_reads=True)

    @contextmanager
    def searching(self) -> Iterator[sa.Connection]:
        """Open a transaction that answers a visitor's question, which neither takes long nor meets many others.

        StoreTimeoutError when it would.
        """
        if not self._places.acquire(timeout=self.search_s):
            raise StoreTimeoutError("Too many searches go on at once; try again in a moment.")
        try:
            with _told(self.search_s), self.engine.connect() as raw:
                connection = raw.execution_options(jobmon_reads=True)
                with _limited(connection, self.search_s):
                    yield connection
        finally:
            self._places.release()

    def close(self) -> None:
        """Let go of the connections."""
        self.engine.dispose()


def store_of(settings: Settings) -> Store:
    """Open the store that the settings name; errors are those of `open_store`."""
    store, folder = settings.store, Path(settings.live.data_path)
    return open_store(store.url, folder, store.search_timeout, password_file=store.password_file)


def open_store(url: str, folder: Path, search_s: float = SEARCH_S, password_file: str = "") -> Store:
    """Open the store and bring the tables of all capabilities up to date.

    An empty address means the file jobmon.sqlite in `folder`; a password is read from its file for each connection. An
    address that cannot be right, or a store that is newer than this program, is a SettingsError, one that does not
    answer a StoreError. Neither repeats the address, which may hold a password. A visitor's question ends after
    `search_s`.
    """
    address = _address(url or f"sqlite:///{folder / 'jobmon.sqlite'}")
    backend = address.get_backend_name()
    if backend not in {"sqlite", "postgresql"}:
        raise SettingsError(f"[store] url: {backend} is not supported; use sqlite:///… or postgresql+psycopg://…")
    options: dict[str, Any] = {"pool_pre_ping": True, "hide_parameters": True}
    if backend == "sqlite":
        with _opening:
            _prepare_file(address.database)
        options["connect_args"] = {"timeout": BUSY_S}
    else:
        options |= {"connect_args": _lifelines(), "pool_timeout": CONNECT_S}
    try:
        engine = sa.create_engine(address, **options)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"[store] url: {error.name} is not installed; install it with: pip install 'jobmon[postgres]'"
        ) from error
    if backend == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        engine.dialect.use_insertmanyvalues_wo_returning = True  # many rows to insert are one statement
        event.listen(engine, "do_executemany", _one_by_one)
    event.listen(engine, "handle_error", _unfit)
    if password_file:
        read_secret(password_file, SETTING)  # what is wrong with it is told now
        event.listen(engine, "do_connect", lambda *given: _sign_in(given[3], password_file))
    try:
        with _told():
            if not is_current(engine):
                from jobmon.store.migrate import migrate  # loading it takes longer than most commands

                migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return Store(engine, search_s)


def claim(connection: sa.Connection, table: sa.Table, where: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
    """Change the one row that is as expected; say whether there was one.

    This and `claim_many` are the only ways to change a state.
    """
    conditions = [table.c[name] == value for name, value in where.items()]
    result = connection.execute(table.update().where(*conditions).values(**change))
    if result.rowcount > 1:
        raise StoreError(f"{table.name}: {result.rowcount} rows are as expected, there must be one at most")
    return result.rowcount == 1


def claim_many(
    connection: sa.Connection, table: sa.Table, name: str, changes: Mapping[str, tuple[str, Mapping[str, Any]]]
) -> dict[str, dict[str, Any]]:
    """Change those rows whose state is as expected, and return them as they are then, in the order of `changes`.

    `changes` are, by the value of the unique column `name`, the `status` that is expected, and new values.
    """
    column, keys = table.c[name], list(changes)
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(keys), MOST_NAMED):
        some = sa.select(table).where(column.in_(keys[start : start + MOST_NAMED]))
        locked = some.order_by(*table.primary_key.columns).with_for_update()  # nobody changes them until the end
        for row in connection.execute(locked).mappings():
            expected, values = changes[row[name]]
            if row["status"] == expected:
                found[row[name]] = {**row, **values}
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for key in found:
        values = changes[key][1]
        alike[tuple(values)].append({"this_row": key, **{f"new_{one}": value for one, value in values.items()}})
    for columns, rows in alike.items():
        new: dict[str, Any] = {one: sa.bindparam(f"new_{one}") for one in columns}
        connection.execute(table.update().where(column == sa.bindparam("this_row")).values(new), rows)
    return {key: found[key] for key in keys if key in found}


def _address(url: str) -> sa.URL:
    try:
        address = make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise SettingsError("[store] url: is not the address of a database") from None
    if "@" in (address.host or ""):
        raise SettingsError("[store] url: in a password write @ as %40, or use [store] password_file")
    return address


def _sign_in(parameters: dict[str, Any], password_file: str) -> None:
    """Give a new connection its password, which may have been changed meanwhile."""
    try:
        parameters["password"] = read_secret(password_file, SETTING)
    except SettingsError as error:
        raise StoreError(f"the store: {error}") from None


@contextmanager
def _told(search_s: float = 0) -> Iterator[None]:
    """Turn what the database says into a StoreError, without the statement and its values."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        if search_s and (str(cause) == "interrupted" or getattr(cause, "sqlstate", "") == CANCELLED):
            told = f"The search took longer than {search_s:g} s ([store] search_timeout); narrow it."
            raise StoreTimeoutError(told) from error
        kind = StoreValueError if isinstance(error, sa.exc.DataError | sa.exc.IntegrityError) else StoreError
        words = str(cause).strip().splitlines()
        raise kind(f"the store: {hidden(words[0]) if words else type(cause).__name__}") from error


def _unfit(context: sa.engine.ExceptionContext) -> StoreValueError | None:
    """Name a value that no column can hold: drivers raise whatever their language has for it."""
    error = context.original_exception
    if not isinstance(error, OverflowError | UnicodeError):
        return None
    return StoreValueError(f"the store: {str(error).splitlines()[0]}")


@contextmanager
def _limited(connection: sa.Connection, most_s: float) -> Iterator[None]:
    """Let the database itself end what takes longer."""
    if connection.dialect.name != "sqlite":
        connection.execute(sa.text(f"SET LOCAL statement_timeout = {max(int(1000 * most_s), 1)}"))
        yield
        return
    deadline = clock.monotonic() + most_s
    raw: Any = connection.connection.dbapi_connection
    raw.set_progress_handler(lambda: clock.monotonic() > deadline, LOOK_EVERY)
    try:
        yield
    finally:
        raw.set_progress_handler(None, 0)


def _lifelines() -> dict[str, Any]:
    """Return how a connection to PostgreSQL ends when one side is frozen or cut off.

    Without it the server would keep the locks of a host that has gone, and nobody could take over.
    """
    server = {
        "idle_in_transaction_session_timeout": f"{IDLE_S}s",
        "tcp_keepalives_idle": KEEPALIVE_S,
        "tcp_keepalives_interval": 1,
        "tcp_keepalives_count": 3,
        "tcp_user_timeout": f"{IDLE_S}s",
    }
    return {
        "connect_timeout": CONNECT_S,
        "keepalives_idle": KEEPALIVE_S,
        "keepalives_interval": 1,
        "keepalives_count": 3,
        "tcp_user_timeout": 1000 * IDLE_S,
        "options": " ".join(f"-c {name}={value}" for name, value in server.items()),
    }


def _prepare_file(database: str | None) -> None:
    """Make the file, readable by its owner alone, and see that it is on a local file system."""
    if not database or database == ":memory:":
        return
    path = Path(database)
    kind = _file_system(path.parent)
    if kind in NETWORK_FILE_SYSTEMS:
        raise SettingsError(
            f"[store] url: {path} is on {kind}, where SQLite's locks do not hold; "
            "put it on a local disk, or use PostgreSQL"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Never open a file that is there: closing it again would drop the locks that other connections of this process
        # hold on it, and the next program to leave would take their write-ahead log away.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise StoreError(f"the store: {path}: cannot be written: {error.strerror}") from error


def _file_system(folder: Path) -> str:
    """Return the type of the file system that holds a folder, "" when that is not known."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
        real = folder.resolve()
    except OSError:
        return ""
    found = ("", "")
    for line in lines:
        _, place, kind, *_ = line.split(" ")
        point = place.replace("\\040", " ")
        if real.is_relative_to(point) and len(point) >= len(found[0]):
            found = (point, kind)
    return found[1]


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say so
    cursor = connection.cursor()
    _write_ahead(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Switch to the write-ahead log; SQLite does not wait by itself while another program does the same."""
    deadline = clock.monotonic() + BUSY_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if clock.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _one_by_one(cursor: Any, statement: str, rows: Sequence[Any], _context: Any) -> bool:
    """Send rows one after the other, each as a whole.

    The driver would send them in a pipeline, and a program that is frozen within one does not count as idle: the server
    would keep its locks for as long as it stays so.
    """
    for row in rows:
        cursor.execute(statement, row)
    return True


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads first and writes then could lose against another writer half way.
    reads = connection.get_execution_options().get("jobmon_reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
