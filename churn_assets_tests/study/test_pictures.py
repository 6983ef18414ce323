"""Pictures take any name."""

from churn_assets.reporting.figures import Estimate, as_png, interval_figure, strength_figure
from churn_assets.study.drivers import Segment
from churn_assets.study.pictures import segments_figure


def test_a_column_may_be_called_like_a_formula() -> None:
    name = "fee in $ x_{ and $"
    estimates = [Estimate(name, 0.5, 0.4, 0.6), Estimate(name, None, None, None, chosen=True)]
    figures = [
        strength_figure(estimates),
        interval_figure(f"{len(estimates)} names", "x", estimates),
        segments_figure([Segment("high", name, 50, 0.4, 0.3)]),
    ]
    assert all(as_png(figure).startswith(b"\x89PNG") for figure in figures)
