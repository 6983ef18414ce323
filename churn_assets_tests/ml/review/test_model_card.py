"""The model card: every part is there, in words, for honest and for doubtful trainings; nothing of a person is."""

import re
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser

import pandas as pd
import pytest

from churn_assets.app.queries.model import DAYS_OF_MONTH, chapter
from churn_assets.contracts.economics import Economics
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.protected import ProtectedAttribute
from churn_assets.ml.metrics.classification import Metrics
from churn_assets.ml.review.examination import Examination, ExaminationSettings, examine, pictures
from churn_assets.ml.review.model_card import CardFacts, ModelCard, model_card, points
from churn_assets.ml.review.treated_share import treated_share
from churn_assets.ml.training.result import TrainingResult
from churn_assets.ml.training.settings import TrainingSettings
from churn_assets.ml.training.split import recent_split
from churn_assets.ml.training.train import train
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.ml.synthetic import COHORTS, FEATURES, SPLIT, no_spark, training_frame

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")

SETTINGS = TrainingSettings(candidates=("histogram_boosting",))
REGION = ProtectedAttribute(source="people", column="home", words="home region")
QUESTIONS = ExaminationSettings(protected=(REGION,))
WORDS = {"usage__gb__trend": "trend of data use"}


def facts(shipped: str = "telecom") -> CardFacts:
    file = load_business(SHIPPED_BUSINESSES / shipped).file
    outcomes = {"stayed": 5000, "churned": 1200, "ended_in_gap": 33}
    return CardFacts(file, WORDS, date(2026, 1, 31), outcomes, {"seed": 7}, "run1")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    found = training_frame(customers=800)
    return found.assign(**{REGION.name: found["region"]})


@pytest.fixture(scope="module")
def result(frame: pd.DataFrame) -> TrainingResult:
    return train(frame, FEATURES, SPLIT, SETTINGS, no_spark)


@pytest.fixture(scope="module")
def found(result: TrainingResult, frame: pd.DataFrame) -> Examination:
    return examine(result, frame, QUESTIONS)


@pytest.fixture(scope="module")
def card(result: TrainingResult, found: Examination) -> ModelCard:
    return model_card(result, found, facts(), pictures(result, found, WORDS))


