"""Tracking loads no heavy library before it needs one, and MLflow says nothing on the console."""

import subprocess
import sys
from pathlib import Path

import pytest


def test_importing_tracking_imports_no_heavy_library() -> None:
    code = (
        "import sys, churn_assets.tracking.tracking;"
        "print([m for m in ('mlflow', 'sklearn', 'pyspark', 'matplotlib', 'dagster_mlflow') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.one_python(reason="fits models, mostly in scikit-learn")
def test_a_first_training_says_nothing_on_the_console(tmp_path: Path) -> None:
    code = (
        "import sys; from datetime import date; from churn_assets.tracking.tracking import Tracking;"
        "t = Tracking(f'sqlite:///{sys.argv[1]}/m.db', sys.argv[1] + '/a', 'b', 'm');\n"
        "with t.training_run('d', date(2025, 1, 31)): pass\n"
        "import mlflow.telemetry as telemetry; print(telemetry.get_telemetry_client())"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "None"
    assert out.stderr == ""
