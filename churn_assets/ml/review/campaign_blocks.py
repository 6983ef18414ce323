"""Document blocks on the reach and profit of a campaign, shared by the study's report and the model card."""

from collections.abc import Sequence

from churn_assets.contracts.economics import Economics
from churn_assets.ml.metrics.campaign import Reached
from churn_assets.reporting.blocks import Grid


def reached_grid(reached: Sequence[Reached]) -> Grid:
    """Returns a table with a row per share contacted."""
    rows = [
        (
            f"riskiest {r.share:.0%}",
            f"{r.customers:,}",
            f"{r.precision:.1%}",
            f"{r.precision_low:.1%} to {r.precision_high:.1%}",
            f"{r.capture:.1%}",
            f"{r.lift:.2f}",
        )
        for r in reached
    ]
    return Grid(("contacted", "customers", "of them left", "95 %", "of all churners", "lift"), rows)


def assumptions(economics: Economics, declared_in: str | None) -> str:
    """Returns the economics of a campaign in words, and their source.

    Args:
        declared_in: where the amounts come from; None if they are the defaults.
    """
    source = (
        f"The amounts are those of {declared_in}."
        if declared_in
        else "No amounts were declared, so these are the values of the literature: read the shape, not the amount."
    )
    return (
        f"Assumed: a customer who stays is worth {economics.lifetime_value:g}, an offer costs {economics.offer:g}, a "
        f"contact costs {economics.contact:g}, and {economics.acceptance:.0%} of the churners who get an offer accept "
        f"it and stay. A contact pays from a churn probability of {economics.break_even:.1%} on. {source}"
    )
