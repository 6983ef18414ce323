"""Divides the cost of the demo by what it did: simulation, tables up to the segments, training, and the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.cost import Sample
from churn_assets.graph.names import INGEST, SNAPSHOT, TRAIN
from churn_assets.lakehouse import tables
from churn_assets.runs import dagster_instance
from churn_assets.settings import Settings

TO_SEGMENTS = "ingest, snapshots, scores and segments"
SCORED = {"__".join(table.key) for table in (tables.CHURN_SCORES, tables.CUSTOMER_SEGMENTS)}


@dataclass(frozen=True)
class DemoPart:
    """A part of the demo, with the seconds that passed and the CPU seconds of all processes meanwhile."""

    name: str
    wall: float
    cpu: float


def demo_parts(home: str, samples: Sequence[Sample]) -> list[DemoPart]:
    """Returns the parts of a demo that has just run in this home; they add up to the whole.

    What one part computes beside another one, such as the engine that starts during the simulation, counts for the
    part whose time it is.
    """
    at, used = (list(values) for values in zip(*((sample.at, sample.cpu) for sample in samples), strict=True))
    spans: dict[str, list[tuple[float, float]]] = {TO_SEGMENTS: [], "training": []}
    with dagster_instance(Settings(home=home)) as instance:
        records = instance.get_run_records()
        for record in records:
            span = record.start_time or 0.0, record.end_time or 0.0
            if record.dagster_run.job_name in (INGEST, SNAPSHOT):
                spans[TO_SEGMENTS].append(span)
            elif record.dagster_run.job_name == TRAIN:
                spans["training"].append(span)
            else:
                steps = instance.get_run_step_stats(record.dagster_run.run_id)
                spans[TO_SEGMENTS] += [
                    (step.start_time or 0.0, step.end_time or 0.0)
                    for step in steps
                    if step.step_key in SCORED
                ]
    spans["start and simulation"] = [(at[0], min(record.start_time or at[-1] for record in records))]
    parts = [
        DemoPart(
            name,
            sum(end - begin for begin, end in every),
            float(sum(np.diff(np.interp(span, at, used))[0] for span in every)),
        )
        for name, every in spans.items()
    ]
    rest = at[-1] - at[0] - sum(p.wall for p in parts), used[-1] - sum(p.cpu for p in parts)
    return [*parts, DemoPart("after the segments, and between runs", *map(float, rest))]
