"""Keep what must outlive the published files: one SQL store, SQLite by default, PostgreSQL by its address.

No capability's table is known here: each declares its own, and brings the migrations that make them.
"""

from jobmon.store.engine import MOST_NAMED, Store, claim, claim_many, open_store, store_of
from jobmon.store.faults import concerns_all

__all__ = ["MOST_NAMED", "Store", "claim", "claim_many", "concerns_all", "open_store", "store_of"]
