"""The page Model."""

import pytest

from churn_assets.settings import Settings
from churn_assets_tests.app.conftest import Open
from churn_assets_tests.app.scored_months import CARD, status
from churn_assets_tests.app.views.conftest import Made
from churn_assets_tests.app.views.texts import boxes, figures, no_errors, text

pytestmark = pytest.mark.one_python(reason="Streamlit draws the page; other pages are drawn on each Python")


def test_it_answers_whether_the_model_can_be_trusted(months_home: Settings, opened: Open) -> None:
    page = opened(months_home, "model")
    no_errors(page)
    assert page.success[0].value.startswith(
        "**The model: all well.** Yes. For the customers of 30 November 2025"
    )
    told = figures(page)
    assert told["Right in 100 pairs (ROC-AUC)"][0] == "79.0"
    assert told["Left / expected (customers)"][0] == "9 / 9"
    assert told["Facts that differ (number)"][0] == "2 / 3"
    tenths, cohorts, drift, numbers, decisions = (part.value for part in page.dataframe)
    assert tenths["tenth"].tolist() == [*range(1, 11)]
    assert tenths.loc[0, ["predicted", "observed", "low", "high"]].tolist() == [90.0, 50.0, 25.0, 75.0]
    assert tenths["fits"].tolist() == [False] + [True] * 9
    assert "In 9 of 10 tenths of the customers of 30 November 2025" in text(page)
    assert cohorts["told"].tolist() == ["measured", "measured", "its outcomes are not known yet"]
    assert drift["status"].tolist()[:2] == ["very different", "different"]
    assert numbers["words"].tolist() == ["customers"]
    assert decisions["better"].tolist() == ["0.010 (-0.002 to 0.022)", "not compared"]
    assert decisions["previous_version"].tolist() == ["1", "nobody"]
    assert decisions["decision"].tolist() == ["took charge", "took charge"]
    assert "Judged by region." in text(page)
    assert "Is it as good between month ends?" not in [part.value for part in page.subheader]
    assert "**Model 1**, trained as of 31 October 2025, took charge" in text(page)
    assert r"\*better\*" in text(page)  # words of a release are no Markdown


@pytest.mark.parametrize(
    ("absent", "said"),
    [
        (
            "model_performance",
            "Nobody has measured the scores: monitoring/model_performance was never materialised.",
        ),
        ("drift", "Nobody has compared them: monitoring/drift was never materialised."),
        (
            "calibration",
            "Nobody has compared them by tenth: monitoring/calibration was never materialised.",
        ),
        ("champions", "No decision is known: monitoring/champions was never materialised."),
    ],
)
def test_absent_tables_are_told(made: Made, opened: Open, absent: str, said: str) -> None:
    page = opened(made(status(), without=[absent]), "model")
    no_errors(page)
    assert said in boxes(page)


def test_days_between_month_ends_are_told_where_the_card_tells_them(made: Made, opened: Open) -> None:
    days = "## Days of the month\n\n| | customers | ROC-AUC |\n| --- | --- | --- |\n| 2025-11-10 | 90 | 0.812 |\n"
    page = opened(made(status(), card=f"{CARD}\n{days}"), "model")
    no_errors(page)
    assert "Is it as good between month ends?" in [part.value for part in page.subheader]
    assert "| 2025-11-10 | 90 | 0.812 |" in text(page)


def test_a_release_without_a_card_says_so(made: Made, opened: Open) -> None:
    page = opened(made(status(), card=""), "model")
    no_errors(page)
    assert "The training left no model card." in boxes(page)
    assert any(told.startswith("The model card says nothing about fairness") for told in boxes(page))


def test_nothing_measured_yet_says_until_when(made: Made, opened: Open) -> None:
    from churn_assets_tests.app.scored_months import all_tables

    waiting = all_tables()["model_performance"].slice(2)
    page = opened(made(status(), model_performance=waiting), "model")
    no_errors(page)
    assert "is known on 9 February 2026 at the earliest" in boxes(page)[0]
    assert "No scored month gives figures yet. The table says why, and from when on." in boxes(page)
