"""The main drivers of each segment, and their change against the cohort before."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date

SHOWN = 3
COLUMNS = ("segment", "customers", "main drivers")


def driver_rows(counts: Iterable[tuple[date, str, str, int]], newest: date) -> list[tuple[str, int, str]]:
    """Returns one line per segment of the newest cohort with the cells of COLUMNS, largest segment first.

    The share of a driver is the share of customers whose risk it raises most. The change against the latest earlier
    cohort follows in percentage points, if the segment existed then.

    Args:
        counts: (as_of_date, segment, driver, customers) of the newest cohort and of an earlier one, in any order.
    """
    by_cohort: dict[date, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for day, segment, driver, customers in counts:
        by_cohort[day][segment][driver] += customers
    before = by_cohort[max((day for day in by_cohort if day < newest), default=newest)]
    found = []
    for segment, drivers in by_cohort[newest].items():
        size = drivers.total()
        earlier = before.get(segment, Counter()) if before is not by_cohort[newest] else Counter()
        # ties by name, so that the result does not depend on the order of the rows
        strongest = sorted(drivers.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
        said = ", ".join(_said(driver, n / size, earlier) for driver, n in strongest)
        found.append((segment, size, said))
    return sorted(found, key=lambda row: (-row[1], row[0]))


def _said(driver: str, share: float, earlier: Counter[str]) -> str:
    if not earlier.total():
        return f"{driver} {share:.0%}"
    return f"{driver} {share:.0%} ({100 * (share - earlier[driver] / earlier.total()):+.0f})"
