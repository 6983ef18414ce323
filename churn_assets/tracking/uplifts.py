"""Logs what was learned of the effects of offers: one run for each as_of_date, with its card."""

import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from churn_assets.reporting.blocks import Document
from churn_assets.reporting.html import html_page
from churn_assets.reporting.markdown import markdown_page
from churn_assets.tracking.finished_runs import log_finished_run
from churn_assets.tracking.tracking import DAGSTER_RUN_TAG, TRAINED_AS_OF_TAG, Tracking

UPLIFT_CARD = "uplift_card"  # stem of the files of the card


def uplift_experiment(tracking: Tracking) -> str:
    """Returns the name of the experiment of a business."""
    return f"{tracking.experiment} uplift"


def log_uplift(
    tracking: Tracking,
    dagster_run_id: str,
    day: date,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    card: Document,
    pictures: Mapping[str, bytes],
) -> str:
    """Logs the effects of the offers as learned on a day; returns the id of the run.

    Args:
        tracking: of the business.
        dagster_run_id: of the run that learned.
        day: the as_of_date.
        params: settings, and what was chosen.
        metrics: numbers.
        card: its text, of groups only: no customer_key and no rows.
        pictures: PNGs by file stem.

    Raises:
        TrackingError: MLflow does not answer, or the home was moved without its files.
        MlflowException: the server rejects the request, or the experiment was deleted.
    """
    tags = {TRAINED_AS_OF_TAG: day.isoformat(), DAGSTER_RUN_TAG: dagster_run_id}
    with tempfile.TemporaryDirectory(prefix="churn_uplift_") as folder:
        files, plots = Path(folder), Path(folder) / "plots"
        plots.mkdir()
        (files / f"{UPLIFT_CARD}.html").write_text(html_page(card, pictures), encoding="utf-8")
        paths = {name: f"plots/{name}.png" for name in pictures}
        (files / f"{UPLIFT_CARD}.md").write_text(markdown_page(card, paths), encoding="utf-8")
        for name, png in pictures.items():
            (plots / f"{name}.png").write_bytes(png)
        experiment, name = uplift_experiment(tracking), f"{tracking.experiment} uplift {day}"
        return log_finished_run(
            tracking.uri, tracking.artifacts, experiment, name, params, metrics, files, tags
        )
