"""The survival view of the scored cohorts: expected lifetimes, retention curves, and their judgement; without Spark."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.graph.checks import CheckFailed, not_judged, passed, require_one_each, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.partitions import partition_range, snapshot_months
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.champions import champion_at
from churn_assets.models.decisions import decided
from churn_assets.months import month_end
from churn_assets.scores.past_snapshots import NoView, Past, features_of, past_snapshots

if TYPE_CHECKING:
    from churn_assets.scores.expected_lifetimes import CohortLifetimes
    from churn_assets.scores.lifetime_quality import ViewQuality

ONE_LIFETIME = "one_lifetime_per_customer"
FALLING_CURVES = "curves_fall_within_their_intervals"
EVERY_COHORT_JUDGED = "every_cohort_judged"
BETTER_THAN_KAPLAN_MEIER = "better_than_kaplan_meier"
NOBODY_SCORED = "no cohort of this run has a champion, so no customer was scored."
PAST = [tables.CHURN_SCORES.key, tables.CUSTOMER_SNAPSHOTS.key, tables.CHURN_LABELS.key]
Why = dict[date, str]


def _days(context: dg.AssetExecutionContext, lakehouse: Lakehouse) -> tuple[list[date], list[date]]:
    """Returns the as_of_dates of this run, and those of them that have a champion."""
    days, line = [month_end(month) for month in partition_range(context)], decided(lakehouse)
    return days, [day for day in days if champion_at(line, day) is not None]


def _views(
    lakehouse: Lakehouse,
    business: Business,
    days: list[date],
    columns: list[str],
    view: Callable[[Past, date], Any],
) -> tuple[dict[date, Any], Why]:
    """Returns the view of each date from what was known then, and why a date has none."""
    found: dict[date, Any] = {}
    why: Why = {}
    if not days:
        return found, why
    try:
        past = past_snapshots(lakehouse, business, days[-1], columns)
    except NoView as error:
        return found, dict.fromkeys(days, str(error))
    for day in days:
        try:
            found[day] = view(past.known_on(day), day)
        except NoView as error:
            why[day] = str(error)
    return found, why


def _reasons(why: Why) -> dict[str, Any]:
    """Returns metadata that names the dates without a view; empty if there are none."""
    if not why:
        return {}
    return {"without a view": table_metadata(["as_of_date", "why"], [(str(d), w) for d, w in why.items()])}


def _why_not(why: Why) -> str:
    return why[max(why)] if why else NOBODY_SCORED


def _expected_lifetimes(business: Business) -> dg.AssetsDefinition:
    table = tables.EXPECTED_LIFETIMES

    @table_asset(
        table,
        business,
        description=(
            "When, not only whether: for each scored customer the months until they leave, as expected within the "
            "horizon, with the interval of this mean, and the chance to be still there after 3, 6 and 12 months. Time "
            "runs from the end of the gap, and all figures are conditional on what was known at the as_of_date and "
            "on the customer being there at the end of the gap. The hazards are learned from settled labels alone; the "
            "horizon ends where no outcome has been observed."
        ),
        deps=PAST,
        partitions=snapshot_months(business),
        checks={
            ONE_LIFETIME: "Every customer of a cohort with a view has one expected lifetime, from 0 to the horizon and "
            "inside its interval."
        },
        kinds=("deltalake",),
        spark=False,
    )
    def expected_lifetimes(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        import pyarrow as pa

        from churn_assets.scores.expected_lifetimes import cohort_lifetimes

        days, scored = _days(context, lakehouse)
        features = features_of(lakehouse, business) if scored else []
        found, why = _views(
            lakehouse,
            business,
            scored,
            features,
            lambda past, day: cohort_lifetimes(lakehouse, business, past, day, features),
        )
        check = _judge_lifetimes(lakehouse, found) if found else not_judged(ONE_LIFETIME, _why_not(why))
        rows = pa.concat_tables([table.rows([]), *(view.rows for view in found.values())])
        commit = lakehouse.replace_rows(table, rows, "as_of_date", days, run_id=context.run.run_id)
        return materialized(lakehouse, table, commit, _lifetime_report(found) | _reasons(why), [check])

    return expected_lifetimes


def _judge_lifetimes(lakehouse: Lakehouse, found: "Mapping[date, CohortLifetimes]") -> dg.AssetCheckResult:
    """Checks the lifetimes before they are written.

    Raises:
        CheckFailed: not every customer of these cohorts has one lifetime, or a figure is outside its bounds.
    """
    import pyarrow.compute as pc

    evidence = []
    for day, view in found.items():
        rows, expected = view.rows, lakehouse.count(tables.CUSTOMER_SNAPSHOTS, pc.field("as_of_date") == day)
        keys = pc.count_distinct(rows["customer_key"]).as_py()
        order = ("expected_months_low", "expected_months", "expected_months_high", "horizon_months")
        inside = [pc.less_equal(rows[a], rows[b]) for a, b in pairwise(order)]
        inside.append(pc.greater_equal(rows["expected_months_low"], 0))
        # NaN compares as false
        outside = sum(rows.num_rows - pc.sum(held).as_py() for held in inside)
        evidence.append((str(day), expected, rows.num_rows, keys, outside))
    remedy = "Materialise the snapshots of these cohorts again; if it persists, report it as a defect."
    return require_one_each(ONE_LIFETIME, "lifetimes", evidence, remedy)


def _lifetime_report(found: "Mapping[date, CohortLifetimes]") -> dict[str, Any]:
    import pyarrow.compute as pc

    rows = [
        (
            str(day),
            view.rows.num_rows,
            f"{pc.mean(view.rows['expected_months']).as_py():.1f}",
            view.horizon,
            str(view.until),
            ", ".join(f"{n:,}" for n in view.left),
        )
        for day, view in found.items()
    ]
    head = [
        "as_of_date",
        "customers",
        "mean months",
        "of a horizon of",
        "learned until",
        "left in each step ahead",
    ]
    return {"lifetimes": table_metadata(head, rows)}


def _retention_curves(business: Business) -> dg.AssetsDefinition:
    table = tables.RETENTION_CURVES

    @table_asset(
        table,
        business,
        description=(
            "Share of customers still there at each tenure, with 95 % intervals: Kaplan-Meier with delayed entry over "
            "the months in which customers were seen, for all and by value tier, category and segment. A customer "
            "counts for the group of each month. What has not settled is censored."
        ),
        deps=[*PAST, tables.CUSTOMER_SEGMENTS.key],
        partitions=snapshot_months(business),
        checks={
            FALLING_CURVES: "Every curve falls, from 1 at its first tenure, and lies inside its interval."
        },
        kinds=("deltalake",),
        spark=False,
    )
    def retention_curves(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        from churn_assets.scores.retention_curves import EVERYBODY, curve_columns, retention_rows

        days, scored = _days(context, lakehouse)
        columns = curve_columns(business, set(lakehouse.columns(tables.CUSTOMER_SNAPSHOTS))) if scored else []
        found, why = _views(
            lakehouse,
            business,
            scored,
            columns,
            lambda past, day: retention_rows(lakehouse, business, past, day),
        )
        rows = [row for of_day in found.values() for row in of_day]
        check = _judge_curves(rows) if found else not_judged(FALLING_CURVES, _why_not(why))
        commit = lakehouse.replace_rows(
            table, table.rows(rows), "as_of_date", days, run_id=context.run.run_id
        )
        newest = [r for r in rows if r["as_of_date"] == days[-1] and r["grouping"] == EVERYBODY]
        report = {"retention of all, newest date": _curve_report(newest)} if newest else {}
        return materialized(lakehouse, table, commit, report | _reasons(why), [check])

    return retention_curves


def _judge_curves(rows: list[dict[str, Any]]) -> dg.AssetCheckResult:
    """Checks the curves before they are written.

    Raises:
        CheckFailed: a curve rises or leaves its interval.
    """
    last: dict[tuple[Any, ...], float] = {}
    wrong = []
    for row in rows:
        of = (row["as_of_date"], row["grouping"], row["group_value"])
        low, share, high = (row[f"retention{name}"] for name in ("_low", "", "_high"))
        if not 0 <= low <= share <= high <= 1 or share > last.get(of, 1.0):
            wrong.append(row)
        last[of] = share
    if wrong:
        head = ["as_of_date", "grouping", "tenure_months", "retention", "retention_low", "retention_high"]
        raise CheckFailed(
            FALLING_CURVES,
            f"{len(wrong)} points of {len(last)} curves are not possible.",
            "This is a defect of this software; please report it.",
            {"points": table_metadata(head, [[row[name] for name in head] for row in wrong[:20]])},
        )
    return passed(FALLING_CURVES, {"curves": len(last), "rows": len(rows)})


def _curve_report(rows: list[dict[str, Any]]) -> Any:
    """Returns a table of one curve at each half year of tenure."""
    shown = [row for row in rows if row["tenure_months"] % 6 == 0] or rows
    head = ["tenure in months", "seen", "left", "still there", "from", "to"]
    body = [
        [
            *(row[n] for n in ("tenure_months", "at_risk", "leavers")),
            *(f"{row[n]:.1%}" for n in ("retention", "retention_low", "retention_high")),
        ]
        for row in shown
    ]
    return table_metadata(head, body)


def _lifetime_quality(business: Business) -> dg.AssetsDefinition:
    table = tables.LIFETIME_QUALITY

    @table_asset(
        table,
        business,
        description=(
            "How good the survival view is: the same view, made at an earlier date from what was known then, judged by "
            "what became of the customers of that date. Uno's concordance and the integrated Brier score, beside that "
            "of the Kaplan-Meier curve, which gives everybody the same chances."
        ),
        deps=PAST,
        partitions=snapshot_months(business),
        checks={
            EVERY_COHORT_JUDGED: "Every scored cohort has its figures, each inside its interval, or says why not."
        },
        reports={
            BETTER_THAN_KAPLAN_MEIER: "Out of time, the view ranks better than chance and has a lower integrated Brier "
            "score than the Kaplan-Meier curve; both by more than chance explains (95 % intervals)."
        },
        kinds=("deltalake",),
        spark=False,
    )
    def lifetime_quality(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        from churn_assets.scores.lifetime_quality import NOT_JUDGED, OK, view_quality

        days, scored = _days(context, lakehouse)
        features = features_of(lakehouse, business) if scored else []
        found, why = _views(
            lakehouse, business, scored, features, lambda past, _: view_quality(past, business, features)
        )
        rows = [{"as_of_date": day, "status": OK} | view.row() for day, view in found.items()]
        rows += [{"as_of_date": day, "status": f"{NOT_JUDGED}: {reason}"} for day, reason in why.items()]
        checks = [_judge_quality(rows, scored), _better(found, why)]
        commit = lakehouse.replace_rows(
            table, table.rows(rows), "as_of_date", days, run_id=context.run.run_id
        )
        return materialized(lakehouse, table, commit, _quality_report(found) | _reasons(why), checks)

    return lifetime_quality


def _judge_quality(rows: list[dict[str, Any]], scored: list[date]) -> dg.AssetCheckResult:
    """Checks the judgements before they are written.

    Raises:
        CheckFailed: a scored cohort has no row, or a figure lies outside its interval.
    """
    if not scored:
        return not_judged(EVERY_COHORT_JUDGED, NOBODY_SCORED)
    told = [row for row in rows if "concordance" in row]
    # NaN compares as false
    wrong = [
        (str(row["as_of_date"]), name, row[f"{name}_low"], row[name], row[f"{name}_high"])
        for row in told
        for name in ("concordance", "brier_gain")
        if not row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]
    ]
    if wrong or sorted(row["as_of_date"] for row in rows) != scored:
        raise CheckFailed(
            EVERY_COHORT_JUDGED,
            f"{len(rows)} of {len(scored)} scored cohorts have a row; {len(wrong)} figures are not in their interval.",
            "This is a defect of this software; please report it.",
            {"figures": table_metadata(["as_of_date", "figure", "low", "value", "high"], wrong)},
        )
    return passed(EVERY_COHORT_JUDGED, {"cohorts": len(scored), "with figures": len(told)})


def _better(found: "Mapping[date, ViewQuality]", why: Why) -> dg.AssetCheckResult:
    """Judges the newest cohort that could be judged."""
    if not found:
        return not_judged(BETTER_THAN_KAPLAN_MEIER, _why_not(why))
    day = max(found)
    quality = found[day]
    evidence = {"as_of_date": str(day)} | {name: _plain(value) for name, value in quality.row().items()}
    if quality.judgement.is_better:
        return passed(BETTER_THAN_KAPLAN_MEIER, evidence)
    return warned(
        BETTER_THAN_KAPLAN_MEIER,
        f"Judged on the customers of {quality.judged_as_of}, the survival view is not shown to be better than the "
        "Kaplan-Meier curve. Do not use its figures of single customers; the retention curves still hold.",
        evidence,
    )


def _quality_report(found: "Mapping[date, ViewQuality]") -> dict[str, Any]:
    if not found:
        return {}
    rows = [{"as_of_date": day} | view.row() for day, view in found.items()]
    return {"quality": table_metadata(list(rows[0]), [[_plain(v) for v in row.values()] for row in rows])}


def _plain(value: object) -> Any:
    return round(value, 5) if isinstance(value, float) else value if isinstance(value, int) else str(value)


def lifetime_assets(business: Business) -> Iterable[dg.AssetsDefinition]:
    """Returns the assets scores/expected_lifetimes, scores/retention_curves and scores/lifetime_quality."""
    return [_expected_lifetimes(business), _retention_curves(business), _lifetime_quality(business)]
