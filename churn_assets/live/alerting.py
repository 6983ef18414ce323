"""Raises the alerts of customers who were scored as of now, and puts them out.

An alert is that of the day: in the morning, the same change is found again and known by its id. Limits of a day and
cool-downs count alerts of both.
"""

from datetime import datetime

from churn_assets.alerts.delivery import note_deliveries, outdated, tell_alerts
from churn_assets.alerts.raising import new_rows, newest_scores, raise_alerts
from churn_assets.alerts.store import Row, change
from churn_assets.contracts.alerts import SUPPRESSED
from churn_assets.contracts.business import Business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.live.scoring import Scored
from churn_assets.live.source_rows import LIVE
from churn_assets.operations.channels.delivery import deliver
from churn_assets.operations.channels.outbox import Outbox

SECONDS = (
    2.0  # that channels may take before the next rows are looked at; what is left goes out a little later
)


def alert(lakehouse: Lakehouse, business: Business, found: Scored, now: datetime) -> list[Row]:
    """Writes the alerts of newly scored customers and queues them; returns those that are told.

    Raises:
        NoCondition: the SQL of a rule is no condition.
    """
    days = newest_scores(found.lake, business) if found.scores.num_rows else None
    if days is None:
        return []
    raised = raise_alerts(found.lake, business, days)
    if raised.rows.empty:
        return []
    outbox, new = Outbox(lakehouse.settings.home_path), list[Row]()

    def decide(former: "list[Row] | tuple[Row, ...]") -> list[Row]:
        new.extend(new_rows(raised, business, former, outbox.id, now))
        return new

    change(lakehouse, decide, LIVE)  # type: ignore[arg-type]
    tell_alerts(lakehouse, business, outbox, now)
    return [row for row in new if row["state"] != SUPPRESSED]


def put_out(lakehouse: Lakehouse, business: Business, now: datetime) -> int:
    """Delivers what waits for the channels; returns how many messages went out."""
    outbox = Outbox(lakehouse.settings.home_path)
    done = deliver(outbox, business.file.channels, lakehouse.settings, SECONDS, outdated(lakehouse, business))
    if done:
        note_deliveries(lakehouse, business, outbox, now, LIVE)
    return sum(one.messages for one in done.values())
