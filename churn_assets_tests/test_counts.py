"""Counts in sentences."""

from churn_assets.counts import counted, form


def test_one_thing_is_singular_and_so_is_its_verb() -> None:
    assert [counted(n, "row") for n in (0, 1, 1200)] == ["0 rows", "1 row", "1,200 rows"]
    assert [counted(n, "row has", "rows have") for n in (1, 2)] == ["1 row has", "2 rows have"]
    assert [form(n, "looks", "look") for n in (1, 2)] == ["looks", "look"]
