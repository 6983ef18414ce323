"""The page Campaign: the plan, the slider, the offers, the holdout, and who may approve and export."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from churn_assets.app.views.acts_on_customers import UNRECORDED
from churn_assets.operations.audit.verification import stored
from churn_assets.operations.campaign_requests.files import CampaignRequest, answered, requests, write
from churn_assets.serving.release.writing import write_release
from churn_assets.settings import Settings
from churn_assets_tests.api.releases import SCORED, publish_identities, tables
from churn_assets_tests.app.conftest import Open
from churn_assets_tests.app.scored_months import MORNING_KEYS
from churn_assets_tests.app.views.test_morning import publish as publish_morning
from churn_assets_tests.app.views.texts import boxes, figures, no_errors, text
from churn_assets_tests.serving.release.campaigns import (
    DIGEST,
    ID,
    SETTINGS,
    STATE_SINCE,
    WORDS,
    campaign_tables,
    plan_rows,
    uplift_tables,
)
from churn_assets_tests.serving.release.made import NOW, contents

pytestmark = pytest.mark.one_python(reason="Streamlit draws the page; other pages are drawn on each Python")

BUSINESS = {"name": "telecom", "currency": "EUR", "campaigns": SETTINGS}
OUT = [row for row in plan_rows(SCORED) if row["arm"] in ("planned", "exploration")]
LATER = datetime.now(UTC)


def publish(home: Path, state: str | None = "planned", **edits: Any) -> Settings:
    """A home with a release of a campaign in this state; None: without any."""
    settings = Settings(home=str(home))
    held = tables() | (campaign_tables(SCORED, state) if state else {}) | edits
    made = replace(contents(**held), business=BUSINESS)
    write_release(settings.releases_uri, made, now=NOW, run_id="campaign", keep=3)
    publish_identities(settings)
    return settings


def answer(settings: Settings, what: Any, state: Any = "done", **told: Any) -> None:
    """Answers the request of this act as the pipeline does."""
    [request] = [r for r in requests(settings) if r.what == what and r.state == "waits"]
    write(settings, answered(request, state, LATER, **told))


def named(page: AppTest) -> AppTest:
    page.text_input(key="campaign_name").set_value("Ada Lovelace")
    return page.run()


def keys_of(page: AppTest) -> set[str | None]:
    return {button.key for button in page.button}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return publish(tmp_path_factory.mktemp("campaign"))


def test_it_tells_the_plan_the_offers_the_reasons_and_the_holdout(home: Settings, opened: Open) -> None:
    page = opened(home, "campaign")
    no_errors(page)
    told = figures(page)
    assert told["Contacted customers"][0] == str(len(OUT))
    assert told["Expected cost"][0] == f"€{3.5 * len(OUT):,.0f}"
    saved = sum(row["expected_effect"] for row in OUT)
    assert told["Customers saved"][0] == f"{saved:,.1f}", "as `churn-assets plan` tells"
    random = [row for row in OUT if row["arm"] == "exploration"]
    assert f"{len(random)} of them are drawn at random" in text(page).replace("\\", "")
    offers, reasons, power, _ = (part.value for part in page.dataframe)
    assert set(offers["words"]) == set(WORDS.values()) and set(offers["condition"]) == {"everybody"}
    assert offers["contacted"].sum() == len(OUT) and offers["held"].sum() == len(SCORED) / 10
    assert reasons["customers"].sum() == len(SCORED)
    assert "left alone at random (holdout)" in set(reasons["told"])
    assert power["shows"].tolist() == ["none", "80% of the churn", "none: one of the groups is empty"]
    assert "10% of the customers who may be contacted are left alone at random" in text(page).replace(
        "\\", ""
    )


def test_the_slider_tells_what_another_budget_earns_and_lies_in_the_address(
    home: Settings, opened: Open
) -> None:
    page = opened(home, "campaign")
    assert figures(page)["Profit at this budget"] == ("€800", "")
    page.select_slider(key="budget").set_value(450.0).run()
    no_errors(page)
    told = figures(page)
    assert told["Profit at this budget"] == ("€900", "+€100 against €300")
    assert told["The next unit of money earns"][0] == "0.00"
    assert "From a budget of €450 on, more money earns nothing." in text(page).replace("\\", "")


def test_it_tells_whom_offers_change(tmp_path: Path, opened: Open) -> None:
    page = opened(publish(tmp_path, **uplift_tables()), "campaign")
    no_errors(page)
    said = text(page).replace("\\", "")
    assert "10 % off for 6 months**: The plan counts with an effect for each customer" in said
    assert "drive 10% of the customers away, and it did: 2.0 points more" in said
    assert "a credit for the trouble**: The plan counts with the same share" in said
    groups = page.dataframe[1].value
    assert groups["group"].tolist() == ["persuadable", "woken up", "segment: steady"]
    assert groups["customers"].tolist() == [900, 100, 1_000]


def test_without_contacts_that_tell_customers_apart_nothing_is_said_of_it(
    home: Settings, opened: Open
) -> None:
    page = opened(home, "campaign")
    assert "Whom does an offer change?" not in [heading.value for heading in page.subheader]


def test_the_customer_page_tells_what_the_offer_changes(home: Settings, opened: Open) -> None:
    said = text(opened(home, "customer", customer=OUT[0]["customer_key"])).replace("\\", "")
    keeps = "The offer is expected to keep 2 of 100 customers like this one"
    assert f"{keeps} (an assumed effect of the offer at this customer's risk)." in said
    held = next(row for row in plan_rows(SCORED) if row["arm"] == "holdout")
    assert keeps not in text(opened(home, "customer", customer=held["customer_key"]))


def test_without_a_plan_a_sentence_says_why(tmp_path: Path, opened: Open) -> None:
    page = opened(publish(tmp_path, None), "campaign")
    no_errors(page)
    assert any("No campaign has been planned" in box for box in boxes(page))


def test_a_manager_approves_by_name_and_the_request_is_recorded(tmp_path: Path, opened: Open) -> None:
    settings = publish(tmp_path)
    page = named(opened(settings, "campaign"))
    page.text_input(key="approve_note").set_value("For January.")
    page.button(key="approve").click().run()
    no_errors(page)
    assert any("Approval asked for." in box for box in boxes(page))
    [request] = requests(settings)
    assert (request.what, request.campaign_id, request.by, request.note) == (
        "approve", ID, "Ada Lovelace", "For January."
    )  # fmt: skip
    assert request.plan_digest == DIGEST
    [entry] = [e[0] for _, e in stored(settings) if e is not None]
    assert (entry.act, entry.by, entry.facts["role"]) == ("campaign_request", "Ada Lovelace", "steward")
    assert "waits for an approval" in page.subheader[0].value, "nothing is approved yet"
    answer(settings, "approve")
    page = opened(settings, "campaign")
    assert "is approved" in page.subheader[0].value
    assert "approve" not in keys_of(page) and "export" in keys_of(page)


def test_an_approval_of_nobody_is_refused(tmp_path: Path, opened: Open) -> None:
    settings = publish(tmp_path)
    page = opened(settings, "campaign")
    page.button(key="approve").click().run()
    assert [box.value for box in page.error] == ["Write your name: it stands in the record."]
    assert requests(settings) == []


def test_a_refusal_tells_its_reason(tmp_path: Path, opened: Open) -> None:
    settings = publish(tmp_path)
    named(opened(settings, "campaign")).button(key="approve").click().run()
    answer(settings, "approve", "refused", answer="It was planned anew.")
    page = opened(settings, "campaign")
    assert any("refused. It was planned anew." in box.value for box in page.warning)
    assert "approve" in keys_of(page)


@pytest.mark.parametrize(
    ("role", "state", "buttons"),
    [
        ("viewer", "planned", set()),
        ("agent", "planned", set()),
        ("manager", "planned", {"approve"}),
        ("viewer", "approved", set()),
        ("agent", "approved", {"export"}),
        ("steward", "approved", {"export", "close"}),
        ("steward", "closed", set()),
    ],
)
def test_who_may_do_what(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch, role: str, state: str, buttons: set[str]
) -> None:
    monkeypatch.setenv("CHURN_APP_ROLE", role)
    page = opened(publish(tmp_path, state), "campaign")
    no_errors(page)
    assert keys_of(page) & {"approve", "export", "close"} == buttons


def exported(settings: Settings, opened: Open, with_identity: bool) -> None:
    """Asks for a list, and answers with one of three lines."""
    page = named(opened(settings, "campaign"))
    if with_identity:
        page.toggle(key="with_identity").set_value(True)
    page.button(key="export").click().run()
    no_errors(page)
    folder = settings.home_path / "exports"
    folder.mkdir(exist_ok=True)
    (folder / "list.csv").write_text("a list")
    answer(settings, "export", file="list.csv", customers=3, without_consent=2, unreachable=0,
           expires_on=date(2999, 1, 1))  # fmt: skip


def downloads(page: AppTest) -> list[str]:
    return [part.proto.label for part in page.get("download_button") if "list of" in part.proto.label]


@pytest.mark.parametrize("with_identity", [False, True])
def test_a_list_can_be_downloaded_by_who_may_see_it(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch, with_identity: bool
) -> None:
    settings = publish(tmp_path, "approved")
    exported(settings, opened, with_identity)
    page = opened(settings, "campaign")
    no_errors(page)
    [told] = [box.value for box in page.success]
    assert "3 customers" in told and "2 customers did not consent at that moment" in told
    assert downloads(page) == ["Download the list of 3 customers"]
    monkeypatch.setenv("CHURN_APP_ROLE", "viewer")
    assert downloads(opened(settings, "campaign")) == []


def test_an_agent_gets_no_names_of_customers_of_others(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The business declares who looks after whom."""
    settings = publish(tmp_path, "approved")
    exported(settings, opened, with_identity=True)
    monkeypatch.setattr("churn_assets.app.natural_ids.NaturalIds.has_owners", True)
    monkeypatch.setenv("CHURN_APP_ROLE", "agent")
    page = opened(settings, "campaign")
    assert downloads(page) == [] and not page.toggle
    assert "Names of other people's customers are for managers" in text(page)


