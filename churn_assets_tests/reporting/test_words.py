"""Names, numbers and dates as people read them."""

from datetime import date

from churn_assets.reporting.words import capitalised, cell, full_date, month_name, spoken


def test_names_counts_and_dates() -> None:
    assert spoken("soft_voting") == "soft voting"
    assert capitalised("data used GB") == "Data used GB" and capitalised("") == ""
    assert [cell(value) for value in (1234, True, None, 0.5, "x")] == ["1,234", "True", "", "0.5", "x"]
    assert (month_name(date(2025, 6, 3)), full_date(date(2025, 6, 3))) == ("June 2025", "3 June 2025")
