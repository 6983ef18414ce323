"""Digests of the landing zone by source and month; two looks are compared to find the months that changed."""

import time
from collections.abc import Iterable, Mapping
from hashlib import blake2s
from typing import NamedTuple

from churn_assets.contracts.business import Business
from churn_assets.sources.landing import ExtractFile, LandingError, RefusedFile, list_everything

# source -> ingest month -> digest of its files (names, sizes, modification times)
Arrivals = dict[str, dict[str, str]]
# A file may still be growing even without a `.part` name; a file modified within this time waits for the next look.
QUIET_SECONDS = 30


class Look(NamedTuple):
    """The result of a look.

    Attributes:
        arrivals: of every source; a month that waits is unchanged from the look before.
        refused: source -> what is wrong with files or folders that its contract does not expect.
        waiting: source -> the months that they may belong to.
    """

    arrivals: Arrivals
    refused: dict[str, LandingError]
    waiting: dict[str, set[str]]


def digest(files: Iterable[ExtractFile], refused: Iterable[RefusedFile] = ()) -> str:
    """Digest of names, sizes and modification times; changes when a file is added, removed, grows or is rewritten.

    Of files that cannot be used the names alone count.
    """
    lines = sorted(f"{f.name}\t{f.size}\t{f.modified_ns}" for f in files)
    lines += sorted(f"{f.name}\trefused" for f in refused)
    return blake2s("\n".join(lines).encode(), digest_size=8).hexdigest()


def look(landing: str, business: Business, before: Arrivals, now: float | None = None) -> Look:
    """The current state of the landing zone. A month with a file younger than QUIET_SECONDS keeps its state `before`.

    A modification time more than QUIET_SECONDS in the future comes from a wrong clock and does not count as young. A
    month to which a file or folder may belong that its contract does not expect keeps its state, too; the others do not
    wait for it.
    """
    now_ns, quiet_ns = int((time.time() if now is None else now) * 1e9), QUIET_SECONDS * 10**9
    found = Look({}, {}, {})
    for source in business.sources:
        known, listing = before.get(source.name, {}), list_everything(landing, source)
        if listing.refused:
            found.refused[source.name] = LandingError("\n".join(str(f.error) for f in listing.refused))
        waiting = {file.month for file in listing.refused if file.month}
        found.waiting[source.name] = waiting
        months: dict[str, list[ExtractFile]] = {month: [] for month in waiting & known.keys()}
        for file in listing.files:
            months.setdefault(file.month, []).append(file)
        seen = {}
        for month, files in months.items():
            if month not in waiting and all(abs(now_ns - f.modified_ns) >= quiet_ns for f in files):
                seen[month] = digest(files)
            elif month in known:
                seen[month] = known[month]
        no_folder = any(file.name == source.path for file in listing.refused)
        found.arrivals[source.name] = known if no_folder else seen
    return found


def touched(before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Months in which any source's files differ between two looks, ascending."""
    names = {*before, *after}
    return sorted(
        {
            month
            for name in names
            for month in {*before.get(name, {}), *after.get(name, {})}
            if before.get(name, {}).get(month) != after.get(name, {}).get(month)
        }
    )
