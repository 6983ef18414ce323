"""The command `metrics`: operational figures for Prometheus."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from churn_assets.cli.options import lakehouse_of_process

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from churn_assets.settings import Settings


@click.command()
@click.option(
    "--to",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Replace this file instead of printing: NAME.prom for the textfile collector of node_exporter.",
)
def metrics(file: Path | None) -> None:
    """Print the figures of the last steps and runs, of sources, tables and service levels as Prometheus text."""
    from datetime import UTC, datetime

    from churn_assets.contracts.loader import load_business
    from churn_assets.metrics.exposition import as_text, to_file
    from churn_assets.metrics.families import families

    lakehouse = lakehouse_of_process()
    business = load_business(lakehouse.settings.business_path)
    with _instance(lakehouse.settings) as instance:
        found = list(families(lakehouse, business, instance, datetime.now(UTC)))
    if file is None:
        click.echo(as_text(found), nl=False)
    else:
        to_file(found, file)


@contextmanager
def _instance(settings: "Settings") -> "Iterator[DagsterInstance | None]":
    """Dagster's records of this home; None before the first run."""
    import dagster as dg

    from churn_assets.deployment.dagster_home import prepare_dagster_home

    if not (settings.home_path / "dagster").is_dir():
        yield None
        return
    os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(settings))
    with dg.DagsterInstance.get() as instance:
        yield instance
