"""The page At risk: the list, what is done with chosen customers, and what became of contacts."""

from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx
from streamlit.testing.v1 import AppTest

from churn_assets.app.contacts import Contacted, mark, marks
from churn_assets.app.parts.tables import TableColumn, csv
from churn_assets.app.views.acts_on_customers import UNRECORDED
from churn_assets.contracts.feature import Feature
from churn_assets.operations.audit.verification import stored
from churn_assets.serving.release.identity import key_made_once, write_identity
from churn_assets.serving.release.words import FeatureWords
from churn_assets.settings import Settings
from churn_assets_tests.app.conftest import Open
from churn_assets_tests.app.marking import BUSINESS, CONTACTS, crm, publish_contacts
from churn_assets_tests.app.opening import choose_rows
from churn_assets_tests.app.told import WORDS, frames, publish_told
from churn_assets_tests.serving.release.made import KEYS

pytestmark = pytest.mark.one_python(reason="Streamlit draws the page; other pages are drawn on each Python")

NOON = datetime(2026, 1, 9, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with a release of 150 scored customers and some contacts; tests only read it."""
    settings = Settings(home=str(tmp_path_factory.mktemp("at_risk")))
    publish_contacts(settings, CONTACTS)
    return settings


def texts(page: AppTest) -> str:
    parts = (page.caption, page.info, page.warning, page.success, page.error, page.markdown)
    return "\n".join(str(element.value) for part in parts for element in part)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noon, so that no test sees midnight pass."""
    monkeypatch.setattr("churn_assets.access.keys.now", lambda: NOON)


@pytest.fixture
def writable(tmp_path: Path) -> Settings:
    """A home of its own, for tests that mark."""
    settings = Settings(home=str(tmp_path))
    publish_contacts(settings, CONTACTS)
    return settings


def test_a_filter_in_the_address_changes_the_table(home: Settings, opened: Open) -> None:
    page = opened(home, "at_risk", risk="high")
    assert not page.error and not page.exception
    assert "15 customers, page 1 of 1." in texts(page)
    assert set(page.dataframe[0].value["risk_tier"]) == {"high"}
    page.multiselect(key="risk").set_value([]).run()
    assert "150 customers, page 1 of 6." in texts(page)


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({"segment": "nonsense"}, "Nobody has the segment 'nonsense' in this month."),
        ({"risk": "[x](https://evil.example)"}, r"Nobody has the risk '\[x\]\(https\:"),
        ({"view": "What became of contacts", "month": "![x](y)"}, r"Nobody was contacted in '\!\[x\]"),
        ({"segment": "=at risk", "risk": "high", "page": "2"}, "The list has 1 page with these filters."),
        (
            {"risk": "high", "driver": "loyalty", "attributes": "region", "of_region": "west", "page": "9"},
            "The list has 1 page with these filters.",
        ),
        ({"segment": "x" * 9000}, f"Nobody has the segment '{'x' * 59}…' in this month."),
        ({"view": "What became of contacts", "month": "1999-01"}, r"Nobody was contacted in '1999\-01'"),
    ],
)
def test_a_wrong_address_is_a_sentence(
    home: Settings, opened: Open, filters: dict[str, str], told: str
) -> None:
    page = opened(home, "at_risk", **filters)
    assert not page.error and not page.exception
    assert told in texts(page)


def test_the_list_is_shown_while_the_landing_zone_cannot_be_read(writable: Settings, opened: Open) -> None:
    (writable.home_path / "landing").mkdir()
    (writable.home_path / "landing" / "app_contacts").write_text("no folder")
    page = opened(writable, "at_risk")
    assert not page.error and not page.exception
    assert "Contacts that were marked here lately are not shown" in texts(page)
    assert len(page.dataframe[0].value) == 25


def test_a_mark_that_cannot_be_written_is_a_sentence(writable: Settings, opened: Open) -> None:
    page = choose_rows(opened(writable, "at_risk"), 0, 0)
    (writable.home_path / "landing").symlink_to("/dev/null/landing")
    page.selectbox(key="outcome").select("declined")
    page.button(key="mark").click().run()
    assert "cannot be written" in texts(page)
    assert "This page cannot be shown" not in texts(page)


