"""The checks of gold/churn_rates and gold/retention_cohorts; each raises CheckFailed before anything is written."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import dagster as dg

from churn_assets.contracts.churn_rates import EVERYBODY
from churn_assets.gold.churn_rates import CAME, WENT, Group, GroupFlows
from churn_assets.graph.checks import CheckFailed, passed
from churn_assets.graph.metadata import table_metadata

ADD_UP, CONNECT, GROUPS_ADD_UP = "movements_add_up", "months_connect", "groups_add_up_to_all"
FEWER = "nobody_counted_twice"
DEFECT = "This is a defect of this software; please report it."
SHOWN = 20
RATE_CHECKS = {
    ADD_UP: "In each month and group, start + new + returned + known again + moved in = end + lost by choice + lost "
    "otherwise + unknown + moved out, in customers and, with what customers grow and shrink, in revenue.",
    CONNECT: "Each group begins a month with the customers and the revenue with which it ended the month before.",
    GROUPS_ADD_UP: "In each month the groups of a dimension add up to all customers and to all revenue.",
}
COHORT_CHECKS = {
    FEWER: "Of each month of joining, those who are there and those unknown are no more than joined."
}
SUMMED = ("start", *CAME, *WENT, "end")


def judge_rates(found: Mapping[Group, GroupFlows], months: Sequence[str]) -> list[dg.AssetCheckResult]:
    """The passed checks of the movements.

    Raises:
        CheckFailed: an equation does not hold.
    """
    wrong = [(*group, *moved.balance) for group, moved in found.items() if moved.balance != (0, 0)]
    _require_none(ADD_UP, wrong, ("month", "dimension", "value", "customers missing", "revenue missing"))
    broken = list(_breaks(found, months))
    _require_none(CONNECT, broken, ("month", "dimension", "value", "at the end", "at the next start"))
    uneven = list(_uneven(found))
    _require_none(GROUPS_ADD_UP, uneven, ("month", "dimension", "column", "all", "sum of the groups"))
    evidence = {"months": len(months), "rows": len(found)}
    return [passed(check, evidence) for check in RATE_CHECKS]


def _require_none(check: str, wrong: Sequence[Sequence[object]], head: Sequence[str]) -> None:
    if wrong:
        raise CheckFailed(
            check,
            f"{len(wrong)} equations of customers or revenue do not hold, first in {wrong[0][0]}.",
            DEFECT,
            {"equations": table_metadata(head, wrong[:SHOWN])},
        )


def _breaks(found: Mapping[Group, GroupFlows], months: Sequence[str]) -> Iterable[Sequence[object]]:
    groups = sorted({group[1:] for group in found}, key=lambda g: (g[0], g[1] or ""))
    for before, after in pairwise(months):
        for dimension, value in groups:
            was, now = (found.get((m, dimension, value), GroupFlows.none()) for m in (before, after))
            ended = was.customers["end"], was.revenue["end"]
            begun = now.customers["start"], now.revenue["start"]
            if ended != begun:
                yield after, dimension, value, str(ended), str(begun)


def _uneven(found: Mapping[Group, GroupFlows]) -> Iterable[Sequence[object]]:
    sums: dict[tuple[str, str, str], int] = {}
    for (month, dimension, _), moved in found.items():
        for name in SUMMED:
            for what, of in (("customers", moved.customers), ("revenue", moved.revenue)):
                at = month, dimension, f"{what}_{name}"
                sums[at] = sums.get(at, 0) + of[name]
        at = month, dimension, "revenue_kept"
        sums[at] = sums.get(at, 0) + moved.kept
    for (month, dimension, column), total in sums.items():
        everybody = sums[month, EVERYBODY, column]
        if total != everybody:
            yield month, dimension, column, everybody, total


def judge_cohorts(rows: Sequence[Mapping[str, Any]]) -> list[dg.AssetCheckResult]:
    """The passed check of the cohorts.

    Raises:
        CheckFailed: a month of joining has more customers than joined in it.
    """
    head = ("joined_month", "month", "joined", "customers", "unknown")
    wrong = [[r[name] for name in head] for r in rows if r["customers"] + r["unknown"] > r["joined"]]
    _require_none(FEWER, wrong, head)
    return [passed(FEWER, {"rows": len(rows)})]
