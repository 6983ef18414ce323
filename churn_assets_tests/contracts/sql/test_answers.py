"""The list of what is proven: what it calls equal is equal on both engines, to the bit."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from churn_assets.contracts.sql.meaning import differences
from churn_assets.contracts.sql.proven import SIGNATURES
from churn_assets_tests.contracts.sql.answers import TYPES, answers, is_equal, recorded

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RECORDED = recorded()


def _is_called_equal(sql: str) -> bool:
    return not differences(sql, TYPES)


def test_what_is_known_to_differ_or_to_raise_is_called_different() -> None:
    wrong = [sql for sql, known in RECORDED.items() if not known["equal"] and _is_called_equal(sql)]
    assert wrong == []


def test_each_proven_function_stands_in_an_expression_that_is_called_equal() -> None:
    """A function on the list without an expression is not proven."""
    equal = [sql.lower() for sql in RECORDED if _is_called_equal(sql)]
    assert len(equal) > 350
    unproven = [name for name in SIGNATURES if not any(f"{name}(" in sql for sql in equal)]
    assert set(unproven) <= {"rlike"}, "rlike is an operator"


def test_docs_list_the_proven_functions() -> None:
    page = (Path(__file__).parents[3] / "docs" / "engines.md").read_text(encoding="utf-8")
    [row] = [line for line in page.splitlines() if line.startswith("| functions |")]
    assert row == f"| functions | `{' '.join(sorted(set(SIGNATURES) - {'rlike', 'extract'}))}`, `extract` |"


@pytest.mark.jvm("the answers are those of Spark")
def test_spark_answers_what_was_recorded(spark: "SparkSession", as_shipped: None) -> None:
    """A new version of Spark that answers otherwise is told."""
    found = answers(spark, RECORDED)
    changed = {
        sql: (answer, RECORDED[sql])
        for sql, answer in found.items()
        if not is_equal(answer, RECORDED[sql]) and not ("raises" in answer and "raises" in RECORDED[sql])
    }
    assert changed == {}


@pytest.mark.one_engine("the answers of Spark are above")
@pytest.mark.one_python(reason="Sail answers, whatever Python asks it")
def test_sail_answers_the_same_to_all_that_is_called_equal(spark: "SparkSession") -> None:
    equal = {sql: known for sql, known in RECORDED.items() if _is_called_equal(sql)}
    found = answers(spark, equal)
    assert {sql: (found[sql], known) for sql, known in equal.items() if not is_equal(found[sql], known)} == {}
