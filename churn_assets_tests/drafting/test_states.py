"""Former and merged customers: a draft names the columns that may tell them, in lines that a person takes in."""

from pathlib import Path

import pytest
import yaml

from churn_assets.contracts.loader import load_business
from churn_assets.drafting.draft import BusinessDraft
from churn_assets_tests.drafting.exports import business_of, drafted, export, places, purchases

STATES = ("active", "active", "active", "former")


def _draft(folder: Path, state: tuple[str, ...] = STATES, other: str = "merged_into") -> BusinessDraft:
    for month in range(1, 17):
        rows = [
            (f"C{n:03d}", "north", state[n % len(state)], f"C{n - 1:03d}" if n % 10 == 1 else "")
            for n in range(60)
        ]
        name = f"clients_{2024 + (month - 1) // 12}-{(month - 1) % 12 + 1:02d}.csv"
        export(folder / name, f"customer_id region status {other}", rows)
    purchases(folder)
    return drafted([folder])


def test_the_commented_lines_are_right_when_they_are_taken_in(tmp_path: Path) -> None:
    found, folder = _draft(tmp_path / "exports"), tmp_path / "business"
    business = business_of(found, folder)
    entity = business.source("clients")
    assert (entity.role, entity.former, entity.merged_into) == ("entity", None, None)
    told = places(found)
    assert "status may tell former customers" in told["contracts/clients.yaml, former"]
    assert "merged_into may name the surviving customer" in told["contracts/clients.yaml, mergedInto"]
    file = folder / "contracts" / "clients.yaml"
    lines = file.read_text(encoding="utf-8")
    assert yaml.safe_load(lines)["customProperties"][-1]["property"] == "customer"
    file.write_text(lines.replace("  # - {property", "  - {property"), encoding="utf-8")
    load_business.cache_clear()
    entity = load_business(folder).source("clients")
    assert entity.former is not None
    assert (entity.former.column, entity.former.values) == ("status", ("former",))
    assert entity.merged_into == "merged_into"


@pytest.mark.parametrize(
    ("state", "other"), [(("on", "off"), "region_code"), (("former", "former"), "sales_rep")]
)
def test_nothing_is_suggested_without_a_word_for_it(
    tmp_path: Path, state: tuple[str, ...], other: str
) -> None:
    found = _draft(tmp_path, state, other)
    assert all(source.hints == () for source in found.sources)


def test_letters_of_ascii_alone_do_not_show_the_encoding(tmp_path: Path) -> None:
    found = drafted(purchases(tmp_path))
    assert "ASCII so far; UTF-8 is assumed" in places(found)["contracts/sales.yaml, encoding"]
    business_of(found, tmp_path / "business")
    contract = (tmp_path / "business" / "contracts" / "sales.yaml").read_text(encoding="utf-8")
    assert "  # ASCII so far; UTF-8 is assumed" in contract
    assert "encoding" not in str(yaml.safe_load(contract))
