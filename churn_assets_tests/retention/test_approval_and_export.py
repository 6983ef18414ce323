"""Only an approved plan is exported, only to who consents at that moment, and each act leaves its records."""

import csv
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from churn_assets.cli.main import cli
from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.stores import unregistered
from churn_assets.operations.audit.verification import stored, verify
from churn_assets.operations.campaigns.record import (
    CampaignError,
    CampaignRecord,
    acted,
    campaign_records,
    exported_until,
    plan_recorded,
)
from churn_assets.operations.changes.change import change_records
from churn_assets.retention.approval import approve, close
from churn_assets.retention.export import delete_expired, export
from churn_assets.retention.planning import plan_of, plan_rows
from churn_assets_tests.lakes import edit_yaml, settings_for
from churn_assets_tests.retention.planned_lakes import (
    CUSTOMERS,
    LAST,
    key,
    planned_business,
    put,
    version,
)

pytestmark = pytest.mark.one_python(
    reason="copies a planned home; retention/test_crm_list does so on each Python"
)

ID = "retention-2025-10"


@pytest.fixture
def business(planned_home: Path, tmp_path: Path) -> Business:
    shutil.copytree(planned_home, tmp_path, dirs_exist_ok=True)
    return planned_business(tmp_path)


@pytest.fixture
def lake(tmp_path: Path, business: Business) -> Lakehouse:
    """The lake of a planned home."""
    return Lakehouse(settings_for(tmp_path))


def acts(house: Lakehouse) -> list[tuple[str, str, int | None]]:
    """Acts of the audit: what, by whom, how many customers."""
    entries = [line.content[0] for line in stored(house.settings) if line.content]
    return [(entry.act, entry.by, entry.customers) for entry in entries]


def contacted(house: Lakehouse) -> set[str]:
    rows = plan_of(house, LAST)
    return set(rows.loc[rows["arm"].isin(["planned", "exploration"]), "customer_key"])


def of_list(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened))


def test_an_approval_is_recorded_three_times(lake: Lakehouse) -> None:
    record = approve(lake, ID, " Ada  Lovelace ", "For June.")
    assert (record.state, record.by, record.note) == ("approved", "Ada Lovelace", "For June.")
    assert [(r.what, r.record) for r in campaign_records(lake)] == [("planned", 1), ("approved", 2)]
    [begun, done] = change_records(lake)
    assert (done.item, done.what, done.approved_by, done.result) == (
        f"campaign {ID}",
        "approval",
        "Ada Lovelace",
        "done",
    )
    assert begun.result == "begun"
    assert acts(lake) == [("approval", "Ada Lovelace", None)]
    assert verify(lake.settings).damage == []


