"""The asset retention/campaign_plan: whom the campaign of a month contacts with what, and why nobody else."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.contracts.campaigns import Campaigns
from churn_assets.graph.checks import CheckFailed, passed, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.partitions import partition_range, snapshot_months
from churn_assets.graph.table_asset import materialized, nothing_made, table_asset
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end
from churn_assets.operations.campaigns.record import PLANNED, campaigns, plan_recorded
from churn_assets.retention.lifetime_value_assets import lifetime_value_assets
from churn_assets.retention.results_asset import campaign_results_asset
from churn_assets.retention.uplift_asset import uplift_assets

if TYPE_CHECKING:
    from churn_assets.retention.planning import Planning

ONE_ROW = "one_row_per_customer"
WITHIN_LIMITS = "plan_within_its_limits"
MEASURED = "effects_are_measured"
CHECKS = {
    ONE_ROW: "Every scored customer of a planned cohort is contacted, in the holdout, or left out for a stated reason.",
    WITHIN_LIMITS: "The plan keeps to the budget and every capacity, contacts nobody of the holdout or without "
    "consent, and outside exploration expects a profit of each contact.",
}
REPORTS = {MEASURED: "The effect of every offer is measured on contacts with a control arm."}
NO_CAMPAIGN = "churn.yaml declares no `campaigns`, so nothing is planned."
NOBODY_SCORED = "no cohort of this run has been scored."
ROUNDING = 1e-6


def _campaign_plan(business: Business) -> dg.AssetsDefinition:
    table = tables.CAMPAIGN_PLAN
    section = business.file.campaigns

    @table_asset(
        table,
        business,
        description=(
            "Which offer each customer gets in the campaign of a month, or why none: the highest expected profit under "
            "budget and capacities, after a holdout and an exploration share are drawn at random. It rests on what was "
            "known at the as_of_date. The plan of an approved campaign stays as it is."
        ),
        deps=[
            tables.CUSTOMER_SEGMENTS.key,
            tables.CUSTOMER_SNAPSHOTS.key,
            tables.CHURN_LABELS.key,
            *([tables.LIFETIME_VALUES.key] if business.file.economics.lifetime else []),
            *([tables.OFFER_UPLIFT.key] if section is not None and section.has_control else []),
        ],
        partitions=snapshot_months(business),
        checks=CHECKS,
        reports=REPORTS,
    )
    def campaign_plan(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        days = [month_end(month) for month in partition_range(context)]
        if section is None:
            return _nothing(lakehouse, NO_CAMPAIGN)
        kept = {r.as_of_date for r in campaigns(lakehouse).values() if r.state != PLANNED}
        to_plan = [day for day in _scored(lakehouse, days) if day not in kept]
        if not to_plan:
            fixed = f"the campaigns of {', '.join(str(d) for d in days if d in kept)} are approved or closed."
            return _nothing(lakehouse, fixed if kept & set(days) else NOBODY_SCORED)
        return _planned(context, lakehouse, business, section, to_plan)

    return campaign_plan


def _scored(lakehouse: Lakehouse, days: Sequence[date]) -> list[date]:
    if not lakehouse.exists(tables.CUSTOMER_SEGMENTS):
        return []
    return sorted(set(lakehouse.slices(tables.CUSTOMER_SEGMENTS, "as_of_date")) & set(days))


def _nothing(lakehouse: Lakehouse, why: str) -> dg.MaterializeResult[Any]:
    return nothing_made(lakehouse, tables.CAMPAIGN_PLAN, (*CHECKS, *REPORTS), "not planned", why)


def _planned(
    context: dg.AssetExecutionContext,
    lakehouse: Lakehouse,
    business: Business,
    section: Campaigns,
    days: Sequence[date],
) -> dg.MaterializeResult[Any]:
    """Plans the campaigns of some days and writes plans, curves and records."""
    import pyarrow as pa

    from churn_assets.retention.planning import curve_rows, effect_rows, plan_rows, planning, record_of

    found = [planning(lakehouse, business, section, day) for day in days]
    checks = [_require_everybody(lakehouse, found), _require_limits(found), _effects(found[-1])]
    run_id = context.run.run_id
    curves = pa.concat_tables([curve_rows(one) for one in found])
    effects = pa.concat_tables([effect_rows(one) for one in found])
    rows = pa.concat_tables([plan_rows(one.plan.rows) for one in found])
    plan_recorded(lakehouse, [record_of(one) for one in found])  # refuses what was approved meanwhile
    lakehouse.replace_rows(tables.BUDGET_CURVE, curves, "as_of_date", days, run_id=run_id)
    lakehouse.replace_rows(tables.OFFER_EFFECTS, effects, "as_of_date", days, run_id=run_id)
    commit = lakehouse.replace_rows(tables.CAMPAIGN_PLAN, rows, "as_of_date", days, run_id=run_id)
    return materialized(lakehouse, tables.CAMPAIGN_PLAN, commit, _report(found), checks)


def _require_everybody(lakehouse: Lakehouse, found: "Sequence[Planning]") -> dg.AssetCheckResult:
    """Checks that each scored customer has one row, which is an arm or a reason.

    Raises:
        CheckFailed: not so.
    """
    import pyarrow.compute as pc

    evidence = []
    for one in found:
        rows = one.plan.rows
        scored = lakehouse.count(tables.CUSTOMER_SEGMENTS, pc.field("as_of_date") == one.basis.day)
        untold = int((rows["reason"].isna() & rows["arm"].isna()).sum())
        evidence.append((str(one.basis.day), scored, len(rows), rows["customer_key"].nunique(), untold))
    if any(not scored == rows == keys or untold for _, scored, rows, keys, untold in evidence):
        head = ("as_of_date", "scored", "rows", "customers", "without arm and reason")
        raise CheckFailed(
            ONE_ROW,
            "The plan does not tell of every scored customer once.",
            "Materialise the snapshots and scores of these cohorts again; if it persists, report it as a defect.",
            {"plans": table_metadata(head, evidence)},
        )
    return passed(ONE_ROW, {"customers": sum(rows for _, _, rows, _, _ in evidence)})


def _require_limits(found: "Sequence[Planning]") -> dg.AssetCheckResult:
    """Checks the plans against their limits, whatever made them.

    Raises:
        CheckFailed: a plan breaks one.
    """
    broken = [(one.campaign_id, told) for one in found for told in broken_limits(one)]
    if broken:
        raise CheckFailed(
            WITHIN_LIMITS,
            f"{len(broken)} limits would be broken, first of {broken[0][0]}: {broken[0][1]}.",
            "Report it as a defect.",
            {"broken": table_metadata(("campaign", "what"), broken)},
        )
    return passed(WITHIN_LIMITS, {"plans": len(found)})


def broken_limits(one: "Planning") -> list[str]:
    """What a plan breaks, in words; empty if nothing."""
    from churn_assets.retention.arms import CONTACTED, PLANNED
    from churn_assets.retention.plan import left_alone

    rows, cohort, section = one.plan.rows, one.basis.cohort, one.section
    out = rows[rows["arm"].isin(CONTACTED)]
    counts = out["offer"].value_counts().reindex([o.name for o in one.money.offers], fill_value=0)
    used = one.money.use @ counts.to_numpy(dtype=float)
    names = [
        "budget",
        *(f"capacity of {c.channel}" for c in section.capacity),
        *(f"capacity of {o.name}" for o in one.money.offers if o.capacity is not None),
    ]
    told = [
        f"{name}: {has:,.2f} of {limit:,.2f}"
        for name, has, limit in zip(names, used, one.money.limits, strict=True)
        if has > limit * (1 + ROUNDING)
    ]
    contacted = cohort["customer_key"].isin(out["customer_key"])
    without = int((contacted & ~cohort["consent"].eq(True)).sum()) + int(
        (contacted & cohort["objected"]).sum()
    )
    if without:
        told.append(f"{without:,} contacted without consent")
    if held := int((contacted & left_alone(one.basis, section)).sum()):
        told.append(f"{held:,} contacted of the holdout")
    if losing := int((out.loc[out["arm"] == PLANNED, "expected_profit"] <= 0).sum()):
        told.append(f"{losing:,} planned at a loss")
    return told


def _effects(newest: "Planning") -> dg.AssetCheckResult:
    """Says which offers rest on assumptions, alone or for more than half."""
    assumed = {name: e.basis for name, e in newest.basis.effects.items() if not e.is_measured}
    if assumed:
        return warned(
            MEASURED,
            f"The effect of {', '.join(assumed)} is assumed; contacts with a control arm will tell.",
            assumed,
        )
    return passed(MEASURED, {"offers": len(newest.basis.effects)})


def _report(found: "Sequence[Planning]") -> dict[str, Any]:
    """Metadata: the plans, and of the newest its offers, customers, curve and holdout."""
    from churn_assets.reporting.figures import png_uri
    from churn_assets.retention import report
    from churn_assets.retention.planning import totals_of

    newest = found[-1]
    totals = totals_of(newest.plan.rows)
    plans = []
    for one in found:
        of_one = totals_of(one.plan.rows)
        gap = f"{one.plan.allocation.gap:.4%} ({one.plan.allocation.method})"
        plans.append(
            (
                one.campaign_id,
                of_one.contacted,
                of_one.holdout,
                f"{of_one.cost:,.0f}",
                f"{of_one.profit:,.0f}",
                gap,
            )
        )
    head = ("campaign", "contacted", "holdout", "expected cost", "expected profit", "profit missed at most")
    consent = (
        {}
        if newest.basis.consent_declared
        else {"consent": "no contract declares it; nobody is left out for it"}
    )
    return {
        "plans": table_metadata(head, plans),
        "newest plan": f"{report.headline(newest)} {report.saturation(newest)}",
        "value of a customer": report.value_told(newest),
        "offers": table_metadata(report.OFFERS, report.offer_rows(newest, totals)),
        "customers": table_metadata(report.ARMS, report.arm_rows(totals)),
        "budget curve": table_metadata(report.CURVE, report.curve_table(newest.curve)),
        "curve": dg.MetadataValue.md(f"![budget curve]({png_uri(report.curve_png(newest))})"),
        "holdout": table_metadata(report.DETECTABLE, report.detectable_rows(totals.detectable)),
    } | consent


def retention_assets(business: Business) -> list[dg.AssetsDefinition]:
    """Returns the assets of retention campaigns."""
    return [
        *lifetime_value_assets(business),
        *uplift_assets(business),
        _campaign_plan(business),
        campaign_results_asset(business),
    ]
