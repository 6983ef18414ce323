"""The command `churn-assets page`."""

from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from churn_assets.cli.options import month_of_word, settings_of_process


@click.command()
@click.argument("month", type=month_of_word, metavar="YYYY-MM")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the page goes; default customers_at_risk_YYYY-MM.html in the current folder.",
)
def page(month: str, out: Path | None) -> None:
    """Write the page of a scored month as one HTML file, to print or to send.

    It shows whether the model is still good, what has changed, and who moved between segments: the same page that
    Dagster shows as metadata of monitoring/monthly_page. It holds counts only and no customer.
    """
    from churn_assets.contracts.loader import load_business
    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.monitoring.monthly_page import monthly_page
    from churn_assets.monitoring.monthly_page_facts import month_facts

    settings = settings_of_process()
    facts = month_facts(
        Lakehouse(settings), load_business(settings.business_path), month, datetime.now(UTC).date()
    )
    if facts is None:
        raise click.UsageError(f"Nobody was scored in {month}: run the jobs score and monitor for it first.")
    out = out or Path(f"customers_at_risk_{month}.html")
    out.write_text(monthly_page(facts).html(), encoding="utf-8")
    Console().print(f"Page: {out}", markup=False, soft_wrap=True)
