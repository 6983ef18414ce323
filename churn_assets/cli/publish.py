"""The command `publish`: a release as tables of a database."""

import getpass

import click

from churn_assets.cli.options import settings_of_process
from churn_assets.counts import counted


@click.command()
@click.option(
    "--to", "target", help="postgresql://user@host:5432/database or duckdb:FILE; default: CHURN_PUBLISH_TO."
)
def publish(target: str | None) -> None:
    """Write the release in force to a database, for Power BI, Tableau, Excel, Metabase and the like.

    All rows of the schema `churn_assets` are replaced in one transaction; views that users built stay. Put the
    password in PGPASSWORD or ~/.pgpass, not in the command.
    """
    from churn_assets.serving.publication.current import publish_current
    from churn_assets.serving.publication.statements import SCHEMA

    settings = settings_of_process()
    if target is None and settings.publish_to is not None:
        target = settings.publish_to.get_secret_value()
    if target is None:
        raise click.UsageError("Name the database with --to, or set CHURN_PUBLISH_TO.")
    done = publish_current(settings, target, getpass.getuser())
    for table, rows in done.rows.items():
        click.echo(f"{SCHEMA}.{table}: {counted(rows, 'row')}")
    for table, why in done.absent.items():
        click.echo(f"{SCHEMA}.{table}: left out, {why}")
    if done.note:
        click.echo(done.note, err=True)
    click.echo(f"Published to {done.target}.")
