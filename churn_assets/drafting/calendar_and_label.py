"""Guesses the calendar, the windows, the label policy and the eligibility of a business."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from churn_assets.drafting.cursors import first_asked
from churn_assets.drafting.doubt import Doubt
from churn_assets.drafting.source import DraftSource
from churn_assets.ml.training.split import NotEnoughHistory, temporal_split
from churn_assets.months import month_end, month_of, month_range

Policy = Literal["cancellation", "lapse", "inactivity"]
# A history whose newest extract is older has ended; the calendar then has an end.
LIVING_DAYS = 62
OUTCOMES = (365, 180, 90, 60, 30)
OBSERVATIONS = (6, 3)
GAP_QUANTILE = 0.9
SETTLEMENT = 3


@dataclass(frozen=True)
class ChurnPlan:
    """What churn.yaml says above the features.

    Attributes:
        start, end: of the calendar, as months; `end` is None for a living business.
        first, last: the months that a first run can ask for.
        policy, source: of the label.
        observation, gap, outcome, settlement, renewal: windows in months and days.
        min_tenure, active_within: eligibility in days.
        in_notice: whether who is in notice gets no snapshot.
        notes: comments, by what they are about.
        doubts: what to review.
    """

    start: str
    end: str | None
    last: str
    policy: Policy
    source: str
    observation: int
    gap: int
    outcome: int
    settlement: int
    renewal: int
    min_tenure: int
    active_within: int | None
    in_notice: bool
    notes: dict[str, str]
    doubts: tuple[Doubt, ...]


def plan_of(sources: list[DraftSource], today: date) -> ChurnPlan | None:
    """Returns the plan; None if no source tells who left: neither a spell nor an event or treatment."""
    spells = [s for s in sources if s.role == "spell"]
    events = [s for s in sources if s.role == "event"] or [s for s in sources if s.role == "treatment"]
    if not spells and not events:
        return None
    doubts: list[Doubt] = []
    labelled = max(spells or events, key=lambda s: s.column(s.customer).distinct)
    policy, why = _policy(labelled)
    months = sorted({month_of(day) for s in sources for day in s.days if day}) or [month_of(today)]
    last = months[-1]
    asked = first_asked(labelled, today) if policy == "inactivity" else None
    start = min(months[0], asked or months[0])
    count = len(month_range(start, last))
    told = f"{count} months" if count > 1 else "one month"
    living = (today - month_end(last)).days < LIVING_DAYS
    notes = {"label": why}
    if len(spells or events) > 1:
        others = ", ".join(s.name for s in (spells or events) if s is not labelled)
        doubts.append(_doubt(1, "label", f"{labelled.name} decides who left; {others} could, too"))
    if policy == "inactivity":
        wanted, why = _longest_gap(labelled)
        gap = 0
    else:
        wanted, why, gap = 30, "the usual 30 days", 7
    observation, outcome, enough = _windows(month_range(start, last), gap, wanted)
    if outcome != wanted:
        why += f"; shortened to {outcome} days, because extracts of {told} leave no more for a training"
    notes["windows"] = why
    doubts.append(_doubt(1, "label", f"{policy}: {notes['label']}; outcome_days {outcome}: {why}"))
    if asked:
        said = (
            f"it begins with the first events of {labelled.name}; `run extract` asks for each month by itself"
        )
        doubts.append(_doubt(2, "calendar", said))
    if not enough:
        of = f"extracts of {told} ({start} to {last}) are too few for a training"
        doubts.append(_doubt(1, "calendar", f"{of}; {_older(labelled, policy)}"))
    spell = labelled.spell
    return ChurnPlan(
        start=start,
        end=None if living else last,
        last=last,
        policy=policy,
        source=labelled.name,
        observation=observation,
        gap=gap,
        outcome=outcome,
        settlement=SETTLEMENT,
        renewal=SETTLEMENT if policy != "inactivity" else 0,
        min_tenure=0 if policy == "inactivity" else 30,
        active_within=max(outcome, 30 * observation) if policy == "inactivity" else None,
        in_notice=spell.get("endedOn") != spell.get("expiresOn"),
        notes=notes,
        doubts=tuple(doubts),
    )


def _older(labelled: DraftSource, policy: Policy) -> str:
    """Where older extracts may come from."""
    origin = labelled.group.origin
    if origin is not None and origin.is_asked and policy != "inactivity":
        return (
            "a living source does not tell how its subscriptions were in earlier months: history begins with the first "
            "extract, or put older exports into the landing zone, each under the day on which it was made"
        )
    return "bring older ones, each under the day on which it was extracted"


def _doubt(rank: int, about: str, words: str) -> Doubt:
    return Doubt(rank, f"churn.yaml, {about}", words)


def _policy(source: DraftSource) -> tuple[Policy, str]:
    if source.role != "spell":
        return (
            "inactivity",
            f"no source has spells with an end, so churn is a time without rows in {source.name}",
        )
    if source.spell.get("endedOn") == source.spell.get("expiresOn"):
        return "lapse", f"{source.name} tells when a spell expires, not whether it ended"
    return "cancellation", f"{source.name} tells when a spell ends"


def _longest_gap(source: DraftSource) -> tuple[int, str]:
    """Returns the shortest of OUTCOMES that nine of ten pauses between two event days of a customer do not exceed."""
    days = source.column(str(source.event_time)).days
    assert days is not None  # noqa: S101 (an event time is a time)
    frame = pd.DataFrame({"customer": source.column(source.customer).codes, "day": days.normalize()})
    frame = frame.dropna().drop_duplicates().sort_values(["customer", "day"])
    pause = frame.groupby("customer")["day"].diff().dt.days.dropna()
    if not len(pause):
        return 90, "no customer has two event days, so nothing shows the usual pause"
    usual = float(np.quantile(pause, GAP_QUANTILE))
    found = next((o for o in reversed(OUTCOMES) if o >= usual), OUTCOMES[0])
    return found, f"nine of ten pauses between two days of a customer are at most {usual:.0f} days"


def _windows(months: list[str], gap: int, wanted: int) -> tuple[int, int, bool]:
    """Returns the observation months and outcome days that leave training, validation and test, and whether any do."""
    ends = [month_end(month) for month in months]
    for crosswise in (False, True):
        for outcome in (o for o in OUTCOMES if o <= wanted):
            for observation in OBSERVATIONS:
                if _trains(ends, observation, gap, outcome, crosswise):
                    return observation, outcome, True
    longest = max(1, min(OBSERVATIONS[-1], len(months)))  # a calendar holds one whole window
    return longest, min(wanted, OUTCOMES[-1]), False


def _trains(ends: list[date], observation: int, gap: int, outcome: int, crosswise: bool) -> bool:
    mature = [
        d for d in ends[observation - 1 :] if d + timedelta(days=gap + outcome + SETTLEMENT) <= ends[-1]
    ]
    try:
        split = temporal_split(mature, gap, outcome, 1)
    except NotEnoughHistory:
        return False
    return crosswise or not split.short_history