def test_a_mark_that_cannot_be_recorded_is_a_sentence_without_places_of_the_server(
    writable: Settings, opened: Open
) -> None:
    page = choose_rows(opened(writable, "at_risk"), 0, 0)
    writable.audit_anchor_path.write_text("no folder")
    page.selectbox(key="outcome").select("declined")
    page.button(key="mark").click().run()
    assert [e.value for e in page.error] == [UNRECORDED]
    assert str(writable.home_path) not in texts(page)
    assert marks(writable, datetime.now(UTC).date()) == []


def test_a_contact_is_marked_and_taken_back(writable: Settings, opened: Open) -> None:
    page = choose_rows(opened(writable, "at_risk"), 0, 0, 1)
    assert "2 chosen" in [s.value for s in page.subheader]
    keys = page.dataframe[0].value["customer_key"].tolist()[:2]
    page.selectbox(key="outcome").select("declined")
    page.button(key="mark").click().run()
    assert not page.error and not page.exception, texts(page)
    assert "2 marked as contacted" in texts(page)
    today = NOON.date()
    assert sorted(m.row.outcome for m in marks(writable, today)) == ["declined"] * 2
    listed = page.dataframe[0].value["customer_key"].tolist()
    assert not {*keys} & {*listed[:25]}, "who was contacted is not called first any more"
    assert "chosen" not in " ".join(s.value for s in page.subheader), "a second click marks nobody again"
    choose_rows(page, 1, 0)
    page.button(key="take_back").click().run()
    assert not page.error and "1 taken back" in texts(page)
    assert len([m for m in marks(writable, today) if m.row.state == "made"]) == 1
    acts = [e[0].act for _, e in stored(writable) if e is not None]
    assert acts == ["contact_marked", "contact_marked", "contact_withdrawn"]


def test_a_double_click_marks_once(writable: Settings, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    page = choose_rows(opened(writable, "at_risk"), 0, 0)
    page.selectbox(key="outcome").select("declined")
    clicks = 1

    def mark_while_the_second_click_comes(*given: Any, **more: Any) -> list[str]:
        nonlocal clicks
        found = mark(*given, **more)
        context = get_script_run_ctx()
        if clicks == 1 and context is not None:
            clicks = 2
            states = WidgetStates(widgets=context.session_state.get_widget_states())
            again = RerunData(widget_states=states, page_script_hash=context.page_script_hash)
            context.script_requests.request_rerun(again)
        return found

    monkeypatch.setattr("churn_assets.app.contacts.mark", mark_while_the_second_click_comes)
    page.button(key="mark").click().run()
    assert not page.error and not page.exception and clicks == 2
    assert len(marks(writable, NOON.date())) == 1
    assert "1 marked as contacted" in texts(page)


@pytest.mark.parametrize("other", ["page", "sort", "risk"])
def test_another_list_forgets_which_rows_were_chosen(home: Settings, opened: Open, other: str) -> None:
    """Rows are chosen by their places: another customer in the same place is not chosen."""
    page = choose_rows(opened(home, "at_risk"), 0, 0, 1)
    before = page.dataframe[0].value["customer_key"].tolist()
    assert "2 chosen" in [s.value for s in page.subheader]
    if other == "page":
        page.number_input(key="page").set_value(2).run()
    elif other == "sort":
        page.selectbox(key="sort").select("key").run()
    else:
        page.multiselect(key="risk").set_value(["low"]).run()
    assert page.dataframe[0].value["customer_key"].tolist()[:2] != before[:2]
    assert "Choose rows in the table" in texts(page) and not page.subheader


def test_a_viewer_marks_nobody(home: Settings, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_APP_ROLE", "viewer")
    page = choose_rows(opened(home, "at_risk"), 0, 0)
    assert "Agents, managers and stewards can mark contacts" in texts(page)
    assert [b for b in page.button if b.key == "mark"] == []


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        ({"treatments": []}, "declares no source app_contacts"),
        (
            {"calendar": {"start": "2025-01", "end": "2025-12"}},
            "calendar of this business ended on 31 December 2025",
        ),
    ],
)
def test_what_becomes_of_a_mark_is_told_before_it_is_made(
    tmp_path: Path, opened: Open, edits: dict[str, Any], told: str
) -> None:
    settings = Settings(home=str(tmp_path))
    publish_contacts(settings, CONTACTS, BUSINESS | edits)
    assert told in texts(choose_rows(opened(settings, "at_risk"), 0, 0))


