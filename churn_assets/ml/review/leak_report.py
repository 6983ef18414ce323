"""The leak report of a training: signs that its figures are too good, or that the test data differ from the train data.

Checks that stop a training are in leak_guards.py; the checks here run after a training, on samples, in a second or two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import MINIMUM_POSITIVES, auc_interval
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.training.leak_guards import DUPLICATE_SHARE, auc_alone, tells_shuffled_labels
from churn_assets.ml.training.learner import fold_of
from churn_assets.ml.training.result import TrainingResult
from churn_assets.ml.training.ridge_with_fixed_penalty import ridge
from churn_assets.reporting.blocks import Block, Chapter, Grid, Notice

SHOWN = 10
# Sampled rows of each part for the regressions, and for the comparison of rows; enough for AUC intervals of about 0.01.
FITTED_ROWS, COMPARED_ROWS = 5_000, 30_000
# A feature with a higher AUC alone is reported, but does not stop the training.
STRONG_ALONE = 0.85
# Months always differ a little; above this AUC train and test rows are easy to separate.
APART = 0.8
# Rows are near-duplicates if their features agree to this fraction of a standard deviation.
STEP = 0.01


class Auc(NamedTuple):
    """ROC-AUC with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class Twins:
    """Rows of the test cohort that are nearly equal to a row of another customer in the train part.

    Attributes:
        rows: number of test rows compared.
        exact: rows with an equal value in every feature.
        near: rows whose features agree to a hundredth of a standard deviation (after rounding, so pairs on both sides
            of a rounding step are missed).
        everybody, without: ROC-AUC of the model on all rows, and on those without a near twin; None if there are too
            few churners.
    """

    rows: int
    exact: int
    near: int
    everybody: Auc | None
    without: Auc | None


@dataclass(frozen=True)
class LeakReport:
    """Results of the checks. None: the check was not possible, with too few churners or customers.

    Attributes:
        alone: the strongest features with their ROC-AUC alone on the train part.
        shuffled: ROC-AUC of a tree fitted on shuffled labels; its interval should contain 0.5.
        apart: ROC-AUC of a ridge regression that separates train rows from test rows, judged on other customers.
        apart_by: the features with the highest ROC-AUC alone for the same separation, strongest first.
        twins: near-duplicates across the split.
        future: feature -> gain of its ROC-AUC by future knowledge; None if the true as-of values are not available.
    """

    alone: dict[str, float]
    shuffled: Auc | None
    apart: Auc | None
    apart_by: dict[str, float]
    twins: Twins
    future: dict[str, float] | None = None

    def findings(self) -> list[str]:
        """Returns the findings in words, each with its remedy."""
        found = [
            f"{name} alone tells churners apart with a ROC-AUC of {auc:.3f}. That is rare for something known "
            "beforehand: ask when the source writes it. If it is written when the customer leaves, take it out of "
            "churn.yaml."
            for name, auc in self.alone.items()
            if auc > STRONG_ALONE
        ]
        if self.shuffled is not None and tells_shuffled_labels(self.shuffled.low, self.shuffled.high):
            found.append(
                f"On shuffled labels the ROC-AUC is {self.shuffled} and not 0.5: rows of train and test know each "
                "other. Look for duplicates below, and for one customer under several keys in silver/customer_keys. "
                "Few or coarse features make two customers alike, too, which is harmless."
            )
        if self.apart is not None and self.apart.low > APART:
            names = ", ".join(f"{name} ({auc:.2f})" for name, auc in list(self.apart_by.items())[:3])
            found.append(
                f"Rows of the test cohort differ from earlier rows: a model separates them with a ROC-AUC of "
                f"{self.apart}, most of all by {names}. Either the customers changed, or a source did: compare those "
                "columns month by month in monitoring/drift and silver/quarantine. A feature that only increases with "
                "time identifies the month: declare it over a window."
            )
        share = self.twins.near / max(self.twins.rows, 1)
        if share > DUPLICATE_SHARE:
            compared = (
                f" The ROC-AUC is {self.twins.everybody} on all rows and {self.twins.without} without them."
                if self.twins.everybody and self.twins.without
                else ""
            )
            found.append(
                f"{self.twins.near:,} of {self.twins.rows:,} test rows ({share:.1%}) look like a train row of another "
                f"customer, {self.twins.exact:,} of them exactly.{compared} Few or coarse features make many customers "
                "alike, which is harmless; the same person under two ids is not: look for doubled ids in the source."
            )
        found += [
            f"{name} gains {gain:+.3f} of ROC-AUC by knowing the future: its value is the present one and not the one "
            "known at the as_of date. Take it from a source with history."
            for name, gain in (self.future or {}).items()
            if gain > 0.02
        ]
        return found

    def blocks(self) -> list[Block]:
        """The report without its heading."""
        found: list[Block] = [Notice(words) for words in self.findings()]
        if not found:
            found.append("The data shows nothing that would make the figures too good.")
        rows = [
            (
                "shuffled labels: should be near 0.5",
                str(self.shuffled) if self.shuffled else "too few churners",
            ),
            (
                "train rows against test rows: 0.5 means no difference",
                str(self.apart) if self.apart else "train and test share their cohorts",
            ),
            (
                "test rows that look like another customer's train row",
                f"{self.twins.near:,} of {self.twins.rows:,} ({self.twins.exact:,} exactly)",
            ),
        ]
        found.append(Grid(("check", "result"), rows, "ll"))
        found.append(
            Grid(
                ("strongest features alone", "ROC-AUC"), [(n, f"{auc:.3f}") for n, auc in self.alone.items()]
            )
        )
        if self.apart_by:
            told = [(n, f"{auc:.3f}") for n, auc in self.apart_by.items()]
            found.append(Grid(("tell train rows from test rows", "ROC-AUC"), told))
        if self.future is not None:
            gains = [(n, f"{gain:+.3f}") for n, gain in self.future.items()]
            found.append(Grid(("gain by knowing the future", "ROC-AUC"), gains))
        return found

    def chapter(self) -> Chapter:
        """The report as a chapter of a document."""
        return Chapter("Checks for leaks", self.blocks())

    def metrics(self) -> dict[str, float]:
        """Numbers for MLflow."""
        found: dict[str, float] = {
            "leaks.findings": len(self.findings()),
            "leaks.near_twins": self.twins.near,
        }
        for name, auc in (("shuffled", self.shuffled), ("apart", self.apart)):
            if auc is not None:
                found |= {f"leaks.{name}_auc": auc.value, f"leaks.{name}_auc_low": auc.low}
                found[f"leaks.{name}_auc_high"] = auc.high
        return found


