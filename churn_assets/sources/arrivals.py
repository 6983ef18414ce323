"""What lies in the landing zone, in a form that two looks can be compared by: which months were touched in between."""

import time
from collections.abc import Iterable, Mapping
from hashlib import blake2s
from typing import NamedTuple

from churn_assets.contracts.business import Business
from churn_assets.sources.landing import ExtractFile, LandingError, list_extracts

# source -> ingest month -> digest of its files (names, sizes, times of change)
Arrivals = dict[str, dict[str, str]]
# A file without a `.part` name may still be growing; what changed within this time is looked at next time.
QUIET_SECONDS = 30


class Look(NamedTuple):
    """What was found. A source in `refused` waits: its arrivals are as they were before."""

    arrivals: Arrivals
    refused: dict[str, LandingError]


def digest(files: Iterable[ExtractFile]) -> str:
    """The same for the same files; another one when a file came, went, grew or was written again."""
    lines = sorted(f"{f.name}\t{f.size}\t{f.modified_ns}" for f in files)
    return blake2s("\n".join(lines).encode(), digest_size=8).hexdigest()


def look(landing: str, business: Business, before: Arrivals, now: float | None = None) -> Look:
    """The landing zone as it lies. A month with a file younger than QUIET_SECONDS is left as it was `before`.

    A time further ahead than that comes from a wrong clock, here or there, and makes no file young. A source with a
    folder or file that its contract does not expect is left as it was, too, and the others do not wait for it.
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
