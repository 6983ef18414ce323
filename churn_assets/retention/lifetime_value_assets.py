"""The asset retention/lifetime_values: what each customer is worth, and how such values came out before."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.contracts.economics import LifetimeTerms
from churn_assets.graph.checks import not_judged, passed, require_one_each, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.partitions import partition_range, snapshot_months
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end

if TYPE_CHECKING:
    import pyarrow as pa

    from churn_assets.retention.lifetime_values import CohortValues
    from churn_assets.retention.value_backtest import JudgedValues

ONE_VALUE = "one_value_per_customer"
CAME_TRUE = "values_came_true"
BETTER_THAN_CONSTANT = "better_than_constant"
REPORTS = {
    CAME_TRUE: "Of values that were predicted earlier, no tenth is off by more than a tenth of it and beyond chance "
    "(99.5 % intervals).",
    BETTER_THAN_CONSTANT: "Such values came out better than the same lifetime for everybody: a lower squared error, "
    "beyond chance (95 % interval of the paired difference). Only then does the plan use them.",
}
NOBODY_SCORED = "no cohort of this run has been scored."
Values = Mapping[date, "CohortValues"]
Judged = Mapping[date, "JudgedValues"]
Why = Mapping[date, str]


def lifetime_value_assets(business: Business) -> list[dg.AssetsDefinition]:
    """Returns the asset, if churn.yaml declares `economics.lifetime`."""
    terms = business.file.economics.lifetime
    return [] if terms is None else [_lifetime_values(business, terms)]


def _lifetime_values(business: Business, terms: LifetimeTerms) -> dg.AssetsDefinition:
    table = tables.LIFETIME_VALUES
    by_purchases = business.file.label.policy == "inactivity"
    rests_on = tables.silver(business.label_source) if by_purchases else tables.EXPECTED_LIFETIMES

    @table_asset(
        table,
        business,
        description=(
            f"What each scored customer is expected to bring within {terms.horizon_months} months, discounted, with an "
            "interval: margin per month times expected months of those with a contract, margin of the expected "
            "purchases (BG/NBD and Gamma-Gamma) of the others. Values predicted earlier are compared with "
            "what was earned since."
        ),
        deps=[
            tables.CUSTOMER_SEGMENTS.key,
            tables.CUSTOMER_SNAPSHOTS.key,
            rests_on.key,
            tables.CUSTOMER_MONTHS.key,
            tables.CHURN_LABELS.key,
        ],
        partitions=snapshot_months(business),
        checks={
            ONE_VALUE: "Every customer of a cohort with values has one row; no value is below 0 or outside its "
            "interval."
        },
        reports=REPORTS,
        kinds=("deltalake",),
        spark=by_purchases,
    )
    def lifetime_values(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        import pyarrow as pa

        days = [month_end(month) for month in partition_range(context)]
        values, why = _values(lakehouse, business, terms, days)
        judged, not_why = _judged(lakehouse, business, terms, list(values))
        checks = [_require_one(lakehouse, values, why), *_reports(business, judged, not_why or why)]
        parts = [_rows(one, terms, judged.get(day)) for day, one in values.items()]
        rows = pa.concat_tables([table.rows([]), *parts])
        commit = lakehouse.replace_rows(table, rows, "as_of_date", days, run_id=context.run.run_id)
        return materialized(lakehouse, table, commit, _report(business, values, judged, why), checks)

    return lifetime_values


def _values(
    lakehouse: Lakehouse, business: Business, terms: LifetimeTerms, days: list[date]
) -> tuple[dict[date, "CohortValues"], dict[date, str]]:
    """Values of each scored day, and why a day has none."""
    from churn_assets.retention.lifetime_values import NoValues, cohort_values

    known = lakehouse.exists(tables.CUSTOMER_SEGMENTS)
    scored = set(lakehouse.slices(tables.CUSTOMER_SEGMENTS, "as_of_date")) if known else set()
    found, why = {}, {}
    for day in days:
        if day not in scored:
            continue
        try:
            found[day] = cohort_values(
                lakehouse, business, day, terms.horizon_months, terms.discount_rate_per_year
            )
        except NoValues as error:
            why[day] = str(error)
    return found, why


def _judged(
    lakehouse: Lakehouse, business: Business, terms: LifetimeTerms, days: list[date]
) -> tuple[dict[date, "JudgedValues"], dict[date, str]]:
    from churn_assets.retention.lifetime_values import NoValues
    from churn_assets.retention.value_backtest import judged_values

    found, why = {}, {}
    for day in days:
        try:
            found[day] = judged_values(lakehouse, business, day, terms.horizon_months)
        except NoValues as error:
            why[day] = str(error)
    return found, why


def _rows(one: "CohortValues", terms: LifetimeTerms, judged: "JudgedValues | None") -> "pa.Table":
    import pyarrow as pa

    empty = tables.LIFETIME_VALUES.rows([])
    told = one.rows.assign(
        as_of_date=one.day,
        method=one.method,
        value_horizon_months=terms.horizon_months,
        observed_months=one.observed_months,
        better_than_constant=judged.found.is_better if judged else None,
        judged_as_of_date=judged.judged_as_of if judged else None,
    )
    return pa.Table.from_pandas(told[empty.column_names], empty.schema, preserve_index=False)


def _require_one(lakehouse: Lakehouse, values: Values, why: Why) -> dg.AssetCheckResult:
    """Checks the values before they are written.

    Raises:
        CheckFailed: a customer has no row or several, or a value is below 0 or outside its interval.
    """
    import pyarrow.compute as pc

    if not values:
        return not_judged(ONE_VALUE, why[max(why)] if why else NOBODY_SCORED)
    evidence = []
    for day, one in values.items():
        snapshots = lakehouse.count(tables.CUSTOMER_SNAPSHOTS, pc.field("as_of_date") == day)
        known = one.rows[one.rows["monthly_margin"].notna()]
        low, value, high = (known[f"lifetime_value{end}"] for end in ("_low", "", "_high"))
        right = (low >= 0) & (low <= value) & (value <= high) & (known["value_if_kept"] >= 0)
        keys = one.rows["customer_key"].nunique()
        evidence.append((str(day), snapshots, len(one.rows), keys, int((~right).sum())))
    remedy = "Materialise the snapshots and expected lifetimes of these cohorts again; if it persists, report a defect."
    return require_one_each(ONE_VALUE, "values", evidence, remedy)


def _reports(business: Business, judged: Judged, why: Why) -> list[dg.AssetCheckResult]:
    """Judges the newest cohort that could be judged."""
    from churn_assets.retention.value_backtest import TENTHS_TOLD, tenth_rows, told_of

    if not judged:
        told = why[max(why)] if why else NOBODY_SCORED
        return [not_judged(name, told) for name in REPORTS]
    one = judged[max(judged)]
    words, found = told_of(one, business.file.currency), one.found
    evidence: dict[str, Any] = {"backtest": words, "tenths": table_metadata(TENTHS_TOLD, tenth_rows(found))}
    came_true = passed(CAME_TRUE, evidence)
    if found.off:
        tenths = ", ".join(str(at) for at in found.off)
        came_true = warned(
            CAME_TRUE, f"The value of tenths {tenths} (10: the highest) was wrong. {words}", evidence
        )
    better = passed(BETTER_THAN_CONSTANT, {"backtest": words})
    if not found.is_better:
        better = warned(
            BETTER_THAN_CONSTANT,
            f"{words} The plan goes on with economics.lifetime_value.",
            {"backtest": words},
        )
    return [came_true, better]


def _report(business: Business, values: Values, judged: Judged, why: Why) -> dict[str, Any]:
    """Metadata: the mean of each cohort, what it rests on, and the backtest of the newest with its picture."""
    from churn_assets.reporting.figures import png_uri
    from churn_assets.retention.value_backtest import TENTHS_TOLD, backtest_png, tenth_rows, told_of

    currency = business.file.currency
    head = [
        "as_of_date",
        "customers",
        "without value",
        f"mean value ({currency})",
        "of one who is kept",
        "rests on",
    ]
    rows = [
        (
            str(day),
            len(one.rows),
            int(one.rows["lifetime_value"].isna().sum()),
            f"{one.rows['lifetime_value'].mean():,.2f}",
            f"{one.rows['value_if_kept'].mean():,.2f}",
            one.rests_on,
        )
        for day, one in values.items()
    ]
    found: dict[str, Any] = {"values": table_metadata(head, rows)} if rows else {}
    if judged:
        newest = judged[max(judged)]
        found["backtest"] = told_of(newest, currency)
        found["tenths"] = table_metadata(TENTHS_TOLD, tenth_rows(newest.found))
        found["predicted and earned"] = dg.MetadataValue.md(
            f"![backtest by tenth]({png_uri(backtest_png(newest, currency))})"
        )
    if why:
        found["without values"] = table_metadata(["as_of_date", "why"], [(str(d), w) for d, w in why.items()])
    return found
