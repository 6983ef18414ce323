"""What a home holds before a demo begins: nothing, extracts that it uses, or those of another business."""

from pathlib import Path

import click

from churn_assets.settings import Settings, is_uri
from churn_assets.simulator.presence import has_extracts


def opening(settings: Settings, customers: int, months: int) -> str:
    """The first line of a demo: what it is about."""
    if has_extracts(Path(settings.landing_uri)):
        return (
            f"Demo: the extracts in {settings.landing_uri}, from raw files to explained segments. To simulate others, "
            "set CHURN_HOME to a new folder."
        )
    return f"Demo: {customers:,} simulated customers, {months} months, from raw files to explained segments."


def require_own_home(settings: Settings) -> None:
    """Checks that the extracts and the lake of the home are not those of another business.

    Raises:
        click.UsageError: they are: nothing of this business is there, and something else is.
    """
    there = _folders(settings.landing_uri) | _folders(f"{settings.lake_uri}/bronze")
    if not there:
        return
    from churn_assets.contracts.loader import load_business

    business = load_business(settings.business_path)
    own = {name for source in business.sources for name in (source.name, source.path)}
    # contacts have the same name in every business
    counted = {
        name
        for source in business.sources
        if source.role != "treatment"
        for name in (source.name, source.path)
    }
    if (strange := sorted(there - own)) and not there & counted:
        raise click.UsageError(
            f"{settings.home_path} is the home of another business: it holds {', '.join(strange)}, and nothing of "
            f"{business.name}. Set CHURN_HOME to a new folder, or CHURN_BUSINESS to that business."
        )


def _folders(root: str) -> set[str]:
    """The folders of a place on this machine, but for hidden ones; empty elsewhere."""
    if is_uri(root) or not Path(root).is_dir():
        return set()
    return {one.name for one in Path(root).iterdir() if one.is_dir() and not one.name.startswith((".", "_"))}
