"""Finds the customers whom a rule is about: those who have changed since the former day whose changes were told.

A rule tells of a change once. A rise is a rise as long as the lower score lies within its days, so only customers who
had not risen yet on the former day count. Scores of two models are never compared.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from churn_assets.contracts.alerts import AlertRule
from churn_assets.contracts.segments import When
from churn_assets.months import add_months, month_end, month_of

if TYPE_CHECKING:
    import pandas as pd

KEY, DAY = "customer_key", "as_of_date"
COMPARED = ("probability_day_before", "probability_week_before", "probability_month_end")
# Columns of scores/current_scores that the rules read of each day.
READ = (KEY, DAY, "model_version", "probability", *COMPARED, "risk_tier", "value_tier", "driver")
FOUND = (KEY, "rule", "compared_with", "old_value", "new_value")
RANKS = {"low": 0, "elevated": 1, "high": 2}
TINY = 1e-9  # 0.3 - 0.2 is less than 0.1


@dataclass(frozen=True)
class Days:
    """Current scores of some days.

    Attributes:
        scores: the columns READ, a row per customer and day.
        day: whose changes are asked for.
        told: the former day whose changes were told; None: the former day of which there are scores.
    """

    scores: "pd.DataFrame"
    day: date
    told: date | None = None

    def of(self, day: date) -> "pd.DataFrame":
        """The scores of one day, by customer_key."""
        return self.scores[self.scores[DAY] == day].set_index(KEY)

    @property
    def before(self) -> date | None:
        """The former day to compare with; None on the first day."""
        return self.told or max((day for day in self.scores[DAY].unique() if day < self.day), default=None)

    def version(self, day: date) -> str | None:
        """The model version that scored a day."""
        found = self.scores.loc[self.scores[DAY] == day, "model_version"]
        return None if found.empty else str(found.iloc[0])

    @property
    def is_first(self) -> bool:
        """Whether there is nothing to compare with."""
        return self.before is None

    @property
    def model_changed(self) -> bool:
        """Whether another model scored the former day."""
        return self.before is not None and self.version(self.before) != self.version(self.day)

    def at(self, day: date) -> "Days":
        """The same scores, asked as of an earlier day."""
        return Days(self.scores[self.scores[DAY] <= day], day)


def changes(days: Days, rules: Sequence[AlertRule], became_true: Mapping[str, Set[str]]) -> "pd.DataFrame":
    """One row per rule and customer who has changed, with the columns FOUND; in the order of the rules.

    On the first day nobody has changed. On the first day of a model only SQL rules find a change, since they read no
    score.

    Args:
        days: current scores; at least the day, the day before it, and the days that rules look back.
        rules: of churn.yaml.
        became_true: name of an SQL rule -> customers for whom it is true and was not on the former day.
    """
    import pandas as pd

    found = [pd.DataFrame(columns=list(FOUND))]
    if not days.is_first:
        for rule in rules:
            if days.model_changed and rule.by_model:
                continue
            one = _of_rule(days, rule, became_true.get(rule.name, frozenset()))
            one = one[_fits(days.of(days.day).loc[one.index], rule.when)]
            found.append(one.assign(rule=rule.name).rename_axis(KEY).reset_index()[list(FOUND)])
    filled = [frame for frame in found if not frame.empty]
    return pd.concat(filled, ignore_index=True) if filled else found[0]


def _of_rule(days: Days, rule: AlertRule, became_true: Set[str]) -> "pd.DataFrame":
    """compared_with, old_value and new_value by customer_key."""
    import pandas as pd

    if rule.rose is not None:
        return _rises(days, rule.rose, rule.within_days)
    now, before = days.of(days.day), days.of(days.before) if days.before else days.of(days.day)
    both = now.index.intersection(before.index)
    now, before = now.loc[both], before.loc[both]
    if rule.entered is not None:
        column, least = "risk_tier", RANKS[rule.entered]
        new = (now[column].map(RANKS) >= least) & (before[column].map(RANKS) < least)
    elif rule.driver is not None:
        column = "driver"
        new = (now[column] == rule.driver) & (before[column] != rule.driver)
    else:
        keys = both.intersection(pd.Index(sorted(became_true)))
        return pd.DataFrame(
            {"compared_with": days.before, "old_value": "false", "new_value": "true"}, index=keys
        )
    return pd.DataFrame(
        {"compared_with": days.before, "old_value": before[column][new], "new_value": now[column][new]}
    )


def _rises(days: Days, rose: float, within: int) -> "pd.DataFrame":
    """Those who have risen by the day and had not by the former one.

    On the former day nobody is known to have risen if nothing was told that day: it was the first one of all or of its
    model.
    """
    import pandas as pd

    now = risen(days, rose, within)
    former = days.at(days.before) if days.before else None
    if former is not None and not (former.is_first or former.model_changed):
        now = now[~now.index.isin(risen(former, rose, within).index)]
    return pd.DataFrame(
        {
            "compared_with": now["since"],
            "old_value": now["low"].map(percent),
            "new_value": now["probability"].map(percent),
        }
    )


def risen(days: Days, rose: float, within: int) -> "pd.DataFrame":
    """Customers whose probability is higher by `rose` than its lowest within so many days, by one model.

    The result has probability, low and since (the newest day of the lowest) by customer_key. Besides the scores of
    these days count what the model gives the snapshots of the day before, the week before and the last month end.
    """
    import pandas as pd

    now, first = days.of(days.day), days.day - timedelta(days=within)
    scores = days.scores
    inside = (scores[DAY] >= first) & (scores[DAY] < days.day)
    told = scores[inside & (scores["model_version"] == days.version(days.day))]
    lows = [told[[KEY, DAY, "probability"]].rename(columns={"probability": "low"})]
    for column, day in zip(COMPARED, _compared_days(days.day), strict=True):
        if day >= first:
            lows.append(now[column].rename("low").reset_index().assign(**{DAY: day}))
    known = [low for low in (low.dropna(subset="low") for low in lows) if not low.empty]
    all_lows = pd.concat(known, ignore_index=True) if known else lows[0].head(0)
    all_lows = all_lows.sort_values(["low", DAY], ascending=[True, False], kind="stable")
    lowest = all_lows.drop_duplicates(KEY).set_index(KEY)
    found = now[["probability"]].join(lowest.rename(columns={DAY: "since"}), how="inner")
    return found[found["probability"] - found["low"] >= rose - TINY]


def _compared_days(day: date) -> tuple[date, date, date]:
    """The days of the columns COMPARED."""
    return (
        day - timedelta(days=1),
        day - timedelta(days=7),
        month_end(add_months(month_of(day), -1)),
    )


def _fits(rows: "pd.DataFrame", when: When) -> "pd.Series":
    import pandas as pd

    fits = pd.Series(True, index=rows.index)
    for column, values in (("risk_tier", when.risk), ("value_tier", when.value), ("driver", when.driver)):
        if values is not None:
            fits &= rows[column].isin(values)
    return fits


def percent(probability: float) -> str:
    """A probability for people."""
    return f"{probability:.1%}"
