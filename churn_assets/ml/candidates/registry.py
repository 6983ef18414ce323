"""The registry of candidate models. To add one, write a class in its own module and add it to CANDIDATES.

Default hyper-parameters are cautious (shallow trees, large leaves, strong penalties): a business has hundreds of
churners a month, and a search on two validation cohorts would fit their noise. The search uses earlier cohorts
(search.py). The deep shapes are for businesses whose reasons to leave depend on each other. Their values are common
ones, picked by a look at a few public files.
"""

from collections.abc import Sequence
from importlib.util import find_spec

from churn_assets.ml.candidates.candidate import Candidate
from churn_assets.ml.candidates.decision_trees import DecisionTree, GradientBoostedTrees, RandomForest
from churn_assets.ml.candidates.histogram_boosting import BaggedBoosting, HistogramBoosting
from churn_assets.ml.candidates.logistic_regression import LogisticRegression
from churn_assets.ml.candidates.neural_additive import NeuralAdditive
from churn_assets.ml.candidates.xgboost import ExtremeBoosting

STOCHASTIC_BOOSTING = ExtremeBoosting(depth=4, columns=0.3, rows=0.7, penalty=1.0, growth=5.0, bins=256)
DEEP_HISTOGRAM_BOOSTING = HistogramBoosting(
    depth=6, leaves=31, leaf_rows=10, columns=0.6, penalty=1.0, growth=4.0, bins=255
)
DEEP_STOCHASTIC_BOOSTING = ExtremeBoosting(
    depth=6, columns=0.6, rows=0.7, leaf_weight=1.0, penalty=1.0, learning_rate=0.03, growth=6.0, bins=256
)

CANDIDATES: dict[str, Candidate] = {
    "logistic_regression": LogisticRegression(),
    "decision_tree": DecisionTree(),
    "random_forest": RandomForest(),
    "gradient_boosted_trees": GradientBoostedTrees(),
    "histogram_boosting": HistogramBoosting(),
    "extreme_boosting": ExtremeBoosting(),
    "stochastic_boosting": STOCHASTIC_BOOSTING,
    "deep_histogram_boosting": DEEP_HISTOGRAM_BOOSTING,
    "deep_stochastic_boosting": DEEP_STOCHASTIC_BOOSTING,
    "bagged_boosting": BaggedBoosting(),
    "neural_additive": NeuralAdditive(),
}
# candidate -> package that it needs; the extra of the same name installs it
EXTRAS = {"neural_additive": "tensorflow"}


def require(names: Sequence[str]) -> None:
    """Check before a training that all these candidates exist and that their extras are installed.

    Raises:
        ValueError: a name is unknown, `names` is empty, or an extra is not installed; the message says what to do.
    """
    unknown = [name for name in names if name not in CANDIDATES]
    if unknown or not names:
        raise ValueError(f"candidates {unknown or 'missing'}: choose from {', '.join(CANDIDATES)}")
    for name in names:
        extra = EXTRAS.get(name)
        if extra and find_spec(extra) is None:
            raise ValueError(
                f"candidate {name} needs {extra}, which is not installed: pip install 'churn-assets[{extra}]' (in a "
                f"checkout: pip install -c constraints.txt -e '.[{extra}]'), or take the candidate out of "
                "training.candidates in churn.yaml"
            )
