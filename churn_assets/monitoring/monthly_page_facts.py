"""Reads the data of a monthly page from the tables of the lake."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from churn_assets.access.visits import visits_since
from churn_assets.alerts.quality import leaving_rates
from churn_assets.alerts.store import alerts
from churn_assets.contracts.business import Business
from churn_assets.contracts.churn_rates import EVERYBODY
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.ml.metrics.rule_quality import rule_qualities
from churn_assets.models.champions import Champion
from churn_assets.models.decisions import decided
from churn_assets.monitoring.drift import BASE_RATE
from churn_assets.monitoring.monthly_page import Facts, outcome_days
from churn_assets.monitoring.page_contacts import page_contacts
from churn_assets.monitoring.page_use import WEEKS, use_in_words
from churn_assets.monitoring.read_cohorts import in_charge, sampled_cohorts
from churn_assets.monitoring.scored_month import ScoredMonth
from churn_assets.monitoring.segment_movements import Movements, movements
from churn_assets.months import add_months, month_end
from churn_assets.retention.results_told import CAMPAIGN, longest_matured, newest_results
from churn_assets.retention.uplift_told import newest_effects

if TYPE_CHECKING:
    import pyarrow as pa


# Columns of monitoring/model_performance that a page shows.
COPIED = (
    "model_version",
    "status",
    "n",
    "excluded",
    "positives",
    "expected_positives",
    "auc",
    "auc_low",
    "auc_high",
    "auc_estimated",
)


def month_facts(lakehouse: Lakehouse, business: Business, month: str, today: date) -> Facts | None:
    """The page's data about the cohort of `month` and those before it; None when nobody was scored in `month`.

    Args:
        lakehouse: with the tables of the month.
        business: whose month it is.
        month: `YYYY-MM`.
        today: when the page is written; how it is used is told as of this day.
    """
    day = month_end(month)
    champions = decided(lakehouse)
    references = {
        row["model_version"]: row
        for row in _rows(lakehouse, tables.TRAINING_RUNS, ["model_version", "auc", "trained_as_of"])
    }
    cohorts, sampled = [], sampled_cohorts(lakehouse)
    for row in _by_champion(lakehouse, tables.MODEL_PERFORMANCE, day, champions):
        figures: dict[str, Any] = {name: row.get(name) for name in COPIED}
        promised = references.get(row["model_version"], {}).get("auc")
        scored = sampled.get((row["as_of_date"], row["model_version"]), row["n"] + (row["excluded"] or 0))
        cohorts.append(ScoredMonth(day=row["as_of_date"], scored=scored, promised=promised, **figures))
    if not cohorts or cohorts[-1].day != day:
        return None
    drift = _by_champion(lakehouse, tables.DRIFT, day, champions)
    rates = [row for row in drift if row["kind"] == BASE_RATE]
    this = [row for row in drift if row["as_of_date"] == day and row["kind"] != BASE_RATE]
    windows = business.file.windows
    first, last = outcome_days(day, windows.gap_days, windows.outcome_days)
    return Facts(
        cohorts=tuple(cohorts),
        trained_as_of=references.get(cohorts[-1].model_version, {}).get("trained_as_of"),
        drift=[*this, *rates[-1:]],
        movements=_movements(lakehouse, business, month),
        words={feature.name: feature.words for feature in business.features},
        margin=business.file.retraining.degradation.margin,
        first_day=first,
        last_day=last,
        people=[
            row for row in _rows(lakehouse, tables.PEOPLE_BALANCE, until=day) if row["as_of_date"] == day
        ],
        churn=_churn(lakehouse, month),
        use=_use(lakehouse, business, today),
        alerts=rule_qualities(alerts(lakehouse, [("as_of_date", "<=", day)]), leaving_rates(lakehouse)),
        campaigns=_campaigns(lakehouse, day),
        effects=_effects(lakehouse, day),
    )


def _campaigns(lakehouse: Lakehouse, day: date) -> list[dict[str, Any]]:
    """What whole campaigns brought, as known on a day: after the most days that are over."""
    rows = [row for row in newest_results(lakehouse, day) if row["as_of_date"] == day]
    return [row for row in longest_matured(rows) if row["scope"] == CAMPAIGN]


def _effects(lakehouse: Lakehouse, day: date) -> dict[str, str]:
    """Offer -> what was known on a day of its effect by customer; empty if nothing was judged then."""
    found = newest_effects(lakehouse, day)
    return found[1] if found is not None and found[0] == day else {}


def _use(lakehouse: Lakehouse, business: Business, today: date) -> list[str]:
    """Sentences about the use of the page of the retention team; empty if nobody ever opened it."""
    told = use_in_words(visits_since(lakehouse.settings, today - timedelta(weeks=WEEKS)), today)
    marked = page_contacts(lakehouse, business, today)
    return [*told, *([marked.sentence] if marked else [])]


def _churn(lakehouse: Lakehouse, month: str) -> dict[str, Any] | None:
    """The newest row of gold/churn_rates for all customers, up to a month; None without one."""
    if not lakehouse.exists(tables.CHURN_RATES):
        return None
    wanted: list[tuple[str, str, object]] = [("dimension", "=", EVERYBODY), ("month", "<=", month)]
    rows = lakehouse.arrow(tables.CHURN_RATES, filters=wanted).to_pylist()
    return max(rows, key=lambda row: str(row["month"]), default=None)


def _rows(
    lakehouse: Lakehouse, table: Table, columns: list[str] | None = None, until: date | None = None
) -> list[dict[str, Any]]:
    """Rows of a small table, with cohorts up to `until` only if given; empty when the table does not exist."""
    if not lakehouse.exists(table):
        return []
    found: list[dict[str, Any]] = lakehouse.arrow(
        table, columns, [("as_of_date", "<=", until)] if until else None
    ).to_pylist()
    return found


def _by_champion(
    lakehouse: Lakehouse, table: Table, until: date, champions: list[Champion]
) -> list[dict[str, Any]]:
    """Rows of every cohort up to `until`, ascending, for the version that `in_charge` selects."""
    by_day: dict[date, list[dict[str, Any]]] = {}
    for row in _rows(lakehouse, table, until=until):
        by_day.setdefault(row["as_of_date"], []).append(row)
    return [row for day in sorted(by_day) for row in in_charge(by_day[day], champions, day)]


def _movements(lakehouse: Lakehouse, business: Business, month: str) -> Movements | None:
    def cohort(of: str, columns: list[str]) -> "pa.Table":
        return lakehouse.arrow(
            tables.CUSTOMER_SEGMENTS,
            ["customer_key", "segment", *columns],
            [("as_of_date", "=", month_end(of))],
        )

    if not lakehouse.exists(tables.CUSTOMER_SEGMENTS):
        return None
    now = cohort(month, ["action", "probability"])
    if now.num_rows == 0:
        return None
    order = [rule.name for rule in business.file.segments.rules]
    return movements(now, cohort(add_months(month, -1), []), order)
