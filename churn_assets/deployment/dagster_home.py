"""The folder in which Dagster keeps runs and events, with the settings that this project needs.

`python -m churn_assets.deployment.dagster_home` makes the folder and prints its path, for `DAGSTER_HOME`.
"""

import os
import sys
from pathlib import Path

from churn_assets.settings import Settings

# A link to the file of the checkout, so that an installed package contains it too.
SHIPPED = Path(__file__).with_name("dagster.yaml")


def prepare_dagster_home(settings: Settings) -> Path:
    """Makes <CHURN_HOME>/dagster with the shipped dagster.yaml in it and returns the folder, for `DAGSTER_HOME`.

    Replaces a copy of an earlier release. A file whose first line is not that of the shipped file belongs to the user
    and stays.
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
    try:
        sys.stdout.write(f"{prepare_dagster_home(Settings())}\n")
    except OSError as error:
        sys.exit(f"Error: {error.strerror}: {error.filename}. Set CHURN_HOME to a folder that you can write.")
