"""The page of a customer: each kind of customer reads well, and the what-if question answers."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from churn_assets.app.contacts import Contacted, mark
from churn_assets.app.views.customer import TITLES
from churn_assets.contracts.feature import Feature
from churn_assets.operations.audit.chain import AuditError
from churn_assets.operations.audit.verification import stored
from churn_assets.serving.release.identity import key_made_once, write_identity
from churn_assets.serving.release.words import FeatureWords
from churn_assets.settings import Settings
from churn_assets_tests.app.conftest import Open
from churn_assets_tests.app.told import (
    AS_OF,
    MARKED,
    NOBODY,
    OBJECTED,
    SCORED,
    WITHOUT,
    WORDS,
    frames,
    publish_told,
)

pytestmark = pytest.mark.one_python(reason="Streamlit draws the page; other pages are drawn on each Python")

LONG = "Long " + "o" * 2_995, " ".join(["Long", *(f"w{n}" for n in range(1_000))])  # one word, and many
ADDRESS = "a" * 242 + "@example.com"  # no address has more characters


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(home=str(tmp_path_factory.mktemp("told")))
    publish_told(settings.releases_uri)
    people = {
        "customer_id": ["C-1", "C-2", "C-3", "C-9", "C-10", "C-11"],
        "customer_key": [SCORED[0], SCORED[1], SCORED[2], OBJECTED, SCORED[10], SCORED[11]],
        "full_name": ["Zoë Müller", "Zoe Muller", "**Max** [x](y)", None, *LONG],
        "email": ["zoe@example.com", None, None, None, ADDRESS, ADDRESS],
    }
    write_identity(settings.releases_uri, pa.table(people), key_made_once(settings))
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
        f"Customer · {SCORED[0]}",
        "Why",
        "When they may leave",
        "Scores over time",
        "Customers like this one",
        "Month by month",
        "Contract and customer",
        "What if",
        "Contacts",
    ]
    assert "Call this week." in text and "Main cause, taking all values together: service." in text
    assert "Expected to stay 9.5 of the next 11 months (mean, 95 % interval 9.1 to 9.9)" in text
    assert "Expected to bring €240 of margin in the next 24 months" in text
    assert "from 8 January 2026 to 6 February 2026" in page.metric[0].help
    assert "within 37 days" in text


def test_the_page_is_that_of_the_release(home: Settings, opened: Open) -> None:
    row = frames()["customers"].set_index("customer_key").loc[SCORED[3]]
    page = opened(home, "customer", customer=SCORED[3])
    text = _fine(page)
    assert _figures(page)["Chance to leave"] == f"{row['probability']:.1%}"
    assert "**Segment:** at risk" in text and _figures(page)["Value"] == "not declared"
    for name in ("reason_1", "reason_2", "reason_3"):
        assert row[name] is None or row[name][1:] in text
    assert not page.metric[0].delta  # another model gave the score before
    scores = page.dataframe[0].value
    assert scores["probability"].tolist()[1:] == [22.0, 11.0] and scores["model_version"].tolist() == [
        "3",
        "2",
        "2",
    ]


@pytest.mark.parametrize("status", WITHOUT)
def test_a_customer_without_a_score_reads_well(home: Settings, opened: Open, status: str) -> None:
    page = opened(home, "customer", customer=WITHOUT[status])
    text = _fine(page)
    assert _headings(page) == [
        f"{TITLES[status]} · {WITHOUT[status]}",
        "Month by month",
        "Contract and customer",
        "Contacts",
    ]
    assert f"Told because of {status}." in text
    assert not page.metric and not page.slider
    if status == "former":
        assert "Ended on 5 December 2025: by choice, reason given: price." in text
        assert page.dataframe[-1].value["became"].tolist() == ["left on 5 December 2025"]
    if status == "unknown":
        assert page.dataframe[-1].value["became"].tolist() == ["not known"]


def test_facts_tell_what_is_not_given(home: Settings, opened: Open) -> None:
    page = opened(home, "customer", customer=WITHOUT["too_new"])
    told = page.dataframe[0].value.set_index("what")["value"].to_dict()
    assert told["home region"] == "not given" and told["autopay"] == "yes"
    assert told["started on"] == "1 January 2024" and told["monthly price"] == "€20.50"


def test_contacts_say_what_became_of_them(home: Settings, opened: Open) -> None:
    page = opened(home, "customer", customer=SCORED[0])
    contacts = page.dataframe[-1].value
    assert contacts["became"].tolist() == ["still there", "still there"]
    assert contacts["source"].tolist() == ["retention contacts"] * 2 and "note" not in contacts


def test_a_contact_that_was_marked_on_the_page_is_told_before_the_next_release(
    tmp_path: Path, opened: Open
) -> None:
    settings = Settings(home=str(tmp_path))
    publish_told(settings.releases_uri)
    people = pa.table({"customer_id": ["C-5"], "customer_key": [MARKED], "full_name": ["Ann Lee"]})
    write_identity(settings.releases_uri, people, key_made_once(settings))
    marked = Contacted(MARKED, "C-5", "steady", recommended=False)
    now = datetime(2026, 1, 3, 12, tzinfo=UTC)
    mark(settings, "eva", [marked], "not_reached", on=date(2026, 1, 2), scored_on=AS_OF, now=now)
    page = opened(settings, "customer", customer=MARKED)
    _fine(page)
    told = page.dataframe[-1].value
    assert told["source"].tolist() == ["this page"] * 3
    assert told["outcome"].tolist()[0] == "not reached"
    assert told["became"].tolist()[0] == "not known yet: marked after the release was made"
    assert set(told["became"].tolist()[1:]) == {"still there"}


def test_another_value_changes_the_answer_and_reset_takes_it_back(home: Settings, opened: Open) -> None:
    page = opened(home, "customer", customer=SCORED[0])
    before = _figures(page)
    assert "Move a slider" in _fine(page) and "Difference" not in before
    [tickets] = [s for s in page.select_slider if s.label.startswith("Support tickets")]
    value = 3.0 if tickets.value != 3.0 else 0.0
    tickets.set_value(value).run()
    text, after = _fine(page), _figures(page)
    assert after["Chance to leave now"] == before["Chance to leave now"] != after["With your changes"]
    assert after["Difference"].endswith("points") and f"→ {value:.0f}" in text
    assert "describes the model and not an effect" in text
    next(button for button in page.button if button.label == "Reset").click().run()
    assert "Move a slider" in _fine(page) and "Difference" not in _figures(page)


def test_a_missing_value_can_be_given(home: Settings, opened: Open) -> None:
    page = opened(home, "customer", customer=SCORED[1])
    [give] = [box for box in page.checkbox if "now unknown" in box.label]
    assert not [slider for slider in page.slider if "to try" in slider.label]
    give.check().run()
    [slider] = [slider for slider in page.slider if "to try" in slider.label]
    slider.set_value(2000).run()
    assert "unknown → 2,000" in _fine(page)


def test_without_what_the_release_may_lack_each_part_is_a_sentence(tmp_path: Path, opened: Open) -> None:
    settings = Settings(home=str(tmp_path))
    publish_told(settings.releases_uri, contacts=None, churn_events=None, segments=None, known_until=None)
    text = _fine(opened(settings, "customer", customer=SCORED[0]))
    assert "No earlier month was scored whose outcome is known" in text
    assert "Contacts are not known: contacts was never materialised." in text


def test_the_change_since_the_last_month_is_told_where_one_model_gave_both(
    tmp_path: Path, opened: Open
) -> None:
    settings, made = Settings(home=str(tmp_path)), frames()
    publish_told(settings.releases_uri, scores=made["scores"].assign(model_version="3"))
    page = opened(settings, "customer", customer=SCORED[0])
    _fine(page)
    now = made["customers"]["probability"].iloc[0]
    assert page.metric[0].delta == f"+{100 * (now - 0.22):.1f} points since 30 November 2025"


def test_the_value_is_told_per_month_with_its_tier(tmp_path: Path, opened: Open) -> None:
    settings = Settings(home=str(tmp_path))
    spent = Feature("spent_3m", "number", "value", "spent", aggregate="sum", months=3, unit="EUR")
    told = FeatureWords(spent, False, None, None, "EUR", "Sum.")
    publish_told(settings.releases_uri, value="spent_3m", words=[*WORDS, told])
    assert _figures(opened(settings, "customer", customer=SCORED[1]))["Value per month"] == "€7 (high)"


def test_a_single_scored_month_is_a_sentence(tmp_path: Path, opened: Open) -> None:
    settings, made = Settings(home=str(tmp_path)), frames()
    publish_told(settings.releases_uri, scores=made["scores"][made["scores"]["as_of_date"] == AS_OF])
    assert "No earlier month was scored for this customer." in _fine(
        opened(settings, "customer", customer=SCORED[0])
    )


def _find(page: AppTest, way: str, text: str) -> AppTest:
    page.radio(key="find_way").set_value(way)
    page.text_input(key="find_text").set_value(text)
    next(button for button in page.button if button.label == "Find").click()
    return page.run()


def _acts(settings: Settings) -> list[tuple[str, str]]:
    entries = [one.content[0] for one in stored(settings) if one.content]
    return [(entry.act, entry.subject) for entry in entries]


def test_one_hit_opens_at_once_and_the_look_is_recorded(home: Settings, opened: Open) -> None:
    before = len(_acts(home))
    page = _find(opened(home, "customer"), "own number", " C-3 ")
    assert f"Customer · {SCORED[2]}" in _fine(page) and page.text_input(key="customer").value == SCORED[2]
    assert _acts(home)[before:] == [("look_up", SCORED[2])]


def test_of_several_people_of_one_name_one_is_chosen(home: Settings, opened: Open) -> None:
    page = _find(opened(home, "customer"), "name", "muller")
    _fine(page)
    choice = page.radio(key="find_picked")
    assert [option.replace("\\", "") for option in choice.options] == [
        "Zoë Müller · zoe@example.com · C-1",
        "Zoe Muller · C-2",
    ]
    choice.set_value(choice.options[1])
    next(button for button in page.button if button.label == "Open").click()
    assert f"Customer · {SCORED[1]}" in _fine(page.run())


def test_people_who_were_found_are_not_told_again_when_the_page_is_opened_anew(
    home: Settings, opened: Open
) -> None:
    """That would be another look, which no record tells."""
    page = _find(opened(home, "customer"), "name", "muller")
    assert [radio.key for radio in page.run().radio] == ["find_way", "find_picked"]
    for place in ("model", "customer"):
        page._page_hash = calc_hash(place)
        page.run()
    assert [radio.key for radio in page.radio] == ["find_way"]


def test_nobody_found_is_a_sentence(home: Settings, opened: Open) -> None:
    page = opened(home, "customer")
    for way, text in (("own number", "C-77"), ("name", "Mull"), ("name", "' OR 1=1 --")):
        assert "Nobody is found." in _fine(_find(page, way, text))
    assert "Type a number or a name first." in _fine(_find(page, "name", "  "))


def test_who_objected_is_found_by_number_and_nothing_is_told(home: Settings, opened: Open) -> None:
    page = _find(opened(home, "customer"), "own number", "C-9")
    _fine(page)
    assert [element.value for element in page.warning] == ["This customer objected to profiling."]
    assert not page.subheader and not page.dataframe


def test_contact_data_appear_on_request_and_each_look_is_one_record(home: Settings, opened: Open) -> None:
    page = opened(home, "customer", customer=SCORED[2])
    before = len(_acts(home))
    assert "Max" not in _fine(page)
    button = next(button for button in page.button if button.label == "Show contact data")
    text = _fine(button.click().run())
    assert "**Max** [x](y)" in text and "**Email:** not known" in text
    assert _acts(home)[before:] == [("look_up", SCORED[2])]
    assert "Max" not in _fine(page.run())
    assert len(_acts(home)) == before + 1


@pytest.mark.parametrize(("number", "name"), [*enumerate(LONG, 10)], ids=["one word", "many words"])
def test_a_very_long_name_is_found_whole_and_shown_cut(
    home: Settings, opened: Open, number: int, name: str
) -> None:
    page = _find(opened(home, "customer"), "name", name)
    assert f"· {SCORED[number]}" in _fine(page)
    button = next(button for button in page.button if button.label == "Show contact data")
    text = _fine(button.click().run())
    shown = next(line for line in text.splitlines() if line.startswith("**Full name:**"))
    assert shown.rstrip().endswith("…") and len(shown) < 330
    assert ADDRESS in text, "no e-mail address is cut"
    assert "What ends with … is longer" in text


def test_very_long_names_can_be_told_apart_in_the_list_of_those_who_fit(home: Settings, opened: Open) -> None:
    page = _find(opened(home, "customer"), "name", "long")
    _fine(page)
    [picked] = [radio for radio in page.radio if radio.key == "find_picked"]
    options = [option.replace("\\", "") for option in picked.options]
    assert all(len(option) < 200 and "…" in option for option in options)
    assert [option.rpartition(" · ")[2] for option in options] == ["C-10", "C-11"]


def test_a_viewer_neither_searches_people_nor_sees_contact_data(
    home: Settings, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_APP_ROLE", "viewer")
    page = opened(home, "customer", customer=SCORED[0])
    _fine(page)
    assert {button.label for button in page.button} == {"Reset"}
    assert [field.label for field in page.text_input] == ["Customer key"]


def test_while_the_audit_cannot_record_nothing_is_shown(
    home: Settings, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AuditError("full")

    page = opened(home, "customer", customer=SCORED[2])
    monkeypatch.setattr("churn_assets.app.people.record", refuse)
    button = next(button for button in page.button if button.label == "Show contact data")
    text = _fine(button.click().run())
    assert "cannot be recorded" in text and "Max" not in text
    assert "cannot be recorded" in _fine(_find(page, "name", "muller")) and "Zoe" not in _texts(page)
