"""The work list: what it shows against an independent computation, and the page on which contacts are marked."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx
from streamlit.testing.v1 import AppTest

from churn_assets.app.contacts import SOURCE, Contacted, mark, marks
from churn_assets.app.queries.at_risk import (
    ORDERS,
    Filters,
    attributes,
    choices,
    range_of,
    values_of,
    work_list,
)
from churn_assets.app.queries.contacts import NOTHING, Fresh, Pending, became, contacted_in, months, share
from churn_assets.app.store import ReleaseHolder, ReleaseStore
from churn_assets.app.views.acts_on_customers import UNRECORDED
from churn_assets.contracts.feature import Feature
from churn_assets.operations.audit.verification import stored
from churn_assets.reporting.words import short
from churn_assets.serving.release.words import FeatureWords
from churn_assets.settings import Settings
from churn_assets_tests.api.releases import tables
from churn_assets_tests.app.conftest import Open
from churn_assets_tests.app.marking import BUSINESS, crm, marked, publish_contacts
from churn_assets_tests.app.opening import choose_rows
from churn_assets_tests.app.told import WORDS, frames, publish_told
from churn_assets_tests.serving.release.made import KEYS

CONTACTS = [
    crm(0, date(2025, 12, 20)),
    crm(1, date(2025, 12, 21), arm="control"),
    crm(2, date(2025, 10, 1), left_on=date(2025, 11, 3)),
    crm(3, date(2025, 12, 2), left_on=date(2025, 12, 30)),
    marked(4, date(2025, 12, 22), "m4", "accepted"),
    marked(5, date(2025, 12, 22), "m5", "declined", state="withdrawn"),
    marked(6, date(2025, 12, 23), "m6", "declined"),
]
NOON = datetime(2026, 1, 9, 12, tzinfo=UTC)
RECENT = {KEYS[0], KEYS[3], KEYS[4], KEYS[6]}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with a release of 150 scored customers and some contacts; tests only read it."""
    settings = Settings(home=str(tmp_path_factory.mktemp("at_risk")))
    publish_contacts(settings, CONTACTS)
    return settings


@pytest.fixture(scope="module")
def store(home: Settings) -> ReleaseStore:
    found = ReleaseHolder(home).store()
    assert found is not None
    return found


def people() -> pd.DataFrame:
    """The scored customers with their attributes, by pandas alone."""
    held = {name: table.to_pandas() for name, table in tables().items()}
    rows = held["customers"].merge(held["snapshots"].drop(columns="as_of_date"), on="customer_key")
    return rows[rows["status"] == "scored"]


def everybody(store: ReleaseStore, filters: Filters, order: str = "key", found: Fresh = NOTHING) -> list[str]:
    keys: list[str] = (
        work_list(store, filters, order=order, size=1000, found=found).rows["customer_key"].tolist()
    )
    return keys


def test_filters_let_through_whom_pandas_lets_through(store: ReleaseStore) -> None:
    of = people()
    known = of["region"]
    cases = [
        (Filters(), of),
        (Filters(risk=["high"]), of[of["risk_tier"] == "high"]),
        (Filters(driver=["service"], value=["middle"]), of[of["driver"] == "service"]),
        (Filters(segment=["nonsense"]), of.iloc[:0]),
        (Filters(contacted="yes"), of[of["customer_key"].isin(RECENT)]),
        (Filters(contacted="no"), of[~of["customer_key"].isin(RECENT)]),
        (Filters(recommended=True), of),
        (Filters(categories={"region": ["north", "(not known)"]}), of[known.eq("north") | known.isna()]),
        (Filters(ranges={"tenure_days": (100.0, 500.0)}), of[of["tenure_days"].between(100, 500)]),
        (
            Filters(risk=["low"], categories={"region": ["south"]}, contacted="no"),
            of[of["risk_tier"].eq("low") & known.eq("south") & ~of["customer_key"].isin(RECENT)],
        ),
    ]
    for filters, expected in cases:
        assert everybody(store, filters) == sorted(expected["customer_key"]), filters
    assert 0 < len(cases[-1][1]) < len(of)


