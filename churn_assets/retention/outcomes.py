"""What became of the customers of campaigns some days after a start, by the rules of labels."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from churn_assets.contracts.business import Business
from churn_assets.features.labels import churn_labels, cohorts
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.retention.contacts import AS_OF, KEY
from churn_assets.retention.measure import HORIZONS
from churn_assets.silver.reconciliation import extract_dates, first_extracts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

STARTED = "started_on"
TELLING = ("stayed", "churned", "involuntary_end")
OUTCOME_COLUMNS = [KEY, STARTED, "days", "known_on", "outcome", "ended_on"]


def horizons(business: Business) -> tuple[int, ...]:
    """The days after which campaigns are measured.

    Whoever leaves by inactivity has to be silent for a whole outcome window, so there are no shorter ones.
    """
    shortest = business.file.windows.outcome_days if business.file.label.policy == "inactivity" else 0
    return tuple(days for days in HORIZONS if days >= shortest) or (shortest,)


def last_known(lakehouse: Lakehouse, business: Business, day: date) -> date | None:
    """The last day whose outcomes are known on `day`; None where no extract has come by then.

    Raises:
        SilverIncomplete: no extract of the label source has passed yet.
    """
    here = [extract for extract in extract_dates(lakehouse, business.label_source) if extract <= day]
    return max(here) - timedelta(days=business.file.windows.settlement_days) if here else None


def outcomes(lakehouse: Lakehouse, business: Business, people: pd.DataFrame, day: date) -> pd.DataFrame:
    """What became of customers after each number of days that can be judged on `day`.

    Each outcome is settled as a label is: by the first extract after the end and the settlement lag, and nothing later.

    Args:
        lakehouse: whose silver is read.
        business: whose rules of labels.
        people: customer_key and started_on.
        day: the last day.

    Returns:
        OUTCOME_COLUMNS: customer_key, started_on, days, known_on (the day of that extract), outcome (see
        features/churn_labels), ended_on.
    """
    extracts = extract_dates(lakehouse, business.label_source)
    starts = sorted(set(people[STARTED]))
    parts = []
    for days in horizons(business):
        windows = business.file.windows.model_copy(update={"gap_days": 0, "outcome_days": days})
        dates = [c for c in cohorts(starts, windows, extracts) if c.mature and c.label_available_at <= day]
        if not dates:
            continue
        pairs = _pairs(lakehouse, people[people[STARTED].isin([c.as_of_date for c in dates])])
        labels = churn_labels(
            pairs,
            lakehouse.read(tables.silver(business.label_source)).where(_until(day)),
            business,
            dates,
            None,
            {s.name: lakehouse.read(tables.silver(s)).where(_until(day)) for s in business.tells_who_is_gone},
            first_extracts(lakehouse),
            few=True,
        )
        names = [KEY, AS_OF, "outcome", "ended_on", "label_available_at"]
        part: pd.DataFrame = labels.select(*names).toArrow().to_pandas(date_as_object=True)
        parts.append(
            part.rename(columns={AS_OF: STARTED, "label_available_at": "known_on"}).assign(days=days)
        )
    if not parts:
        return pd.DataFrame(columns=OUTCOME_COLUMNS)
    return pd.concat(parts, ignore_index=True)[OUTCOME_COLUMNS]


def _until(day: date) -> str:
    return f"known_at <= DATE '{day}'"


def _pairs(lakehouse: Lakehouse, people: pd.DataFrame) -> "DataFrame":
    import pyarrow as pa

    distinct = people[[KEY, STARTED]].drop_duplicates().rename(columns={STARTED: AS_OF})
    schema = pa.schema([(KEY, pa.string()), (AS_OF, pa.date32())])
    return lakehouse.spark.createDataFrame(pa.Table.from_pandas(distinct, schema, preserve_index=False))


def with_outcomes_known(people: pd.DataFrame, found: pd.DataFrame, day: date) -> pd.DataFrame:
    """Customers with the dates that `measure` wants, by what was settled on `day`.

    Whoever left by inactivity is taken to have been gone from the start: they did nothing in all these days. Who had
    left after some days and is there after more returned on the last of these.

    Args:
        people: customer_key, started_on, and more.
        found: see `outcomes`.
        day: the last day.
    """
    told = found[(found["known_on"] <= day) & found["outcome"].isin(TELLING)].sort_values("days")
    until = [
        start + timedelta(days=int(days)) for start, days in zip(told[STARTED], told["days"], strict=True)
    ]
    told = told.assign(known_until=until, ended_on=told["ended_on"].astype(object))
    who = [KEY, STARTED]
    ended, back = _endings(told, who)
    left = ended[ended["outcome"] == "churned"].drop_duplicates(who)
    left = left.assign(left_on=left["ended_on"].where(left["ended_on"].notna(), left[STARTED]))
    last = told.drop_duplicates(who, keep="last")
    joined = people
    for part, name in (
        (left, "left_on"),
        (ended.drop_duplicates(who), "ended_on"),
        (back, "returned_on"),
        (last, "known_until"),
    ):
        joined = joined.merge(part[[*who, name]], on=who, how="left")
    joined["ended_on"] = joined["ended_on"].where(joined["ended_on"].notna(), joined["left_on"])
    return joined


def _endings(told: pd.DataFrame, who: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The outcomes by which customers left, and the first ones by which they were there again, with returned_on.

    Of who was there again and left once more only the second time counts.
    """
    gone = told["outcome"] != "stayed"
    customers = [told[name] for name in who]
    last_there = told["days"].where(~gone).groupby(customers).transform("max")
    for_good = gone & ~(told["days"] < last_there)
    left_again = for_good.groupby(customers).transform("any").astype(bool)
    first_gone = told["days"].where(gone).groupby(customers).transform("min")
    back = told[~gone & ~left_again & (told["days"] > first_gone)].drop_duplicates(who)
    return told[for_good | (gone & ~left_again)], back.assign(returned_on=back["known_until"])
