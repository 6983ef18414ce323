"""What `churn-assets live` has found today: one small JSON file beside the releases, replaced with what is new."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from churn_assets.serving.release.manifest import ReleaseBroken
from churn_assets.serving.release.root import LIVE, Root


@dataclass(frozen=True)
class FoundToday:
    """What was found on a day that goes on.

    Attributes:
        at: when it was written, UTC, as ISO text.
        as_of_date: the day, as ISO text.
        model_version: of the champion.
        scores: the customers who were scored last, the newest first: customer_key, scored_at, probability, decile,
            risk_tier, segment, action, reason_1 to reason_3.
        alerts: all alerts of the day, the most important first: columns of alerts/risk_alerts that name no colleague.
    """

    at: str
    as_of_date: str
    model_version: str
    scores: Sequence[dict[str, Any]]
    alerts: Sequence[dict[str, Any]]


def write_live(root: str, day: FoundToday) -> None:
    """Replaces the file; readers see the former one or this. Only one process of a lake follows it."""
    Root(root).replace(LIVE, json.dumps(vars(day), default=_text, allow_nan=False).encode())


def read_live(root: str, current_as_of: str | None) -> FoundToday | None:
    """What was written last; None before, and if it tells no later day than the current scores of a release.

    Args:
        root: of the releases.
        current_as_of: day of the current scores of the release that is read, as ISO text; None without any.

    Raises:
        ReleaseBroken: the file cannot be read.
    """
    content = Root(root).read(LIVE)
    if content is None:
        return None
    try:
        found = FoundToday(**json.loads(content))
        date.fromisoformat(found.as_of_date)
    except (ValueError, TypeError):
        raise ReleaseBroken(f"{LIVE} cannot be read. `churn-assets live` replaces it.") from None
    return None if current_as_of is not None and found.as_of_date <= current_as_of else found


def _text(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no text here")
