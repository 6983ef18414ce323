"""Numbers and sentences of the report that a whole study would not bring to light."""

import numpy as np
import pandas as pd

from churn_assets.study.report import contacted


def test_ties_are_not_broken_by_the_order_of_the_file() -> None:
    """A model that says the same of everybody finds no more churners where the file has them first."""
    labels = np.repeat([1.0, 0.0], 500)
    keys = pd.Series([f"C{at}" for at in range(1000)])
    found = dict(contacted(labels, np.zeros(1000), keys))
    assert [len(top) for top in found.values()] == [10, 50, 100, 200, 300]
    assert 0.4 < found[0.2].mean() < 0.6
