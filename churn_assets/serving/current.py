"""What a release tells of this morning: the newest current scores, their snapshots, and the days before."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.portable.model import PortableModel
from churn_assets.months import month_end
from churn_assets.serving.release.manifest import CurrentDay

if TYPE_CHECKING:
    import pyarrow as pa

FORMER_DAYS = 14  # days of which a release holds the probability, the newest one included
OVERDUE_AFTER = 3  # days: a run of the day after gives the scores of its day before
SCORES, SNAPSHOTS, DAYS = "current_scores", "current_snapshots", "daily_probabilities"
OF_THIS_MORNING = (SCORES, SNAPSHOTS, DAYS)
OF_A_DAY = ("customer_key", "as_of_date", "model_version", "probability")


@dataclass(frozen=True)
class Current:
    """The current scores of the newest day.

    Attributes:
        about: which day, by which model, and until when the sources are known.
        tables: SCORES: the rows of the day; SNAPSHOTS: the values of the features that they rest on; DAYS: key, day,
            model version and probability of the newest days, this one included.
    """

    about: CurrentDay
    tables: "dict[str, pa.Table]"


def read_current(
    lakehouse: Lakehouse, business: Business, model: PortableModel, newest: date
) -> Current | str:
    """The current scores of the newest day; else why there are none to tell, as a sentence without a full stop.

    Args:
        lakehouse: where they lie.
        business: whose customers.
        model: of the release; features that it alone still reads are told, too.
        newest: as_of_date of the newest scored cohort. Current scores of an earlier day tell nothing new.
    """
    import pyarrow.compute as pc

    if not lakehouse.exists(tables.CURRENT_SCORES) or not lakehouse.exists(tables.CURRENT_SNAPSHOT):
        return "the job daily has not run yet"
    days = lakehouse.slices(tables.CURRENT_SCORES, "as_of_date")
    day = max(days, default=None)
    if day is None:
        return "no day has current scores; the job daily makes them"
    if day < newest:
        return f"the newest current scores are of {day}, before the scores of {newest}; run the job daily"
    scores = lakehouse.arrow(tables.CURRENT_SCORES, None, [("as_of_date", "=", day)])
    former = [("as_of_date", ">", day - timedelta(days=FORMER_DAYS)), ("as_of_date", "<=", day)]
    known_until = pc.min(scores["known_until"]).as_py()
    about = CurrentDay(
        as_of_date=str(day),
        model_version=str(pc.max(scores["model_version"]).as_py()),
        known_until=None if known_until is None else str(known_until),
        stale_from=_stale_from(business, day),
        customers=scores.num_rows,
    )
    held = {
        SCORES: scores,
        SNAPSHOTS: snapshots_of(lakehouse, tables.CURRENT_SNAPSHOT, business, model, day),
        DAYS: lakehouse.arrow(tables.CURRENT_SCORES, list(OF_A_DAY), former),
    }
    return Current(about, held)


def snapshots_of(
    lakehouse: Lakehouse, table: tables.Table, business: Business, model: PortableModel, day: date
) -> "pa.Table":
    """The features of a day: those that are declared, and those that only the model still reads."""
    there = lakehouse.columns(table)
    wanted = dict.fromkeys(
        ["customer_key", "as_of_date", "known_at", "tenure_days", *(f.name for f in business.features)]
    ) | dict.fromkeys(model.transformation.features)
    return lakehouse.arrow(table, [name for name in wanted if name in there], [("as_of_date", "=", day)])


def _stale_from(business: Business, day: date) -> str | None:
    """The day from which on newer current scores are overdue; None after the calendar's end."""
    overdue, end = day + timedelta(days=OVERDUE_AFTER), business.file.calendar.end
    return None if end is not None and overdue > month_end(end) else str(overdue)
