"""The registry of candidate models. To add one, write a class in its own module and add it to CANDIDATES.

Default hyper-parameters are cautious (shallow trees, large leaves, strong penalties): a business has hundreds of
churners a month, and a search on two validation cohorts would fit their noise. The search uses earlier cohorts
(search.py).
"""

from collections.abc import Sequence
from importlib.util import find_spec

from churn_assets.ml.candidates.candidate import Candidate
from churn_assets.ml.candidates.decision_trees import DecisionTree, GradientBoostedTrees, RandomForest
from churn_assets.ml.candidates.histogram_boosting import BaggedBoosting, HistogramBoosting
from churn_assets.ml.candidates.logistic_regression import LogisticRegression
from churn_assets.ml.candidates.neural_additive import NeuralAdditive
from churn_assets.ml.candidates.xgboost import ExtremeBoosting

CANDIDATES: dict[str, Candidate] = {
    "logistic_regression": LogisticRegression(),
    "decision_tree": DecisionTree(),
    "random_forest": RandomForest(),
    "gradient_boosted_trees": GradientBoostedTrees(),
    "histogram_boosting": HistogramBoosting(),
    "extreme_boosting": ExtremeBoosting(),
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
