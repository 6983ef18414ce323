"""Writes snapshots: one row per eligible customer, else nothing is committed."""

from collections.abc import Mapping
from typing import Any

from churn_assets.counts import counted
from churn_assets.features.snapshots import Snapshots
from churn_assets.graph.checks import CheckFailed, require_unique
from churn_assets.graph.metadata import table_metadata
from churn_assets.lakehouse.lakehouse import Commit, Lakehouse
from churn_assets.lakehouse.tables import Table

ONE_ROW = "one_row_per_customer"
Population = Mapping[tuple[str, str], int]  # customers by as_of_date and reason of exclusion, or "eligible"


def write_snapshots(
    lakehouse: Lakehouse, table: Table, built: Snapshots, where: str, run_id: str
) -> tuple[Commit, Population, Mapping[str, Any]]:
    """Replaces the rows `where`; returns the commit, the population, and what was counted for ONE_ROW.

    Raises:
        CheckFailed: an as_of_date has not exactly one row per eligible customer; nothing was committed.
    """
    try:
        with lakehouse.draft(table, built.snapshots) as draft:
            counts = require_unique(draft, ["customer_key", "as_of_date"], ONE_ROW)
            population = {
                (str(r.as_of_date), r.excluded or "eligible"): r["count"]
                for r in built.people.groupBy("as_of_date", "excluded").count().collect()
            }
            eligible = sum(n for (_, reason), n in population.items() if reason == "eligible")
            if eligible != counts["rows"]:
                raise CheckFailed(
                    ONE_ROW,
                    f"{counted(eligible, 'customer is', 'customers are')} eligible, but there are "
                    f"{counted(counts['rows'], 'snapshot')}.",
                    "This is a defect of this software; please report it.",
                    {"eligible customers": eligible, "snapshots": counts["rows"]},
                )
            commit = draft.replace(where, run_id=run_id)
    finally:
        built.release()
    return commit, population, counts


def population_report(population: Population) -> Any:
    """Returns a table of the eligible customers and of the excluded ones by reason, a row per as_of_date."""
    reasons = sorted({reason for _, reason in population})
    days = sorted({day for day, _ in population})
    rows = [[day, *(population.get((day, reason), 0) for reason in reasons)] for day in days]
    return table_metadata(["as_of_date", *reasons], rows)
