"""What all pages share: rounded numbers in tables, changes with their signs, and a choice that lies in the address."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from churn_assets.app.parts.figures import signed
from churn_assets.app.parts.tables import GAP, TableColumn, _config, _for_browser, download
from churn_assets.operations.audit.chain import AuditError


def test_numbers_are_rounded_before_the_browser_cuts_their_digits() -> None:
    frame = pd.DataFrame(
        {"auc": [0.8746, None], "lift": [5.489, 1.0], "money": [2496.96, 3.2], "share": [0.1234, 1.0]}
    )
    columns = {
        "auc": TableColumn("AUC", "Ranking.", "number", 3),
        "lift": TableColumn("Lift", "Times.", "number", 1),
        "money": TableColumn("Value", "Worth.", "money"),
        "share": TableColumn("Share", "Part.", "percent", 1),
    }
    shown = _for_browser(frame, columns)
    assert shown["auc"].tolist()[0] == 0.875
    assert shown["auc"].isna().tolist() == [False, True]
    assert shown["lift"].tolist() == [5.5, 1.0]
    assert shown["money"].tolist() == [2497.0, 3.0]
    assert shown["share"].tolist() == [12.34, 100.0]
    assert frame["lift"].tolist() == [5.489, 1.0]  # what is downloaded keeps its digits


def test_a_change_has_its_sign_and_none_has_no_arrow() -> None:
    assert [signed(n, f"€{abs(n)}") for n in (12, -12, 0)] == ["+€12", "-€12", "unchanged"]

    def page() -> None:
        import streamlit as st

        from churn_assets.app.parts.figures import figure

        for number, delta in enumerate(("+1 since May", "unchanged since May")):
            figure(st.container(), f"Customers {number}", "2", "How many.", delta=delta, more_is_worse=True)

    more, same = AppTest.from_function(page).run().metric
    assert (more.delta, more.color) != (same.delta, same.color)
    assert same.proto.direction == same.proto.MetricDirection.NONE
    assert more.proto.direction == more.proto.MetricDirection.UP


def test_a_column_with_gaps_is_as_wide_as_unknown_and_as_its_heading() -> None:
    page: Any = None  # no money, so no currency is asked for

    def width(label: str, has_gaps: bool) -> int | None:
        found: int | None = _config(page, TableColumn(label, "What.", "change", 1), has_gaps)["width"]
        return found

    heading = "In 7 days (points)"
    assert width("Left", has_gaps=True) == GAP
    assert (width(heading, has_gaps=True) or 0) >= 7 * len(heading)
    assert width(heading, has_gaps=False) is None, "the browser chooses"


@dataclass
class Recorder:
    """A page that records exports; `broken`: it cannot."""

    broken: bool = False
    done: list[tuple[str, int]] = field(default_factory=list)

    def record_export(self, what: str, customers: int) -> None:
        if self.broken:
            raise AuditError("The audit cannot be written.")
        self.done.append((what, customers))


@pytest.mark.parametrize("has_keys", [True, False])
def test_rows_with_customer_keys_leave_only_once_the_audit_tells_so(
    monkeypatch: pytest.MonkeyPatch, has_keys: bool
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        "churn_assets.app.parts.tables.st.download_button", lambda *told, **_: asked.append(told[1])
    )
    name = "customer_key" if has_keys else "segment"
    frame, columns = pd.DataFrame({name: ["a", "b", "a"]}), {name: TableColumn("Head", "What.")}
    page: Any = Recorder()
    download(page, frame, "rows", columns)
    [content] = asked
    assert page.done == [], "the button alone is no export"
    assert content().decode("utf-8-sig").split() == ["Head", "a", "b", "a"]
    assert page.done == ([("table rows of the page", 2)] if has_keys else [])
    broken: Any = Recorder(broken=True)
    download(broken, frame, "rows", columns)
    if has_keys:
        with pytest.raises(AuditError):
            asked[1]()
    else:
        assert asked[1]()
