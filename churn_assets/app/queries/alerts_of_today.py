"""What `churn-assets live` has found since the current scores of the release."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from churn_assets.contracts.alerts import SUPPRESSED
from churn_assets.reporting.words import short
from churn_assets.serving.release.live import read_live

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class AlertsOfToday:
    """Alerts that were told since this morning.

    Attributes:
        at: when the newest was looked for, UTC.
        rows: customer_key, rule, probability, reason, action and found_at, the time of day in UTC; the most important
            first.
    """

    at: datetime
    rows: "pd.DataFrame"


def alerts_of_today(root: str, morning: date | None) -> AlertsOfToday | None:
    """The alerts of today; None where nobody follows the events, or the release is as new.

    Args:
        root: of the releases.
        morning: day of the current scores of the release.

    Raises:
        ReleaseBroken: they cannot be read.
        OSError: the place of the releases is out of reach.
    """
    import pandas as pd

    found = read_live(root, None if morning is None else str(morning))
    if found is None:
        return None
    columns = ["customer_key", "rule", "probability", "action", "reason_1", "created_at"]
    rows = pd.DataFrame([row for row in found.alerts if row["state"] != SUPPRESSED], columns=columns)
    rows["reason"] = rows.pop("reason_1").map(short, na_action="ignore")
    rows["found_at"] = [f"{datetime.fromisoformat(at):%H:%M:%S}" for at in rows.pop("created_at")]
    return AlertsOfToday(datetime.fromisoformat(found.at), rows)
