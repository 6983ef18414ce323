"""Scores customers as of now, by the functions that score every customer in the morning."""

from collections.abc import Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from churn_assets.graph.checks import CheckFailed
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.engine.frames import frame_of
from churn_assets.live.overlay import Overlay
from churn_assets.live.ranks import Ranks
from churn_assets.live.rows import KEY, ByCustomer, nullable, where_in
from churn_assets.live.state import DAY, LiveState
from churn_assets.models.champions import Champion, champion_at
from churn_assets.models.decisions import decided
from churn_assets.months import add_months, month_of
from churn_assets.scores.current_scores import earlier_snapshots, require_declared
from churn_assets.scores.in_charge import model_of
from churn_assets.scores.moves import beside_of, scored_batch
from churn_assets.scores.segments import with_segment_and_action
from churn_assets.tracking.tracking import Tracking

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

    from churn_assets.ml.portable.model import PortableModel


@dataclass(frozen=True)
class InCharge:
    """The champion of a day, and its model."""

    champion: Champion
    model: "PortableModel"


@dataclass(frozen=True)
class Scored:
    """Customers as of now.

    Attributes:
        lake: the lake as of now, narrowed to these customers, with their snapshots and scores of the day.
        scores: as scores/current_scores, a row per eligible customer of those that were asked for.
    """

    lake: Overlay
    scores: "pa.Table"


class NoModelError(RuntimeError):
    """Nobody is in charge of the day, or the model cannot be used, so nothing can be scored."""


def in_charge(state: LiveState, tracking: Tracking, present: InCharge | None = None) -> InCharge:
    """The model in charge of the day of the state; the `present` one if it still is.

    Raises:
        NoModelError: there is none; or it was deleted in MLflow, or needs features that churn.yaml no longer declares.
    """
    champion = champion_at(decided(state.lakehouse), state.day)
    if champion is None:
        before = add_months(month_of(state.day), -1)
        raise NoModelError(
            f"No model is in charge of {state.day}. Train one: `churn-assets run train --from {before}`."
        )
    if present is not None and present.champion == champion:
        return present
    try:
        model = model_of(state.lakehouse, tracking, champion)
        require_declared(state.business, model, champion, state.day)
    except CheckFailed as error:
        raise NoModelError(str(error)) from error
    return InCharge(champion, model)


class LiveScorer:
    """Scores customers as of now.

    Deciles and tiers are shares of all customers. The others count with what the model gives the newest snapshot of the
    lake, or with their score of today if they were touched.

    Attributes:
        state: what is known.
        by: the model in charge.
    """

    def __init__(self, state: LiveState, by: InCharge) -> None:
        self.state, self.by = state, by
        others = self._of_the_lake()
        self._ranks = Ranks(state.customers | {*others[KEY].to_pylist()})
        self._ranks.put(others)
        names = by.model.transformation.features
        self._earlier = {
            name: ByCustomer(nullable(frame.select(KEY, DAY, *names).toArrow()))
            for name, frame in earlier_snapshots(state.lakehouse, state.day, names).items()
        }

    def score(self, keys: Set[str]) -> Scored:
        """Scores of those of these customers who are eligible now."""
        import pyarrow as pa

        state = self.state
        lake = state.lake_of(state.related(keys))
        snapshots = where_in(state.current_snapshots(state.related(keys)), KEY, keys)
        lake = lake.with_tables({tables.CURRENT_SNAPSHOT.path: self._with_earlier(lake, snapshots)})
        found = self._scored(keys, snapshots, lake.spark)
        scores = pa.concat_tables([state.earlier_scores(keys), found], promote_options="permissive")
        return Scored(lake.with_tables({tables.CURRENT_SCORES.path: scores}), found)

    def _scored(self, keys: Set[str], snapshots: "pa.Table", spark: "SparkSession") -> "pa.Table":
        """scores/current_scores of snapshots of the day."""
        import pyarrow as pa
        from pyspark.sql import functions as F

        state, by = self.state, self.by
        names, rules = by.model.transformation.features, state.business.file.segments
        wide, days = snapshots.select([KEY, DAY, *names]), list(self._earlier)
        for day, rows in self._earlier.items():
            then, named = rows.of(keys), beside_of(day, names)
            then = then.select(list(named)).rename_columns(list(named.values()))
            wide = wide.join(then, KEY, join_type="left outer")
        self._ranks.leave_out(keys)
        if not wide.num_rows:
            return tables.CURRENT_SCORES.rows([])
        scored = pa.Table.from_batches(
            scored_batch(batch, by.model, state.business.features, days)
            for batch in wide.combine_chunks().to_batches()
        )
        values = snapshots.select([KEY, rules.value.feature]).rename_columns([KEY, "value"])
        scored = scored.join(values, KEY, join_type="left outer").combine_chunks()
        self._ranks.put(scored)
        frame = frame_of(spark, self._ranks.beside(scored, rules))
        frame = with_segment_and_action(frame, rules).withColumn(
            "model_version", F.lit(by.champion.model_version)
        )
        return nullable(state.now.told.beside(frame).select(*tables.CURRENT_SCORES.types).toArrow())

    def _of_the_lake(self) -> "pa.Table":
        """customer_key, raw and value by the newest snapshot of each customer in the lake."""
        import pyarrow as pa

        scored_day, value = self.state.scored_day, self.state.business.file.segments.value.feature
        schema = pa.schema([(KEY, pa.string()), ("raw", pa.float64()), ("value", pa.float64())])
        if scored_day is None:
            return schema.empty_table()
        features = self.by.model.transformation.features
        names = list(dict.fromkeys([KEY, value, *features]))
        day: list[tuple[str, str, object]] = [(DAY, "=", scored_day)]
        rows = self.state.lakehouse.arrow(tables.CURRENT_SNAPSHOT, names, day)
        frame = rows.select(features).to_pandas()
        raw = pa.array(self.by.model.score(frame)["raw"].to_numpy())
        return pa.Table.from_arrays([rows[KEY], raw, rows[value].cast(pa.float64())], schema=schema)

    def _with_earlier(self, lake: Overlay, snapshots: "pa.Table") -> "pa.Table":
        """The snapshots of now below those of earlier days of the same customers."""
        import pyarrow as pa

        table = tables.CURRENT_SNAPSHOT
        if not lake.exists(table):
            return snapshots
        earlier = lake.arrow(table)
        return pa.concat_tables([earlier, snapshots], promote_options="permissive")
