"""`python -m benchmarks`: cost of the demo and of a month more, the model against the truth, loading the graph."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import yaml
from rich.console import Console
from rich.table import Table

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.settings import SHIPPED_BUSINESSES, Settings

Cost = tuple[float, float]


def timed(*command: str, **env: str) -> Cost:
    """Wall and CPU seconds of a command with all its children; its output is shown only when it fails."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, env=os.environ | env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - start, cpu


def hazard_auc(settings: Settings) -> tuple[float, float]:
    """ROC-AUC of the newest model and of the true churn probability, both on its test cohort."""
    import pandas as pd
    from sklearn.metrics import roc_auc_score

    lake = Lakehouse(settings)
    last = lake.arrow(tables.TRAINING_RUNS).sort_by("trained_at").to_pylist()[-1]
    day = last["test_as_of_date"]
    labels = lake.arrow(
        tables.CHURN_LABELS, ["customer_key", "label"], [("as_of_date", "=", day)]
    ).to_pandas()
    keys = lake.arrow(tables.CUSTOMER_KEYS).to_pandas()
    truth = pd.read_parquet(settings.home_path / "truth" / "hazard.parquet")
    truth = truth[pd.to_datetime(truth["as_of_date"]) == pd.Timestamp(day)]
    joined = labels.dropna().merge(keys, on="customer_key").merge(truth, on="customer_id")
    return float(last["auc"]), float(roc_auc_score(joined["label"], joined["churn_probability"]))


def business_until(folder: Path, end: str) -> Path:
    """A copy of the telecom business whose calendar ends with `end`."""
    shutil.copytree(SHIPPED_BUSINESSES / "telecom", folder)
    file = folder / "churn.yaml"
    content = yaml.safe_load(file.read_text())
    content["calendar"]["end"] = end
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return folder


@click.command()
@click.option("--customers", default=5000, show_default=True)
def main(customers: int) -> None:
    """Print the measured figures as one table."""
    command = str(Path(sys.executable).with_name("churn-assets"))
    grid = Table("figure", "wall s", "CPU s", "remark")
    with tempfile.TemporaryDirectory(prefix="churn_bench_") as folder:
        home = Path(folder) / "home"
        whole = timed(command, "demo", "--customers", str(customers), CHURN_HOME=str(home))
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
        remark = f"largest single process {peak:.2f} GiB"
        grid.add_row(
            f"demo, {customers:,} customers x 18 months", f"{whole[0]:.0f}", f"{whole[1]:.0f}", remark
        )
        model, truth = hazard_auc(Settings(home=str(home)))
        remark = f"{model:.3f} against {truth:.3f} of the true hazard: {model / truth:.1%}"
        grid.add_row("ROC-AUC on the last mature cohort", "", "", remark)
        env = {
            "CHURN_HOME": str(home),
            "CHURN_BUSINESS": str(business_until(Path(folder) / "longer", "2026-07")),
        }
        shutil.rmtree(home / "landing")
        timed(command, "simulate", "--customers", str(customers), "--months", "19", **env)
        ingest = timed(command, "run", "ingest", "--from", "2026-07", **env)
        snapshot = timed(command, "run", "snapshot", "--from", "2026-07", **env)
        month = ingest[0] + snapshot[0], ingest[1] + snapshot[1]
        grid.add_row(
            "one month more",
            f"{month[0]:.0f}",
            f"{month[1]:.0f}",
            f"{month[1] / whole[1]:.0%} of the demo's CPU",
        )
        load = timed(sys.executable, "-c", "import churn_assets.definitions", CHURN_HOME=str(home))
        grid.add_row("loading the definitions", f"{load[0]:.1f}", f"{load[1]:.1f}", "no JVM")
    Console().print(grid)


if __name__ == "__main__":
    main()
