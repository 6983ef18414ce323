"""The command `churn-assets study`: its options."""

from pathlib import Path

import click
from rich.console import Console

from churn_assets.cli.options import settings_of_process


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.csv")
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
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where report.html and scored.csv go; default <file>_study beside FILE.csv.",
)
def study(
    file: Path,
    target: str,
    id_: str | None,
    time: str | None,
    groups: str | None,
    positive: str | None,
    negative: str | None,
    leave_out: tuple[str, ...],
    keep: tuple[str, ...],
    out: Path | None,
) -> None:
    """Study a flat file of customers: who leaves, why, how surely that can be told, and what may be wrong with it.

    FILE.csv is any delimited text with a header and one row per customer (or per customer and moment); separator,
    encoding, numbers and dates are recognised. 1,000 to 5,000,000 rows; up to 100,000 are learned from, all are scored.

    \b
    Examples:
      churn-assets study telco.csv --target Churn --id customerID
      churn-assets study status.csv --target Status --positive Churned --leave-out Joined
      churn-assets study customers.csv --target left_on --negative ""
      churn-assets study months.csv --target left --id account --time month

    It writes report.html (one file with all pictures: figures with intervals, leaks, drivers, calibration, lift, money,
    segments) and scored.csv (a probability per row with three reasons), and logs one MLflow run below CHURN_HOME
    (shown by `mlflow ui`). Columns that look like leaks are left out and named in the report; --keep takes one back.
    The probability of a row whose outcome is known comes from a model that did not see that row, except, with --time,
    in the earliest stretch: nothing before it could judge it (scored_by says which).
    """
    from churn_assets.cli.study_file import study_file
    from churn_assets.study.errors import StudyError
    from churn_assets.study.preparation import Request

    request = Request(file, target, id_, time, groups, positive, leave_out, keep, negative)
    try:
        study_file(request, out, settings_of_process(), Console())
    except StudyError as error:
        raise click.UsageError(str(error)) from error
