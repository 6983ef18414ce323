"""Where a training fits its candidates: on one machine, without a JVM, unless there is a cluster or Spark is wanted."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.models.training import _engine
from churn_assets.settings import SHIPPED_BUSINESSES, Settings
from churn_assets_tests.lakes import settings_for, small_business
from churn_assets_tests.models.test_failed_checks import COHORTS, TRAINED, honest, write_cohorts
from churn_assets_tests.worlds import Lake

# trains as the asset does, loads the model from MLflow, scores, and prints which programs were started meanwhile
TRAIN = f"""
import json, sys
started = []
sys.addaudithook(lambda event, told: event == "subprocess.Popen" and started.append(f"{{told[0]}} {{told[1]}}"))
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.lakehouse import tables
from churn_assets_tests.lakes import settings_for
from churn_assets_tests.models.test_failed_checks import MODEL
from churn_assets_tests.worlds import Lake
settings = settings_for(sys.argv[1], sys.argv[2])
lake = Lake(settings, load_business(settings.business_path))
lake.succeed(MODEL, ["{TRAINED}"])
import mlflow
tracking = tracking_of(settings, lake.business)
mlflow.set_tracking_uri(tracking.uri)
model = mlflow.pyfunc.load_model(f"models:/{{tracking.model_name}}@champion")
frame = lake.lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS).to_pandas()
print(json.dumps([started, len(model.predict(frame.head(50)))]))
"""


def demo_candidates() -> list[str]:
    return list(load_business(SHIPPED_BUSINESSES / "telecom").file.training.candidates)


def trained(folder: Path, **training: object) -> tuple[list[str], list[dict[str, Any]]]:
    """Programs that a training starts, of the demo's candidates if none are named; its rows in models/training_runs."""
    rules = {"candidates": demo_candidates(), "validation_cohorts": 1, "row_limit": 10_000}
    settings = settings_for(folder, small_business(folder, training=rules | training))
    lake = Lake(settings, load_business(settings.business_path))
    write_cohorts(lake, honest, COHORTS)
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(folder), settings.business],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    started, scored = json.loads(done.stdout.splitlines()[-1])
    assert scored == 50
    return started, lake.lakehouse.arrow(tables.TRAINING_RUNS).to_pylist()


@pytest.mark.one_python(reason="fits models; tests of tracking fit and load one on each Python")
def test_the_candidates_of_the_demo_are_trained_and_loaded_without_a_jvm(tmp_path: Path) -> None:
    assert {"decision_tree", "random_forest", "gradient_boosted_trees"} <= set(demo_candidates())
    started, recorded = trained(tmp_path)
    assert len(recorded) == 1
    assert not [program for program in started if "java" in program or "spark" in program]


@pytest.mark.slow
@pytest.mark.jvm(reason="trains in Spark")
def test_with_spark_wanted_there_is_a_jvm(tmp_path: Path) -> None:
    """Of two candidates; `ml/candidates/test_candidates.py` fits each of them in Spark."""
    started, recorded = trained(tmp_path, engine="spark", candidates=["logistic_regression", "decision_tree"])
    assert len(recorded) == 1
    assert [program for program in started if "spark-submit" in program]


@pytest.mark.parametrize(
    ("wanted", "master", "engine"),
    [
        ("auto", "local[*]", "local"),
        ("auto", "local", "local"),
        ("auto", "spark://host:7077", "auto"),
        ("spark", "local[2]", "spark"),
        ("local", "yarn", "local"),
    ],
)
def test_auto_is_this_machine_unless_there_is_a_cluster(
    tmp_path: Path, wanted: str, master: str, engine: str
) -> None:
    """Of "auto" on a cluster the number of rows decides; see `engine_of`."""
    folder = small_business(tmp_path, training={"candidates": ["random_forest"], "engine": wanted})
    lakehouse = SimpleNamespace(settings=Settings(spark_master=master))
    assert _engine(SimpleNamespace(lakehouse=lakehouse, business=load_business(folder))) == engine  # type: ignore[arg-type]
