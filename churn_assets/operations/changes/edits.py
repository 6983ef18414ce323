"""Edits of churn.yaml and the contracts, and new versions of this software, found by their digests.

The first step of a process records them, before it reads a row: so no table is made by rules without a record.
"""

from importlib.metadata import version

from churn_assets.contracts.business import Business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.changes.change import ProposedChange, change_records, in_force, record_done

PACKAGE = "churn-assets"
_COMPARED: set[tuple[str, tuple[tuple[str, str], ...]]] = set()


def record_edits(lakehouse: Lakehouse, business: Business, run_id: str) -> list[ProposedChange]:
    """Records what differs from the newest records: files edited, added or removed, and the version.

    A process looks once at each lake and state of the files.
    """
    now = (*business.digests, (PACKAGE, version(PACKAGE)))
    if (lakehouse.settings.lake_uri, now) in _COMPARED:
        return []
    found = edits(in_force(change_records(lakehouse)), dict(now))
    record_done(lakehouse, found, run_id)
    _COMPARED.add((lakehouse.settings.lake_uri, now))
    return found


def edits(before: dict[str, str], now: dict[str, str]) -> list[ProposedChange]:
    """The changes between two states, each item -> digest or version; no digest at all is a first declaration."""
    found = []
    first = not before
    for item in sorted(before.keys() | now.keys()):
        old, new = before.get(item), now.get(item, "removed")
        if old == new or (item not in now and not _is_file(item)):
            continue
        back_out = f"Install {item} {old} again." if item == PACKAGE else f"Restore {item} as it was."
        found.append(
            ProposedChange(
                "standard" if first else "normal",
                "new version" if item == PACKAGE else "declaration" if old is None else "edit",
                item,
                old,
                new,
                "The first declaration of this lake." if first else "Found by its digest when a run began.",
                f"{old or 'nothing'} -> {new}",
                back_out if old else "Nothing was before.",
            )
        )
    return found


def _is_file(item: str) -> bool:
    return item.endswith(".yaml")
