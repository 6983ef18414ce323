"""The server of a contract that is a database: what it may say, and how mistakes are told."""

from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.mistakes import DeclarationErrors
from churn_assets_tests.sources.databases.shop import contract


@pytest.mark.parametrize(
    ("location", "delivery", "own", "told"),
    [
        ("postgresql://a:Kanarienvogel@h/x", "full", {"table": "t"}, "a secret does not stand in a file"),
        (
            "postgresql://h/x?password=Kanarienvogel",
            "full",
            {"table": "t"},
            "a secret does not stand in a file",
        ),
        ("Kanarienvogel", "full", {"table": "t"}, "the location is no address"),
        ("${X}", "full", {"table": "t", "query": "SELECT 1"}, "either `table` or `query`"),
        ("${X}", "full", {"table": "t", "cursor": "c"}, "is read whole"),
        ("${X}", "changes", {"table": "t"}, "needs a cursor"),
        ("${X}", "full", {"table": "t", "overlap": 5}, "without a cursor there is no overlap"),
        ("${X}", "changes", {"table": "t", "kursor": "c"}, "did you mean cursor?"),
    ],
)
def test_a_mistake_is_told_without_the_secret(
    tmp_path: Path, location: str, delivery: str, own: dict[str, Any], told: str
) -> None:
    role = "entity" if delivery == "full" else "event"
    with pytest.raises(DeclarationErrors) as error:
        contract(tmp_path, location, "postgresql", delivery, role, **own)
    assert told in str(error.value)
    assert "Kanarienvogel" not in str(error.value)


def test_extracts_of_a_database_are_parquet_below_the_name_of_the_source(tmp_path: Path) -> None:
    source = contract(tmp_path, "postgresql://reader:${PASSWORD}@h/x", "postgresql")
    assert (source.path, source.format) == ("orders", "parquet")
    assert source.origin and (source.origin.table, source.origin.cursor) == ("orders", "ordered_at")