def test_a_list_of_keys_holds_who_consents_at_that_moment_and_no_name(
    lake: Lakehouse, business: Business
) -> None:
    approve(lake, ID, "Ada")
    some = sorted(contacted(lake))
    numbers = {key(n): n for n in range(CUSTOMERS)}
    refusing = [k for k in some if numbers[k] % 10 not in (1, 2)][:3]
    later = date(2025, 11, 20)
    people = [
        version(numbers[refusing[0]], later, marketing_consent=False),
        version(numbers[refusing[1]], later, refused=True),
    ]
    people.append(version(numbers[refusing[2]], later, marketing_consent=True, profiling_objection=True))
    put(lake, tables.silver(business.source("customers")), people)
    done = export(lake, business, ID, "Ben")
    rows = of_list(done.file)
    listed = {row["customer_key"] for row in rows}
    agreed = {k for k in some if numbers[k] % 10 not in (1, 2)} - set(refusing)
    assert listed == agreed and len(rows) == len(agreed) == done.customers
    assert done.without_consent == len(some) - len(agreed)
    assert set(rows[0]) == {
        "campaign_id",
        "customer_key",
        "offer",
        "channel",
        "offer_words",
        "arm",
        "use_until",
    }
    assert {row["arm"] for row in rows} == {"treated"} and {row["campaign_id"] for row in rows} == {ID}
    assert {row["use_until"] for row in rows} == {str(datetime.now(UTC).date() + timedelta(days=14))}
    assert acts(lake)[-1] == ("export", "Ben", len(rows))
    assert change_records(lake)[-1].what == "export" and change_records(lake)[-1].result == "done"
    last = campaign_records(lake)[-1]
    assert (last.what, last.state, last.exported, last.with_identity) == (
        "exported",
        "approved",
        len(rows),
        False,
    )
    assert done.file.stat().st_mode & 0o077 == 0
    assert [p for p in unregistered(lake.settings.home_path, business) if "export" in p] == []


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_list_with_names_reaches_everybody_on_it(lake: Lakehouse, business: Business, kind: Any) -> None:
    approve(lake, ID, "Ada")
    done = export(lake, business, ID, "Ben", kind=kind, with_identity=True, note="To the call centre.")
    rows = of_list(done.file) if kind == "csv" else pd.read_parquet(done.file).to_dict("records")
    assert len(rows) == done.customers and done.unreachable > 0
    planned = contacted(lake)
    for row in rows:
        n = int(str(row["customer_id"])[1:])
        assert row["customer_key"] == key(n) and key(n) in planned
        assert n % 10 not in (1, 2), "refused or objected"
        if row["channel"] == "email":
            assert row["email"] == f"p{n}@mail.example", "without an address, whatever the phone"
        else:
            assert row["phone"].removeprefix("'") == f"+49 {n}"
        name = "=cmd|x" if n % 5 == 0 else f"Person {n}"
        assert row["full_name"] == (f"'{name}" if kind == "csv" and name.startswith("=") else name)
    assert done.customers + done.without_consent + done.unreachable == len(planned)
    assert {row["channel"] for row in rows} == {"call", "email"}
    assert acts(lake)[-1] == ("export", "Ben", done.customers)


def test_a_channel_without_a_declared_column_reaches_whoever_has_any_contact_data(
    lake: Lakehouse, business: Business
) -> None:
    assert business.file.campaigns is not None
    silent = business.file.campaigns.model_copy(update={"reach": []})
    anyhow = replace(business, file=business.file.model_copy(update={"campaigns": silent}))
    approve(lake, ID, "Ada")
    fewer = export(lake, business, ID, "Ben", with_identity=True)
    more = export(lake, anyhow, ID, "Ben", with_identity=True)
    assert fewer.unreachable > 0 == more.unreachable


