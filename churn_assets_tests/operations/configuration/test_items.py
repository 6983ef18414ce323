"""What the deployment consists of is recorded day by day, without secrets; two days can be compared."""

from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from churn_assets.cli.main import cli
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.configuration.items import items_of, record_items
from churn_assets_tests.lakes import business_copy, edit_yaml, settings_for

MONDAY, TUESDAY = date(2026, 6, 1), date(2026, 6, 2)


def test_what_differs_between_two_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = Lakehouse(settings_for(tmp_path / "home"))
    monkeypatch.setenv("CHURN_HOME", house.settings.home)

    def typed(*days: str) -> list[str]:
        return CliRunner().invoke(cli, ["configuration", *days]).output.splitlines()

    assert typed() == ["Nothing is recorded yet; the daemon records the items once a day."]
    folder, edited = business_copy(tmp_path), business_copy(tmp_path)
    edit_yaml(edited / "churn.yaml", lambda c: c["economics"].update(offer=11))
    assets = {"gold/customers": ["silver/customers"]}
    first = items_of(load_business(folder), {"keep_days": 30}, assets, "1", MONDAY)
    second = items_of(load_business(edited), {"keep_days": 14}, {}, "2", TUESDAY)
    for items in (first, second, second):
        record_items(house, items, "test")
    lines = typed("2026-06-01", "2026-06-02")
    assert [line for line in lines if "churn.yaml" not in line] == [
        "setting CHURN_KEEP_DAYS: 30 -> 14",
        "asset gold/customers: gone, was after silver/customers",
        "model model: version 1 -> version 2",
    ]
    digests = [dict(load_business(f).digests)["churn.yaml"][:12] for f in (folder, edited)]
    assert f"declaration churn.yaml: {digests[0]} -> {digests[1]}" in lines
    assert "model model: version 2" in typed()
    assert typed("2026-06-01", "2026-06-01") == ["Nothing differs between 2026-06-01 and 2026-06-01."]
    assert "model model: version 2" in typed("2026-06-20"), "a day without a record stands for the one before"
    assert "the first record is of 2026-06-01" in typed("2026-05-01")[-1]
