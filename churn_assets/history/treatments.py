"""The rows of a source that tell what was done to whom, as known on a day."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from churn_assets.contracts.source import Source
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse

if TYPE_CHECKING:
    import pandas as pd

DAY = "day"


def newest_rows(
    lakehouse: Lakehouse, source: Source, names: Sequence[str], months: Sequence[str], known_until: date
) -> "pd.DataFrame":
    """The newest version of each row that was known on or before a day.

    Args:
        lakehouse: whose silver is read.
        source: with event times.
        names: columns, beside those that are always there.
        months: extract months to read.
        known_until: later versions are not read.

    Returns:
        customer_key, `day` (of the event; known_at where a refused row does not tell it), refused, and `names`. No rows
        of a source that delivers as needed and never has.

    Raises:
        LakehouseError: the source has no table yet.
    """
    import pandas as pd

    time, key, order = str(source.event_time), list(source.silver_key), ["known_at", "sequence"]
    wanted = list(dict.fromkeys(["customer_key", time, "refused", *names, *key, *order]))
    told = list(dict.fromkeys(["customer_key", DAY, "refused", *names]))
    if source.delivery == "as_needed" and not lakehouse.exists(tables.silver(source)):
        return pd.DataFrame(columns=told)
    chosen: list[tuple[str, str, object]] = [("extract_month", "in", list(months))]
    rows = lakehouse.arrow(tables.silver(source), wanted, chosen).to_pandas()
    newest = rows[rows["known_at"] <= known_until].sort_values(order).drop_duplicates(key, keep="last")
    # as objects: without rows, pandas would keep the timestamp type, which does not compare with dates
    times = newest[time].astype(object)
    newest = newest.assign(**{DAY: times.where(times.notna(), newest["known_at"]).map(_day)})
    found: pd.DataFrame = newest[told]
    return found


def _day(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment
