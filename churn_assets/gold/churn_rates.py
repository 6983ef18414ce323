"""gold/churn_rates: customers and revenue from one month end to the next, by equations that hold to the last digit.

Each customer is compared at two month ends. start + new + returned + known again + moved in = end + lost by choice +
lost otherwise + unknown + moved out; for revenue, customers who stay in their group grow or shrink besides. Revenue
that is not known at one of the two month ends is unknown or known again, and neither growth nor shrinkage.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.business import Business
from churn_assets.contracts.churn_rates import EVERYBODY, TENURE
from churn_assets.gold.month_states import UNITS, group_column, groups_of
from churn_assets.history.periods import MONTHS
from churn_assets.months import month_from_index

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

CAME = ("new", "returned", "known_again")
WENT = ("lost_by_choice", "lost_otherwise", "unknown")
STAYED, PASSED, UNTOLD = "stayed", "joined_and_left", "unknown_before"
BAND = "tenure_band"
# the columns of a row, for customers and for revenue
FLOWS = ("start", *CAME, "moved_in", *WENT, "moved_out", "end")
Group = tuple[str, str, str | None]  # month, dimension, value


def month_cells(
    states: "DataFrame", told: "DataFrame", business: Business, indexes: Sequence[int]
) -> "DataFrame":
    """Customers and revenue by month, movement, and group at the start and at the end of the month.

    Columns as_of_index, movement, `start_` and `end_` of each group and of BAND, customers, start_revenue, end_revenue,
    and of those who stayed faded, reappeared, expansion and contraction. `states`: see `month_states`, of one month
    more, before the first. `told`: see `stays`.
    """
    from pyspark.sql import functions as F

    names = ["known", "revenue", *(group_column(name) for name in groups_of(business))]
    sides = [(side, name, f"{side}_{name}") for side in ("start", "end") for name in names]
    sides += [("start", "fades", "start_fades"), ("end", "reappears", "end_reappears")]
    is_start = F.col("_side") == 1
    # each state ends one month and starts the next
    both = states.withColumn("_side", F.explode(F.array(F.lit(0), F.lit(1)))).select(
        "customer_key",
        (F.col("as_of_index") + F.col("_side")).alias("as_of_index"),
        "joined_index",
        *(
            F.when(is_start if side == "start" else ~is_start, F.col(name)).alias(at)
            for side, name, at in sides
        ),
    )
    over = MONTHS.index_of(F.col("until"))
    # of several stays that end on one day, one by choice is enough
    last = 2 * F.datediff("until", F.lit("1970-01-01").cast("date")) + F.col("by_choice").cast("int")
    ends = (
        told.where("started IS NOT NULL AND until IS NOT NULL")
        .groupBy("customer_key", over.alias("as_of_index"))
        .agg(
            (F.max(last) % 2 != 0).alias("by_choice"),
            F.max(MONTHS.index_of(F.col("started")) == over).alias("short"),
        )
    )
    months = both.groupBy("customer_key", "as_of_index").agg(
        *(F.max(name).alias(name) for name in ("joined_index", *(at for _, _, at in sides)))
    )
    moved = (
        months.join(ends, ["customer_key", "as_of_index"], "full")
        .where(F.col("as_of_index").between(min(indexes), max(indexes)))
        .withColumn("movement", _movement())
        .where("movement IS NOT NULL")
    )
    bounds = business.file.churn_rates.tenure_months
    tenure = F.col("as_of_index") - F.col("joined_index")
    was, now = F.col("start_revenue"), F.col("end_revenue")
    faded = _of_stayed(F.coalesce("start_fades", F.when(now.isNull(), was)))
    reappeared = _of_stayed(F.coalesce("end_reappears", F.when(was.isNull(), now)))
    change = _of_stayed(now) - reappeared - (_of_stayed(was) - faded)
    return moved.groupBy(
        "as_of_index",
        "movement",
        *(at for _, name, at in sides if name not in ("known", "revenue", "fades", "reappears")),
        F.when(F.col("start_known"), _band(tenure - 1, bounds)).alias(f"start_{BAND}"),
        F.when(F.col("end_known"), _band(tenure, bounds)).alias(f"end_{BAND}"),
    ).agg(
        F.count("customer_key").alias("customers"),
        F.sum(F.coalesce("start_revenue", F.lit(0))).alias("start_revenue"),
        F.sum(F.coalesce("end_revenue", F.lit(0))).alias("end_revenue"),
        F.sum(faded).alias("faded"),
        F.sum(reappeared).alias("reappeared"),
        F.sum(F.greatest(change, F.lit(0))).alias("expansion"),
        F.sum(F.greatest(-change, F.lit(0))).alias("contraction"),
    )


def _of_stayed(amount: "Column") -> "Column":
    """An amount of the customers who stayed; 0 of others, and where it is not known."""
    from pyspark.sql import functions as F

    return F.coalesce(F.when(F.col("movement") == STAYED, amount), F.lit(0))


def _movement() -> "Column":
    """What became of a customer from one month end to the next; null of those who left while nobody knew."""
    from pyspark.sql import functions as F

    before, after = F.col("start_known"), F.col("end_known")
    was, doubted = F.coalesce(before, F.lit(False)), F.coalesce(~before, F.lit(False))
    came = F.when(doubted, F.lit("known_again")).when(
        F.col("joined_index") == F.col("as_of_index"), F.lit("new")
    )
    went = F.when(F.col("by_choice"), F.lit("lost_by_choice")).otherwise(F.lit("lost_otherwise"))
    return (
        F.when(was & after, F.lit(STAYED))
        .when(was & ~after, F.lit("unknown"))
        .when(was, went)
        .when(after, came.otherwise(F.lit("returned")))
        .when(~after, F.lit(UNTOLD))
        .when(before.isNull() & F.col("short"), F.lit(PASSED))
    )


def _band(tenure: "Column", bounds: Sequence[int]) -> "Column":
    """The number of the band of a tenure in months; the first is 0."""
    from pyspark.sql import functions as F

    band: Column = F.lit(0)
    for bound in bounds:
        band += F.when(tenure >= bound, 1).otherwise(0)
    return band


def band_names(bounds: Sequence[int]) -> list[str]:
    """`00 to 02 months`, ..., `24 months and more`: in alphabetical order, too."""
    starts = [0, *bounds]
    width = max(2, len(str(starts[-1])))
    names = [f"{a:0{width}} to {b - 1:0{width}} months" for a, b in zip(starts, bounds, strict=False)]
    return [*names, f"{starts[-1]:0{width}} months and more"]


@dataclass
class GroupFlows:
    """The movements of one group in one month. Revenue is in UNITS."""

    customers: dict[str, int]
    revenue: dict[str, int]
    kept: int = 0
    expansion: int = 0
    contraction: int = 0
    unknown_at_end: int = 0
    joined_and_left: int = 0

    @classmethod
    def none(cls) -> "GroupFlows":
        """Nothing has happened yet."""
        return cls(dict.fromkeys(FLOWS, 0), dict.fromkeys(FLOWS, 0))

    def add(self, flow: str, customers: int, revenue: int) -> None:
        """Counts customers and their revenue in a column."""
        self.customers[flow] += customers
        self.revenue[flow] += revenue

    @property
    def balance(self) -> tuple[int, int]:
        """What is missing from start and movements to the end, in customers and in revenue: (0, 0) if nothing."""
        added, taken = ("start", *CAME, "moved_in"), (*WENT, "moved_out", "end")
        people, money = (
            sum(of[name] for name in added) - sum(of[name] for name in taken)
            for of in (self.customers, self.revenue)
        )
        return people, money + self.expansion - self.contraction


def movements(
    cells: Iterable[Mapping[str, Any]], business: Business, months: Sequence[str]
) -> dict[Group, GroupFlows]:
    """The movements by month, dimension and value; the value of a dimension is null where it is not known.

    The dimensions: EVERYBODY, the declared groups, and TENURE. Every month has a row of EVERYBODY.
    """
    bands = band_names(business.file.churn_rates.tenure_months)
    found: defaultdict[Group, GroupFlows] = defaultdict(GroupFlows.none)
    for month in months:
        found[month, EVERYBODY, EVERYBODY].customers["start"] += 0
    for cell in cells:
        month = month_from_index(cell["as_of_index"])
        everybody = found[month, EVERYBODY, EVERYBODY]
        if cell["movement"] == PASSED:
            everybody.joined_and_left += cell["customers"]
            continue
        if cell["movement"] in (UNTOLD, "unknown"):
            everybody.unknown_at_end += cell["customers"]
        if cell["movement"] != UNTOLD:
            for dimension, start, end in _groups(cell, business, bands):
                _count(cell, found, (month, dimension, start), (month, dimension, end))
    return dict(found)


def _groups(
    cell: Mapping[str, Any], business: Business, bands: Sequence[str]
) -> Iterator[tuple[str, str | None, str | None]]:
    """Dimension, and the values of a cell at the start and at the end."""
    yield EVERYBODY, EVERYBODY, EVERYBODY
    for name in groups_of(business):
        start, end = (cell[f"{side}_{group_column(name)}"] for side in ("start", "end"))
        yield name, _text(start), _text(end)
    start, end = (cell[f"{side}_{BAND}"] for side in ("start", "end"))
    yield TENURE, None if start is None else bands[start], None if end is None else bands[end]


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def _count(cell: Mapping[str, Any], found: defaultdict[Group, GroupFlows], start: Group, end: Group) -> None:
    """Counts a cell in the group of its customers at the start, and in that at the end."""
    movement, people = cell["movement"], cell["customers"]
    was, now = cell["start_revenue"], cell["end_revenue"]
    if movement in CAME:
        found[end].add(movement, people, now)
        found[end].add("end", people, now)
        return
    found[start].add("start", people, was)
    if movement in WENT:
        found[start].add(movement, people, was)
        return
    faded, reappeared = cell["faded"], cell["reappeared"]
    found[start].kept += now - reappeared
    found[start].add("unknown", 0, faded)
    found[end].add("known_again", 0, reappeared)
    found[end].add("end", people, now)
    if start == end:
        found[start].expansion += cell["expansion"]
        found[start].contraction += cell["contraction"]
    else:
        found[start].add("moved_out", people, was - faded)
        found[end].add("moved_in", people, now - reappeared)


def rate_rows(
    found: Mapping[Group, GroupFlows], settled: Mapping[str, date], has_revenue: bool
) -> list[dict[str, Any]]:
    """Rows of gold/churn_rates, sorted. `settled`: month -> the day on which it settled."""
    rows = []
    in_order = sorted(found.items(), key=lambda item: [*item[0][:2], item[0][2] or ""])
    for (month, dimension, value), moved in in_order:
        known = moved.customers["start"] - moved.customers["unknown"]
        earned = moved.revenue["start"] - moved.revenue["unknown"]
        everybody = dimension == EVERYBODY
        lost = moved.customers["lost_by_choice"] + moved.customers["lost_otherwise"]
        row: dict[str, Any] = {
            "month": month,
            "dimension": dimension,
            "value": value,
            "settled_on": settled[month],
            "unknown_at_end": moved.unknown_at_end if everybody else None,
            "joined_and_left": moved.joined_and_left if everybody else None,
            "churn_rate": lost / known if known else None,
            "churn_rate_by_choice": moved.customers["lost_by_choice"] / known if known else None,
        }
        row |= {f"customers_{name}": count for name, count in moved.customers.items()}
        if has_revenue:
            row |= {f"revenue_{name}": count / UNITS for name, count in moved.revenue.items()}
            row["revenue_expansion"] = moved.expansion / UNITS
            row["revenue_contraction"] = moved.contraction / UNITS
            row["revenue_kept"] = moved.kept / UNITS
            row["net_revenue_retention"] = moved.kept / earned if earned > 0 else None
        rows.append(row)
    return rows
