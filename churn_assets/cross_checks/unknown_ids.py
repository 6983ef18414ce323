"""Ids that the related source never delivered.

An id is judged in the month of the first extract of
the related source that could name it, by all extracts up to the end of that month.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import MonthRule, Source
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import add_months, month_of
from churn_assets.silver.audit import Problem
from churn_assets.silver.findings import SHOWN_EXAMPLES

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN_IDS = MonthRule("relationships", None, 0.0, "warn")  # where the contract declares none


def unknown_ids(lakehouse: Lakehouse, business: Business, months: Sequence[str]) -> list[Problem]:
    """One problem per source, month and relationship with ids that the related source did not deliver up to then."""
    problems = []
    for source in business.sources:
        for column in source.columns:
            if column.refers_to is None:
                continue
            name, _, referred = column.refers_to.partition(".")
            target = business.source(name)
            ids, known = _in_silver(source, column.name), _in_silver(target, referred)
            if ids is None or known is None:
                continue  # personal columns other than the customer's id are not in silver
            found = _strangers(lakehouse, source, ids, target, known, months)
            problems += _problems(lakehouse, source, ids, target, found)
    return problems


def _in_silver(source: Source, column: str) -> str | None:
    """The name of the column in silver; None if it is not there."""
    if column == source.customer:
        return "customer_key"
    return column if source.attribute(column) else None


def _strangers(
    lakehouse: Lakehouse, source: Source, ids: str, target: Source, known: str, months: Sequence[str]
) -> "pd.DataFrame":
    """Ids that the related source lacks: columns id, rows, month (in which they are judged)."""
    import numpy as np
    import pandas as pd
    import pyarrow.compute as pc

    if not lakehouse.exists(tables.silver(source)) or not lakehouse.exists(tables.silver(target)):
        return pd.DataFrame({"id": [], "rows": [], "month": []})
    month = pc.field("extract_month")
    delivered = lakehouse.aggregate(
        tables.silver(target), [known], [("known_at", "min")], month <= months[-1]
    )
    early = delivered.filter(pc.field("known_at_min") < date.fromisoformat(f"{add_months(months[0], 1)}-01"))
    # what the related source knew by the end of the first month needs no second look
    asked = (month >= add_months(months[0], -1)) & (month <= months[-1])
    asked &= pc.field(ids).is_valid() & ~pc.field(ids).isin(early[known].combine_chunks())
    told = lakehouse.aggregate(
        tables.silver(source), [ids, "extract_month"], [("known_at", "min"), ("copies", "sum")], asked
    )
    days = _extract_days(lakehouse, target, months)
    places = np.searchsorted(np.array(days, "datetime64[D]"), told["known_at_min"].to_numpy())
    columns = {"id": told[ids].to_pandas(), "rows": told["copies_sum"].to_pandas(), "place": places}
    found = pd.DataFrame(columns)
    found = found[found["place"] < len(days)]  # the others are judged when the related source delivers again
    found["month"] = [month_of(days[place]) for place in found["place"]]
    since = dict(zip(delivered[known].to_pylist(), delivered["known_at_min"].to_pylist(), strict=True))
    late = [
        (first := since.get(name)) is None or month_of(first) > judged
        for name, judged in zip(found["id"], found["month"], strict=True)
    ]
    return found[pd.Series(late, index=found.index, dtype=bool) & found["month"].isin(months)]


def _extract_days(lakehouse: Lakehouse, target: Source, months: Sequence[str]) -> list[date]:
    """Days of its extracts with rows from the month before on, ascending."""
    import pyarrow.compute as pc

    month = pc.field("extract_month")
    wanted = (month >= add_months(months[0], -1)) & (month <= months[-1])
    rows = lakehouse.aggregate(tables.silver(target), ["known_at"], [("copies", "count")], wanted)
    return sorted(rows["known_at"].to_pylist())


def _problems(
    lakehouse: Lakehouse, source: Source, ids: str, target: Source, found: "pd.DataFrame"
) -> list[Problem]:
    rule, problems = source.month_rule("relationships") or UNKNOWN_IDS, []
    in_all = _distinct(lakehouse, source, ids, sorted(set(found["month"])))
    for month in sorted(in_all):
        strangers = found[found["month"] == month]
        names = sorted(set(strangers["id"]))
        of = max(in_all[month], len(names))
        share, rows = len(names) / of, int(strangers["rows"].sum())
        examples = tuple(names[:SHOWN_EXAMPLES]) if ids == "customer_key" else ()
        evidence = (
            f"{len(names):,} of {of:,} ids ({share:.1%}), in {rows:,} row{'s' * (rows != 1)}, were never delivered by "
            f"{target.name} up to {month}."
        )
        remedy = (
            f"Ask {source.name} and {target.name} which of them is wrong; silver/customer_keys names the ids."
        )
        severity = rule.severity if share > rule.max_share else "warn"
        named = f"relationships:{target.name}"
        problems.append(
            Problem(source.name, month, named, severity, evidence, remedy, len(names), of, examples)
        )
    return problems


def _distinct(lakehouse: Lakehouse, source: Source, ids: str, months: Sequence[str]) -> Mapping[str, int]:
    """Month -> different ids of its rows; 0 for a month without rows."""
    import pyarrow.compute as pc

    if not months:
        return {}
    wanted, count = pc.field("extract_month").isin(list(months)), [(ids, "count_distinct")]
    rows = lakehouse.aggregate(tables.silver(source), ["extract_month"], count, wanted).to_pylist()
    return dict.fromkeys(months, 0) | {row["extract_month"]: row[f"{ids}_count_distinct"] for row in rows}
