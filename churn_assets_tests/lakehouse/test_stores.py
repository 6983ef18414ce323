"""The register of all places with data, and what it does not know."""

from datetime import date
from pathlib import Path

import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.other_stores import ELSEWHERE
from churn_assets.lakehouse.stores import stores, unregistered
from churn_assets.models.request import TrainingRequest
from churn_assets.models.training import _search
from churn_assets.serving.release import root
from churn_assets.settings import SHIPPED_BUSINESSES, Settings
from churn_assets_tests.lakes import business_copy, settings_for


@pytest.fixture
def telecom() -> Business:
    return load_business(SHIPPED_BUSINESSES / "telecom")


def test_every_store_is_described_and_registered_once(telecom: Business) -> None:
    found = [*stores(telecom), *ELSEWHERE]
    assert len({store.path for store in found}) == len(found)
    assert all(store.holds.endswith(".") and store.kind and store.retention for store in found)


def test_stores_that_a_setting_places_elsewhere_name_it(telecom: Business) -> None:
    known = {f"CHURN_{name.upper()}" for name in Settings.model_fields}
    named = {store.setting for store in stores(telecom)} | {store.path for store in ELSEWHERE}
    assert named - {""} == known & named


def test_all_that_lies_beside_the_releases_is_registered(telecom: Business) -> None:
    there = {root.RELEASES, root.POINTER, root.STATUS, root.IDENTITY, root.LIVE}
    assert {f"serving/{name}" for name in there} <= {store.path for store in stores(telecom)}


def test_what_cannot_be_made_again_is_in_the_backup(telecom: Business) -> None:
    held = {store.path for store in stores(telecom) if store.backup}
    assert {"landing", "mlflow.db", "mlartifacts", "dagster/history", "lake/silver/customer_keys"} <= held
    assert not [path for path in held if path.startswith(("replay/", "spark/", "truth"))]


def test_a_store_is_in_the_backup_or_says_why_it_need_not(telecom: Business) -> None:
    """Whoever adds a store decides."""
    undecided = [s.path for s in (*stores(telecom), *ELSEWHERE) if s.backup == bool(s.unneeded)]
    assert not undecided


def test_personal_stores_are_the_personal_tables_and_what_holds_rows(telecom: Business) -> None:
    personal = {store.path for store in stores(telecom) if store.personal and "replay" not in store.path}
    tables = {path for path in personal if path.startswith("lake/")}
    assert personal - tables == {
        "landing",
        "landing/*/extract_date=*/*.part",
        "exports",
        "truth",
        "coming",
        "backup/stage",
        "backup/drill",
        "spark/scratch",
        "app/visits.db*",
        "acknowledgements",
        "campaign_requests",
        "outbox.db",
        "outbox.db-*",
        "messages",
        "serving/identity.bin",
        "serving/.*",
    }
    assert tables == {f"lake/bronze/{s.name}" for s in telecom.sources} | {
        "lake/silver/customer_keys",
        "lake/silver/customer_identity",
        "lake/silver/quarantine",
        "lake/alerts/risk_alerts",
    }


def test_paths_that_no_store_covers_are_named_from_where_they_branch_off(
    telecom: Business, tmp_path: Path
) -> None:
    assert unregistered(tmp_path / "none", telecom) == []
    known = ("landing/anything/at all", "lake/gold/customers/_delta_log", "replay/lake/bronze/usage")
    unknown = ("lake/gold/old/_delta_log", "lakes/a", "replay/notes/a", "dagster/history.bak/runs")
    for path in (*known, *unknown):
        (tmp_path / path).mkdir(parents=True)
    for name in ("mlflow.db", "mlflow.db-journal", "spark"):
        (tmp_path / name).touch()
    told = ["dagster/history.bak", "lake/gold/old", "lakes", "replay/notes", "spark"]
    assert unregistered(tmp_path, telecom) == told


def test_the_journal_of_a_search_is_registered(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "home")
    training = {"candidates": ["logistic_regression"], "search": {"trials": 1}}
    business = load_business(business_copy(tmp_path, training=training))

    class Run:
        def log_trial(self, *_: object) -> None: ...

    house = Lakehouse(settings)
    request = TrainingRequest(
        business, house, tracking_of(settings, business), date(2025, 6, 30), False, "run", print
    )
    search = _search(request, Run())  # type: ignore[arg-type]
    assert search is not None
    search.file.parent.mkdir(parents=True)
    search.file.touch()
    assert unregistered(settings.home_path, business) == []
