"""The same graph with default settings: a process per step, each with its own Spark session.

Some of this project's settings remain, because the runs cannot be compared without them: the planner runs out of memory
with constraint propagation, and ANSI mode and the time zone change the results. Steps run one after another: two JVMs
do not fit into the memory of the demo and would compete for its cores.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from churn_assets.definitions import build_defs
from churn_assets.lakehouse.engine import spark
from churn_assets.lakehouse.engine.profiles import Profile
from churn_assets.settings import Settings

RESULTS = ("spark.sql.session.timeZone", "spark.sql.ansi.enabled", "spark.sql.constraintPropagation.enabled")


def _default_confs(settings: Settings, profile: Profile, jars: list[Path]) -> Mapping[str, str]:
    ours = spark._common_confs(settings)
    delta = {key: ours[key] for key in ("spark.sql.extensions", "spark.sql.catalog.spark_catalog")}
    return (
        {key: ours[key] for key in RESULTS}
        | delta
        | {
            "spark.master": settings.spark_master,
            "spark.driver.extraClassPath": os.pathsep.join(map(str, jars)),
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
        }
    )


spark.session_confs = _default_confs  # type: ignore[assignment]


def _definitions() -> dg.Definitions:
    ours = build_defs(Settings())
    return dg.Definitions(
        assets=ours.assets,
        jobs=ours.jobs,
        resources=ours.resources,
        executor=dg.multiprocess_executor.configured({"max_concurrent": 1}),
    )


defs = _definitions()
