"""The true hazards, ends and traits, outside of the landing zone: for tests and evaluation, never for training."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.simulator.dates import NEVER, Array, to_date
from churn_assets.simulator.extracts import write_atomically
from churn_assets.simulator.forecast import AHEAD, GAP_DAYS, OUTCOME_DAYS, window_probability
from churn_assets.simulator.hazard import Regime, daily_hazard, reasons
from churn_assets.simulator.population import Population
from churn_assets.simulator.state import NON_PAYMENT, REASONS, State

MINIMUM_TENURE_DAYS = 30


class Truth:
    """Collects one record per active customer and month end.

    They are computed in a thread: most of it is arithmetic of numpy, which lets the simulation go on meanwhile.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "truth")
        self._records: list[Future[pd.DataFrame]] = []

    def record(self, state: State, people: Population, day: int, regime_on: dict[int, Regime]) -> None:
        """Records the hazard at the end of `day`; regime_on maps 0 and each day of AHEAD to the regime on that day.

        The state may change afterwards; the people may not.
        """
        then = state.at(np.arange(people.size))
        self._records.append(self._thread.submit(_record, then, people, day, regime_on))

    def hazard(self, state: State, ids: Array, last_day: int) -> pd.DataFrame:
        """One row per active customer and month end.

        Columns: customer_id, as_of_date, hazard_daily (P of deciding to leave on one day), churn_probability (of a
        voluntary end in (as_of+7, as_of+37], given no end until as_of+7; see `forecast`), voluntary_end_in_window and
        ended_in_gap (null if the history ends before the window, or the gap), in_notice, tenure_days, and
        because_<reason>: parts that add up to the log of hazard_daily before its limit.
        """
        table = pd.concat([record.result() for record in self._records], ignore_index=True)
        ended = state.ended_on[table["slot"]].astype(np.int64)
        voluntary = (state.reason[table["slot"]] >= 0) & (state.reason[table["slot"]] < NON_PAYMENT)
        after = ended - table["as_of"].to_numpy()
        in_window = voluntary & (after > GAP_DAYS) & (after <= GAP_DAYS + OUTCOME_DAYS)
        in_gap = (after > 0) & (after <= GAP_DAYS)
        seen_days = last_day - table["as_of"].to_numpy()
        return pd.DataFrame(
            {
                "customer_id": ids[table["slot"]],
                "as_of_date": [to_date(day) for day in table["as_of"]],
                "hazard_daily": table["hazard_daily"],
                "churn_probability": table["churn_probability"],
                "voluntary_end_in_window": pd.array(in_window, dtype="boolean"),
                "ended_in_gap": pd.array(in_gap, dtype="boolean"),
                "in_notice": table["in_notice"],
                "tenure_days": table["tenure_days"],
                **{name: table[name] for name in table.columns if name.startswith("because_")},
            }
        ).assign(
            voluntary_end_in_window=lambda frame: frame["voluntary_end_in_window"].mask(
                seen_days < GAP_DAYS + OUTCOME_DAYS
            ),
            ended_in_gap=lambda frame: frame["ended_in_gap"].mask(seen_days < GAP_DAYS),
        )


def _record(state: State, people: Population, day: int, regime_on: dict[int, Regime]) -> pd.DataFrame:
    slots = np.flatnonzero(state.alive)
    parts = reasons(state, people, day, regime_on[0])
    regime_of = {ahead: regime_on[ahead] for ahead in AHEAD}
    probability = window_probability(state.at(slots), people.at(slots), day, regime_of)
    return pd.DataFrame(
        {
            "slot": slots,
            "as_of": np.int32(day),
            "hazard_daily": daily_hazard(parts)[slots].astype(np.float64),
            "churn_probability": probability,
            "in_notice": state.notice_on[slots] <= day,
            "tenure_days": (day - people.joined_on[slots]).astype(np.int32),
            **{f"because_{name}": part[slots].astype(np.float32) for name, part in parts.items()},
        }
    )


def eligible(hazard: pd.DataFrame) -> pd.DataFrame:
    """Rows with a known outcome that a model scores: 30 days of tenure, not in notice, not ended in the gap."""
    known = (
        hazard["voluntary_end_in_window"].notna()
        & ~hazard["in_notice"]
        & (hazard["tenure_days"] >= MINIMUM_TENURE_DAYS)
    )
    return hazard[known & ~hazard["ended_in_gap"].astype("boolean").fillna(False).astype(bool)]


def rank_auc(score: Array, outcome: Array) -> float | None:
    """Area under the ROC curve (Mann-Whitney, ties count half); None if only one class is present."""
    positive = np.asarray(outcome, dtype=bool)
    count = int(positive.sum())
    if count in (0, len(positive)):
        return None
    ranks = pd.Series(score).rank().to_numpy()
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(positive) - count)))


def ends_table(state: State, ids: Array, history_start: int) -> pd.DataFrame:
    """Every end within the history: customer_id, decided_on (null if involuntary), ended_on, reason, voluntary."""
    slots = np.flatnonzero((state.ended_on < NEVER) & (state.ended_on >= history_start))
    slots = slots[np.lexsort((state.number[slots], state.ended_on[slots]))]
    chosen = state.reason[slots] < NON_PAYMENT
    return pd.DataFrame(
        {
            "customer_id": ids[slots],
            "decided_on": [to_date(day) if day < NEVER else None for day in state.notice_on[slots].tolist()],
            "ended_on": [to_date(day) for day in state.ended_on[slots].tolist()],
            "reason": [REASONS[code] for code in state.reason[slots].tolist()],
            "voluntary": chosen,
        }
    )


def traits_table(state: State, people: Population, ids: Array) -> pd.DataFrame:
    """The hidden traits of every delivered customer."""
    slots = np.flatnonzero(state.number > 0)
    slots = slots[np.argsort(state.number[slots], kind="stable")]
    return pd.DataFrame(
        {
            "customer_id": ids[slots],
            "price_sensitivity": people.price_sensitivity[slots],
            "service_sensitivity": people.service_sensitivity[slots],
            "heaviness": people.heaviness[slots],
            "residual": people.residual[slots],
            "persuadable": people.persuadable[slots],
        }
    )


def write_truth(folder: Path, name: str, table: pd.DataFrame) -> None:
    """Writes one truth table as <folder>/<name>.parquet."""
    arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    write_atomically(folder / f"{name}.parquet", lambda sink: pq.write_table(arrow, sink))