def leak_report(
    result: TrainingResult, frame: pd.DataFrame, seed: int, future: Mapping[str, float] | None = None
) -> LeakReport:
    """Check a finished training for leaks.

    Args:
        frame: the training frame; see `train`.
        seed: of samples and shuffles.
        future: result of `future_gains`, if the true as-of values are available.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    days = pd.to_datetime(frame["as_of_date"])
    tests = result.tested_in(frame)
    train, test = frame[days.isin(pd.to_datetime(list(result.split.train))) & ~tests], frame[tests]
    transformation = result.model.transformation
    few, tested = (_sample(part, FITTED_ROWS, seed) for part in (train, test))
    earlier, later = (_sample(part, COMPARED_ROWS, seed) for part in (train, test))
    matrices = transformation.transform(few), transformation.transform(tested)
    strongest = sorted(result.alone.items(), key=lambda item: -item[1])[:SHOWN]
    with threadpool_limits(limits=1):  # for such small fits threads cost more than they save
        shuffled = _shuffled(earlier, later, transformation, seed)
        apart = _apart(few, tested, *matrices)
    return LeakReport(
        alone=dict(strongest),
        shuffled=shuffled,
        apart=apart,
        apart_by=_apart_by(few, tested, transformation.features),
        twins=_twins(result, earlier, later),
        future=dict(future) if future is not None else None,
    )


def _sample(part: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    return part if len(part) <= rows else part.sample(rows, random_state=seed)


def _shuffled(
    train: pd.DataFrame, test: pd.DataFrame, transformation: Transformation, seed: int
) -> Auc | None:
    """ROC-AUC of a tree that memorises every train row, fitted and judged on shuffled labels.

    Equal rows of exactly two customers, who may be one person under two ids, get one common label, so the tree
    recognises them in the test cohort. Rows shared by more customers come from coarse features; each of these, and each
    row of one customer only, gets a label of its own.
    """
    from sklearn.tree import ExtraTreeRegressor

    matrices = [transformation.transform(part) for part in (train, test)]
    rows = pd.DataFrame(np.vstack(matrices))
    row = pd.factorize(pd.util.hash_pandas_object(rows, index=False))[0]
    keys, labels = (pd.concat([train[name], test[name]]) for name in ("customer_key", "label"))
    customers = keys.groupby(row).transform("nunique").to_numpy()
    holder = np.where(customers == 2, row, len(rows) + np.arange(len(rows)))
    _, first, holder = np.unique(holder, return_index=True, return_inverse=True)
    shuffled = np.random.default_rng(seed).permutation(labels.to_numpy(np.float64)[first])[holder]
    learned, judged = shuffled[: len(train)], shuffled[len(train) :]
    if any(min(part.sum(), (1 - part).sum()) < MINIMUM_POSITIVES for part in (learned, judged)):
        return None
    tree = ExtraTreeRegressor(random_state=seed).fit(matrices[0], learned)
    return Auc(*auc_interval(judged, tree.predict(matrices[1])))


def _apart(
    train: pd.DataFrame,
    test: pd.DataFrame,
    train_matrix: NDArray[np.float64],
    test_matrix: NDArray[np.float64],
) -> Auc | None:
    """ROC-AUC of the part (train or test) of a row, fitted on half of the customers and judged on the other half."""
    matrix = np.vstack([train_matrix, test_matrix])
    later = np.repeat([0.0, 1.0], [len(train), len(test)])
    # `// 2` and not `% 2`: `Split.halved` divides the test cohort by `% 2`
    half = fold_of(pd.concat([train["customer_key"], test["customer_key"]])) // 2
    score = np.empty(len(matrix))
    for side in (0, 1):
        learn = half != side
        if min(later[learn].sum(), (1 - later[learn]).sum()) < MINIMUM_POSITIVES:
            return None
        score[~learn] = ridge(matrix[learn], later[learn]).predict(matrix[~learn])
    return Auc(*auc_interval(later, score))


def _apart_by(train: pd.DataFrame, test: pd.DataFrame, features: Sequence[str]) -> dict[str, float]:
    rows = pd.concat([train, test], ignore_index=True)
    later = np.repeat([0.0, 1.0], [len(train), len(test)])
    alone = {name: auc_alone(rows[name], later) for name in features}
    return dict(sorted(alone.items(), key=lambda item: -item[1])[:SHOWN])


def _twins(result: TrainingResult, train: pd.DataFrame, test: pd.DataFrame) -> Twins:
    transformation = result.model.transformation
    ours, theirs = (transformation.transform(part) for part in (test, train))
    spread = np.vstack([ours, theirs]).std(axis=0)
    varying = spread > 0
    ours, theirs, spread = ours[:, varying], theirs[:, varying], spread[varying]
    keys, others = (part["customer_key"].to_numpy(object) for part in (test, train))
    exact = _has_twin(ours, keys, theirs, others)
    step = STEP * spread
    near = _has_twin(np.round(ours / step), keys, np.round(theirs / step), others)
    scored = test[["customer_key"]].merge(
        result.judged[pd.to_datetime(result.judged["as_of_date"]) == pd.Timestamp(result.split.test)],
        on="customer_key",
    )
    return Twins(
        len(test), int(exact.sum()), int(near.sum()), _auc_of(scored), _auc_of(scored[~near].reset_index())
    )


def _has_twin(
    rows: NDArray[np.float64],
    keys: NDArray[np.object_],
    others: NDArray[np.float64],
    other_keys: NDArray[np.object_],
) -> NDArray[np.bool_]:
    """Per row, True if `others` contains an equal row of another customer."""
    if not rows.shape[1] or not len(others):
        return np.zeros(len(rows), dtype=bool)
    hashed, theirs = (pd.util.hash_pandas_object(pd.DataFrame(m), index=False) for m in (rows, others))
    seen = pd.DataFrame({"row": theirs.to_numpy(), "key": other_keys}).drop_duplicates()
    customers = seen["row"].value_counts()
    own = pd.MultiIndex.from_arrays([hashed.to_numpy(), keys]).isin(pd.MultiIndex.from_frame(seen))
    found: NDArray[np.bool_] = hashed.map(customers).fillna(0).to_numpy() > own
    return found


def _auc_of(scored: pd.DataFrame) -> Auc | None:
    labels = scored["label"].to_numpy(np.float64)
    if min(labels.sum(), (1 - labels).sum()) < MINIMUM_POSITIVES:
        return None
    return Auc(*auc_interval(labels, scored["raw"].to_numpy(np.float64)))


def future_gains(
    recorded: pd.DataFrame, as_of: pd.DataFrame, labels: NDArray[np.float64], features: list[str]
) -> dict[str, float]:
    """Returns feature -> gain: its ROC-AUC alone with recorded values minus that with true as-of values, largest first.

    Args:
        recorded, as_of: the same customers in the same order: values in the training, and values truly known at the
            as_of date.
        labels: 0 or 1 per row, both present.

    Raises:
        KeyError: a feature is not a column of one of the frames.
    """
    gains = {name: auc_alone(recorded[name], labels) - auc_alone(as_of[name], labels) for name in features}
    return dict(sorted(gains.items(), key=lambda item: -item[1]))
