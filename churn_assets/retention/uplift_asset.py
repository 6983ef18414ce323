"""The asset retention/offer_uplift: whether effects by customer are better than one effect for everybody."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.contracts.campaigns import Campaigns
from churn_assets.graph.checks import CheckFailed, not_judged, passed, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.partitions import partition_range, snapshot_months
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end
from churn_assets.tracking.tracking import Tracking
from churn_assets.tracking.uplifts import UPLIFT_CARD, log_uplift

if TYPE_CHECKING:
    from churn_assets.retention.uplift import OfferUplift

EVERY_OFFER = "every_offer_is_judged"
BY_CUSTOMER = "effects_by_customer_are_better"
CHECKS = {
    EVERY_OFFER: "Every offer has one row, and effects by customer are used only where they were judged better."
}
REPORTS = {
    BY_CUSTOMER: "Effects by customer order later contacts better than the constant effect, beyond chance."
}
NOBODY_SCORED = "no cohort of this run has been scored."
HEAD = (
    "offer",
    "contacts",
    "controls",
    "learner",
    "Qini",
    "Qini above the constant",
    "uplift of the top tenth",
    "used",
)
PLANS = ("offer", "by effect: weighted", "doubly robust", "by risk: doubly robust", "difference")


def uplift_assets(business: Business) -> list[dg.AssetsDefinition]:
    """Returns the asset, if a source of contacts has a control arm."""
    section = business.file.campaigns
    return [_offer_uplift(business, section)] if section is not None and section.has_control else []


def _offer_uplift(business: Business, section: Campaigns) -> dg.AssetsDefinition:
    table = tables.OFFER_UPLIFT

    @table_asset(
        table,
        business,
        description=(
            "What each offer changes for each customer, learned from past contacts with a control arm by two models, "
            "an X-learner and a doubly robust learner, and judged on later contacts. The plan uses effects by customer "
            "only where they order later contacts better than the constant effect, beyond chance."
        ),
        deps=[tables.CUSTOMER_SEGMENTS.key, tables.CUSTOMER_SNAPSHOTS.key, tables.CHURN_LABELS.key],
        partitions=snapshot_months(business),
        checks=CHECKS,
        reports=REPORTS,
    )
    def offer_uplift(
        context: dg.AssetExecutionContext,
        lakehouse: dg.ResourceParam[Lakehouse],
        tracking: dg.ResourceParam[Tracking],
    ) -> dg.MaterializeResult[Any]:
        from churn_assets.retention.uplift import offer_uplifts

        days = [month_end(month) for month in partition_range(context)]
        known = lakehouse.exists(tables.CUSTOMER_SEGMENTS)
        scored = set(lakehouse.slices(tables.CUSTOMER_SEGMENTS, "as_of_date")) if known else set()
        found = {day: offer_uplifts(lakehouse, business, section, day) for day in days if day in scored}
        checks = [_require_all(business, found), _better(found)]
        run_id = context.run.run_id
        runs = {day: _tracked(tracking, business, run_id, day, offers) for day, offers in found.items()}
        groups = [row for day, offers in found.items() for one in offers for row in one.group_rows(day)]
        lakehouse.replace_rows(
            tables.EFFECT_GROUPS, tables.EFFECT_GROUPS.rows(groups), "as_of_date", days, run_id=run_id
        )
        lakehouse.replace_rows(
            tables.CUSTOMER_EFFECTS, _effect_rows(found), "as_of_date", days, run_id=run_id
        )
        rows = table.rows([one.row(day, runs[day]) for day, offers in found.items() for one in offers])
        commit = lakehouse.replace_rows(table, rows, "as_of_date", days, run_id=run_id)
        return materialized(lakehouse, table, commit, _report(found, runs), checks)

    return offer_uplift


Found = dict[date, "list[OfferUplift]"]


def _tracked(
    tracking: Tracking, business: Business, run_id: str, day: date, offers: "list[OfferUplift]"
) -> str | None:
    """The run in MLflow that tells what was learned on a day; None where nothing was."""
    from churn_assets.retention.uplift_card import uplift_card, uplift_metrics, uplift_params, uplift_pictures

    if all(one.learned is None for one in offers):
        return None
    params, metrics = uplift_params(business, day, offers), uplift_metrics(offers)
    return log_uplift(
        tracking,
        run_id,
        day,
        params,
        metrics,
        uplift_card(business, day, offers),
        uplift_pictures(offers),
    )


def _effect_rows(found: Found) -> Any:
    rows = [
        {"customer_key": key, "as_of_date": day, "offer": one.offer, "effect": float(effect)}
        for day, offers in found.items()
        for one in offers
        if one.effects is not None
        for key, effect in one.effects.items()
    ]
    return tables.CUSTOMER_EFFECTS.rows(rows)


def _require_all(business: Business, found: Found) -> dg.AssetCheckResult:
    """Checks what was judged before it is written.

    Raises:
        CheckFailed: an offer is missing, or effects are used that were not judged better.
    """
    if not found:
        return not_judged(EVERY_OFFER, NOBODY_SCORED)
    names = [offer.name for offer in business.file.offers]
    wrong = [
        (str(day), one.offer)
        for day, offers in found.items()
        for one in offers
        if one.effects is not None and (one.judged is None or not one.judged.is_used)
    ]
    if wrong or any([one.offer for one in offers] != names for offers in found.values()):
        raise CheckFailed(
            EVERY_OFFER,
            f"Of {len(names)} offers not all are judged, or {len(wrong)} are used without.",
            "This is a defect of this software; please report it.",
            {"used without": table_metadata(("as_of_date", "offer"), wrong)},
        )
    return passed(EVERY_OFFER, {"offers": len(names)})


def _better(found: Found) -> dg.AssetCheckResult:
    """Tells of the newest cohort which offers have effects by customer."""
    if not found:
        return not_judged(BY_CUSTOMER, NOBODY_SCORED)
    newest = found[max(found)]
    evidence = {one.offer: one.told for one in newest}
    constant = [one.offer for one in newest if one.effects is None]
    if constant:
        return warned(
            BY_CUSTOMER,
            f"The plan uses the constant effect of {', '.join(constant)}; each says why.",
            evidence,
        )
    return passed(BY_CUSTOMER, evidence)


def _report(found: Found, runs: dict[date, str | None]) -> dict[str, Any]:
    """Metadata: the offers of the newest cohort, what plans would have earned, and where the card is."""
    if not found:
        return {"not judged": NOBODY_SCORED}
    newest: Sequence[OfferUplift] = found[max(found)]
    rows, plans = [], []
    for one in newest:
        figures = one.judged.judgement if one.judged else None
        told = (str(figures.qini), str(figures.qini_gain), str(figures.at[0.1])) if figures else ("", "", "")
        learner = one.judged.chosen.name if one.judged else ""
        rows.append(
            (
                one.offer,
                one.contacts,
                one.controls,
                learner,
                *told,
                "yes" if one.is_used else one.told,
            )
        )
        if one.learned is not None:
            found_values = one.learned.values
            by_effect, by_risk = found_values.by_effect, found_values.by_constant
            plans.append(
                (
                    one.offer,
                    *(
                        str(i)
                        for i in (
                            by_effect.weighted,
                            by_effect.robust,
                            by_risk.robust,
                            found_values.difference,
                        )
                    ),
                )
            )
    report: dict[str, Any] = {"offers": table_metadata(HEAD, rows)}
    if (run := runs[max(found)]) is not None:
        report["mlflow_run_id"] = run
        report["card"] = f"{UPLIFT_CARD}.html among the artifacts of this run in MLflow"
    if plans:
        report["profit per customer that plans would have earned"] = table_metadata(PLANS, plans)
    return report
