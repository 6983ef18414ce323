"""Every place where the product keeps data: the tables of the lake, and all other stores under CHURN_HOME.

Backup, erasure and clean-up use this list. `unregistered` returns the paths under CHURN_HOME that are not on it.
"""

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from churn_assets.contracts.business import Business
from churn_assets.lakehouse.other_stores import OF_A_REPLAY, OTHERS
from churn_assets.lakehouse.places.store import OF_REPLAY, REPLAY, TABLE, Store
from churn_assets.lakehouse.tables import Table, catalogue


def stores(business: Business) -> list[Store]:
    """Every store under CHURN_HOME, and those of a replay, which has its own copy of each below `replay`."""
    own = [*(_of_table(table) for table in catalogue(business)), *OTHERS]
    replayed = [
        replace(s, path=f"{REPLAY}/{s.path}", backup=False, unneeded=OF_REPLAY) for s in (*own, *OF_A_REPLAY)
    ]
    return own + replayed


def _of_table(table: Table) -> Store:
    grain = f"{table.grain[0].upper()}{table.grain[1:]}."
    return Store(
        f"lake/{table.path}", TABLE, grain, bool(table.personal), table.retention, True, setting="CHURN_LAKE"
    )


def unregistered(home: Path, business: Business) -> list[str]:
    """Paths below `home` that belong to no store; for a folder without any store, only the folder."""
    patterns = [tuple(store.path.split("/")) for store in stores(business)]
    return list(_unknown(home, (), patterns)) if home.is_dir() else []


def _unknown(folder: Path, parts: tuple[str, ...], patterns: list[tuple[str, ...]]) -> Iterator[str]:
    for entry in sorted(folder.iterdir()):
        here = (*parts, entry.name)
        fitting = [p for p in patterns if len(p) >= len(here) and all(map(fnmatchcase, here, p))]
        if any(len(p) == len(here) for p in fitting):
            continue
        if fitting and entry.is_dir():
            yield from _unknown(entry, here, patterns)
        else:
            yield "/".join(here)
