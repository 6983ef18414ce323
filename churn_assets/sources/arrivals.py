"""Digests of the landing zone by source and month; two looks are compared to find the months that changed."""

import time
from collections.abc import Iterable, Mapping
from hashlib import blake2s
from typing import NamedTuple

from churn_assets.contracts.business import Business
from churn_assets.sources.landing import ExtractFile, LandingError, list_extracts

# source -> ingest month -> digest of its files (names, sizes, modification times)
Arrivals = dict[str, dict[str, str]]
# A file may still be growing even without a `.part` name; a file modified within this time waits for the next look.
QUIET_SECONDS = 30


class Look(NamedTuple):
    """The result of a look. The arrivals of a source in `refused` are unchanged from the look before."""

    arrivals: Arrivals
    refused: dict[str, LandingError]


def digest(files: Iterable[ExtractFile]) -> str:
    """Digest of names, sizes and modification times; changes when a file is added, removed, grows or is rewritten."""
    lines = sorted(f"{f.name}\t{f.size}\t{f.modified_ns}" for f in files)
    return blake2s("\n".join(lines).encode(), digest_size=8).hexdigest()


def look(landing: str, business: Business, before: Arrivals, now: float | None = None) -> Look:
    """The current state of the landing zone. A month with a file younger than QUIET_SECONDS keeps its state `before`.

    A modification time more than QUIET_SECONDS in the future comes from a wrong clock and does not count as young. A
    source with a folder or file that its contract does not expect keeps its state, too; the others do not wait for it.
    """
    now_ns, quiet_ns = int((time.time() if now is None else now) * 1e9), QUIET_SECONDS * 10**9
    found: Arrivals = {}
    refused: dict[str, LandingError] = {}
    for source in business.sources:
        known = before.get(source.name, {})
        try:
            files_of_source = list_extracts(landing, source)
        except LandingError as error:
            found[source.name], refused[source.name] = known, error
            continue
        months: dict[str, list[ExtractFile]] = {}
        for file in files_of_source:
            months.setdefault(file.month, []).append(file)
        seen = {}
        for month, files in months.items():
            if all(abs(now_ns - f.modified_ns) >= quiet_ns for f in files):
                seen[month] = digest(files)
            elif month in known:
                seen[month] = known[month]
        found[source.name] = seen
    return Look(found, refused)


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
