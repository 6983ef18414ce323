"""What the rules of `alerts` find in a simulated month, day by day, and how many of these customers left.

Caps and cool-downs are left out: what counts here is the change itself.
"""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

import pandas as pd

from churn_assets.alerts.changes import COMPARED, KEY, UNKNOWN, Days, changes
from churn_assets.contracts.alerts import AlertRule
from churn_assets.ml.metrics.classification import wilson

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

CONDITION = "rule "


def true_conditions(snapshots: "DataFrame", rules: Sequence[AlertRule]) -> "DataFrame":
    """The snapshots with a column for each SQL rule: whether its condition is true; null where it is not known."""
    from pyspark.sql import functions as F

    asked = [rule for rule in rules if rule.sql is not None]
    return snapshots.withColumns({f"{CONDITION}{rule.name}": F.expr(str(rule.sql)) for rule in asked})


def rule_days(rows: pd.DataFrame, rules: Sequence[AlertRule]) -> pd.DataFrame:
    """One row per day and rule, from the second day on: `found` customers, `known` and `left` of them, `base`.

    `known` are those who stayed or left by choice within gap and outcome window; `base` is the share of all customers
    of the day who left.

    Args:
        rows: scores, tiers, `gone` and the columns of `true_conditions` of consecutive days, one row per customer and
            day.
        rules: of churn.yaml.

    Raises:
        ValueError: the conditions were asked before churn.yaml had these rules.
    """
    missing = [r.name for r in rules if r.sql is not None and f"{CONDITION}{r.name}" not in rows]
    if missing:
        raise ValueError(f"the snapshots do not know {', '.join(missing)}: remove their folder `days`")
    scores = rows.assign(
        **dict.fromkeys(COMPARED, float("nan")) | {UNKNOWN: None}
    )  # each source comes each day
    days = sorted(rows["as_of_date"].unique())
    found = []
    for before, day in pairwise(days):
        now = Days(scores[scores["as_of_date"] <= day], day)
        told = changes(now, rules, _became_true(now.of(before), now.of(day), before))
        today = now.of(day)["gone"]
        for rule in rules:
            gone = today.loc[told.loc[told["rule"] == rule.name, KEY]].dropna()
            found.append(
                {
                    "day": str(day),
                    "rule": rule.name,
                    "found": int((told["rule"] == rule.name).sum()),
                    "known": len(gone),
                    "left": int(gone.sum()),
                    "base": float(today.mean()),
                }
            )
    return pd.DataFrame(found)


def _became_true(before: pd.DataFrame, now: pd.DataFrame, day: date) -> dict[str, dict[str, date]]:
    """Name of each SQL rule -> customers for whom its condition is true now and was false as of `day`, and that day."""
    both = now.index.intersection(before.index)
    return {
        name.removeprefix(CONDITION): dict.fromkeys(
            both[now.loc[both, name].eq(True) & before.loc[both, name].eq(False)], day
        )
        for name in now.columns
        if name.startswith(CONDITION)
    }


def tally(raised: pd.DataFrame) -> pd.DataFrame:
    """By rule: days, found a day, known, left, precision with its 95 % interval, and lift over the base rate.

    The base rate is the mean over the customers who were found.
    """
    total = raised.assign(expected=raised["known"] * raised["base"]).groupby("rule", sort=False)
    sums = total[["found", "known", "left", "expected"]].sum()
    sums["a_day"] = total["found"].mean()
    sums["most"] = total["found"].max()
    sums["precision"] = sums["left"] / sums["known"]
    bounds = [wilson(line.left, int(line.known)) if line.known else (0.0, 1.0) for line in sums.itertuples()]
    sums["low"], sums["high"] = zip(*bounds, strict=True)
    sums["lift"] = sums["left"] / sums["expected"]
    return sums.reset_index()
