"""The table catalogue: every Delta table of the lake, its grain, partitioning and personal columns.

Paths are `lake/<layer>/<name>`; whoever walks the lake (docs, erasure, backup) walks this list.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.months import month_end


@dataclass(frozen=True)
class Table:
    """A Delta table. `personal` names the columns with personal values, for scans and for erasure."""

    layer: str
    name: str
    grain: str
    partition_by: tuple[str, ...] = ()
    personal: frozenset[str] = frozenset()

    @property
    def key(self) -> list[str]:
        """The Dagster asset key."""
        return [self.layer, self.name]

    @property
    def path(self) -> str:
        """Path below the lake's root."""
        return f"{self.layer}/{self.name}"


def bronze(source: Source) -> Table:
    """Delivered rows of a source. Everything but our own columns may be personal."""
    personal = {c.field for c in source.columns if c.personal} | {"rescued", "source_file"}
    return Table("bronze", source.name, "one row per delivered row", ("extract_month",), frozenset(personal))


def silver(source: Source) -> Table:
    """Accepted versions of a source's rows."""
    return Table("silver", source.name, "one row per version of a key", ("extract_month",))


CUSTOMER_KEYS = Table(
    "silver", "customer_keys", "natural id -> random customer_key", personal=frozenset({"customer_id"})
)
QUARANTINE = Table(
    "silver",
    "quarantine",
    "one row per refused row",
    ("source", "extract_month"),
    frozenset({"raw_row", "reason", "source_file"}),
)
RECONCILIATION = Table("silver", "reconciliation", "source x extract_month", ("extract_month",))
CUSTOMERS = Table("gold", "customers", "one row per customer: the current view")
CUSTOMER_MONTHS = Table("gold", "customer_months", "customer x month", ("month",))
CHURN_EVENTS = Table("gold", "churn_events", "one row per spell that ended")
CUSTOMER_SNAPSHOTS = Table("features", "customer_snapshots", "customer x as_of_date", ("as_of_date",))
CHURN_LABELS = Table("features", "churn_labels", "customer x as_of_date", ("as_of_date",))
TRAINING_RUNS = Table("models", "training_runs", "one row per training")
CHAMPIONS = Table("models", "champions", "one row per decision about who is in charge")
CHURN_SCORES = Table(
    "scores", "churn_scores", "customer x as_of_date x model_version", ("as_of_date", "model_version")
)
CUSTOMER_SEGMENTS = Table("scores", "customer_segments", "customer x as_of_date", ("as_of_date",))
MODEL_PERFORMANCE = Table("monitoring", "model_performance", "as_of_date x model_version", ("as_of_date",))


DRIFT = Table("monitoring", "drift", "as_of_date x model_version x feature", ("as_of_date",))


def customer_identity(business: Business) -> Table:
    """Personal columns of all sources by customer_key, as versions."""
    personal = {c.name for s in business.sources for c in s.personal}
    return Table(
        "silver",
        "customer_identity",
        "one row per version of a person's data",
        ("source", "extract_month"),
        frozenset(personal),
    )


def catalogue(business: Business) -> list[Table]:
    """Every table of the business's lake, in the order in which data walks through it."""
    return [
        *(bronze(s) for s in business.sources),
        CUSTOMER_KEYS,
        *(silver(s) for s in business.sources),
        customer_identity(business),
        QUARANTINE,
        RECONCILIATION,
        CUSTOMERS,
        CUSTOMER_MONTHS,
        CHURN_EVENTS,
        CUSTOMER_SNAPSHOTS,
        CHURN_LABELS,
        TRAINING_RUNS,
        CHAMPIONS,
        CHURN_SCORES,
        CUSTOMER_SEGMENTS,
        MODEL_PERFORMANCE,
        DRIFT,
    ]


def between(months: Sequence[str], column: str = "extract_month") -> str:
    """SQL predicate of a contiguous range of month partitions."""
    return f"{column} >= '{months[0]}' AND {column} <= '{months[-1]}'"


def as_of_between(months: Sequence[str]) -> str:
    """SQL predicate of the cohorts at the ends of a contiguous range of months."""
    return f"as_of_date >= '{month_end(months[0])}' AND as_of_date <= '{month_end(months[-1])}'"
