"""`python parity_stages.py PLAN`: what happens to one lake of `benchmarks.parity`, in one process, stage after stage.

The settings are those of the environment. PLAN is a JSON file, a list of stages in order:

    name: for the messages
    deliver: pairs of files, from and to
    erase: folders that are removed from the landing zone
    runs: triples of a job, its first and its last month
    refused: true when the last run must fail
    lake: where a copy of the lake is kept after the stage
"""

import json
import shutil
import sys
from pathlib import Path

from churn_assets.months import month_range
from churn_assets.runs import RunError, dagster_instance, run_job
from churn_assets.settings import Settings


class NotRefusedError(RuntimeError):
    """A run passed that had to be refused."""


def main(plan: Path) -> None:
    """Lives through the stages."""
    settings = Settings()
    with dagster_instance(settings) as instance:
        for stage in json.loads(plan.read_text(encoding="utf-8")):
            for source, target in stage["deliver"]:
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)  # tables keep the time of a file
            for folder in stage["erase"]:
                shutil.rmtree(folder)
            refused = False
            for job, first, last in stage["runs"]:
                try:
                    run_job(instance, settings, job, month_range(first, last), None)
                except RunError:
                    if not stage["refused"]:
                        raise
                    refused = True
            if refused != stage["refused"]:
                raise NotRefusedError(f"The stage {stage['name']!r} passed.")
            shutil.copytree(settings.lake_uri, stage["lake"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
