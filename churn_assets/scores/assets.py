"""The assets scores/churn_scores and scores/customer_segments: scores by the champion at each as_of_date."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.counts import counted
from churn_assets.graph.checks import CheckFailed, not_judged, passed, require_unique
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.names import CHURN_MODEL
from churn_assets.graph.partitions import partition_range, snapshot_months
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.history.known_until import require_history
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse, TableDraft
from churn_assets.lakehouse.tables import as_of_between
from churn_assets.models.champions import Champion, champion_at
from churn_assets.models.decisions import decided
from churn_assets.models.undeclared_features import undeclared, without_values
from churn_assets.months import add_months, month_end
from churn_assets.scores.current_scores import current_scores_asset
from churn_assets.scores.in_charge import FEATURES_AT_HAND, ONE_PROBABILITY, model_of, require_probabilities
from churn_assets.scores.lifetime_assets import lifetime_assets
from churn_assets.scores.segment_drivers import COLUMNS, driver_rows
from churn_assets.scores.segments import customer_segments
from churn_assets.silver.completeness import EVERY_SOURCE_COMPLETE, incomplete_fails
from churn_assets.tracking.tracking import Tracking

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ONE_SEGMENT = "one_segment_per_customer"
SCORE_CHECKS = {
    EVERY_SOURCE_COMPLETE: "Every source has passed silver in the months that the cohorts are made of.",
    FEATURES_AT_HAND: "The champion at each as_of_date is in MLflow, and the snapshots contain every feature it was "
    "trained on.",
    ONE_PROBABILITY: "Every customer of a cohort with a champion has one probability from 0 to 1.",
}
NO_CHAMPION = "no champion yet: nothing trained on or before this date"
NOBODY_IN_CHARGE = "no cohort of this run has a champion, so no customer was scored."


def _in_charge(lakehouse: Lakehouse, months: Iterable[str]) -> dict[str, Champion]:
    """Returns month -> champion at its end, for the months that have one."""
    line = decided(lakehouse)
    found = {m: champion_at(line, month_end(m)) for m in months}
    return {m: c for m, c in found.items() if c is not None}


def _cohort_report(months: list[str], in_charge: dict[str, Champion]) -> dict[str, Any]:
    rows = [
        (
            str(month_end(m)),
            f"version {in_charge[m].model_version}, trained as of {in_charge[m].trained_as_of}"
            if m in in_charge
            else NO_CHAMPION,
        )
        for m in months
    ]
    return {"model in charge": table_metadata(["as_of_date", "model"], rows)}


def _require_features(
    lakehouse: Lakehouse, needed: Sequence[str], business: Business, version: str, days: Sequence[date]
) -> None:
    """Raises CheckFailed if a model cannot score a cohort.

    That is, it needs a feature that churn.yaml no longer declares and the snapshots of the cohort do not contain.
    """
    lost = undeclared(needed, business.features)
    gone = without_values(lakehouse, lost, days) if lost else []
    if gone:
        cohorts = ", ".join(map(str, days))
        raise CheckFailed(
            FEATURES_AT_HAND,
            f"Version {version} is in charge of {cohorts} and needs {', '.join(gone)}, which churn.yaml no longer "
            "declares and the snapshots do not hold.",
            "Materialise the snapshots of the cohorts that a new model is tested on, then models/churn_model: this "
            "version cannot score them, so the new model becomes champion from its trained_as_of on. For earlier "
            "cohorts, declare the features again.",
            {"model version": version, "cohorts": cohorts, "missing features": ", ".join(gone)},
        )


def _drivers(lakehouse: Lakehouse, months: list[str]) -> list[tuple[str, int, str]]:
    """Returns the main drivers of the segments of the last month, compared with the month before."""
    import pyarrow.compute as pc

    last = months[-1]
    where = pc.field("as_of_date").isin([month_end(add_months(last, -1)), month_end(last)])
    by = ["as_of_date", "segment", "driver"]
    counts = lakehouse.aggregate(tables.CUSTOMER_SEGMENTS, by, [("customer_key", "count")], where)
    rows = [(r["as_of_date"], r["segment"], r["driver"], r["customer_key_count"]) for r in counts.to_pylist()]
    return driver_rows(rows, month_end(last))


def _scores(business: Business) -> dg.AssetsDefinition:
    table = tables.CHURN_SCORES

    @table_asset(
        table,
        business,
        description=(
            "Probability, decile and the three strongest reasons of every snapshot, from the champion of its "
            "as_of_date, which was trained on or before that date. Scores of other versions are never overwritten."
        ),
        deps=[tables.CUSTOMER_SNAPSHOTS.key, CHURN_MODEL.key],
        partitions=snapshot_months(business),
        checks=SCORE_CHECKS,
    )
    def churn_scores(
        context: dg.AssetExecutionContext,
        lakehouse: dg.ResourceParam[Lakehouse],
        tracking: dg.ResourceParam[Tracking],
    ) -> dg.MaterializeResult[Any]:
        months = list(partition_range(context))
        in_charge = _in_charge(lakehouse, months)
        report = _cohort_report(months, in_charge)
        if not in_charge:
            unjudged = [not_judged(name, NOBODY_IN_CHARGE) for name in SCORE_CHECKS]
            return materialized(lakehouse, table, None, report, unjudged)
        with incomplete_fails(EVERY_SOURCE_COMPLETE):
            require_history(lakehouse, business, min(in_charge), max(in_charge))
        frame, where = _scored(lakehouse, tracking, business, in_charge)
        with lakehouse.draft(table, frame) as draft:
            counts, mean = _judge_scores(lakehouse, draft, sorted(in_charge))
            commit = draft.replace(where, run_id=context.run.run_id)
        versions = ", ".join(sorted({c.model_version for c in in_charge.values()}))
        held = [
            passed(EVERY_SOURCE_COMPLETE, {"months": ", ".join(sorted(in_charge))}),
            passed(FEATURES_AT_HAND, {"model versions": versions}),
            passed(ONE_PROBABILITY, counts),
        ]
        return materialized(lakehouse, table, commit, report | {"mean probability": mean}, held)

    return churn_scores


def _scored(
    lakehouse: Lakehouse, tracking: Tracking, business: Business, in_charge: Mapping[str, Champion]
) -> "tuple[DataFrame, str]":
    """Returns the scores of these months by their champions, and the SQL condition of the rows to replace.

    Raises:
        CheckFailed: a champion cannot score its cohorts.
    """
    from pyspark.sql import functions as F

    from churn_assets.scores.scoring import score_snapshots

    snapshots = lakehouse.read(tables.CUSTOMER_SNAPSHOTS)
    parts, slices = [], []
    for version in sorted({c.model_version for c in in_charge.values()}):
        days = [month_end(m) for m, c in in_charge.items() if c.model_version == version]
        model = model_of(
            lakehouse, tracking, next(c for c in in_charge.values() if c.model_version == version)
        )
        _require_features(lakehouse, model.transformation.features, business, version, days)
        chosen = snapshots.where(F.col("as_of_date").isin(days))
        parts.append(score_snapshots(chosen, model, version, business.features))
        listed = ", ".join(f"'{d}'" for d in days)
        slices.append(f"(model_version = '{version}' AND as_of_date IN ({listed}))")
    return reduce(lambda a, b: a.unionByName(b), parts), " OR ".join(slices)


def _judge_scores(
    lakehouse: Lakehouse, draft: TableDraft, months: Sequence[str]
) -> tuple[dict[str, int], float]:
    """Checks the scores; returns {"rows": number of scores} and the mean probability.

    Raises:
        CheckFailed: not every customer of these cohorts has one probability from 0 to 1.
    """
    import pyarrow.compute as pc

    snapshots = lakehouse.count(
        tables.CUSTOMER_SNAPSHOTS, pc.field("as_of_date").isin([month_end(m) for m in months])
    )
    return require_probabilities(
        draft, ["customer_key", "as_of_date"], snapshots, "Materialise the snapshots of these cohorts again"
    )


def _segments(business: Business) -> dg.AssetsDefinition:
    table = tables.CUSTOMER_SEGMENTS

    @table_asset(
        table,
        business,
        description=(
            "Risk tier, value tier, main driver, segment and recommended action of each scored customer."
        ),
        deps=[tables.CHURN_SCORES.key, tables.CUSTOMER_SNAPSHOTS.key],
        partitions=snapshot_months(business),
        checks={ONE_SEGMENT: "Every scored customer is in exactly one segment."},
    )
    def segments(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        from pyspark.sql import functions as F

        months = list(partition_range(context))
        in_charge = _in_charge(lakehouse, months)
        report = _cohort_report(months, in_charge)
        if not in_charge:
            unjudged = [not_judged(ONE_SEGMENT, NOBODY_IN_CHARGE)]
            return materialized(lakehouse, table, None, report, unjudged)
        scores = lakehouse.read(tables.CHURN_SCORES)  # first: columns cannot be made before Spark runs
        wanted = reduce(
            lambda a, b: a | b,
            [
                (F.col("as_of_date") == F.lit(month_end(m))) & (F.col("model_version") == c.model_version)
                for m, c in in_charge.items()
            ],
        )
        scores = scores.where(wanted)
        snapshots = lakehouse.read(tables.CUSTOMER_SNAPSHOTS).where(as_of_between(months))
        frame = customer_segments(scores, snapshots, business.file.segments)
        with lakehouse.draft(table, frame) as draft:
            counts, rows = _judge_segments(draft, scores)
            commit = draft.replace(as_of_between(months), run_id=context.run.run_id)
        report["segments"] = table_metadata(
            ["as_of_date", "segment", "customers", "mean probability"],
            [
                (str(r["as_of_date"]), r["segment"], r["customer_key_count"], f"{r['probability_mean']:.1%}")
                for r in rows
            ],
        )
        report["drivers"] = table_metadata(COLUMNS, _drivers(lakehouse, sorted(in_charge)))
        return materialized(lakehouse, table, commit, report, [passed(ONE_SEGMENT, counts)])

    return segments


def _judge_segments(draft: TableDraft, scores: "DataFrame") -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Checks the segments; returns {"rows": number of customers}, and the size and mean probability of each segment.

    The segments are ordered by as_of_date, then by mean probability, highest first.

    Raises:
        CheckFailed: not every scored customer is in exactly one segment.
    """
    counts = require_unique(draft, ["customer_key", "as_of_date"], ONE_SEGMENT)
    by = ["as_of_date", "segment"]
    sizes = draft.content.aggregate(by, [("customer_key", "count"), ("probability", "mean")])
    rows = sizes.sort_by([("as_of_date", "ascending"), ("probability_mean", "descending")]).to_pylist()
    expected, nowhere = scores.count(), sum(r["customer_key_count"] for r in rows if r["segment"] is None)
    if counts["rows"] != expected or nowhere:
        raise CheckFailed(
            ONE_SEGMENT,
            f"There are {counted(counts['rows'], 'row')} for {counted(expected, 'scored customer')}; "
            f"{counted(nowhere, 'row has', 'rows have')} no segment.",
            "Materialise scores/churn_scores of these cohorts again; if it persists, look at `segments` in churn.yaml.",
            {"scored customers": expected, "rows": counts["rows"], "without a segment": nowhere},
        )
    return counts, rows


def score_assets(business: Business) -> list[dg.AssetsDefinition]:
    """Returns the assets of scores and segments, those of the survival view, and that of current scores."""
    return [
        _scores(business),
        _segments(business),
        *lifetime_assets(business),
        current_scores_asset(business),
    ]
