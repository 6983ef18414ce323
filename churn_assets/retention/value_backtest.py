"""Values that were predicted at an earlier as_of_date, against the margin that was earned since."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.history.knowledge import latest
from churn_assets.history.people import survivors
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.ml.lifetime_value.backtest import TENTHS, Backtest, backtest
from churn_assets.months import add_months, month_end, month_index, month_of, month_range, month_start, spoken
from churn_assets.reporting.figures import BLUE, GREY, ORANGE, as_png, blank
from churn_assets.retention.lifetime_values import (
    KEY,
    NoValues,
    cohort_values,
    revenue_of,
    stored_lifetimes,
    terms_of,
)
from churn_assets.retention.purchases import UNITS
from churn_assets.scores.expected_lifetimes import cohort_lifetimes
from churn_assets.scores.lifetime_quality import landmark
from churn_assets.scores.past_snapshots import NoView, features_of, past_snapshots

if TYPE_CHECKING:
    import pandas as pd

# Months that must have passed since a prediction to judge it.
LEAST_FOLLOWED = 3
TENTHS_TOLD = ("tenth by predicted value", "customers", "predicted", "earned", "99.5 % interval", "")


@dataclass(frozen=True)
class JudgedValues:
    """A backtest.

    Attributes:
        judged_as_of: the earlier as_of_date.
        followed: months from then on.
        found: the figures.
    """

    judged_as_of: date
    followed: int
    found: Backtest


def judged_values(lakehouse: Lakehouse, business: Business, day: date, horizon: int) -> JudgedValues:
    """Judges values as they could have been predicted earlier by what was earned until `day`, as known on `day`.

    Args:
        lakehouse: whose tables are read.
        business: with `economics.lifetime`.
        day: an as_of_date.
        horizon: months that values count.

    Raises:
        NoValues: nothing was predicted long enough ago, too few customers were there, or a month since is missing.
    """
    judged_as_of, view = _earlier(lakehouse, business, day, horizon)
    followed = min(_months_between(judged_as_of, day), horizon)
    if view is not None:
        followed = min(followed, int(view["horizon_months"].iloc[0]))
    if followed < LEAST_FOLLOWED:
        raise NoValues(
            f"The customers of {judged_as_of} can be followed {followed} months; {LEAST_FOLLOWED} are needed."
        )
    then = cohort_values(lakehouse, business, judged_as_of, followed, 0.0, view)
    predicted = then.rows.set_index(KEY)["lifetime_value"]
    merged = survivors(lakehouse, business, (day, day))
    known = predicted.notna() & ~predicted.index.isin([*merged, *merged.values()])
    if known.sum() < TENTHS or then.plain[known].mean() <= 0:
        raise NoValues(f"The margin of too few customers of {judged_as_of} is known.")
    keys = predicted.index[known.to_numpy()]
    earned = _earned(lakehouse, business, judged_as_of, followed, day).reindex(keys, fill_value=0.0)
    return JudgedValues(
        judged_as_of,
        followed,
        backtest(*(values.to_numpy(dtype=float) for values in (predicted[keys], earned, then.plain[keys]))),
    )


def _earlier(
    lakehouse: Lakehouse, business: Business, day: date, horizon: int
) -> "tuple[date, pd.DataFrame | None]":
    """The as_of_date to judge at, and its expected lifetimes; None for values by purchases.

    The lifetimes are those that were stored; where none were stored early enough, those of the same view, learned anew
    from what was known then.
    """
    if business.file.label.policy == "inactivity":
        return _landmark(lakehouse, business, day, horizon, tables.CUSTOMER_SNAPSHOTS), None
    try:
        stored = _landmark(lakehouse, business, day, horizon, tables.EXPECTED_LIFETIMES)
    except NoValues:
        return _learned_anew(lakehouse, business, day)
    return stored, stored_lifetimes(lakehouse, stored)


def _learned_anew(lakehouse: Lakehouse, business: Business, day: date) -> "tuple[date, pd.DataFrame]":
    """An earlier as_of_date, and the lifetimes that could have been expected then.

    Raises:
        NoValues: the history is too short, or too few customers had left.
    """
    if not (lakehouse.exists(tables.CHURN_LABELS) and lakehouse.exists(tables.CUSTOMER_SNAPSHOTS)):
        raise NoValues(f"No outcome was known by {day}.")
    features = features_of(lakehouse, business)
    try:
        past = past_snapshots(lakehouse, business, day, features)
        earlier = landmark(past)
        view = cohort_lifetimes(lakehouse, business, past.known_on(earlier), earlier, features)
    except NoView as error:
        raise NoValues(str(error)) from error
    return earlier, view.rows.to_pandas()


def _landmark(lakehouse: Lakehouse, business: Business, day: date, horizon: int, table: Table) -> date:
    """The as_of_date with as much history before it as can be followed after it."""
    days: Sequence[date] = lakehouse.slices(table, "as_of_date") if lakehouse.exists(table) else []
    start = month_index(business.file.calendar.start)
    rated = [
        (min(_months_between(d, day), horizon, month_index(month_of(d)) - start + 1), d)
        for d in days
        if _months_between(d, day) >= LEAST_FOLLOWED
    ]
    if not rated:
        raise NoValues(f"No value was predicted {LEAST_FOLLOWED} months before {day} or earlier.")
    return max(rated)[1]


def _months_between(first: date, last: date) -> int:
    return month_index(month_of(last)) - month_index(month_of(first))


def _earned(lakehouse: Lakehouse, business: Business, since: date, months: int, day: date) -> "pd.Series":
    """Margin of each customer in the months after `since`, by the rows of the source that were known on `day`.

    Raises:
        NoValues: a month is missing in gold/customer_months, so it was not delivered whole.
    """
    from pyspark.sql import functions as F

    terms = terms_of(business)
    line = terms.line(revenue_of(business, terms), business.file.customer_months)
    if line is None:
        raise ValueError(f"no line of customer_months sums {terms.revenue}")
    first = add_months(month_of(since), 1)
    followed = month_range(first, add_months(first, months - 1))
    there = set(lakehouse.slices(tables.CUSTOMER_MONTHS, "month"))
    if missing := [month for month in followed if month not in there]:
        are = "is" if len(missing) == 1 else "are"
        raise NoValues(
            f"{spoken(missing)} {are} missing in {tables.CUSTOMER_MONTHS.path}, so nobody knows what was earned."
        )
    source = business.source(line.source)
    versions = lakehouse.read(tables.silver(source)).where(F.col("known_at") <= F.lit(day))
    inside = F.to_date(str(source.event_time)).between(
        F.lit(month_start(followed[0])), F.lit(month_end(followed[-1]))
    )
    units = F.round(F.col(str(line.measure)) * UNITS).cast("long")
    rows = latest(versions, source).where("NOT refused").where(inside)
    rows = rows.where(F.expr(line.where)) if line.where else rows
    found = rows.groupBy(KEY).agg(F.sum(units).alias("units")).toArrow().to_pandas()
    earned: pd.Series = found.set_index(KEY)["units"].fillna(0) / UNITS * terms.margin
    return earned


def tenth_rows(found: Backtest) -> list[tuple[object, ...]]:
    """The tenths under TENTHS_TOLD, the highest first."""
    rows: list[tuple[object, ...]] = [
        (
            at,
            tenth.customers,
            f"{tenth.predicted:,.2f}",
            f"{tenth.earned:,.2f}",
            f"{tenth.low:,.2f} to {tenth.high:,.2f}",
            "off" if tenth.is_off else "",
        )
        for at, tenth in enumerate(found.tenths, start=1)
    ]
    return rows[::-1]


def told_of(judged: JudgedValues, currency: str) -> str:
    """A backtest in two sentences."""
    found = judged.found
    how = "better than" if found.is_better else "not shown to be better than"
    return (
        f"Of {found.customers:,} customers of {judged.judged_as_of}, {found.predicted:,.2f} {currency} of margin each "
        f"were predicted for {judged.followed} months, and {found.earned:,.2f} were earned. The prediction is {how} "
        f"the same lifetime for everybody (root mean squared error {found.error:,.2f} against "
        f"{found.constant_error:,.2f}; fall of the squared error {found.gain:,.3g}, 95 % interval "
        f"{found.gain_low:,.3g} to {found.gain_high:,.3g})."
    )


def backtest_png(judged: JudgedValues, currency: str) -> bytes:
    """Predicted and earned margin by tenth, as a picture."""
    figure, axes = blank(
        f"Value predicted as of {judged.judged_as_of} and earned in {judged.followed} months",
        "tenth of the customers by predicted value",
        f"margin per customer ({currency})",
        8,
        3.4,
    )
    at, tenths = range(1, TENTHS + 1), judged.found.tenths
    axes.bar(at, [t.predicted for t in tenths], color=GREY, alpha=0.5, label="predicted")
    reach = [[t.earned - t.low for t in tenths], [t.high - t.earned for t in tenths]]
    axes.errorbar(
        at, [t.earned for t in tenths], reach, fmt="o", color=BLUE, capsize=3, label="earned (99.5 %)"
    )
    off = [(n, t) for n, t in zip(at, tenths, strict=True) if t.is_off]
    if off:
        axes.plot([n for n, _ in off], [t.earned for _, t in off], "o", color=ORANGE, label="off")
    axes.set_xticks(list(at))
    axes.legend(frameon=False, loc="upper left")
    return as_png(figure)
