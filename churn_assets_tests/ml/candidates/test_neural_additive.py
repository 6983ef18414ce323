"""The neural additive model: its curves are the network, no more and no less."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from churn_assets.ml.candidates import neural_additive as neural
from churn_assets.ml.candidates import registry as candidates
from churn_assets.ml.candidates.candidate import TrainingPart
from churn_assets.ml.candidates.neural_additive import NeuralAdditive, Scale, curves_of
from churn_assets.ml.portable.calibration import sigmoid
from churn_assets.ml.portable.curves import Curves
from churn_assets.ml.training.settings import TrainingSettings

RNG = np.random.default_rng(5)
ROWS = 3000
# a bend, a jump, a rare flag, a column that never changes, a long tail
MATRIX = np.column_stack(
    [
        RNG.normal(size=ROWS),
        RNG.uniform(-1, 1, size=ROWS),
        (RNG.random(ROWS) < 0.003).astype(float),
        np.full(ROWS, 7.0),
        RNG.lognormal(3, 2, size=ROWS),
    ]
)
TRUTH = -2 + 1.5 * np.abs(MATRIX[:, 0]) + 1.5 * (MATRIX[:, 1] > 0.3)
LABELS = (RNG.random(ROWS) < sigmoid(TRUTH)).astype(float)


class Network:
    """Stands for a fitted one, with weights as Keras orders them."""

    def __init__(self, width: int, first: int, second: int, rng: np.random.Generator) -> None:
        shapes = [(width, 1, first), (width, first), (width, first, second), (width, second)]
        self.weights = [rng.normal(size=shape) for shape in [*shapes, (width * second, 1), (1,)]]

    def get_weights(self) -> list[NDArray[np.float64]]:
        return self.weights

    def __call__(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        first, first_bias, second, second_bias, last, last_bias = self.weights
        hidden = np.maximum(np.einsum("bci,cio->bco", scaled[:, :, None], first) + first_bias, 0)
        hidden = np.maximum(np.einsum("bci,cio->bco", hidden, second) + second_bias, 0)
        return (hidden.reshape(len(scaled), -1) @ last + last_bias)[:, 0]


@pytest.mark.parametrize("seed", range(5))
def test_the_curves_are_the_network_exactly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale = Scale.fit(MATRIX)
    network = Network(len(scale.column), 16, 8, rng)
    curves = curves_of(network, scale, MATRIX)
    far_out = MATRIX * rng.normal(size=MATRIX.shape) * 3
    for matrix in (MATRIX, far_out):
        assert np.abs(curves.predict(matrix) - network(scale.apply(matrix))).max() < 1e-9


def test_a_column_that_never_changes_has_no_curve_and_a_rare_flag_has_one() -> None:
    scale = Scale.fit(MATRIX)
    assert scale.column.tolist() == [0, 1, 2, 4]
    assert (scale.low[2], scale.high[2]) == (0, 1)
    assert scale.high[3] < MATRIX[:, 4].max()


def test_contributions_are_heights_over_the_mean_and_add_up() -> None:
    curves = curves_of(Network(4, 6, 3, RNG), Scale.fit(MATRIX), MATRIX)
    group = np.array([0, 0, 1, 2, 3])
    contributions = curves.contributions(MATRIX, group)
    assert contributions.shape == (ROWS, 4)
    assert np.abs(contributions.sum(axis=1) + curves.expected() - curves.predict(MATRIX)).max() < 1e-9
    assert np.abs(contributions.mean(axis=0)).max() < 1e-9
    assert not contributions[:, 2].any()
    assert curves.expected() == pytest.approx(curves.predict(MATRIX).mean())


def test_curves_come_back_from_their_arrays_and_none_at_all_predict_the_start() -> None:
    curves = curves_of(Network(4, 6, 3, RNG), Scale.fit(MATRIX), MATRIX)
    assert np.array_equal(Curves.from_arrays(curves.arrays()).predict(MATRIX), curves.predict(MATRIX))
    flat = Curves.join(0.5, {}, MATRIX)
    assert flat.predict(MATRIX).tolist() == [0.5] * ROWS
    assert not flat.contributions(MATRIX, np.arange(5)).any()


def fitted(seed: int = 3) -> Any:
    return NeuralAdditive(epochs=15).fit(TrainingPart(MATRIX, LABELS, None, seed=seed))  # type: ignore[arg-type]


@pytest.mark.one_python(reason="fits in TensorFlow")
def test_it_learns_bends_and_jumps_the_same_from_the_same_seed() -> None:
    scorer = fitted()
    form = scorer.form
    assert isinstance(form, Curves)
    curve = {column: (knot, height) for column, knot, height in form.curves()}

    def rises(column: int, low: float, high: float) -> float:
        below, above = np.interp([low, high], *curve[column])
        return float(above - below)

    assert rises(0, 0.0, 1.5) > 1  # 2.25 in truth
    assert rises(0, -1.5, 0.0) < -1
    assert rises(1, 0.0, 0.6) > 0.8  # 1.5 in truth
    assert np.abs(fitted().predict(MATRIX) - scorer.predict(MATRIX)).max() < 1e-4
    assert np.abs(fitted(seed=4).predict(MATRIX) - scorer.predict(MATRIX)).max() > 1e-3


@pytest.mark.one_python(reason="fits in TensorFlow")
def test_where_nothing_varies_everybody_gets_the_mean() -> None:
    flat = np.full((100, 2), 7.0)
    part = TrainingPart(flat, np.repeat([0.0, 1.0], [80, 20]), None, seed=1)  # type: ignore[arg-type]
    assert NeuralAdditive().fit(part).probability(flat) == pytest.approx(np.full(100, 0.2))


def test_without_the_extra_it_is_refused_before_anything_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "find_spec", lambda package: None)
    with pytest.raises(ValueError, match=r"needs tensorflow.*pip install 'churn-assets\[tensorflow\]'"):
        TrainingSettings(candidates=("logistic_regression", "neural_additive"))
    TrainingSettings(candidates=("logistic_regression",))


def test_importing_the_candidates_imports_no_tensorflow() -> None:
    import subprocess
    import sys

    code = (
        f"import sys; import {neural.__name__}, {candidates.__name__}; assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
