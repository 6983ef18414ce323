"""One figure with its unit, its interval and its explanation."""

from streamlit.delta_generator import DeltaGenerator

from churn_assets.app.formats import UNKNOWN

SIGNS = ("+", "-")  # how a change begins; what begins otherwise is none


def figure(
    column: DeltaGenerator,
    label: str,
    value: str | None,
    what: str,
    *,
    delta: str | None = None,
    more_is_worse: bool = False,
    interval: tuple[str, str] | None = None,
) -> None:
    """A figure.

    Args:
        column: where it stands.
        label: what it counts, with its unit.
        value: its text, from `page.formats`; None: not known.
        what: one sentence that answers "what is this?".
        delta: the change as text, with its sign (see `signed`); it says since when.
        more_is_worse: an increase is bad news.
        interval: lower and upper end of the 95 % interval.
    """
    if interval is not None:
        what = f"{what} 95 % interval: {interval[0]} to {interval[1]}."
    still = delta is not None and not delta.startswith(SIGNS)
    column.metric(
        label,
        value if value is not None else UNKNOWN,
        delta,
        delta_color="off" if still else "inverse" if more_is_worse else "normal",
        delta_arrow="off" if still else "auto",
        help=what,
        border=True,
        delta_description=f"{interval[0]} to {interval[1]}"
        if interval is not None and delta is None
        else None,
    )


def signed(difference: float, told: str) -> str:
    """The text of a change: `+12` or `-12`, and `unchanged` for none; `told` is its size."""
    return "unchanged" if difference == 0 else f"{'-' if difference < 0 else '+'}{told}"
