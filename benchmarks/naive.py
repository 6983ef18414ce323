"""The same graph as one would first run it: a process per step, each with a Spark session of its own, all defaults.

Two settings of ours stay, because without them there is nothing to compare: the planner's constraint propagation is off
(on, it runs out of memory), and ANSI and the time zone decide about results. Steps run one after another: two JVMs
would not fit into the memory that the demo may take, and would wait for each other's cores.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from churn_assets.definitions import build_defs
from churn_assets.lakehouse.engine import class_archive, session
from churn_assets.lakehouse.engine.profiles import Profile
from churn_assets.settings import Settings

RESULTS = ("spark.sql.session.timeZone", "spark.sql.ansi.enabled", "spark.sql.constraintPropagation.enabled")


def _default_confs(settings: Settings, profile: Profile, jars: list[Path]) -> Mapping[str, str]:
    ours = session._common_confs(settings)
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


session.session_confs = _default_confs  # type: ignore[assignment]
class_archive.for_session = lambda *_: None  # type: ignore[assignment]


def _definitions() -> dg.Definitions:
    ours = build_defs(Settings())
    return dg.Definitions(
        assets=ours.assets,
        jobs=ours.jobs,
        resources=ours.resources,
        executor=dg.multiprocess_executor.configured({"max_concurrent": 1}),
    )


defs = _definitions()