@pytest.mark.parametrize("gone", ["expired", "deleted"])
def test_a_list_that_is_over_is_not_offered(tmp_path: Path, opened: Open, gone: str) -> None:
    settings = publish(tmp_path, "approved")
    exported(settings, opened, with_identity=False)
    [request] = requests(settings)
    if gone == "expired":
        write(settings, replace(request, expires_on=date(2020, 1, 1)))
    else:
        (settings.home_path / "exports" / "list.csv").unlink()
    page = opened(settings, "campaign")
    no_errors(page)
    assert downloads(page) == []


def test_what_cannot_be_recorded_is_not_asked_for(tmp_path: Path, opened: Open) -> None:
    settings = publish(tmp_path)
    page = named(opened(settings, "campaign"))
    settings.audit_anchor_path.mkdir(exist_ok=True, parents=True)
    for file in settings.audit_anchor_path.iterdir():
        file.unlink()
    settings.audit_anchor_path.rmdir()
    settings.audit_anchor_path.write_text("no folder")
    page.button(key="approve").click().run()
    assert [box.value for box in page.error] == [UNRECORDED]
    assert requests(settings) == []


def test_a_damaged_request_is_told_and_the_page_stands(tmp_path: Path, opened: Open) -> None:
    settings = publish(tmp_path)
    (settings.home_path / "campaign_requests").mkdir()
    (settings.home_path / "campaign_requests" / f"{'0' * 16}.json").write_text("{}")
    page = opened(settings, "campaign")
    assert any("What was asked for here is not shown." in box.value for box in page.warning)
    assert "approve" in keys_of(page)


def test_the_work_list_tells_the_planned_offer_and_who_must_be_left_alone(
    home: Settings, opened: Open
) -> None:
    shown = opened(home, "at_risk", rows="100").dataframe[0].value.set_index("customer_key")["planned"]
    rows = {row["customer_key"]: row for row in plan_rows(SCORED)}
    for key, told in shown.items():
        row = rows[str(key)]
        expected = {"holdout": "leave alone (holdout)", None: None}.get(row["arm"], WORDS.get(row["offer"]))
        assert told == expected or (expected is None and told != told), key


def test_a_customer_tells_the_planned_offer_or_why_there_is_none(tmp_path: Path, opened: Open) -> None:
    settings = publish_morning(tmp_path, **campaign_tables(MORNING_KEYS))
    for number, said in (
        (1, WORDS["service_credit"]),
        (20, "leave alone (holdout)"),
        (7, "no offer is expected to"),
    ):
        page = opened(settings, "customer", customer=MORNING_KEYS[number])
        no_errors(page)
        line = next(part.value for part in page.markdown if "Campaign" in part.value).replace("\\", "")
        assert f"{ID} (planned)" in line and said in line and "no offer, no offer" not in line


def test_a_list_that_was_exported_later_does_not_move_the_approval(tmp_path: Path) -> None:
    from churn_assets.app.queries.campaign import newest_campaign
    from churn_assets_tests.app.scored_months import opened_store

    found = newest_campaign(opened_store(Path(publish(tmp_path, "approved").releases_uri)))
    assert found is not None and (found.state, found.since) == ("approved", STATE_SINCE)


