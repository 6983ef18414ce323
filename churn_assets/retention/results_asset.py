"""The asset retention/campaign_results: what campaigns brought, by what was known at the end of a month."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.counts import counted
from churn_assets.graph.checks import CheckFailed, not_judged, passed, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.partitions import partition_range, snapshot_months
from churn_assets.graph.table_asset import materialized, nothing_made, table_asset
from churn_assets.history.known_until import require_history
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_of
from churn_assets.silver.completeness import incomplete_fails

if TYPE_CHECKING:
    from churn_assets.retention.results import Results

NOT_FROM_GAPS = "no_result_from_incomplete_feed"
NOT_EARLY = "no_result_before_maturity"
AS_PLANNED = "contacts_follow_the_plan"
CHECKS = {
    NOT_FROM_GAPS: "Campaigns are measured only if every source has passed silver in all months since they started.",
    NOT_EARLY: "Only customers are counted whose days are over and whose outcome is known at the as_of_date.",
}
REPORTS = {
    AS_PLANNED: "All who were planned were contacted, nobody else, and nobody of the holdout; otherwise the measured "
    "effect is biased.",
}
NO_CAMPAIGN = "churn.yaml declares no `campaigns`, so nothing is measured."


def campaign_results_asset(business: Business) -> dg.AssetsDefinition:
    """The asset with the results of campaigns."""
    table = tables.CAMPAIGN_RESULTS
    contacts = (rule.source for rule in business.file.monitoring.treated)
    names = [business.label_source.name, *contacts, *(s.name for s in business.tells_who_is_gone)]
    silver = [tables.silver(business.source(name)).key for name in dict.fromkeys(names)]

    @table_asset(
        table,
        business,
        description=(
            "What each campaign, offer and segment brought after 30, 90 and 180 days: churn, months of stay and money, "
            "planned against holdout as they were randomised, with 95 % intervals. Contacts of sources with a control "
            "arm of their own are measured the same way. Where evidence is missing, it says how much."
        ),
        deps=[
            tables.CAMPAIGN_PLAN.key,
            tables.CUSTOMER_SEGMENTS.key,
            *silver,
            tables.RECONCILIATION.key,
        ],
        partitions=snapshot_months(business),
        checks=CHECKS,
        reports=REPORTS,
    )
    def campaign_results(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        from churn_assets.retention.results import result_rows, results

        if business.file.campaigns is None:
            return nothing_made(lakehouse, table, (*CHECKS, *REPORTS), "not measured", NO_CAMPAIGN)
        days = [month_end(month) for month in partition_range(context)]
        with incomplete_fails(NOT_FROM_GAPS):
            found = results(lakehouse, business, days)
            started = [one.started_on for of in found for one in of.measured]
            if started:
                require_history(lakehouse, business, month_of(min(started)), month_of(max(days)), back=False)
        checks = [
            passed(NOT_FROM_GAPS, {"campaigns since": str(min(started)) if started else "none"}),
            _require_mature(found),
            _as_planned(found[-1]),
        ]
        rows = result_rows(found, business.file.currency)
        commit = lakehouse.replace_rows(table, rows, "as_of_date", days, run_id=context.run.run_id)
        return materialized(lakehouse, table, commit, _report(found, business.file.currency), checks)

    return campaign_results


def _require_mature(found: "Sequence[Results]") -> dg.AssetCheckResult:
    """Checks that nobody is counted before their days are over.

    Raises:
        CheckFailed: somebody is.
    """
    early = [
        (str(of.day), one.campaign_id, one.days, one.treated + one.control)
        for of in found
        for one in of.measured
        if one.treated + one.control
        and (of.known_until is None or (of.known_until - one.started_on).days < one.days)
    ]
    if early:
        raise CheckFailed(
            NOT_EARLY,
            f"{len(early)} results would count customers whose days are not over.",
            "This is a defect of this software; please report it.",
            {"early": table_metadata(("as_of_date", "campaign", "days", "customers"), early)},
        )
    return passed(NOT_EARLY, {"results": sum(len(of.measured) for of in found)})


def _as_planned(newest: "Results") -> dg.AssetCheckResult:
    """Warns where contacts do not follow the plans."""
    from churn_assets.retention.measure_words import FOLLOWED, followed_table
    from churn_assets.retention.results_told import PLAN

    rows = followed_table([m for m in newest.measured if m.origin == PLAN])
    unapproved = newest.not_approved
    if not rows and not unapproved:
        return not_judged(AS_PLANNED, "no planned campaign was approved yet.")
    missed, held, unplanned = (sum(int(str(row[at])) for row in rows) for at in (2, 3, 4))
    evidence = {"contacts": table_metadata(FOLLOWED, rows)}
    if not missed + held + unplanned + sum(unapproved.values()):
        return passed(AS_PLANNED, evidence)
    told = []
    if missed + held + unplanned:
        told.append(
            f"{missed:,} planned customers were not contacted, {held:,} of the holdout were contacted all the same, "
            f"and {unplanned:,} were contacted without a plan. The first two make every effect look smaller than it is."
        )
    told += [
        f"{counted(count, 'contact')} name {name}, which nobody had approved by {newest.day}. Its plan could still "
        f"change, so it is not measured. `churn-assets campaign approve {name} --by NAME`, if nobody has: results of "
        "the months after the approval measure it."
        for name, count in unapproved.items()
    ]
    return warned(AS_PLANNED, " ".join(told), evidence)


def _report(found: "Sequence[Results]", currency: str) -> dict[str, Any]:
    """Metadata: the results of the newest month."""
    from churn_assets.reporting.figures import png_uri
    from churn_assets.retention.measure_words import RESULTS, result_table, results_png
    from churn_assets.retention.results_told import ALL, CAMPAIGN

    newest = found[-1]
    told: dict[str, Any] = {"outcomes known until": str(newest.known_until)}
    if not newest.measured:
        return told | {"not measured": "no campaign was approved, and no source has a control arm."}
    whole = [m for m in newest.measured if m.scope == CAMPAIGN]
    parts = [m for m in newest.measured if m.scope != CAMPAIGN and m.campaign_id == ALL]
    return told | {
        "all campaigns": table_metadata(
            RESULTS, result_table([m for m in whole if m.campaign_id == ALL], currency)
        ),
        "campaigns": table_metadata(
            RESULTS, result_table([m for m in whole if m.campaign_id != ALL], currency)
        ),
        "offers and segments": table_metadata(RESULTS, result_table(parts, currency)),
        "churn prevented": dg.MetadataValue.md(
            f"![churn prevented]({png_uri(results_png(newest.measured, newest.day))})"
        ),
    }
