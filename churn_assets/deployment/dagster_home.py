"""The folder that Dagster keeps its runs and events in, with the settings that this project needs.

Run as `python -m churn_assets.deployment.dagster_home` to make the folder and print it, for `DAGSTER_HOME`.
"""

import os
import sys
from pathlib import Path

from churn_assets.settings import Settings

# The file of the checkout; a link here, so that it is a part of an installed package too.
SHIPPED = Path(__file__).with_name("dagster.yaml")


def prepare_dagster_home(settings: Settings) -> Path:
    """<CHURN_HOME>/dagster with the shipped dagster.yaml in it; the folder, for `DAGSTER_HOME`.

    A copy of an earlier release is replaced. A file without the line that says so is the user's, and stays.
    """
    home = settings.home_path / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    target, shipped = home / "dagster.yaml", SHIPPED.read_text()
    present = target.read_text() if target.is_file() else None
    managed = present is None or present.startswith(shipped.splitlines()[0])
    if managed and present != shipped:
        draft = home / f".dagster.yaml.{os.getpid()}"
        draft.write_text(shipped)
        draft.replace(target)
    return home


if __name__ == "__main__":
    sys.stdout.write(f"{prepare_dagster_home(Settings())}\n")
