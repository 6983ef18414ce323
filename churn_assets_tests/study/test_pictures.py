"""Pictures take any name."""

import numpy as np
import pandas as pd
import pytest

from churn_assets.reporting.figures import Estimate, as_png, interval_figure, strength_figure
from churn_assets.study.drivers import Driver, Segment
from churn_assets.study.effects import Effect
from churn_assets.study.pictures import distributions_figure, effects_figure, segments_figure


def test_a_column_may_be_called_like_a_formula() -> None:
    name = "fee in $ x_{ and $"
    estimates = [Estimate(name, 0.5, 0.4, 0.6), Estimate(name, None, None, None, chosen=True)]
    figures = [
        strength_figure(estimates),
        interval_figure(f"{len(estimates)} names", "x", estimates),
        segments_figure([Segment("high", name, 50, 0.4, 0.3)]),
    ]
    assert all(as_png(figure).startswith(b"\x89PNG") for figure in figures)


ROLES = (
    "Sales_Representative",
    "Laboratory_Technician",
    "Manufacturing_Director",
    "Healthcare_Representative",
)


def test_long_names_of_categories_stand_beside_their_bars() -> None:
    """At the foot of a small picture they would lie over each other."""
    effect = Effect("role", ROLES, (0.1, 0.2, 0.3, 0.4))
    values = pd.DataFrame({"role": pd.Categorical(list(ROLES) * 5)})
    driver = Driver("role", "role", 1.0, 1.0, ())
    labels = np.tile([0.0, 1.0], 10)
    for figure in (effects_figure([effect], 0.2), distributions_figure(values, labels, [driver])):
        axes = figure.axes[0]
        names = [label.get_text() for label in axes.get_yticklabels()]
        assert sorted(names) == sorted(role[:20] for role in ROLES)
        assert axes.yaxis_inverted()


@pytest.mark.parametrize(("values", "bars"), [([0, 1, 2, 9], 4), (range(100), 20)])
def test_a_number_of_few_values_has_a_bar_for_each(values: list[int], bars: int) -> None:
    """Bins between whole numbers would be empty."""
    frame = pd.DataFrame({"n": [float(value) for value in values] * 4})
    figure = distributions_figure(frame, np.arange(len(frame)) % 2 * 1.0, [Driver("n", "n", 1.0, 1.0, ())])
    outline = figure.axes[0].patches[0].get_xy()[:, 1]
    assert len(np.unique(figure.axes[0].patches[0].get_xy()[:, 0])) == bars + 1
    assert outline.max() > 0
