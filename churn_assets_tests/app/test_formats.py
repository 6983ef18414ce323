"""Numbers and dates in the reader's locale; what is not known is told."""

from datetime import date

import pytest

from churn_assets.app.formats import Formats


@pytest.mark.parametrize(
    ("language", "money", "percent", "number", "day", "month"),
    [
        ("en-GB", "€1,235", "12.5%", "-1,234.5", "30 June 2026", "June 2026"),
        ("de-DE", "1.235 €", "12,5 %", "-1.234,5", "30. Juni 2026", "Juni 2026"),
        ("fr-FR", "1 235 €", "12,5 %", "-1 234,5", "30 juin 2026", "juin 2026"),
        ("xx-unknown", "€1,235", "12.5%", "-1,234.5", "30 June 2026", "June 2026"),
    ],
)
def test_values_follow_the_locale(
    language: str, money: str, percent: str, number: str, day: str, month: str
) -> None:
    formats = Formats(language, "EUR")
    told = [
        formats.money(1234.56),
        formats.percent(0.125, 1),
        formats.number(-1234.5),
        formats.date(date(2026, 6, 30)),
        formats.month(date(2026, 6, 30)),
    ]
    plain = [text.replace("\u202f", " ").replace("\xa0", " ").replace("\u2212", "-") for text in told]
    assert plain == [money, percent, number, day, month]


def test_what_is_not_known_is_told() -> None:
    formats = Formats("en-GB", None)
    assert formats.money(None) == formats.percent(float("nan")) == formats.date(None) == "unknown"
    assert formats.money(1234.0) == "1,234"  # without a currency, none is invented
    assert formats.number(-0.001, 0) == "0"