def test_a_contact_column_that_is_called_like_one_of_the_list_stands_beside_it(
    lake: Lakehouse, business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    from churn_assets.history import people

    def named(*asked: Any) -> Any:
        rows = people.identity_rows(*asked)
        return rows.rename_columns(["channel" if n == "full_name" else n for n in rows.column_names])

    monkeypatch.setattr("churn_assets.retention.export.identity_rows", named)
    approve(lake, ID, "Ada")
    rows = of_list(export(lake, business, ID, "Ben", with_identity=True).file)
    assert {row["channel"] for row in rows} == {"call", "email"}
    assert any(row["contact_channel"].startswith("Person ") for row in rows)


def test_without_a_declared_consent_no_name_leaves(
    lake: Lakehouse, business: Business, tmp_path: Path
) -> None:
    def silent(contract: dict[str, Any]) -> None:
        contract["customProperties"] = [p for p in contract["customProperties"] if p["property"] != "consent"]

    folder = tmp_path / "business-0"
    edit_yaml(folder / "contracts" / "customers.yaml", silent)
    from churn_assets.contracts.loader import load_business

    unknowing = load_business.__wrapped__(folder)
    approve(lake, ID, "Ada")
    with pytest.raises(CampaignError, match="nobody's consent is known"):
        export(lake, unknowing, ID, "Ben", with_identity=True)
    assert acts(lake) == [("approval", "Ada", None)] and not (lake.settings.home_path / "exports").exists()
    assert export(lake, unknowing, ID, "Ben").customers > 0


REFUSED: list[tuple[str, Callable[[Lakehouse, Business], object], str]] = [
    ("not approved", lambda h, b: export(h, b, ID, "Ben"), "is not approved, so its list is not exported"),
    ("exported by nobody", lambda h, b: export(h, b, ID, "  "), "Nobody is named who exports"),
    ("approved by nobody", lambda h, b: approve(h, ID, ""), "Nobody is named who approves"),
    ("unknown", lambda h, b: approve(h, "retention-1999-01", "Ada"), f"Known: {ID}"),
    ("approved twice", lambda h, b: [approve(h, ID, "Ada") for _ in "12"], "was approved by Ada on"),
    ("closed twice", lambda h, b: [close(h, ID, "Ada") for _ in "12"], "was closed by Ada on .* already"),
    (
        "closed, then approved",
        lambda h, b: [close(h, ID, "Ada"), approve(h, ID, "Ada")],
        "is closed, so it cannot",
    ),
    (
        "closed, then exported",
        lambda h, b: [close(h, ID, "Ada"), export(h, b, ID, "A")],
        "is closed, so its list",
    ),
]


@pytest.mark.parametrize(
    ("act", "told"), [(act, told) for _, act, told in REFUSED], ids=[name for name, _, _ in REFUSED]
)
def test_an_act_that_must_not_be_is_refused(
    lake: Lakehouse, business: Business, act: Callable[[Lakehouse, Business], object], told: str
) -> None:
    with pytest.raises(CampaignError, match=told):
        act(lake, business)
    assert not (lake.settings.home_path / "exports").exists()


def test_the_plan_itself_approves_nothing(lake: Lakehouse) -> None:
    with pytest.raises(CampaignError, match="so a person must approve it"):
        approve(lake, ID, "churn-assets")
    assert [r.what for r in campaign_records(lake)] == ["planned"]


def test_rows_that_were_changed_by_hand_are_not_approved_and_not_exported(
    lake: Lakehouse, business: Business
) -> None:
    rows = plan_of(lake, LAST)
    forged = rows.assign(arm="planned", offer="discount_10", reason=None)
    lake.replace_rows(tables.CAMPAIGN_PLAN, plan_rows(forged), "as_of_date", [LAST], run_id="forged")
    with pytest.raises(CampaignError, match="are not those that were recorded"):
        approve(lake, ID, "Ada")
    lake.replace_rows(tables.CAMPAIGN_PLAN, plan_rows(rows), "as_of_date", [LAST], run_id="back")
    approve(lake, ID, "Ada")
    lake.replace_rows(tables.CAMPAIGN_PLAN, plan_rows(forged), "as_of_date", [LAST], run_id="forged")
    with pytest.raises(CampaignError, match="are not those that were recorded"):
        export(lake, business, ID, "Ben")


@pytest.mark.parametrize("column", ["channel", "value", "expected_profit", "reason", "probability"])
def test_no_column_that_a_person_approves_can_be_changed_by_hand(lake: Lakehouse, column: str) -> None:
    rows = plan_of(lake, LAST)
    other = rows[column].map({"call": "email", "email": "call"}) if column == "channel" else rows[column] * 2
    if column == "reason":
        other = rows[column].where(rows[column].isna(), "unknown")
    forged = plan_rows(rows.assign(**{column: other}))
    lake.replace_rows(tables.CAMPAIGN_PLAN, forged, "as_of_date", [LAST], run_id="forged")
    with pytest.raises(CampaignError, match="are not those that were recorded"):
        approve(lake, ID, "Ada")


def test_the_plan_of_an_approved_campaign_cannot_be_recorded_anew(lake: Lakehouse) -> None:
    [record] = campaign_records(lake)
    approve(lake, ID, "Ada")
    other: CampaignRecord = replace(record, plan_digest="0" * 64)
    with pytest.raises(CampaignError, match="is approved, so its plan cannot change"):
        plan_recorded(lake, [other])


def test_a_plan_that_costs_or_earns_otherwise_is_recorded_anew(lake: Lakehouse) -> None:
    [record] = campaign_records(lake)
    plan_recorded(lake, [record])
    plan_recorded(lake, [replace(record, expected_profit=record.expected_profit + 1)])
    assert [(r.record, r.plan_digest) for r in campaign_records(lake)] == [
        (1, record.plan_digest),
        (2, record.plan_digest),
    ]


def test_no_list_is_left_of_an_export_that_cannot_be_recorded(
    lake: Lakehouse, business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody closes the campaign while its list is written."""
    approve(lake, ID, "Ada")

    def slow(file: Path, content: bytes) -> None:
        file.write_bytes(content)
        close(lake, ID, "Ada")

    monkeypatch.setattr("churn_assets.retention.export.replace_file", slow)
    with pytest.raises(CampaignError, match="Somebody else acted"):
        export(lake, business, ID, "Ben", with_identity=True)
    assert list((lake.settings.home_path / "exports").iterdir()) == []
    results = [r.result for r in change_records(lake) if r.what == "export"]
    assert results == ["begun", "failed: CampaignError"]


def test_a_list_that_is_exported_again_counts_as_a_contact_again(lake: Lakehouse) -> None:
    last = approve(lake, ID, "Ada")
    first, second = datetime(2025, 11, 5, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    for at in (first, second):
        last = acted(lake, last, at=at, by="Ben", what="exported")
    told = [exported_until(lake, "retention", date(2025, 11, 4) + timedelta(days=n)) for n in (0, 1, 200)]
    assert told == [[], [(first.date(), LAST)], [(second.date(), LAST)]]
    assert exported_until(lake, "winback", second.date()) == []


def test_lists_are_deleted_once_they_have_expired(lake: Lakehouse, business: Business) -> None:
    approve(lake, ID, "Ada")
    done = export(lake, business, ID, "Ben")
    copy = done.file.with_name(f"{done.file.stem} (copy).csv")
    strange = done.file.with_name("strange.until-tomorrow.csv")
    for file in (copy, strange):
        file.write_text("")
    assert delete_expired(lake.settings, done.expires_on) == 0 and done.file.exists()
    assert delete_expired(lake.settings, done.expires_on + timedelta(days=1)) == 2
    assert list(done.file.parent.iterdir()) == [strange]


def test_the_commands_from_list_to_close(
    lake: Lakehouse, business: Business, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_HOME", str(tmp_path))
    monkeypatch.setenv("CHURN_BUSINESS", str(tmp_path / "business-0"))

    def told(*words: str, fails: bool = False) -> str:
        done = CliRunner().invoke(cli, list(words))
        assert (done.exit_code != 0) == fails, done.output
        return str(done.exception) if fails and not isinstance(done.exception, SystemExit) else done.output

    assert "planned" in told("campaign", "list") and ID in told("campaign", "list")
    assert "Missing option '--by'" in told("campaign", "export", ID, fails=True)
    assert "is not approved" in told("campaign", "export", ID, "--by", "Ben", fails=True)
    assert told("campaign", "approve", ID, "--by", "Ada") == f"{ID} is approved, by Ada.\n"
    assert "customers are on the list" in told("campaign", "export", ID, "--by", "Ben", "--with-identity")
    shown = told("campaign", "show", ID)
    for said in ("is approved", "Ada", "exported", "Ben", "discount_10", "holdout", "over budget"):
        assert said in shown
    assert told("campaign", "close", ID, "--by", "Ada", "--note", "Done.") == f"{ID} is closed, by Ada.\n"
    assert "was closed by Ada" in told("campaign", "close", ID, "--by", "Ada", fails=True)
    assert "approval of campaign" in told("changes") and "closing of campaign" in told("changes")
