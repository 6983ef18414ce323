"""The asset scores/current_scores: what the champion says of every customer as of a day, and what moved since."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.features.current_snapshot import SOURCES_ON_TIME, SourcesTold, replaced_days, told_of_day
from churn_assets.graph.as_of_day import AskedDay
from churn_assets.graph.checks import CheckFailed, not_judged, passed, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.names import CHURN_MODEL
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.history.earlier_days import days_before
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse, TableDraft
from churn_assets.models.champions import Champion, champion_at
from churn_assets.models.decisions import decided
from churn_assets.models.undeclared_features import undeclared
from churn_assets.months import month_end, month_of
from churn_assets.scores.in_charge import FEATURES_AT_HAND, ONE_PROBABILITY, model_of, require_probabilities
from churn_assets.scores.moves import current_scores
from churn_assets.tracking.tracking import Tracking

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from churn_assets.ml.portable.model import PortableModel

DAY_AT_HAND = "day_has_its_snapshot"
CHECKS = {
    DAY_AT_HAND: "features/current_snapshot holds the day, and what is told of the sources.",
    FEATURES_AT_HAND: "The champion is in MLflow, and the snapshots contain every feature it was trained on.",
    ONE_PROBABILITY: "Every customer of the day has one probability from 0 to 1.",
}
NO_CHAMPION = "no model is in charge of this day, so no customer was scored."


def current_scores_asset(business: Business) -> dg.AssetsDefinition:
    """scores/current_scores of a business."""
    table = tables.CURRENT_SCORES

    @table_asset(
        table,
        business,
        description=(
            "Probability, reasons and segment of every customer as of the day, by the champion in charge, with what "
            "the same model gives the day before, a week before and the last month end, and the reason that moved "
            "most. No model is trained for it, and no label is made of it."
        ),
        deps=[tables.CURRENT_SNAPSHOT.key, tables.CUSTOMER_SNAPSHOTS.key, CHURN_MODEL.key],
        checks=CHECKS,
        reports={SOURCES_ON_TIME: "Every source has delivered what its contract promises up to the day."},
    )
    def scores(
        context: dg.AssetExecutionContext,
        lakehouse: dg.ResourceParam[Lakehouse],
        tracking: dg.ResourceParam[Tracking],
        asked_day: dg.ResourceParam[AskedDay],
    ) -> dg.MaterializeResult[Any]:
        day, told = _day(lakehouse, asked_day)
        champion, found = champion_at(decided(lakehouse), day), {"as_of_date": str(day)}
        if champion is None:
            unjudged = [not_judged(name, NO_CHAMPION) for name in CHECKS]
            return materialized(lakehouse, table, None, found, [*unjudged, _on_time(told)])
        model = model_of(lakehouse, tracking, champion)
        require_declared(business, model, champion, day)
        earlier = earlier_snapshots(lakehouse, day, model.transformation.features)
        frame = scored(lakehouse, business, day, earlier, model, champion, told)
        with lakehouse.draft(table, frame) as draft:
            counts = _judge(lakehouse, draft, day)
            tiers = draft.content.aggregate(
                ["risk_tier"], [("customer_key", "count"), ("probability", "mean")]
            )
            where = replaced_days(lakehouse, table, day, business.file.daily.keep_days)
            commit = draft.replace(where, run_id=context.run.run_id)
        rows = [
            (r["risk_tier"], r["customer_key_count"], f"{r['probability_mean']:.1%}")
            for r in tiers.to_pylist()
        ]
        compared = [(name, str(day_before), name in earlier) for name, day_before in days_before(day).items()]
        return materialized(
            lakehouse,
            table,
            commit,
            found
            | {
                "model in charge": f"version {champion.model_version}, trained as of {champion.trained_as_of}",
                "risk tiers": table_metadata(["risk tier", "customers", "mean probability"], sorted(rows)),
                "compared with": table_metadata(["what", "as_of_date", "there are snapshots"], compared),
            },
            [
                passed(DAY_AT_HAND, found),
                passed(FEATURES_AT_HAND, {"model version": champion.model_version}),
                passed(ONE_PROBABILITY, counts),
                _on_time(told),
            ],
        )

    return scores


def _on_time(told: SourcesTold) -> dg.AssetCheckResult:
    """The check SOURCES_ON_TIME by what the snapshots tell: a file that came since does not change it."""
    evidence = {"known until": str(told.known_until or "not known yet")}
    if told.behind is None:
        return passed(SOURCES_ON_TIME, evidence)
    return warned(SOURCES_ON_TIME, f"Behind: {told.behind}.", evidence)


def _day(lakehouse: Lakehouse, asked: AskedDay) -> tuple[date, SourcesTold]:
    """The day that is asked for, else the newest of which there are snapshots, and what they tell of the sources.

    Raises:
        CheckFailed: there are no snapshots of that day.
    """
    table = tables.CURRENT_SNAPSHOT
    held = lakehouse.slices(table, "as_of_date") if lakehouse.exists(table) else []
    day: date | None = asked.day or max(held, default=None)
    told = told_of_day(lakehouse, day) if day is not None and day in held else None
    if day is None or told is None:
        raise CheckFailed(
            DAY_AT_HAND,
            f"features/current_snapshot does not hold {day or 'any day'}.",
            "Run the job `daily`, which computes the snapshots of the day first.",
            {"days": ", ".join(map(str, held)) or "none"},
        )
    return day, told


def require_declared(business: Business, model: "PortableModel", champion: Champion, day: date) -> None:
    """Raises CheckFailed when the model needs a feature that churn.yaml no longer declares."""
    if lost := undeclared(model.transformation.features, business.features):
        raise CheckFailed(
            FEATURES_AT_HAND,
            f"Version {champion.model_version} is in charge of {day} and needs {', '.join(lost)}, which churn.yaml no "
            "longer declares.",
            "Train a new model on the features of today, or declare these features again.",
            {"model version": champion.model_version, "missing features": ", ".join(lost)},
        )


def earlier_snapshots(lakehouse: Lakehouse, day: date, needed: list[str]) -> "dict[str, DataFrame]":
    """Name of an earlier day -> its snapshots, for days of which there are some: month ends are cohorts."""
    from pyspark.sql import functions as F

    found = {}
    for name, before in days_before(day).items():
        cohort = [tables.CUSTOMER_SNAPSHOTS] if before == month_end(month_of(before)) else []
        for table in (*cohort, tables.CURRENT_SNAPSHOT):
            there = lakehouse.exists(table) and set(needed) <= set(lakehouse.columns(table))
            if there and before in lakehouse.slices(table, "as_of_date"):
                found[name] = lakehouse.read(table).where(F.col("as_of_date") == F.lit(before))
                break
    return found


def scored(
    lakehouse: Lakehouse,
    business: Business,
    day: date,
    earlier: "Mapping[str, DataFrame]",
    model: "PortableModel",
    champion: Champion,
    told: SourcesTold,
) -> "DataFrame":
    """The rows of the day, with what is told of sources."""
    from pyspark.sql import functions as F

    today = lakehouse.read(tables.CURRENT_SNAPSHOT).where(F.col("as_of_date") == F.lit(day))
    rules, version = business.file.segments, champion.model_version
    found = current_scores(today, earlier, model, version, business.features, rules)
    return told.beside(found).select(*tables.CURRENT_SCORES.types)


def _judge(lakehouse: Lakehouse, draft: TableDraft, day: date) -> dict[str, int]:
    """Checks the scores of a day; returns {"rows": number of scores}.

    Raises:
        CheckFailed: not every customer of the day has one probability from 0 to 1.
    """
    import pyarrow.compute as pc

    snapshots = lakehouse.count(tables.CURRENT_SNAPSHOT, pc.field("as_of_date") == day)
    counts, _ = require_probabilities(
        draft, ["customer_key"], snapshots, "Run the job `daily` for this day again"
    )
    return counts
