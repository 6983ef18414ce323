"""The command `churn-assets study`: its options."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from churn_assets.cli.options import settings_of_process

if TYPE_CHECKING:
    from churn_assets.contracts.economics import Economics


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--target", required=True, metavar="COLUMN", help="Column that says who left.")
@click.option(
    "--id",
    "id_",
    metavar="COLUMN",
    help="Column that names the customer; all rows of one stay on one side of a fold.",
)
@click.option(
    "--time",
    metavar="COLUMN",
    help="Column that says when a row was observed; later rows are then judged by earlier ones.",
)
@click.option(
    "--groups",
    metavar="COLUMN",
    help="Column of groups that must stay together, such as households; not with --time.",
)
@click.option(
    "--tenure",
    metavar="COLUMN",
    help="Column that says how long each customer was there, for the retention curves; default a column of that name.",
)
@click.option(
    "--tenure-unit",
    type=click.Choice(["days", "weeks", "months", "years"]),
    help="Unit of the tenure; default by the name of its column, else months.",
)
@click.option("--positive", metavar="VALUE", help="Value of the target that means: left.")
@click.option(
    "--negative",
    metavar="VALUE",
    help='Value of the target that means: stayed, all others left; "" for a blank (a date of leaving).',
)
@click.option(
    "--leave-out",
    multiple=True,
    metavar="VALUE",
    help="Value of the target that is neither; may be repeated.",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="COLUMN",
    help="Use this column although it looks like a leak; repeatable.",
)
@click.option("--drop", multiple=True, metavar="COLUMN", help="Do not use this column; repeatable.")
@click.option("--sheet", metavar="NAME", help="Sheet of an Excel workbook; default the first with a header.")
@click.option(
    "--lifetime-value", type=float, metavar="MONEY", help="What a customer who stays is worth; default 200."
)
@click.option(
    "--offer", type=float, metavar="MONEY", help="What the incentive costs if accepted; default 10."
)
@click.option("--contact", type=float, metavar="MONEY", help="What contacting one customer costs; default 1.")
@click.option(
    "--alpha",
    type=float,
    metavar="NUMBER",
    help="With --beta: how many churners accept the offer, on average alpha / (alpha + beta); default 6.",
)
@click.option("--beta", type=float, metavar="NUMBER", help="See --alpha; default 14.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where the results go; default <file>_study beside FILE.",
)
def study(
    file: Path,
    target: str,
    id_: str | None,
    time: str | None,
    groups: str | None,
    tenure: str | None,
    tenure_unit: str | None,
    positive: str | None,
    negative: str | None,
    leave_out: tuple[str, ...],
    keep: tuple[str, ...],
    drop: tuple[str, ...],
    sheet: str | None,
    out: Path | None,
    **economics: float | None,
) -> None:
    """Study a flat file of customers: who leaves, why, how surely that can be told, and what may be wrong with it.

    FILE is any delimited text (.csv, .tsv, .txt, also .gz) or an Excel workbook (.xlsx) with a header and one row per
    customer (or per customer and moment); separator, encoding, numbers and dates are recognised. 1,000 to 5,000,000
    rows; up to 100,000 are learned from, all are scored.

    \b
    Examples:
      churn-assets study telco.csv --target Churn --id customerID
      churn-assets study status.csv --target Status --positive Churned --leave-out Joined
      churn-assets study customers.csv --target left_on --negative ""
      churn-assets study months.csv --target left --id account --time month
      churn-assets study book.xlsx --target left --sheet Customers --lifetime-value 480 --offer 25
      churn-assets study members.csv --target left --tenure weeks_here --tenure-unit weeks

    It writes report.html (one file with all pictures: who leaves and why, whom to call, what it is worth, how good the
    figures are), scored.csv (outcome, probability and up to three reasons per row) and active.csv (the rows that did
    not leave, riskiest first), and logs one MLflow run below CHURN_HOME (shown by `mlflow ui`). Columns that look like
    leaks are left out and named in the report; --keep takes one back. The probability of a row whose outcome is known
    comes from a model that did not see that row or an exact copy of it, except, with --time, in the earliest stretch:
    nothing before it could judge it (scored_by says which). Rows without an outcome that are unlike all judged ones get
    no probability. With a tenure (a column of that name, or --tenure) the report says when customers leave, and
    scored.csv how much longer each active one is expected to stay.
    """
    from churn_assets.cli.study_file import study_file
    from churn_assets.study.errors import StudyError
    from churn_assets.study.preparation import Request

    request = Request(
        file,
        target,
        id_,
        time,
        groups,
        positive,
        leave_out,
        keep,
        negative,
        _economics(economics),
        drop,
        sheet,
        tenure,
        tenure_unit,
    )
    try:
        study_file(request, out, settings_of_process(), Console())
    except StudyError as error:
        raise click.UsageError(str(error)) from error


def _economics(given: dict[str, float | None]) -> "Economics | None":
    """Returns the economics that the options give, the rest by default; None if no option was given.

    Raises:
        click.UsageError: a value that does not make sense.
    """
    from pydantic import ValidationError

    from churn_assets.contracts.economics import Economics

    values = {name: value for name, value in given.items() if value is not None}
    if not values:
        return None
    try:
        return Economics(**values)
    except ValidationError as error:
        first = error.errors()[0]
        option = "".join(f"--{str(name).replace('_', '-')}: " for name in first["loc"])
        message = str(first["msg"]).removeprefix("Value error, ")
        raise click.UsageError(f"{option}{message}") from error
