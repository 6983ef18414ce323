"""The trace of a run begins with the tick that asks for it."""

import dagster as dg

from churn_assets import trace
from churn_assets.graph.partitions import months_of_tags
from churn_assets.operations.log.writing import event


def traced(request: dg.RunRequest, by: str) -> dg.RunRequest:
    """The request with a trace id as tag, and a record of who asks under the same id.

    Args:
        request: of a schedule or sensor.
        by: its name.
    """
    trace_id = trace.fresh()
    first, last = months_of_tags(request.tags)
    months = (request.partition_key or first) if first == last else f"{first} to {last}"
    with trace.within(trace_id):
        event(
            "run.requested",
            f"{by} asks for a run.",
            job=request.job_name,
            months=months or None,
            key=request.run_key,
        )
    return request.with_replaced_attrs(tags={**request.tags, trace.TRACE_TAG: trace_id})