class Page(HTMLParser):
    """Headings, pictures and whether every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pictures: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.pictures.append(dict(attrs)["alt"] or "")
        elif tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_shows_its_pictures(card: ModelCard) -> None:
    page = Page()
    page.feed(card.html)
    assert page.open == []
    assert len(page.pictures) == 7 and len(set(page.pictures)) == 7 and all(page.pictures)
    assert "http" not in re.sub(r"data:image/png;base64,[^\"]+", "", card.html)


def test_both_forms_say_the_same(card: ModelCard, result: TrainingResult) -> None:
    for said in (
        f"{result.test.auc:.3f}",
        "Churn means: a customer's contract (subscriptions) ends by the customer's own choice, on day 8 to 37",
        "customers who had given notice",
        "ended in gap",
        "worth 400, an offer costs 12",
        "home region",
        "trend of data use",
        "Checks for leaks",
        "It is not made for decisions about a customer's price",
        "Ensembles: a single candidate makes no ensemble.",
        "histogram boosting: learning rate",
    ):
        assert said in card.markdown, said
        assert said.replace("'", "&#39;") in card.html, said
    assert "](plots/lift.png)" in card.markdown
    headings = re.findall(r"^## (.+)$", card.markdown, re.MULTILINE)
    assert headings == re.findall(r"<h2>(.+?)</h2>", card.html) and len(headings) == 12


def test_days_of_the_month_are_told_where_the_model_learned_from_some(
    result: TrainingResult, found: Examination
) -> None:
    def said(one: TrainingResult, days: dict[str, Metrics]) -> str | None:
        card = model_card(one, replace(found, days=days), facts(), {}).markdown
        return chapter(card, DAYS_OF_MONTH)  # as the page Model reads it

    assert said(result, {}) is None
    split = replace(SPLIT, midmonth=(SPLIT.train[0] + timedelta(days=10),)).refitted()
    assert "are not settled" in str(said(replace(result, split=split), {}))
    test, few = result.test, Metrics("too few positives", 90, 3, 3 / 90)
    told = str(said(result, {"2025-09-30": test, "2025-10-10": few}))
    slope = f"{test.calibration_slope:.2f} | {test.calibration_intercept:+.2f}"
    assert slope in told and "| 2025-10-10 | 90 | 3 | too few churners |" in told


def test_no_row_and_no_key_is_in_it(card: ModelCard) -> None:
    assert "key0" not in card.html + card.markdown + card.short


def test_the_short_form_is_short(card: ModelCard) -> None:
    assert len(card.short) < 2000 and "EMPC" in card.short and "`model_card.html` of run run1" in card.short
    assert "Strongest features: trend of data use" in card.short


def test_a_shared_cohort_and_few_churners_are_points_to_look_at(frame: pd.DataFrame) -> None:
    few = frame[frame["customer_key"] < "key00200"]
    result = train(few, FEATURES, recent_split(COHORTS, 7, 30), SETTINGS, no_spark)
    found = examine(result, few, QUESTIONS)
    said = points(result, found)
    assert any("also learned from the test cohort" in s for s in said)
    assert any(s.startswith(f"Only {result.test.positives} customers of the test cohort left") for s in said)
    card = model_card(result, found, facts(), pictures(result, found, WORDS))
    assert all(s in card.markdown for s in said)
    assert "each scored by a model made without them" in card.markdown


def test_a_cohort_without_churners_still_has_a_card(frame: pd.DataFrame) -> None:
    quiet = frame[(frame["as_of_date"] != SPLIT.test) | (frame["label"] == 0)]
    result = train(quiet, FEATURES, SPLIT, SETTINGS, no_spark)
    found = examine(result, quiet, QUESTIONS)
    card = model_card(result, found, facts(), pictures(result, found, WORDS))
    assert (
        "The test cohort has no figures: all did the same." in card.markdown and "None" not in card.markdown
    )


def test_a_business_without_economics_gap_or_protection_says_so(
    result: TrainingResult, found: Examination
) -> None:
    told = facts("shop")
    bare = told.business.model_copy(update={"economics": Economics()})
    bare.model_fields_set.discard("economics")
    text = model_card(result, replace(found, groups=()), replace(told, business=bare), {}).markdown
    assert "No amounts were declared, so these are the values of the literature" in text
    assert "churn.yaml names no protected attribute" in text
    shows = "a customer shows no activity (transactions where quantity > 0)"
    assert f"{shows}, on day 1 to 180 after the month end.\n" in text
    assert "notice" not in text.split("Left out at each month end")[1].split("\n")[0]


def test_names_of_a_business_are_words_and_no_markup(result: TrainingResult, found: Examination) -> None:
    name = "<script>alert(1)</script>|x"
    told = replace(facts(), words={line.feature: name for line in found.importance}, parameters={name: name})
    groups = tuple(replace(group, attribute=name, group=name) for group in found.groups)
    card = model_card(result, replace(found, groups=groups), told, pictures(result, found, told.words))
    assert card.html.count("&lt;script&gt;alert(1)&lt;/script&gt;|x") >= 6
    assert "<script" not in card.html + card.markdown + card.short
    rows = [line for line in card.markdown.splitlines() if line.startswith("|") and "script" in line]
    assert rows and all("&lt;script>alert(1)&lt;/script>\\|x" in row for row in rows)


def test_days_between_month_ends_are_told(
    result: TrainingResult, found: Examination, card: ModelCard
) -> None:
    days = (date(2025, 7, 10), date(2025, 7, 20), date(2025, 8, 10))
    learned = replace(result, split=replace(result.split, midmonth=days))
    text = model_card(learned, found, facts(), {}).markdown
    assert "as of other days of the month (10, 20), on 3 days from 2025-07-10 to 2025-08-10" in text
    assert "other days of the month" not in card.markdown


def test_the_card_tells_how_many_had_been_contacted(
    result: TrainingResult, found: Examination, frame: pd.DataFrame, card: ModelCard
) -> None:
    """A tenth of the customers was contacted in every cohort, and of the others one may have been."""
    keys = sorted(set(frame["customer_key"]))
    days = [*result.split.train, result.split.test]
    known, perhaps = ({key: set(some) for key in days} for some in (keys[::10], keys[1:2]))
    share = treated_share(result, frame, known, perhaps, 0.1, 10)
    of_train = frame[pd.to_datetime(frame["as_of_date"]).dt.date.isin(result.split.train)]
    assert (share.snapshots, share.treated) == (
        len(of_train),
        int(of_train["customer_key"].isin(keys[::10]).sum()),
    )
    assert 0 < share.untreated.n < result.test.n and share.untreated.auc is not None
    told = model_card(result, found, replace(facts(), treated=share), pictures(result, found, WORDS))
    said = f"{share.treated:,} of the {share.snapshots:,} training snapshots"
    assert said in told.html and f"ROC-AUC is {share.untreated.auc:.3f}" in told.markdown
    assert "training snapshots (" not in card.markdown, "no source tells of contacts"


def test_where_everybody_was_contacted_there_is_no_auc_of_the_others(
    result: TrainingResult, frame: pd.DataFrame
) -> None:
    everybody = {key: set(frame["customer_key"]) for key in [*result.split.train, result.split.test]}
    share = treated_share(result, frame, everybody, everybody, 0.1, 10)
    assert share.treated == share.snapshots > 0
    assert "too few left without a contact" in share.sentence and "(100.0%)" in share.sentence
