"""What several commands share."""

import os
import re
import sys
from io import UnsupportedOperation
from typing import TYPE_CHECKING

import click
from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable

    from churn_assets.settings import Settings


FILE_COLUMNS = 100


def output() -> Console:
    """Where a command prints: the stdout of now, also while Dagster redirects it into a file of a run.

    A file or a pipe is as wide as the summary's screen, unless COLUMNS says otherwise.
    """
    try:
        descriptor = os.dup(sys.stdout.fileno())
    except UnsupportedOperation:  # somebody has put another stream in its place
        console = Console()
    else:
        own = open(descriptor, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)  # noqa: PTH123, SIM115
        console = Console(file=own)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = FILE_COLUMNS
    return console


def month_of_word(value: str) -> str:
    """A month as YYYY-MM; anything else is a usage error."""
    if not re.fullmatch(r"(?!0000)[0-9]{4}-(0[1-9]|1[0-2])", value):
        raise click.BadParameter(f"{value} is not a month; write it as YYYY-MM.")
    return value


def settings_of_process() -> "Settings":
    """The settings of this process; what is wrong with them is a usage error."""
    from churn_assets.settings import Settings

    try:
        settings = Settings()
        settings.home_path  # noqa: B018 (looks at CHURN_HOME)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return settings


SEED = click.option("--seed", default=7, show_default=True, help="Same seed, same world.")


def customers_option(default: int) -> "Callable[[Callable[..., None]], Callable[..., None]]":
    """`--customers` with a default."""
    return click.option("--customers", default=default, show_default=True, help="Customers at the start.")
