"""Scores of one day with what the same model gives earlier snapshots of the customer, and what moved since."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.feature import Feature
from churn_assets.contracts.segments import Segments
from churn_assets.history.earlier_days import EARLIER, MONTH_END, WEEK_BEFORE
from churn_assets.ml.portable.model import PortableModel
from churn_assets.ml.portable.reasons_in_words import moved_reasons
from churn_assets.ml.portable.scored import REASON_NAMES, readable, scored_and_explained, typical_values
from churn_assets.scores.deciles_and_tiers import with_decile
from churn_assets.scores.segments import with_segments

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from pyspark.sql import DataFrame

KEYS = ["customer_key", "as_of_date"]
# What moved is told since the first of these days that the customer has a snapshot of.
MOVED_SINCE = (WEEK_BEFORE, MONTH_END)
DATED = "#as_of_date"  # of an earlier snapshot; null where the customer has none
TEXTS = (*REASON_NAMES, "driver", "moved_reason")
SCORED = (
    "customer_key string, as_of_date date, raw double, probability double, "
    + "".join(f"{name} string, " for name in TEXTS)
    + "".join(f"probability_{name} double, " for name in EARLIER)
    + "moved_since date"
)


def current_scores(
    today: "DataFrame",
    earlier: "Mapping[str, DataFrame]",
    model: PortableModel,
    model_version: str,
    features: Sequence[Feature],
    rules: Segments,
) -> "DataFrame":
    """Scores of the snapshots of one day, as scores/current_scores but for what is told of sources.

    Args:
        today: snapshots of the day, with the features of the model.
        earlier: name of EARLIER -> snapshots of that day; a day without snapshots is left out.
        model: scores all of them.
        model_version: its version.
        features: as declared today.
        rules: of the segments.
    """
    from pyspark.sql import functions as F

    names = list(model.transformation.features)
    wide = today.select(*KEYS, *names)
    for day, snapshots in earlier.items():
        then = snapshots.select(*(F.col(old).alias(new) for old, new in beside_of(day, names).items()))
        wide = wide.join(then, "customer_key", "left")

    days = list(earlier)  # what workers are sent must not hold frames

    def score(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        for batch in batches:
            if batch.num_rows:
                yield scored_batch(batch, model, features, days)

    scored = with_decile(wide.mapInArrow(score, SCORED))
    return with_segments(scored.withColumn("model_version", F.lit(model_version)), today, rules)


def beside_of(day: str, names: Sequence[str]) -> dict[str, str]:
    """Column of the snapshots of an earlier day -> its name beside those of the day, for `scored_batch`."""
    return {"customer_key": "customer_key", "as_of_date": f"{day}{DATED}"} | {
        name: f"{day}#{name}" for name in names
    }


def scored_batch(
    batch: "pa.RecordBatch", model: PortableModel, features: Sequence[Feature], earlier: Sequence[str]
) -> "pa.RecordBatch":
    """The columns of SCORED for the rows of a batch.

    Args:
        batch: snapshots of the day, and beside them those of the earlier days, see `beside_of`; null without one.
        model: scores all of them.
        features: as declared today.
        earlier: the names of the earlier days.
    """
    import pyarrow as pa

    names = list(model.transformation.features)
    frame = batch.select(names).to_pandas()
    scored, contributions = scored_and_explained(frame, model, features)
    found: dict[str, Any] = {name: scored[name].to_numpy() for name in scored.columns}
    past = {day: _past(batch, day, names) for day in earlier}
    for day in EARLIER:
        found[f"probability_{day}"] = _probabilities(past.get(day), model, batch.num_rows)
    found["moved_reason"], found["moved_since"] = _moved(
        (frame, contributions), [past[day] for day in MOVED_SINCE if day in past], model, features
    )
    schema = pa.schema(
        [
            ("raw", pa.float64()),
            ("probability", pa.float64()),
            *((name, pa.string()) for name in TEXTS),
            *((f"probability_{day}", pa.float64()) for day in EARLIER),
            ("moved_since", pa.date32()),
        ]
    )
    columns = [pa.array(found[field.name], field.type, from_pandas=True) for field in schema]
    return pa.RecordBatch.from_arrays(
        [*batch.select(KEYS).columns, *columns], [*KEYS, *(field.name for field in schema)]
    )


def _past(batch: "pa.RecordBatch", day: str, names: Sequence[str]) -> "pd.DataFrame":
    """The snapshots of an earlier day and their `as_of_date`: rows of the batch whose customer has one."""
    wanted = [f"{day}{DATED}", *(f"{day}#{name}" for name in names)]
    frame: pd.DataFrame = batch.select(wanted).rename_columns(["#day", *names]).to_pandas()
    return frame.dropna(subset=["#day"])


def _probabilities(past: "pd.DataFrame | None", model: PortableModel, rows: int) -> Any:
    """The probability of each row by an earlier snapshot; NaN where there is none."""
    import numpy as np

    found = np.full(rows, np.nan)
    if past is not None and len(past):
        found[past.index] = model.score(past)["probability"]
    return found


def _moved(
    now: "tuple[pd.DataFrame, pd.DataFrame]",
    past: "Sequence[pd.DataFrame]",
    model: PortableModel,
    features: Sequence[Feature],
) -> tuple[Any, Any]:
    """What moved most since the first of the earlier days that a customer has a snapshot of, and that day."""
    import numpy as np
    import pandas as pd

    frame, contributions = now
    reason = np.full(len(frame), None, dtype=object)
    since: Any = np.full(len(frame), None, dtype=object)
    rest = frame.index
    chosen = []
    for then in past:
        chosen.append(then[then.index.isin(rest)])
        rest = rest.difference(then.index)
    then = pd.concat(chosen) if chosen else frame.iloc[:0]
    if len(then):
        rows = then.index
        told = readable(model, features)
        before = (then, model.contributions(then))
        here = (frame.loc[rows], contributions.loc[rows])
        reason[rows] = moved_reasons(here, before, told, typical_values(model))
        since[rows] = then["#day"].to_numpy()
    return reason, since
