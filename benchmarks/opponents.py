"""`python -m benchmarks.opponents NAME FILE TARGET POSITIVE OUT`: one untuned learner on a flat file.

Writes the out-of-fold probabilities of five stratified folds, those of the study. Each learner has its default settings
and one thread. LightGBM, CatBoost and histogram boosting get categories as such; forest and regression get one column
per category, and the regression standardised columns.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.public_files import CACHE
from churn_assets.study.folds import FOLDS, SEED

INSTALLED = CACHE / "opponents"


def _encoded(learner: Any) -> Any:
    """Returns a pipeline with one column per category, medians for missing numbers, and standardised columns."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    names = OneHotEncoder(handle_unknown="ignore", min_frequency=10)
    kinds = [
        (numbers, make_column_selector(dtype_exclude="category")),
        (names, make_column_selector(dtype_include="category")),
    ]
    return make_pipeline(ColumnTransformer([(f"part {at}", *kind) for at, kind in enumerate(kinds)]), learner)


def _lightgbm(table: pd.DataFrame) -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_jobs=1, random_state=SEED, verbose=-1)


def _catboost(table: pd.DataFrame) -> Any:
    from catboost import CatBoostClassifier

    names = [name for name in table if table[name].dtype == "category"]
    return CatBoostClassifier(
        cat_features=names, thread_count=1, random_seed=SEED, verbose=False, allow_writing_files=False
    )


OPPONENTS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "lightgbm": _lightgbm,
    "catboost": _catboost,
    "histogram boosting": lambda table: HistGradientBoostingClassifier(
        categorical_features="from_dtype", random_state=SEED
    ),
    "random forest": lambda table: _encoded(RandomForestClassifier(random_state=SEED)),
    "logistic regression": lambda table: _encoded(LogisticRegression(max_iter=1000)),
}


def install() -> None:
    """Installs the opponents that are no dependency of the product, on the first call."""
    if not INSTALLED.is_dir():
        wanted = Path(__file__).with_name("opponents.txt")
        command = ["install", "--quiet", "--no-deps", "--target", str(INSTALLED), "-r", str(wanted)]
        subprocess.run([sys.executable, "-m", "pip", *command], check=True)


def out_of_fold(name: str, file: Path, target: str, positive: str) -> np.ndarray[Any, Any]:
    """Returns the probability of each row by a model that has not learned from it."""
    table = pd.read_csv(file)
    labels = (table.pop(target).astype(str) == positive).to_numpy(np.float64)
    for column in table.select_dtypes(exclude="number"):
        table[column] = table[column].astype(str).astype("category")
    table.columns = [f"c{at}" for at in range(table.shape[1])]  # LightGBM refuses some characters
    found = np.empty(len(labels))
    for learn, judge in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(table, labels):
        learner = OPPONENTS[name](table).fit(table.iloc[learn], labels[learn])
        found[judge] = learner.predict_proba(table.iloc[judge])[:, 1]
    return found


if __name__ == "__main__":
    name, file, target, positive, out = sys.argv[1:]
    np.save(out, out_of_fold(name, Path(file), target, positive))
