"""The assets of alerts: what changed this morning and who is told, and what CRMs are given."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import dagster as dg

from churn_assets.alerts.conditions import REMEDY, NoCondition
from churn_assets.alerts.crm import push
from churn_assets.alerts.delivery import note_deliveries, tell_alerts
from churn_assets.alerts.from_the_page import take_in
from churn_assets.alerts.outcomes import with_outcomes
from churn_assets.alerts.quality import leaving_rates
from churn_assets.alerts.raising import (
    Raised,
    late_scores,
    new_rows,
    newest_scores,
    raise_alerts,
    tell_new_model,
)
from churn_assets.alerts.store import Row, alerts, change, now_utc
from churn_assets.alerts.words import QUALITY_HEAD, quality_cells
from churn_assets.contracts.alerts import SUPPRESSED
from churn_assets.contracts.business import Business
from churn_assets.counts import counted
from churn_assets.graph.as_of_day import AskedDay
from churn_assets.graph.checks import CheckFailed, not_judged, passed, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.metrics.rule_quality import RuleQuality, rule_qualities
from churn_assets.operations.channels.outbox import Outbox

WITHIN_CAPS = "alerts_within_their_limits"
CONDITIONS = "rules_ask_conditions"
CHECKS = {
    WITHIN_CAPS: "A change is one alert, and no more of a day are told than the caps allow.",
    CONDITIONS: "The SQL of each rule is a condition: true, false, or unknown.",
}
ACCEPTED = "crm_accepts_all"
SHOWN = 10
AS_OF = "as_of_date"
RUNS = 50  # runs of the asset that are asked for the days that they told
NO_SCORES = "there are no current scores yet."


def alert_assets(business: Business) -> list[dg.AssetsDefinition]:
    """The assets of alerts."""
    return [_risk_alerts(business), *([_crm_customers(business)] if business.file.alerts.crm else [])]


def _risk_alerts(business: Business) -> dg.AssetsDefinition:
    table = tables.RISK_ALERTS

    @table_asset(
        table,
        business,
        description=(
            "Customers who have changed since the former day by a rule of churn.yaml, the most important first, with "
            "reasons and action. Nobody is told the same twice: suppressed alerts say why. Channels deliver them, and "
            "the outcome of each is added as soon as it can be known."
        ),
        deps=[tables.CURRENT_SCORES.key, tables.CURRENT_SNAPSHOT.key],
        checks=CHECKS,
    )
    def risk_alerts(
        context: dg.AssetExecutionContext,
        lakehouse: dg.ResourceParam[Lakehouse],
        asked_day: dg.ResourceParam[AskedDay],
    ) -> dg.MaterializeResult[Any]:
        run_id, now = context.run.run_id, now_utc()
        told_days = _told_days(context.instance, lakehouse)
        days = newest_scores(lakehouse, business, told_days)
        if days is None:
            return materialized(lakehouse, table, None, {}, [not_judged(name, NO_SCORES) for name in CHECKS])
        outbox = Outbox(lakehouse.settings.home_path)
        from_page = take_in(lakehouse, now, run_id)
        note_deliveries(lakehouse, business, outbox, now, run_id)
        settled = _settle(lakehouse, business, run_id)
        late = late_scores(lakehouse, business, told_days, asked_day.day, days.day)
        with no_condition_fails():
            raised = raise_alerts(lakehouse, business, days)
            of_late = [raise_alerts(lakehouse, business, late)] if late else []
        new: list[Row] = []

        def decide(former: Sequence[Row]) -> list[Row]:
            for one in (*of_late, raised):
                new.extend(new_rows(one, business, [*former, *new], outbox.id, now))
            _require_limits(former, new, business.file.alerts.cap)
            return new

        commit = change(lakehouse, decide, run_id)
        queued = tell_new_model(raised, business, outbox, now) + tell_alerts(lakehouse, business, outbox, now)
        told = sum(row["state"] != SUPPRESSED for row in new)
        rows = alerts(lakehouse)
        report = _report(raised, new, rows, rule_qualities(rows, leaving_rates(lakehouse)))
        evidence = {"as_of_date": str(days.day), "told": told, "suppressed": len(new) - told}
        if late:
            report["judged again"] = str(late.day)
        return materialized(
            lakehouse,
            table,
            commit,
            report
            | {
                "messages queued": queued,
                "acknowledged on the page": from_page,
                "outcomes that became known": settled,
            },
            [passed(WITHIN_CAPS, evidence), passed(CONDITIONS, {"as_of_date": str(days.day)})],
        )

    return risk_alerts


def _crm_customers(business: Business) -> dg.AssetsDefinition:
    table = tables.CRM_CUSTOMERS

    @table_asset(
        table,
        business,
        description=(
            "Gives the CRMs of churn.yaml the customers whose scores or segments have changed, by the business's own "
            "ids, and keeps what each has accepted. Each batch is an act of the audit."
        ),
        deps=[tables.CURRENT_SCORES.key, tables.CUSTOMER_KEYS.key],
        reports={ACCEPTED: "Every CRM has accepted the newest values of every customer."},
        kinds=("deltalake",),
        spark=False,
    )
    def crm_customers(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        if newest_scores(lakehouse, business) is None:
            return materialized(lakehouse, table, None, {}, [not_judged(ACCEPTED, NO_SCORES)])
        done = {
            line.name: push(lakehouse, business, line, now_utc(), context.run.run_id)
            for line in business.file.alerts.crm
        }
        rows = [
            (
                name,
                f"{one.accepted:,}",
                f"{len(one.refused):,}",
                f"{one.waiting:,}",
                f"{one.nameless:,}",
                one.why or "",
            )
            for name, one in done.items()
        ]
        told = table_metadata(["CRM", "accepted", "refused", "waiting", "without own id", "why"], rows)
        evidence: dict[str, Any] = {"customers": told}
        for name, one in done.items():
            if one.refused:
                some = [f"{key}: {why}" for key, why in sorted(one.refused.items())[:SHOWN]]
                evidence[f"refused by {name}"] = "\n".join(some)
        failed = [name for name, one in done.items() if one.refused or one.waiting or one.nameless]
        check = (
            warned(
                ACCEPTED, f"Not all was accepted by: {', '.join(failed)}. The next run tries again.", evidence
            )
            if failed
            else passed(ACCEPTED, evidence)
        )
        return materialized(lakehouse, table, None, {"customers": told}, [check])

    return crm_customers


@contextmanager
def no_condition_fails() -> Iterator[None]:
    """Fails the check CONDITIONS where the engine says that the SQL of a rule is none."""
    try:
        yield
    except NoCondition as error:
        raise CheckFailed(CONDITIONS, error.found, REMEDY, {}) from None


def _told_days(instance: dg.DagsterInstance, lakehouse: Lakehouse) -> set[date]:
    """The days whose changes were told, also those without any: of the last runs of this asset, and of the alerts.

    Without such runs, as in a new home of an old lake, nothing is known of the days without alerts, so none is told.
    """
    table = tables.RISK_ALERTS
    runs = instance.fetch_materializations(dg.AssetKey(table.key), limit=RUNS).records
    done = [run.asset_materialization for run in runs if run.asset_materialization is not None]
    found = {date.fromisoformat(str(one.metadata[AS_OF].value)) for one in done if AS_OF in one.metadata}
    return found | set(lakehouse.slices(table, AS_OF)) if found and lakehouse.exists(table) else found


def _settle(lakehouse: Lakehouse, business: Business, run_id: str) -> int:
    """Adds the outcomes that are known since the last run; returns their number."""
    found = with_outcomes(lakehouse, business, alerts(lakehouse))
    outcomes = {row["alert_id"]: row for row in found}

    def decide(rows: Sequence[Row]) -> list[Row]:
        told = (row | _outcome(outcomes[row["alert_id"]]) for row in rows if row["alert_id"] in outcomes)
        return list(told)

    if outcomes:  # under the lock only the outcomes are added: somebody may have acknowledged one meanwhile
        change(lakehouse, decide, run_id)
    return len(outcomes)


def _outcome(row: Row) -> Row:
    return {name: row[name] for name in ("outcome", "outcome_known_at")}


def _require_limits(former: Sequence[Row], new: Sequence[Row], cap: int) -> None:
    """Raises CheckFailed if a change would be two alerts, or more would be told of a day than the cap allows."""
    ids = Counter(row["alert_id"] for row in (*former, *new))
    twice = sum(count > 1 for count in ids.values())
    told = [row["as_of_date"] for row in (*former, *new) if row["state"] != SUPPRESSED]
    days = {row["as_of_date"] for row in new if row["state"] != SUPPRESSED}
    most = max((told.count(day) for day in days), default=0)
    if twice or most > cap:
        raise CheckFailed(
            WITHIN_CAPS,
            f"{counted(twice, 'change')} would be two alerts, and {most} would be told of a day where {cap} may be.",
            "Report it as a defect.",
            {"alerts": len(new), "told of the day": most, "cap": cap},
        )


def _report(
    raised: Raised, new: Sequence[Row], rows: Sequence[Row], qualities: Sequence[RuleQuality]
) -> dict[str, Any]:
    days = raised.days
    report: dict[str, Any] = {AS_OF: str(days.day), "who object to profiling": int(raised.objected)}
    if days.is_first:
        report["compared with"] = "nothing: this is the first day, so nobody is known to have changed"
    elif days.model_changed:
        report["compared with"] = (
            f"{days.before}, which another model scored: only rules over features were asked"
        )
    else:
        report["compared with"] = str(days.before)
    told = [row for row in rows if row["as_of_date"] == days.day and row["state"] != SUPPRESSED]
    report["alerts"] = table_metadata(
        ["rule", "customer_key", "was", "is", "importance", "why", "state"],
        [
            (
                row["rule"],
                row["customer_key"],
                row["old_value"],
                row["new_value"],
                f"{row['importance']:,.0f}",
                row["reason_1"] or "",
                row["state"],
            )
            for row in told[:SHOWN]
        ],
    )
    why = Counter(row["why"].partition(":")[0] for row in new if row["why"])
    report["suppressed"] = table_metadata(["why", "alerts"], sorted(why.items()))
    report["rules"] = table_metadata(QUALITY_HEAD, [quality_cells(one) for one in qualities])
    return report
