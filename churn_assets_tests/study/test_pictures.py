"""Pictures take any name."""

from churn_assets.reporting.figures import as_uri
from churn_assets.study.drivers import Driver, Segment
from churn_assets.study.pictures import drivers_figure, segments_figure


def test_a_column_may_be_called_like_a_formula() -> None:
    name = "fee in $ x_{ and $"
    drivers = drivers_figure([Driver(name, name, 0.5, 1.0, ())])
    assert as_uri(drivers).startswith("data:image/png")
    assert as_uri(segments_figure([Segment("high", name, 50, 0.4, 0.3)])).startswith("data:image/png")
