"""Options and helpers that several commands share."""

import os
import re
import shlex
import shutil
import sys
from io import UnsupportedOperation
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable

    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.settings import Settings


FILE_COLUMNS = 100
PREFIXES = {  # of variables
    "Settings": "CHURN_",
    "ApiSettings": "CHURN_API_",
    "AppSettings": "CHURN_APP_",
    "BackupSettings": "CHURN_BACKUP_",
}


def output() -> Console:
    """A console on the present stdout, which keeps printing there while Dagster redirects stdout into a file of a run.

    In a file or a pipe its width is FILE_COLUMNS, unless COLUMNS is set.
    """
    try:
        descriptor = os.dup(sys.stdout.fileno())
    except UnsupportedOperation:  # stdout was replaced by a stream without a file descriptor
        console = Console()
    else:
        own = open(descriptor, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)  # noqa: PTH123, SIM115
        console = Console(file=own)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = FILE_COLUMNS
    return console


def command() -> str:
    """How to type this program: `churn-assets`, or its path if the PATH of the shell does not lead to it."""
    ours, found = Path(sys.executable).parent / "churn-assets", shutil.which("churn-assets")
    if not ours.is_file() or (found and ours.samefile(found)):
        return "churn-assets"
    return shlex.quote(str(ours.relative_to(Path.cwd()) if ours.is_relative_to(Path.cwd()) else ours))


def month_of_word(value: str) -> str:
    """The month, if it is YYYY-MM; anything else is a usage error."""
    if not re.fullmatch(r"(?!0000)[0-9]{4}-(0[1-9]|1[0-2])", value):
        raise click.BadParameter(f"{value} is not a month; write it as YYYY-MM.")
    return value


def settings_of_process() -> "Settings":
    """The settings of this process; an invalid setting is a usage error."""
    from churn_assets.settings import Settings

    try:
        settings = Settings()
        settings.home_path  # noqa: B018 (validates CHURN_HOME)
    except ValueError as error:
        raise click.UsageError(_of_settings(error)) from error
    return settings


def _of_settings(error: ValueError) -> str:
    """What is wrong with environment variables, one sentence each, without their values: some are secrets."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    if isinstance(error, SettingsError) and (found := re.search(r'field "(\w+)"', str(error))):
        from churn_assets.service_settings import ApiSettings, AppSettings
        from churn_assets.settings import BackupSettings, Settings

        of = [m for m in (Settings, ApiSettings, AppSettings, BackupSettings) if found[1] in m.model_fields]
        name = " or ".join(PREFIXES[model.__name__] + found[1].upper() for model in of)
        return f"{name} is no JSON. Put it in single quotes, so that the shell keeps its double ones."
    if not isinstance(error, ValidationError):
        return str(error)
    told = []
    for one in error.errors(include_url=False, include_input=False, include_context=False):
        what = one["msg"].removeprefix("Value error, ")
        name, *within = map(str, one["loc"]) if one["loc"] else ("",)
        place = f"{PREFIXES[error.title]}{name.upper()}" + (f" ({', '.join(within)})" if within else "")
        told.append(f"{place}: {what[:1].lower()}{what[1:]}." if name else f"{what}.")
    return " ".join(told)


def lakehouse_of_process() -> "Lakehouse":
    """The lake of this process; an invalid setting is a usage error."""
    from churn_assets.lakehouse.lakehouse import Lakehouse

    return Lakehouse(settings_of_process())


SEED = click.option(
    "--seed",
    default=7,
    show_default=True,
    help="Seed of the simulation; the same seed gives the same customers.",
)


def customers_option(default: int) -> "Callable[[Callable[..., None]], Callable[..., None]]":
    """The option `--customers` with this default."""
    return click.option("--customers", default=default, show_default=True, help="Customers at the start.")
