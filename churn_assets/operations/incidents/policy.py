"""The declared policy: which kinds of events there are, how grave each is, and how fast somebody must react.

Type, impact and urgency are those of ITIL 4: an `informational` event needs no reaction, a `warning` approaches a
limit, an `exception` has broken a promise. Only exceptions open incidents.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

EventType = Literal["informational", "warning", "exception"]
Level = Literal[1, 2, 3]  # 1 is high


@dataclass(frozen=True)
class EventKind:
    """One kind of event.

    Attributes:
        code: its name in the records.
        type: informational, warning or exception.
        impact: how much is affected: 1 all customers' scores, 2 one source or one job, 3 one person or an attempt.
        urgency: how soon it hurts: 1 now, 2 within a day, 3 within a month.
        look: the command that shows more.
    """

    code: str
    type: EventType
    impact: Level
    urgency: Level
    look: str

    @property
    def priority(self) -> str:
        """P1 to P4."""
        return priority(self.impact, self.urgency)


@dataclass(frozen=True)
class Reaction:
    """How long after its opening an incident must be acknowledged, and resolved."""

    respond: timedelta
    resolve: timedelta


KINDS = {
    kind.code: kind
    for kind in (
        EventKind("run_succeeded", "informational", 2, 3, "churn-assets summary"),
        EventKind("run_canceled", "informational", 3, 3, "churn-assets summary"),
        EventKind("run_retried", "warning", 2, 3, "churn-assets doctor"),
        EventKind("run_failed", "exception", 2, 2, "churn-assets doctor"),
        EventKind("manual_run_failed", "exception", 3, 3, "churn-assets doctor"),
        EventKind("source_late", "exception", 2, 2, "churn-assets check"),
        EventKind("messages_lost", "exception", 2, 2, "churn-assets check"),
        EventKind("balance_broken", "exception", 1, 1, "churn-assets doctor"),
        EventKind("model_degraded", "exception", 1, 3, "churn-assets summary"),
        EventKind("message_undeliverable", "exception", 2, 2, "churn-assets channels list"),
    )
}
TARGETS = {
    "P1": Reaction(timedelta(minutes=15), timedelta(hours=4)),
    "P2": Reaction(timedelta(hours=1), timedelta(hours=8)),
    "P3": Reaction(timedelta(hours=4), timedelta(hours=24)),
    "P4": Reaction(timedelta(hours=8), timedelta(hours=72)),
}


def priority(impact: Level, urgency: Level) -> str:
    """The matrix of impact and urgency: 1 x 1 is P1, 1 x 2 is P2, 1 x 3 and 2 x 2 are P3, the rest is P4."""
    matrix = {1: "P1", 2: "P2", 3: "P3", 4: "P3"}
    return matrix.get(impact * urgency, "P4")
