"""Finds the customers whom a rule is about: those who have changed since the former day whose changes were told.

A rule tells of a change once. A rise is a rise as long as the lower score lies within its days, so only customers who
had not risen yet on the former day count. Scores of two models are never compared.

Like is compared with like: with days as of which the same windows were known. If a source comes once a week,
probabilities fall while it is silent and rise when it comes. Such a change is found, too, and held back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.alerts import AlertRule
from churn_assets.contracts.segments import When
from churn_assets.history.earlier_days import EARLIER, days_before

if TYPE_CHECKING:
    import pandas as pd

KEY, DAY = "customer_key", "as_of_date"
UNKNOWN = "unknown_windows"
COMPARED = tuple(f"probability_{name}" for name in EARLIER)
# Columns of scores/current_scores that the rules read of each day.
READ = (KEY, DAY, "model_version", "probability", *COMPARED, UNKNOWN, "risk_tier", "value_tier", "driver")
UNLIKE = "sources differ"
FOUND = (KEY, "rule", "compared_with", "old_value", "new_value", "held")
RANKS = {"low": 0, "elevated": 1, "high": 2}
# Days before the former day among which one is looked for as of which the same windows were known: a source that was
# silent for longer has hidden changes of too long ago.
LIKE_WITHIN = 35
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

    @cached_property
    def _known(self) -> dict[date, tuple[str, str | None]]:
        """Day -> the model version that scored it, and the windows that were not known."""
        firsts = self.scores.drop_duplicates(DAY)[[DAY, "model_version", UNKNOWN]]
        return {
            day: (str(version), unknown or None) for day, version, unknown in firsts.itertuples(index=False)
        }

    @property
    def before(self) -> date | None:
        """The former day to compare with; None on the first day."""
        return self.told or max((day for day in self._known if day < self.day), default=None)

    def version(self, day: date) -> str | None:
        """The model version that scored a day."""
        return self._known[day][0] if day in self._known else None

    def unknown(self, day: date) -> str | None:
        """The windows that are not known as of a day; a day without current scores is a month end, which knows all."""
        return self._known[day][1] if day in self._known else None

    @property
    def like(self) -> date | None:
        """The newest day up to `before` of the same model as of which the same windows were known; None without one."""
        wanted, last = self._known.get(self.day), self.before or date.min
        return max(
            (day for day, known in self._known.items() if day <= last and known == wanted), default=None
        )

    def is_like(self, scores: "pd.DataFrame") -> bool:
        """Whether other scores of one day are of the same model and of the same known windows."""
        return self._known.get(self.day) in Days(scores, self.day)._known.values()

    def unlike(self, then: date) -> str:
        """Why a day cannot be compared with an earlier one, in words."""
        return f"{self.was_unlike(self.day)}, on {then} {self.unknown(then) or 'nothing'}"

    def was_unlike(self, day: date) -> str:
        """How `unlike` begins of another day as of which the same windows were known."""
        return f"{UNLIKE}: not known on {day} is {self.unknown(self.day) or 'nothing'}"

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


def changes(
    days: Days, rules: Sequence[AlertRule], became_true: Mapping[str, Mapping[str, date]]
) -> "pd.DataFrame":
    """One row per rule and customer who has changed, with the columns FOUND; in the order of the rules.

    `held` says why a change is not told; None: nothing speaks against it. On the first day nobody has changed. On the
    first day of a model only SQL rules find a change, since they read no score.

    Args:
        days: current scores; at least the day, the day before it, and the days that rules look back.
        rules: of churn.yaml.
        became_true: name of an SQL rule -> customers for whom it became true, each with the day on which it was false.
    """
    import pandas as pd

    found = [pd.DataFrame(columns=list(FOUND))]
    if not days.is_first:
        for rule in rules:
            if days.model_changed and rule.by_model:
                continue
            one = _of_rule(days, rule, became_true.get(rule.name, {}))
            one = one[_fits(days.of(days.day).loc[one.index], rule.when)]
            found.append(one.assign(rule=rule.name).rename_axis(KEY).reset_index()[list(FOUND)])
    filled = [frame for frame in found if not frame.empty]
    return pd.concat(filled, ignore_index=True) if filled else found[0]


def _of_rule(days: Days, rule: AlertRule, became_true: Mapping[str, date]) -> "pd.DataFrame":
    """compared_with, old_value, new_value and held by customer_key."""
    import pandas as pd

    if rule.rose is not None:
        return _rises(days, rule.rose, rule.within_days)
    if rule.sql is not None:
        keys = days.of(days.day).index.intersection(pd.Index(sorted(became_true)))
        since = [became_true[key] for key in keys]
        return pd.DataFrame(
            {"compared_with": since, "old_value": "false", "new_value": "true", "held": None}, index=keys
        )
    like, before = days.like, days.before
    told = _entered(days, rule, like) if like else None
    if before is None or before == like:
        return told if told is not None else pd.DataFrame(columns=list(FOUND[2:]))
    held = _entered(days, rule, before).assign(held=days.unlike(before))
    return held if told is None else pd.concat([told, held[~held.index.isin(told.index)]])


def _entered(days: Days, rule: AlertRule, then: date) -> "pd.DataFrame":
    """Who is in the tier or has the driver of a rule now, and was or had not on an earlier day."""
    import pandas as pd

    now, before = days.of(days.day), days.of(then)
    both = now.index.intersection(before.index)
    now, before = now.loc[both], before.loc[both]
    if rule.entered is not None:
        column, least = "risk_tier", RANKS[rule.entered]
        new = (now[column].map(RANKS) >= least) & (before[column].map(RANKS) < least)
    else:
        column = "driver"
        new = (now[column] == rule.driver) & (before[column] != rule.driver)
    return pd.DataFrame(
        {"compared_with": then, "old_value": before[column][new], "new_value": now[column][new], "held": None}
    )


def _rises(days: Days, rose: float, within: int) -> "pd.DataFrame":
    """Those who have risen by the day and had not by the former one; held back where only unlike days tell so.

    On the former day nobody is known to have risen if nothing was told that day: it was the first one of all or of its
    model.
    """
    import pandas as pd

    now, seeming = (risen(days, rose, within, like) for like in (True, False))
    seeming = seeming[~seeming.index.isin(now.index)]
    former = days.at(days.before) if days.before else None
    if former is not None and not (former.is_first or former.model_changed):
        now = now[~now.index.isin(risen(former, rose, within).index)]
        seeming = seeming[~seeming.index.isin(risen(former, rose, within, like=False).index)]
    why = {day: days.unlike(day) for day in seeming["since"].unique()}
    both = pd.concat([now.assign(held=None), seeming.assign(held=seeming["since"].map(why))])
    return pd.DataFrame(
        {
            "compared_with": both["since"],
            "old_value": both["low"].map(percent),
            "new_value": both["probability"].map(percent),
            "held": both["held"],
        }
    )


def risen(days: Days, rose: float, within: int, like: bool = True) -> "pd.DataFrame":
    """Customers whose probability is higher by `rose` than its lowest within so many days, by one model.

    The result has probability, low and since (the newest day of the lowest) by customer_key. Besides the scores of
    these days count what the model gives the snapshots of the day before, the week before and the last month end.

    Args:
        days: the scores.
        rose: the least rise.
        within: days to look back.
        like: only days count as of which the same windows were known; the last such day, if there is none within.
    """
    import pandas as pd

    now, first = days.of(days.day), days.day - timedelta(days=within)
    scores = days.scores
    inside = (scores[DAY] >= first) & (scores[DAY] < days.day)
    told = scores[inside & (scores["model_version"] == days.version(days.day))]
    if like:
        told = told[told[UNKNOWN].fillna("") == (days.unknown(days.day) or "")]
        if told.empty and inside.any() and days.like is not None:  # a source was silent for longer
            told = scores[scores[DAY] == days.like]
    lows = [told[[KEY, DAY, "probability"]].rename(columns={"probability": "low"})]
    for column, day in zip(COMPARED, days_before(days.day).values(), strict=True):
        if day >= first and not (like and days.unknown(day) != days.unknown(days.day)):
            lows.append(now[column].rename("low").reset_index().assign(**{DAY: day}))
    known = [low for low in (low.dropna(subset="low") for low in lows) if not low.empty]
    all_lows = pd.concat(known, ignore_index=True) if known else lows[0].head(0)
    all_lows = all_lows.sort_values(["low", DAY], ascending=[True, False], kind="stable")
    lowest = all_lows.drop_duplicates(KEY).set_index(KEY)
    found = now[["probability"]].join(lowest.rename(columns={DAY: "since"}), how="inner")
    return found[found["probability"] - found["low"] >= rose - TINY]


def settled(days: Days, rules: Sequence[AlertRule], former: Iterable[Mapping[str, Any]]) -> "pd.DataFrame":
    """Changes that were held back LIKE_WITHIN days before the day or the former one, and still hold; columns FOUND.

    They were held back because only unlike days told of them. No later day can settle them: none that is like the one
    before them is near enough any more. So they are told, of the same model and with the same windows known as then.

    Args:
        days: current scores of the day.
        rules: of churn.yaml.
        former: alerts: customer_key, rule, as_of_date, why, model_version, probability, compared_with and old_value.
    """
    import pandas as pd

    found, by_name = [], {rule.name: rule for rule in rules}
    now, wait = days.of(days.day), timedelta(days=LIKE_WITHIN)
    for row in former:
        rule, since = by_name.get(row["rule"]), row["as_of_date"]
        is_due = days.before is not None and days.before <= since + wait < days.day
        is_same = (row["why"] or "").startswith(f"{days.was_unlike(since)},")
        if not (is_due and is_same and rule is not None and row["customer_key"] in now.index):
            continue
        one = now.loc[row["customer_key"]]
        value = _still(one, rule, row["probability"])
        fits = _fits(now.loc[[row["customer_key"]]], rule.when).all()
        if one["model_version"] == row["model_version"] and fits and value is not None:
            told = (row["customer_key"], rule.name, row["compared_with"], row["old_value"], value, None)
            found.append(dict(zip(FOUND, told, strict=True)))
    return pd.DataFrame(found, columns=list(FOUND))


def _still(now: "pd.Series", rule: AlertRule, probability: float) -> str | None:
    """What a rule's change has led to, if it still holds; else None."""
    if rule.rose is not None:
        return percent(now["probability"]) if now["probability"] >= probability - TINY else None
    if rule.entered is not None:
        return str(now["risk_tier"]) if RANKS[now["risk_tier"]] >= RANKS[rule.entered] else None
    return str(now["driver"]) if now["driver"] == rule.driver else None


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
