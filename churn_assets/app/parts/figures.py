"""One figure with its unit, its interval and its explanation."""

from streamlit.delta_generator import DeltaGenerator

from churn_assets.app.formats import UNKNOWN


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
        delta: the change since the last scored month, as text, with its sign; it says since when.
        more_is_worse: an increase is bad news.
        interval: lower and upper end of the 95 % interval.
    """
    if interval is not None:
        what = f"{what} 95 % interval: {interval[0]} to {interval[1]}."
    column.metric(
        label,
        value if value is not None else UNKNOWN,
        delta,
        delta_color="inverse" if more_is_worse else "normal",
        help=what,
        border=True,
        delta_description=f"{interval[0]} to {interval[1]}"
        if interval is not None and delta is None
        else None,
    )
