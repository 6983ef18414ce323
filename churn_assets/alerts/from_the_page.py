"""Takes into alerts/risk_alerts what people acknowledged on the page."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from churn_assets.alerts.store import Row, alerts, change
from churn_assets.contracts.alerts import ACKNOWLEDGED, SUPPRESSED
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.acknowledgements.files import acknowledgements, forget

# days that a file is kept: until then the page knows of it, however late the next release comes
KEPT = timedelta(days=7)


def take_in(lakehouse: Lakehouse, now: datetime, run_id: str) -> int:
    """Notes with each alert who acknowledged it on the page; returns how many. Whoever was first keeps an alert.

    Raises:
        AcknowledgementError: one of the files cannot be read; nothing was written.
    """
    given = acknowledgements(lakehouse.settings)
    if not given or not lakehouse.exists(tables.RISK_ALERTS):
        return 0
    taken: list[Row] = []

    def decide(rows: Sequence[Row]) -> list[Row]:
        for row in rows:
            if row["state"] not in (ACKNOWLEDGED, SUPPRESSED):
                one = given[row["alert_id"]]
                said = {"acknowledged_at": one.at, "acknowledged_by": one.by}
                taken.append(row | {"state": ACKNOWLEDGED, **said})
        return taken

    mine: list[tuple[str, str, object]] = [("alert_id", "in", list(given))]
    change(lakehouse, decide, run_id, mine)
    held = {row["alert_id"] for row in alerts(lakehouse, mine)}
    forget(lakehouse.settings, [key for key in held if now - given[key].at > KEPT])
    return len(taken)
