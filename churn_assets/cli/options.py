"""What several commands share."""

import re
from typing import TYPE_CHECKING

import click

from churn_assets.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable


def month_of_word(value: str) -> str:
    """A month as YYYY-MM; anything else is a usage error."""
    if not re.fullmatch(r"(?!0000)[0-9]{4}-(0[1-9]|1[0-2])", value):
        raise click.BadParameter(f"{value} is not a month; write it as YYYY-MM.")
    return value


def settings_of_process() -> Settings:
    """The settings of this process; what is wrong with them is a usage error."""
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
