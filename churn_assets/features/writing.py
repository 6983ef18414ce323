"""Writes snapshots and labels after checking them: those of cohorts, and those of days between cohorts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from churn_assets.contracts.business import Business
from churn_assets.counts import counted
from churn_assets.features.as_of import AsOf
from churn_assets.features.labels import Cohort, churn_labels
from churn_assets.features.snapshots import Snapshots
from churn_assets.graph.checks import CheckFailed, require_unique
from churn_assets.graph.metadata import table_metadata
from churn_assets.history.known_until import require_history
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Commit, Lakehouse, TableDraft
from churn_assets.lakehouse.tables import Table
from churn_assets.months import month_of
from churn_assets.silver.completeness import incomplete_fails
from churn_assets.silver.reconciliation import first_extracts

ONE_ROW = "one_row_per_customer"
NOT_EARLY = "no_label_before_maturity"
NOT_FROM_GAPS = "no_label_from_incomplete_feed"
Population = Mapping[tuple[str, str], int]  # customers by as_of_date and reason of exclusion, or "eligible"


def write_snapshots(
    lakehouse: Lakehouse, table: Table, built: Snapshots, where: str, run_id: str
) -> tuple[Commit, Population, Mapping[str, Any]]:
    """Replaces the rows of `where`; their commit, their population, and what was counted for ONE_ROW.

    Raises:
        CheckFailed: a cohort has not exactly one row per eligible customer; nothing was committed.
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
    """Returns a table of the eligible customers and of the excluded ones by reason, a row per cohort."""
    reasons = sorted({reason for _, reason in population})
    days = sorted({day for day, _ in population})
    rows = [[day, *(population.get((day, reason), 0) for reason in reasons)] for day in days]
    return table_metadata(["as_of_date", *reasons], rows)


def require_outcome_windows(lakehouse: Lakehouse, business: Business, mature: Sequence[Cohort]) -> None:
    """Fails NOT_FROM_GAPS when a month is missing in an outcome window: customers would look loyal or churned."""
    if mature:
        first, last = month_of(mature[0].as_of_date), month_of(mature[-1].label_available_at)
        with incomplete_fails(NOT_FROM_GAPS):
            require_history(lakehouse, business, first, last, back=False)


def write_labels(
    lakehouse: Lakehouse,
    business: Business,
    of: AsOf,
    where: str,
    dates: Sequence[Cohort],
    known_until: date,
    run_id: str,
) -> tuple[Commit, dict[str, Any]]:
    """Replaces the labels of `where`, those of `dates`; their commit and what is told of them.

    Raises:
        CheckFailed: a label is set before its label_available_at; nothing was committed.
    """
    table = of.labels
    settled = lakehouse.read(table).where(where).localCheckpoint() if lakehouse.exists(table) else None
    frame = churn_labels(
        lakehouse.read(of.snapshots).where(where),
        lakehouse.read(tables.silver(business.label_source)),
        business,
        dates,
        settled,
        {s.name: lakehouse.read(tables.silver(s)) for s in business.tells_who_is_gone},
        first_extracts(lakehouse),
    )
    with lakehouse.draft(table, frame) as draft:
        _refuse_early_labels(draft, known_until)
        counts = draft.content.aggregate(
            ["as_of_date", "outcome", "corrected"], [("customer_key", "count")]
        ).to_pylist()
        commit = draft.replace(where, run_id=run_id)
    return commit, _label_report(counts, dates)


def _refuse_early_labels(draft: TableDraft, known_until: date) -> None:
    """Raises CheckFailed when a row has a label before its label_available_at."""
    given = draft.content.aggregate(["as_of_date", "label_available_at"], [("label", "count")]).to_pylist()
    early = [row for row in given if row["label_count"] and row["label_available_at"] > known_until]
    if early:
        header = ["as_of_date", "label_available_at", "label_count"]
        rows = [[row[name] for name in header] for row in early]
        raise CheckFailed(
            NOT_EARLY,
            f"{counted(sum(row['label_count'] for row in early), 'label is', 'labels are')} set too early: before "
            "label_available_at.",
            "This is a defect of this software; please report it.",
            {"known until": str(known_until), "early labels": table_metadata(header, rows)},
        )


def _label_report(counts: Sequence[Mapping[str, Any]], dates: Sequence[Cohort]) -> dict[str, Any]:
    """Outcomes by cohort, corrections that were not applied, and the share of churners among the labelled."""
    outcomes, kinds = Counter[tuple[str, str]](), Counter[str]()
    for row in counts:
        outcomes[str(row["as_of_date"]), row["outcome"]] += row["customer_key_count"]
        kinds[row["outcome"]] += row["customer_key_count"]
    days = [str(c.as_of_date) for c in dates]
    rows = [[d, *(outcomes[d, k] for k in sorted(kinds))] for d in days]
    report: dict[str, Any] = {
        "outcomes": table_metadata(["as_of_date", *sorted(kinds)], rows),
        "corrections not applied": sum(row["customer_key_count"] for row in counts if row["corrected"]),
    }
    if labelled := kinds["churned"] + kinds["stayed"]:
        report["base rate"] = kinds["churned"] / labelled
    return report
