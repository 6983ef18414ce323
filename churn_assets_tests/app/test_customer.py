"""The page of a customer: each kind of customer reads well, and the what-if question answers."""

import pytest
from streamlit.testing.v1 import AppTest

from churn_assets.app.views.customer import TITLES
from churn_assets.settings import Settings
from churn_assets_tests.app.conftest import Open
from churn_assets_tests.app.told import NOBODY, OBJECTED, SCORED, publish_told


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(home=str(tmp_path_factory.mktemp("told")))
    publish_told(settings.releases_uri)
    return settings


def _texts(page: AppTest) -> str:
    kinds = (page.title, page.subheader, page.markdown, page.caption, page.info, page.warning)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\\", "")


def _fine(page: AppTest) -> str:
    assert not page.error and not page.exception
    return _texts(page)


def _headings(page: AppTest) -> list[str]:
    return [element.value for element in page.subheader]


def _figures(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def test_without_a_key_the_page_says_where_to_find_one(home: Settings, opened: Open) -> None:
    assert "Choose a customer from the list" in _fine(opened(home, "customer"))


def test_a_wrong_address_is_a_sentence(home: Settings, opened: Open) -> None:
    for wrong in (NOBODY, "x" * 2000, "' OR 1=1 --", "🙂"):
        page = opened(home, "customer", customer=wrong)
        assert "There is no customer with this key." in _fine(page)
        assert not page.metric


def test_of_who_objected_the_page_says_so_and_nothing_else(home: Settings, opened: Open) -> None:
    page = opened(home, "customer", customer=OBJECTED)
    _fine(page)
    assert [element.value for element in page.warning] == ["This customer objected to profiling."]
    assert not page.subheader and not page.metric and not page.dataframe and not page.info


def test_a_customer_with_a_score_is_told_in_full(home: Settings, opened: Open) -> None:
    page = opened(home, "customer", customer=SCORED[0])
    text = _fine(page)
    assert _headings(page) == [
        TITLES["scored"],
        "Why",
        "When they may leave",
        "Scores over time",
        "Customers like this one",
        "Month by month",
        "Contract and customer",
        "What if",
        "Contacts",
    ]
    assert "Call this week." in text and "Main cause: service." in text
    assert "Expected to stay 9.5 of the next 11 months (mean, 95 % interval 9.1 to 9.9)" in text
    assert "from 8 January 2026 to 6 February 2026" in page.metric[0].help
    assert "within 37 days" in text
