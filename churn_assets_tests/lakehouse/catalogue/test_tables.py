"""What the catalogue says about the tables of the shipped businesses."""

import re
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.catalogue.table import difference, types_of_rows
from churn_assets.lakehouse.tables import LakeColumn, Table
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.lakes import business_copy

KNOWN_TYPES = re.compile(
    r"string|long|integer|double|float|boolean|date|timestamp|decimal\(\d+,\d+\)|array<(date|string)>"
)
SHAPES = Table(
    "gold",
    "shapes",
    "one row per shape",
    columns=(
        LakeColumn("days", "array<date>", "Days."),
        LakeColumn("price", "decimal(10,2)", "A price."),
        LakeColumn("count", "integer", "A count."),
        LakeColumn("at", "timestamp", "A moment."),
    ),
)


@pytest.fixture(params=["telecom", "shop"])
def business(request: pytest.FixtureRequest) -> Business:
    return load_business(SHIPPED_BUSINESSES / request.param)


def test_every_table_and_column_is_described(business: Business) -> None:
    for table in tables.catalogue(business):
        assert table.grain.startswith("one row per "), table.path
        assert table.columns and table.time and table.retention, table.path
        names = [c.name for c in table.columns]
        assert len(names) == len(set(names)), table.path
        assert set(table.partition_by) | set(table.row_key) <= set(names), table.path
        for column in table.columns:
            place = f"{table.path}.{column.name}"
            assert column.meaning.endswith("."), place
            assert KNOWN_TYPES.fullmatch(column.type), place


def test_paths_are_unique(business: Business) -> None:
    paths = [t.path for t in tables.catalogue(business)]
    assert len(paths) == len(set(paths))


def test_personal_columns_are_those_of_the_contracts_and_what_quotes_them() -> None:
    business = load_business(SHIPPED_BUSINESSES / "telecom")
    found = {t.path: set(t.personal) for t in tables.catalogue(business) if t.personal}
    named = {"full_name", "email", "phone", "birth_date", "account_manager"}
    provenance = {"customer_id", "rescued", "source_file"}
    expected = {f"bronze/{s.name}": provenance for s in business.sources}
    expected["bronze/customers"] = provenance | named
    expected["bronze/app_contacts"] = provenance | {"contacted_by"}
    expected |= {
        "alerts/risk_alerts": {"acknowledged_by", "note"},
        "silver/customer_keys": {"customer_id"},
        "silver/customer_identity": named | {"contacted_by"},
        "silver/quarantine": {"raw_row", "reason", "source_file"},
    }
    assert found == expected


def test_a_business_without_personal_columns_has_no_identity_table(tmp_path: Path) -> None:
    folder = business_copy(tmp_path, "shop")
    (folder / "contracts" / "app_contacts.yaml").unlink()  # it names who marked a contact
    shop = load_business(folder)
    assert "silver/customer_identity" not in {t.path for t in tables.catalogue(shop)}


def test_features_bring_words_computation_unit_and_window() -> None:
    table = tables.customer_snapshots(load_business(SHIPPED_BUSINESSES / "telecom"))
    told = {c.name: (c.meaning, c.unit, c.time) for c in table.columns}
    assert told["usage_data_mb_sum_3m"] == (
        "Data used (MB), last 3 months: sum of usage.data_mb.",
        "MB",
        "(as_of_date - 3 months, as_of_date]",
    )
    assert told["usage_data_mb_trend_3m"][1:] == ("-1 to 1", "(as_of_date - 6 months, as_of_date]")
    assert told["usage_data_mb_sum_7d"][2] == "(as_of_date - 7 days, as_of_date]"
    assert told["tickets_open_count_3m"][0].endswith("number of rows of tickets where closed_at is null.")
    assert told["subscriptions_monthly_price_change_6m"][1:] == ("EUR", "")
    assert told["subscriptions_days_to_expiry"][:2] == (
        "Days until the contract ends: days from the as_of_date to subscriptions.expires_on.",
        "days",
    )
    assert told["invoiced_per_gb_3m"][0].startswith("EUR per GB: invoices_amount_sum_3m / ")
    assert told["protected_customers_birth_decade"][0].startswith("Decade of birth (customers.birth_decade)")


def test_a_table_is_the_same_place_with_the_columns_of_a_business_or_without() -> None:
    telecom, shop = (load_business(SHIPPED_BUSINESSES / name) for name in ("telecom", "shop"))
    assert tables.customers(telecom) == tables.customers(shop) == tables.CUSTOMERS
    assert tables.customers(telecom).types != tables.customers(shop).types
    assert len({tables.customers(telecom), tables.customers(shop), tables.CUSTOMERS}) == 1


def test_rows_come_in_the_declared_types_and_what_is_left_out_is_null() -> None:
    rows = SHAPES.rows([{"days": [date(2025, 1, 1)]}, {"count": 2}])
    assert difference(SHAPES, types_of_rows(rows)) is None
    assert rows["days"].to_pylist() == [[date(2025, 1, 1)], None]
    assert SHAPES.rows([]).schema == rows.schema
    assert rows.schema.field("price").type == pa.decimal128(10, 2)
    with pytest.raises(ValueError, match="gold/shapes has no column colour"):
        SHAPES.rows([{"count": 1}, {"colour": "red"}])


def test_the_activity_of_the_label_source_stands_first() -> None:
    """Whatever the names of the sources: gold/customers starts from the rows of those who are customers."""
    names = [c.name for c in tables.customers(load_business(SHIPPED_BUSINESSES / "shop")).columns]
    assert names.index("transactions_total") < names.index("first_app_contacts_on")