def test_a_segment_that_recommends_no_contact_is_called_last(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    rules = [{"name": "=at risk", "action": "leave in peace", "when": {}, "contact": False}]
    publish_contacts(settings, CONTACTS, BUSINESS | {"segments": {"rules": rules}})
    store = ReleaseHolder(settings).store()
    assert store is not None
    assert everybody(store, Filters(recommended=True)) == []


@pytest.mark.parametrize("order", list(ORDERS))
def test_pages_in_every_order_hold_each_customer_once(store: ReleaseStore, order: str) -> None:
    of = people().assign(stake=lambda f: f["probability"] * f["value"], rise=lambda f: f["probability"] / 2)
    of["last"] = of["customer_key"].isin(RECENT)
    by = {
        "first": (["last", "stake", "customer_key"], [True, False, True]),
        "stake": (["stake", "customer_key"], [False, True]),
        "probability": (["probability", "customer_key"], [False, True]),
        "rise": (["rise", "customer_key"], [False, True]),
        "value": (["value", "probability", "customer_key"], [False, False, True]),
        "key": (["customer_key"], [True]),
    }[order]
    expected = of.sort_values(by[0], ascending=by[1])["customer_key"].tolist()
    pages = [work_list(store, Filters(), order=order, page=n, size=40) for n in (1, 2, 3, 4)]
    assert [page.total for page in pages] == [150] * 4
    assert [key for page in pages for key in page.rows["customer_key"]] == expected


def test_a_row_tells_history_reason_and_the_last_contact(store: ReleaseStore) -> None:
    rows = work_list(store, Filters(), order="key").rows.set_index("customer_key")
    of = people().set_index("customer_key")
    for key in KEYS[:10]:
        assert rows.at[key, "history"] == pytest.approx(
            [of.at[key, "probability"] / 2, of.at[key, "probability"]]
        )
        assert rows.at[key, "rise"] == pytest.approx(of.at[key, "probability"] / 2)
        assert rows.at[key, "reason"] == short(of.at[key, "reason_1"])
    told = rows.loc[KEYS[:7], "last_contact"].tolist()
    assert told[0] == date(2025, 12, 20) and told[2] == date(2025, 10, 1)
    assert [told[n] for n in (1, 5)] == [None, None], "a control group and a mark taken back are no contacts"
    assert rows.loc[KEYS[4], "outcome"] == "accepted"


def test_what_was_marked_here_counts_before_the_next_release(store: ReleaseStore) -> None:
    found = Fresh((Pending(KEYS[9], "new", date(2026, 1, 2), "thinking"),), frozenset({"m4"}))
    assert set(everybody(store, Filters(contacted="yes"), found=found)) == (RECENT | {KEYS[9]}) - {KEYS[4]}


def test_choices_are_what_the_release_holds(store: ReleaseStore) -> None:
    assert choices(store, "risk") == ["high", "low"]
    assert choices(store, "segment") == ["=at risk"]
    of = {attribute.name: attribute for attribute in attributes(store)}
    assert list(of) == ["region", "tickets_count_3m", "tenure_days"], "words first, then numbers"
    assert set(values_of(store, of["region"])) == {"north", "south", "west", "(not known)"}
    tenure = people()["tenure_days"]
    assert range_of(store, of["tenure_days"]) == (tenure.min(), tenure.max())


def test_what_became_of_those_contacted_in_a_month(store: ReleaseStore) -> None:
    found = Fresh((Pending(KEYS[9], "new", date(2025, 12, 31), "declined"),))
    assert months(store, found) == [date(2025, 12, 1), date(2025, 10, 1)]
    rows = became(store, found, date(2025, 12, 1)).replace({np.nan: None}).set_index(["source", "outcome"])
    counts = rows[["customers", "left", "stayed", "unknown"]].astype(int)
    assert counts.loc[(SOURCE, "accepted")].tolist() == [1, 0, 1, 0]
    assert counts.loc[(SOURCE, "declined")].tolist() == [2, 0, 1, 1], (
        "what the release does not hold is unknown"
    )
    assert counts.loc[("retention_contacts", None)].tolist() == [2, 1, 1, 0]
    assert rows.loc[("retention_contacts", None), "share_left"] == 0.5
    who = contacted_in(store, found, date(2025, 12, 1), 50, 1)
    assert who["customer_key"].tolist()[0] == KEYS[9] and len(who) == 5


def test_the_interval_of_a_share_is_wilsons() -> None:
    """Newcombe (1998), table I: 15 of 148."""
    told = share(15, 148)
    assert told is not None
    assert told[1:] == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert share(0, 0) is None


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("rolling contract, can leave any month", "rolling contract, can leave any month"),
        (
            "had no network for 2 hours in the last 2 weeks (typical none)",
            "had no network for 2 hours in the last 2 weeks",
        ),
        ("word " * 20, "word word word word word word word word word word word word…"),
        ("x" * 70, "x" * 59 + "…"),
        ("", ""),
    ],
)
def test_a_short_sentence_ends_with_a_word_and_says_that_it_was_cut(sentence: str, said: str) -> None:
    assert short(sentence) == said
    assert len(said) <= 60


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
    page = choose_rows(opened(writable, "at_risk"), 0, 0, 2)
    shown = page.dataframe[0].value.iloc[[0, 2]]
    page.button(key="with_people").click().run()
    assert not page.error and not page.exception
    [offered] = [b for b in page.download_button if b.key == "people_download"]
    assert "2 with contact data" in offered.label
    told = [(e[0].act, e[0].customers) for _, e in stored(writable) if e is not None]
    assert told == [("export", 2)]
    assert len(shown) == 2
    monkeypatch.setenv("CHURN_APP_ROLE", "viewer")
    page = choose_rows(opened(writable, "at_risk"), 0, 0)
    assert [b for b in page.button if b.key == "with_people"] == []
