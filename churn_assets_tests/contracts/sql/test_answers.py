"""The list of what is proven against recorded answers of both engines."""

from pathlib import Path

from churn_assets.contracts.sql.meaning import differences
from churn_assets.contracts.sql.proven import SIGNATURES
from churn_assets_tests.contracts.sql.answers import TYPES, recorded

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