def test_requests_of_other_campaigns_change_nothing(home: Settings) -> None:
    from churn_assets.app.queries.campaign import newest_campaign
    from churn_assets_tests.app.scored_months import opened_store

    store = opened_store(Path(home.releases_uri))
    other = CampaignRequest("0" * 16, "approve", "other", "", "Ada", NOW, state="done", answered_at=LATER)
    early = replace(other, campaign_id=ID, answered_at=NOW.replace(year=2025))
    found = newest_campaign(store, [other, early])
    assert found is not None and found.state == "planned"
    mine = newest_campaign(store, [other, replace(early, answered_at=LATER)])
    assert mine is not None and (mine.state, mine.since) == ("approved", LATER)


def test_results_are_told_with_their_interval_or_with_the_weeks_that_are_missing(
    home: Settings, opened: Open
) -> None:
    page = opened(home, "campaign")
    shown = page.dataframe[3].value
    assert shown["campaign"].tolist() == ["all campaigns"] * 2 + ["retention-2025-06"] * 2
    measured = (
        "27 fewer left within 30 days (9 to 45): 30% of the churn was prevented (10% to 50%). Profit so far: 900 EUR "
        "(100 to 1,700)."
    )
    open_ = (
        "Not decidable yet: 1,000 customers and 0 who left say too little. About 500 more customers would show the "
        "expected effect, 9 more weeks of campaigns like this."
    )
    assert shown["told"].tolist() == [measured, open_] * 2
    assert shown["prevented"].tolist()[0] == 30 and shown["prevented"].isna().tolist()[1]
    told = [box.value.replace("\\", "") for box in page.warning]
    assert (
        "retention-2025-06: 1 customer who should have been left alone was contacted, so the result is biased."
        in told
    )
    assert (
        "retention-2025-06: 10 customers who should have been contacted were not, so the result is biased."
        in told
    )
    assert "retention-2025-06: 4 customers were contacted without a plan; they are in neither arm." in told


def test_without_results_a_sentence_says_why(tmp_path: Path, opened: Open) -> None:
    held = campaign_tables(SCORED)
    del held["campaign_results"]
    page = opened(publish(tmp_path, None, **held), "campaign")
    no_errors(page)
    assert any("No campaign has been measured" in box for box in boxes(page))
