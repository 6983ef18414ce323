"""The release that the demo publishes: the same scores and reasons as the lake, and nobody's personal values."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.history.people import Objections
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.portable.scored import REASON_NAMES, score_frame
from churn_assets.serving.contents import read_contents
from churn_assets.serving.current import OF_THIS_MORNING
from churn_assets.serving.release.identity import key_of, open_identity
from churn_assets.serving.release.reading import (
    Release,
    current_release,
    local_copy,
    open_release,
    read_status,
)
from churn_assets.serving.release.verifying import verify
from churn_assets_tests.end_to_end.conftest import LAST, Demo, personal_values

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def release(demo: Demo) -> Release:
    """The release in force, proved."""
    root = demo.settings.releases_uri
    pointer = current_release(root)
    assert pointer is not None
    found = open_release(local_copy(root, pointer, Path(root)))
    verify(found, pointer)
    return found


def _objected(release: Release) -> set[str]:
    return set(release.table("objections")["customer_key"].to_pylist())


def _lake_scores(demo: Demo, release: Release) -> pd.DataFrame:
    """Those of the customers who did not object."""
    scores: pd.DataFrame = Lakehouse(demo.settings).arrow(tables.CHURN_SCORES).to_pandas()
    scores = scores[~scores["customer_key"].isin(_objected(release))]
    return scores.set_index(["customer_key", "as_of_date"]).sort_index()


def test_stored_scores_and_reasons_are_those_of_the_lake(demo: Demo, release: Release) -> None:
    ours = release.table("scores").to_pandas().set_index(["customer_key", "as_of_date"]).sort_index()
    lake = _lake_scores(demo, release)
    assert len(lake) > 500
    pd.testing.assert_frame_equal(ours[lake.columns], lake, check_exact=True)
    people = release.table("customers").to_pandas()
    scored = people[people["status"] == "scored"].set_index("customer_key")
    newest = lake.xs(lake.index.get_level_values("as_of_date").max(), level="as_of_date")
    assert list(scored.index) == list(newest.index)
    for name in ("probability", "raw", "decile", "driver", *REASON_NAMES):
        assert scored[name].fillna("").tolist() == newest[name].fillna("").tolist(), name


def test_live_scores_over_the_snapshots_are_those_of_the_lake(demo: Demo, release: Release) -> None:
    snapshots = release.table("snapshots").to_pandas()
    live = score_frame(snapshots, release.model, release.features)
    lake = _lake_scores(demo, release).xs(snapshots["as_of_date"].iloc[0], level="as_of_date")
    lake = lake.loc[snapshots["customer_key"]]
    assert len(lake) == len(live)
    assert np.abs(live["probability"].to_numpy() - lake["probability"].to_numpy()).max() <= 1e-12
    for name in (*REASON_NAMES, "driver"):
        told = [None if pd.isna(value) else value for value in live[name]]
        assert told == [None if pd.isna(value) else value for value in lake[name]]


def test_everybody_who_is_known_has_a_row_with_a_score_or_a_reason(demo: Demo, release: Release) -> None:
    people = release.table("customers").to_pandas()
    known = Lakehouse(demo.settings).arrow(tables.CUSTOMERS, ["customer_key"])["customer_key"].to_pylist()
    assert set(known) - _objected(release) <= set(people["customer_key"])
    assert people["customer_key"].is_monotonic_increasing and people["customer_key"].is_unique
    scored = people["status"] == "scored"
    assert (
        people.loc[scored, ["probability", "segment", "action", "risk_tier", "decile"]].notna().all(axis=None)
    )
    assert people.loc[scored, "status_reason"].isna().all()
    assert people.loc[~scored, "status_reason"].str.endswith(".").all()
    assert people.loc[~scored, ["probability", "segment", "as_of_date"]].isna().all(axis=None)
    counts = people["status"].value_counts().to_dict()
    assert counts.keys() >= {"scored", "former", "too_new"}
    about = release.manifest.about
    assert {status: about.counts[status] for status in counts} == counts
    assert about.as_of_date == f"{LAST}-31" and about.known_until == f"{LAST}-31"
    assert people.loc[people["status"] == "former", "ended_on"].notna().mean() > 0.9


def test_it_holds_what_readers_need_and_says_what_each_column_means(demo: Demo, release: Release) -> None:
    never = "was never materialised"
    assert release.manifest.absent["risk_alerts"] == f"alerts/risk_alerts {never}"
    daily = {"risk_alerts", *OF_THIS_MORNING}  # the demo runs no such job, and no cohort is judged yet
    assert release.manifest.absent.keys() == daily | {"calibration"}
    assert {"customer_months", "contacts", "churn_events", "model_performance", "drift", "champions"} <= set(
        release.tables
    )
    for table, told in release.catalogue.items():
        assert told["grain"], table
        columns = {column["name"]: column["meaning"] for column in told["columns"]}
        assert list(columns) == release.table(table).column_names
        assert all(columns.values()), (table, columns)
    assert "by" not in release.table("champions").column_names
    assert "Model card" in release.card
    assert len(release.ranges) > 5
    assert {w.feature.name for w in release.words if w.in_model} == set(release.model.transformation.features)
    assert any("EUR" in str(w.unit) for w in release.words)
    contacts = release.table("contacts").to_pandas()
    left = contacts.dropna(subset="left_on")
    assert len(left) and (left["left_on"] >= left["happened_on"]).all()


def test_no_personal_value_is_in_a_release(demo: Demo, release: Release) -> None:
    """Every byte outside of tables, and every value in them; the identity file shows none of its own."""
    personal = personal_values(demo)
    root = Path(demo.settings.releases_uri)
    scanned = 0
    for file in (f for f in root.rglob("*") if f.is_file() and f.suffix != ".parquet"):
        scanned += 1
        assert personal.search(file.read_bytes()) is None, file
    assert scanned > 8
    for name in release.tables:
        table = release.table(name)
        for column, field in zip(table.columns, table.schema, strict=True):
            if pa.types.is_string(field.type):
                found = [v for v in set(column.to_pylist()) if v and personal.search(v.encode())]
                assert not found, (name, field.name)
        assert not any(n.startswith("protected_") or n == "birth_decade" for n in table.column_names), name


def test_who_objects_is_counted_and_in_no_other_table(demo: Demo, release: Release) -> None:
    lakehouse, business = Lakehouse(demo.settings), load_business(demo.settings.business_path)
    people = release.table("customers").to_pandas()
    objected = {
        *people.loc[people["status"] == "scored", "customer_key"][:3],
        people["customer_key"].iloc[-1],
    }
    before = _objected(release)
    told = lakehouse.arrow(
        tables.silver(business.source("customers")), ["customer_key", "profiling_objection"]
    )
    said_yes = told.filter(told["profiling_objection"])["customer_key"].to_pylist()
    assert before == set(said_yes) and release.manifest.about.counts["objected"] == len(before) > 0
    objected |= before
    contents = read_contents(
        lakehouse, tracking_of(demo.settings, business), business, Objections(frozenset(objected), 0)
    )
    for name, table in contents.tables.items():
        texts = {
            value
            for column in table.columns
            if pa.types.is_string(column.type)
            for value in column.to_pylist()
        }
        assert texts & objected == (objected if name == "objections" else set()), name
    assert contents.about.counts["objected"] == len(objected)
    assert contents.about.counts["customers"] == len(people) - len(objected - before)


def test_the_identity_file_says_who_is_who_with_its_key_alone(demo: Demo, release: Release) -> None:
    people = open_identity(demo.settings.releases_uri, key_of(demo.settings)).to_pandas()
    keys = Lakehouse(demo.settings).arrow(tables.CUSTOMER_KEYS, ["customer_id", "customer_key"]).to_pandas()
    assert people.columns.tolist() == [
        *("customer_id", "customer_key", "full_name", "email", "phone"),
        *("contact_known_at", "consent", "account_owner"),
    ]
    pd.testing.assert_frame_equal(
        people[["customer_id", "customer_key"]],
        keys.sort_values("customer_id", ignore_index=True)[["customer_id", "customer_key"]],
    )
    reached = people[people["customer_key"].isin(release.table("snapshots")["customer_key"].to_pylist())]
    assert reached["email"].notna().mean() > 0.8 and set(reached["consent"].dropna()) == {True, False}
    assert reached["account_owner"].nunique() == 10
    objected = people["customer_key"].isin(_objected(release))
    assert people.loc[objected, ["full_name", "email", "account_owner"]].isna().all(axis=None)
    assert (demo.home / "identity.key").stat().st_mode & 0o077 == 0


def test_the_status_has_the_lights_of_every_source(demo: Demo, release: Release) -> None:
    status = read_status(demo.settings.releases_uri)
    assert status is not None and status["release"]["name"] == release.name
    until = {source["source"]: source["known_until"] for source in status["sources"]}
    assert until.pop("app_contacts") is None, "nobody marked a contact: not known, and not behind"
    assert set(until.values()) == {f"{LAST}-31"}
    quarantine = Lakehouse(demo.settings).count(tables.QUARANTINE)
    assert sum(row["rows"] for row in status["refused_rows"]) == quarantine > 0
    assert all(row["balances"] for row in status["rows"]) and status["people"]
    assert status["incidents"] == []


def test_the_command_lists_and_proves(demo: Demo, release: Release) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("churn-assets")), "release", *words]
        env = os.environ | {"CHURN_HOME": demo.settings.home, "CHURN_BUSINESS": demo.settings.business}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)

    listed = run("list")
    assert listed.stdout.startswith(f"* {release.name}  as of {LAST}-31, model version 1,"), listed
    assert f"{release.name} is whole" in run("verify").stdout
    gone = run("verify", "20200101T000000Z-none")
    assert gone.returncode == 2 and "There is no release" in gone.stderr
