"""One finished demo for all end-to-end tests."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from churn_assets.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Demo:
    """A finished demo: its home and what it printed."""

    settings: Settings
    output: str

    @property
    def home(self) -> Path:
        """CHURN_HOME."""
        return self.settings.home_path

    @property
    def env(self) -> dict[str, str]:
        """Environment of further processes on this home."""
        return os.environ | {"CHURN_HOME": str(self.home), "DAGSTER_HOME": str(self.home / "dagster")}


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo, run once; with much fewer customers the test cohort has too few churners to judge a model by."""
    home = tmp_path_factory.mktemp("demo") / "home"
    done = subprocess.run(
        [str(Path(sys.executable).with_name("churn-assets")), "demo", "--customers", "1500"],
        env=os.environ | {"CHURN_HOME": str(home), "COLUMNS": "160"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return Demo(Settings(home=str(home)), done.stdout)