def test_without_the_key_of_the_identity_file_nobody_is_marked_and_the_page_says_why(
    writable: Settings, opened: Open
) -> None:
    (writable.home_path / "identity.key").unlink()
    page = choose_rows(opened(writable, "at_risk"), 0, 0)
    assert not page.error
    assert "Contacts cannot be marked now: the file that names the customers cannot be opened" in texts(page)


def test_without_any_source_of_contacts_nobody_is_called_uncontacted(tmp_path: Path, opened: Open) -> None:
    settings = Settings(home=str(tmp_path))
    publish_contacts(settings, [])
    assert "nobody knows who was contacted" in texts(opened(settings, "at_risk"))
    assert "No contact is known yet" in texts(opened(settings, "at_risk", view="What became of contacts"))


def test_the_view_of_contacts_tells_last_months_outcome(home: Settings, opened: Open) -> None:
    page = opened(home, "at_risk", view="What became of contacts")
    assert not page.error and not page.exception
    assert {m.label: m.value for m in page.metric} == {
        "Customers contacted": "4",
        "Left since": "1",
        "Still here": "3",
        "Not known yet": "0",
    }
    assert "not what the contacts did" in texts(page)


def test_an_agent_neither_marks_nor_exports_customers_of_others(
    writable: Settings, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_APP_ROLE", "agent")
    people = {
        "customer_id": [f"C-{n}" for n in range(200)],
        "customer_key": KEYS,
        "account_owner": ["eva"] * 200,
    }
    write_identity(writable.releases_uri, pa.table(people), key_made_once(writable))
    page = choose_rows(opened(writable, "at_risk"), 0, 0)
    page.button(key="with_people").click().run()
    assert "None of these customers is yours" in texts(page)
    page.selectbox(key="outcome").select("declined")
    page.button(key="mark").click().run()
    assert [e.value for e in page.error] == [
        "None of these customers is yours. Ask whoever looks after them, or a manager."
    ]
    assert marks(writable, NOON.date()) == []


def test_who_objected_since_is_not_listed_among_those_contacted(writable: Settings, opened: Open) -> None:
    chosen = [Contacted(KEYS[number], f"C-{number:04d}", None, False) for number in (7, 195)]
    now = datetime(2026, 1, 5, 12, tzinfo=UTC)
    mark(writable, "ada", chosen, "declined", on=now.date(), scored_on=date(2025, 12, 31), now=now)
    page = opened(writable, "at_risk", view="What became of contacts", month="2026-01")
    assert page.dataframe[1].value["customer_key"].tolist() == [KEYS[7]]


def test_several_contacts_of_few_customers_are_all_listed(tmp_path: Path, opened: Open) -> None:
    settings = Settings(home=str(tmp_path))
    rows = [crm(number, date(2025, 12, day)) for number in range(20) for day in (2, 9, 16)]
    publish_contacts(settings, rows)
    page = opened(settings, "at_risk", view="What became of contacts")
    assert len(page.dataframe[1].value) == 50
    page.number_input(key="contacts_page").set_value(2).run()
    assert len(page.dataframe[1].value) == 10
    page.number_input(key="contacts_page").set_value(3).run()
    assert not page.error and "There are 2 pages of contacts." in texts(page)


def test_an_attribute_may_be_called_like_a_filter(tmp_path: Path, opened: Open) -> None:
    settings, values = Settings(home=str(tmp_path)), frames()["snapshots"]
    named = Feature("page", "category", "profile", "page", "customers", "attribute", column="page")
    words = [*WORDS, FeatureWords(named, False, None, None, None, "Page.")]
    publish_told(settings.releases_uri, snapshots=values.assign(page=values["region"]), words=words)
    page = opened(settings, "at_risk", attributes="page", of_page="north")
    assert not page.error and not page.exception
    assert f"{(values['region'] == 'north').sum()} customers, page 1" in texts(page)


def test_the_value_is_that_of_the_other_pages_with_its_unit(tmp_path: Path, opened: Open) -> None:
    settings = Settings(home=str(tmp_path))
    spent = Feature("spent_3m", "number", "value", "spent", aggregate="sum", months=3, unit="GBP")
    words = [*WORDS, FeatureWords(spent, False, None, None, "GBP", "Sum.")]
    publish_told(settings.releases_uri, value="spent_3m", words=words)
    listed = opened(settings, "at_risk").dataframe[0]
    assert set(listed.value["worth"]) == {7.0}  # 20 in 3 months
    assert "Value (GBP per month)" in listed.proto.columns
    publish_told(settings.releases_uri, 1)
    assert "worth" not in opened(settings, "at_risk").dataframe[0].value, "no value is declared"


def test_an_export_equals_the_chosen_rows_and_contact_data_come_after_their_record(
    writable: Settings, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: list[bytes] = []

    def kept(rows: pd.DataFrame, columns: dict[str, TableColumn]) -> bytes:
        files.append(csv(rows, columns))
        return files[-1]

    monkeypatch.setattr("churn_assets.app.views.acts_on_customers.csv", kept)
    page = choose_rows(opened(writable, "at_risk"), 0, 0, 2)
    shown = page.dataframe[0].value.iloc[[0, 2]]
    page.button(key="with_people").click().run()
    assert not page.error and not page.exception
    [offered] = [b for b in page.download_button if b.key == "people_download"]
    assert "2 with contact data" in offered.label
    told = [(e[0].act, e[0].customers) for _, e in stored(writable) if e is not None]
    assert told == [("export", 2)]
    [file] = files
    rows = pd.read_csv(BytesIO(file), dtype=str)
    assert rows["Customer"].tolist() == shown["customer_key"].tolist()
    assert rows["Customer id"].tolist() == [f"C-{KEYS.index(key):04d}" for key in rows["Customer"]]
    assert rows["Main reason"].tolist() == shown["reason"].tolist()
    assert set(rows["Segment"]) == {"'=at risk"}, "no text is a formula"
    monkeypatch.setenv("CHURN_APP_ROLE", "viewer")
    page = choose_rows(opened(writable, "at_risk"), 0, 0)
    assert [b for b in page.button if b.key == "with_people"] == []


def test_a_very_long_name_is_exported_whole(
    writable: Settings, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: list[bytes] = []

    def kept(rows: pd.DataFrame, columns: dict[str, TableColumn]) -> bytes:
        files.append(csv(rows, columns))
        return files[-1]

    monkeypatch.setattr("churn_assets.app.views.acts_on_customers.csv", kept)
    name = 'Ann, "' + "o" * 3_000 + "\n" + "é"
    key = opened(writable, "at_risk").dataframe[0].value["customer_key"].tolist()[0]
    people = {"customer_id": ["C-1"], "customer_key": [key], "full_name": [name]}
    write_identity(writable.releases_uri, pa.table(people), key_made_once(writable))
    page = choose_rows(opened(writable, "at_risk"), 0, 0)
    page.button(key="with_people").click().run()
    assert not page.error and not page.exception
    [file] = files
    assert pd.read_csv(BytesIO(file), dtype=str)["Full name"].tolist() == [name]


def test_a_file_of_the_rows_is_offered_once_it_is_recorded_and_never_without(
    writable: Settings, opened: Open
) -> None:
    page = choose_rows(opened(writable, "at_risk"), 0, 0, 2)
    assert not [b for b in page.download_button if b.key == "chosen_download"]
    page.button(key="without_people").click().run()
    [offered] = [b for b in page.download_button if b.key == "chosen_download"]
    assert "2 rows" in offered.label
    told = [(e[0].act, e[0].customers) for _, e in stored(writable) if e is not None]
    assert told == [("export", 2)]
    (writable.audit_anchor_path / "key").unlink()
    page = choose_rows(opened(writable, "at_risk"), 0, 0)
    page.button(key="without_people").click().run()
    assert [e.value for e in page.error] == [UNRECORDED]
    assert not page.exception
    assert not [b for b in page.download_button if b.key == "chosen_download"]
