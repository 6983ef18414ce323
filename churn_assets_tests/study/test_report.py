"""Any name may stand in the report of a study."""

import numpy as np
import pytest

from churn_assets.study.preparation import Request
from churn_assets.study.report import document, report
from churn_assets.study.study import Study, run_study
from churn_assets_tests.study.files import customers, only, write

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")

NAME = "<script>alert(1)</script>|x"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A column, its values, a leak and the file are called NAME."""
    table = customers(400).rename(columns={"contract": NAME})
    table[NAME] = table[NAME].astype(str) + NAME
    table[f"leak {NAME}"] = np.where(table["left"] == "Yes", "y", "n")
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        only(patch, "ridge_logistic_regression", "histogram_boosting")
        return run_study(Request(write(folder, table.to_csv(index=False), "<b>.csv"), "left", id="id"))


def test_names_of_the_file_are_words_and_no_markup(study: Study) -> None:
    page = report(study)
    assert "<script" not in page and "<b>.csv" not in page
    for said in ("&lt;script&gt;alert(1)&lt;/script&gt;|x", "Churn study of &lt;b&gt;.csv", "Left out."):
        assert said in page, said


def test_every_picture_of_the_report_is_drawn(study: Study) -> None:
    assert report(study).count('<img src="data:image/png;base64,') == 10
    assert [chapter.anchor for chapter in document(study).chapters][:2] == [
        "who-leaves-and-why",
        "whom-to-call",
    ]


def test_the_report_begins_with_who_leaves_and_ends_with_the_columns(study: Study) -> None:
    titles = [chapter.title for chapter in document(study).chapters]
    assert (
        titles.index("Whom to call") < titles.index("What a campaign earns") < titles.index("How good it is")
    )
    assert titles.index("How good it is") < titles.index("The columns")
    page = report(study)
    assert "Months: " in page and "leave where it is" in page
    assert "Call the riskiest tenth first" in page and "rightly spared" in page
    assert "probabilities" in page and "Kinds of customers" in page


def test_effects_tell_their_direction(study: Study) -> None:
    from churn_assets.study.effects import Effect

    found = {effect.words: effect.sentence() for effect in study.effects}
    assert found["months"].startswith("The higher months, the fewer leave: ")
    rising = Effect("price", (1.0, 2.0, 3.0), (0.1, 0.2, 0.3)).sentence()
    assert rising == "The higher price, the more leave: 10% at 1, 30% at 3."
    assert "highest around price 2" in Effect("price", (1.0, 2.0, 3.0), (0.1, 0.3, 0.1)).sentence()
    assert "hardly moves" in Effect("price", (1.0, 2.0), (0.1, 0.105)).sentence()
    assert "is b (30%)" in Effect("plan", ("a", "b"), (0.1, 0.3)).sentence()


def test_thresholds_count_every_customer_and_the_verdict_follows_the_probabilities() -> None:
    from churn_assets.study.thresholds import calibration_verdict, confusion_table, subgroup

    random = np.random.default_rng(1)
    probability = random.random(4000)
    labels = (random.random(4000) < probability).astype(float)
    table = confusion_table(labels, probability, 0.164)
    assert 0.164 in [line.threshold for line in table]
    for line in table:
        assert line.contacted + line.missed + line.spared == 4000
        assert line.hits + line.missed == labels.sum()
        assert line.contacted == (probability >= line.threshold).sum()
    assert "taken at their word" in calibration_verdict(labels, probability, 1.0)
    assert "too extreme" in calibration_verdict(labels, np.clip(2 * probability - 0.5, 0, 1), 0.5)
    assert subgroup("a", "b", labels, probability).verdict == "as predicted"
    assert subgroup("a", "b", labels, probability / 2).verdict == "predicted too low"
