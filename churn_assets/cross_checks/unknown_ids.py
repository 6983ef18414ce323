"""Ids that the related source never delivered.

An id is judged in the month of the first extract of the related source that could name it, by all extracts up to the
end of that month. However long the related source was silent, the ids that came meanwhile are judged when it delivers
again. An extract without rows counts: it says that there is nobody new.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import MonthRule, Source
from churn_assets.counts import counted
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import add_months, month_of
from churn_assets.silver.audit import Problem
from churn_assets.silver.findings import SHOWN_EXAMPLES
from churn_assets.silver.reconciliation import passed_extracts

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

UNKNOWN_IDS = MonthRule("relationships", None, 0.0, "warn")  # where the contract declares none


def unknown_ids(lakehouse: Lakehouse, business: Business, months: Sequence[str]) -> list[Problem]:
    """One problem per source, month and relationship with ids that the related source did not deliver up to then."""
    problems = []
    delivered: dict[tuple[str, str], _Delivered] = {}  # most sources refer to the same one
    for source in business.sources:
        for column in source.columns:
            if column.refers_to is None:
                continue
            name, _, referred = column.refers_to.partition(".")
            target = business.source(name)
            ids, known = _in_silver(source, column.name), _in_silver(target, referred)
            if ids is None or known is None:
                continue  # personal columns other than the customer's id are not in silver
            if not all(lakehouse.exists(tables.silver(s)) for s in (source, target)):
                continue
            if (name, known) not in delivered:
                delivered[name, known] = _delivered(lakehouse, target, known, months)
            found = _strangers(lakehouse, source, ids, delivered[name, known], months)
            problems += _problems(lakehouse, source, ids, target, found)
    return problems


def _in_silver(source: Source, column: str) -> str | None:
    """The name of the column in silver; None if it is not there."""
    if column == source.customer:
        return "customer_key"
    return column if source.attribute(column) else None


@dataclass(frozen=True)
class _Delivered:
    """What a source has told of ids up to the last month.

    Attributes:
        since: id -> the first day on which it was told.
        early: the ids that were told by the end of the first month.
        days: of its extracts, from the last before the first month on, ascending.
        judged_before: the month up to which its earlier extracts have judged; None without any.
    """

    since: "pd.Series"
    early: "pa.Array"
    days: list[date]
    judged_before: str | None


def _delivered(lakehouse: Lakehouse, target: Source, known: str, months: Sequence[str]) -> _Delivered:
    import pyarrow.compute as pc

    table, month = tables.silver(target), pc.field("extract_month")
    told = lakehouse.aggregate(table, [known], [("known_at", "min")], month <= months[-1])
    early = told.filter(pc.field("known_at_min") < date.fromisoformat(f"{add_months(months[0], 1)}-01"))
    every = [day for day in passed_extracts(lakehouse, target) if month_of(day) <= months[-1]]
    before = [day for day in every if month_of(day) < months[0]][-1:]
    days = [*before, *(day for day in every if month_of(day) >= months[0])]
    since = told.to_pandas().set_index(known)["known_at_min"]
    judged_before = month_of(before[0]) if before else None
    return _Delivered(since, early[known].combine_chunks(), days, judged_before)


def _strangers(
    lakehouse: Lakehouse, source: Source, ids: str, target: _Delivered, months: Sequence[str]
) -> "pd.DataFrame":
    """Ids that the related source lacks: columns id, rows, month (in which they are judged)."""
    import numpy as np
    import pandas as pd
    import pyarrow.compute as pc

    month, days = pc.field("extract_month"), target.days
    asked = month <= months[-1]
    if target.judged_before:
        asked &= month >= target.judged_before
    # what the related source knew by the end of the first month needs no second look
    asked &= pc.field(ids).is_valid() & ~pc.field(ids).isin(target.early)
    told = lakehouse.aggregate(
        tables.silver(source), [ids, "extract_month"], [("known_at", "min"), ("copies", "sum")], asked
    )
    places = np.searchsorted(np.array(days, "datetime64[D]"), told["known_at_min"].to_numpy())
    columns = {"id": told[ids].to_pandas(), "rows": told["copies_sum"].to_pandas(), "place": places}
    found = pd.DataFrame(columns)
    found = found[found["place"] < len(days)]  # the others are judged when the related source delivers again
    found["month"] = [month_of(days[place]) for place in found["place"]]
    late = [
        pd.isna(first) or month_of(first) > judged
        for first, judged in zip(found["id"].map(target.since), found["month"], strict=True)
    ]
    return found[pd.Series(late, index=found.index, dtype=bool) & found["month"].isin(months)]


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
            f"{len(names):,} of {of:,} ids ({share:.1%}), in {counted(rows, 'row')}, were never delivered by "
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
