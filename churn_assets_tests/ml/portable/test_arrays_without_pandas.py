"""A row from a request gets the score and the reasons that the same row of a frame gets."""

import numpy as np
import pandas as pd
import pytest

from churn_assets.contracts.feature import Feature
from churn_assets.ml.portable.model import PortableModel
from churn_assets.ml.portable.reasons_in_words import Wording, main_drivers, reasons
from churn_assets.ml.portable.transformation import columns_of
from churn_assets.ml.training.settings import TrainingSettings
from churn_assets.ml.training.train import train
from churn_assets_tests.ml.synthetic import FEATURES, SPLIT, no_spark, training_frame

DECLARED = [Feature(name, "category" if name == "region" else "number", name[:3], name) for name in FEATURES]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Rows with missing numbers and categories, and a category that training has not seen."""
    found = training_frame(customers=300)
    found.loc[found.index[::5], FEATURES[0]] = np.nan
    categorical = next(name for name in FEATURES if found[name].dtype == object)
    found.loc[found.index[::7], categorical] = None
    found.loc[found.index[1::7], categorical] = "never seen before"
    return found


@pytest.fixture(scope="module")
def model() -> PortableModel:
    settings = TrainingSettings(("histogram_boosting",))
    return train(training_frame(customers=300), FEATURES, SPLIT, settings, no_spark).model


def test_scores_reasons_and_drivers_are_the_same(model: PortableModel, frame: pd.DataFrame) -> None:
    names = model.transformation.features
    rows = [
        {name: None if pd.isna(value) else value for name, value in row.items()}
        for row in frame[names].to_dict("records")
    ]
    columns = columns_of(model.transformation, rows)
    found = model.evaluate(columns, len(rows))
    scores, contributions = model.score_and_explain(frame)
    assert found.raw.tolist() == scores["raw"].tolist()
    assert found.probability.tolist() == scores["probability"].tolist()
    assert found.contributions.tolist() == contributions.to_numpy().tolist()
    wording = Wording(names, DECLARED, {FEATURES[0]: 1.0})
    said = wording.reasons(columns, found.contributions)
    assert said.tolist() == reasons(frame, contributions, DECLARED, {FEATURES[0]: 1.0}).tolist()
    drivers = wording.drivers(found.contributions)
    assert drivers.tolist() == main_drivers(contributions, DECLARED).tolist()


def test_a_row_alone_is_said_as_among_others(frame: pd.DataFrame, model: PortableModel) -> None:
    names = model.transformation.features
    rows = frame[names].astype(object).where(frame[names].notna(), None).to_dict("records")[:60]
    columns = columns_of(model.transformation, rows)
    found = model.evaluate(columns, len(rows))
    wording = Wording(names, DECLARED, {FEATURES[0]: 1.0})
    together = wording.reasons(columns, found.contributions).tolist()
    for at, row in enumerate(rows):
        alone = columns_of(model.transformation, [row])
        of_one = model.evaluate(alone, 1)
        assert of_one.raw[0] == found.raw[at] and of_one.probability[0] == found.probability[at]
        assert wording.reasons(alone, of_one.contributions).tolist() == [together[at]]


def test_a_text_in_place_of_a_number_is_refused(model: PortableModel) -> None:
    number = next(part.feature for part in model.transformation.parts if hasattr(part, "median"))
    with pytest.raises(ValueError, match="could not convert"):
        columns_of(model.transformation, [{number: "many"}])
