"""Numbers, money and dates in the reader's locale."""

import datetime
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import NumberPattern, parse_pattern

UNKNOWN = "unknown"
NEUTRAL = Locale("en", "GB")


@dataclass(frozen=True)
class Formats:
    """Texts of values. What is not known (None, NaN) reads `unknown`.

    Attributes:
        language_tag: of the reader's browser, such as `de-CH`; one that is not known counts as English.
        currency: code of ISO 4217; None when the release does not tell it.
    """

    language_tag: str
    currency: str | None

    @cached_property
    def locale(self) -> Locale:
        """The reader's locale."""
        try:
            return Locale.parse(self.language_tag, sep="-")
        except (UnknownLocaleError, ValueError, TypeError):
            return NEUTRAL

    def number(self, value: float | None, digits: int | None = None) -> str:
        """`1,234.5`; digits after the point, by default none for whole numbers and one for others."""
        if value is None or pd.isna(value):
            return UNKNOWN
        taken = digits if digits is not None else 0 if float(value).is_integer() else 1
        return self._text(self.locale.decimal_formats[None], value, taken)

    def percent(self, share: float | None, digits: int = 0) -> str:
        """`12 %` of 0.12."""
        if share is None or pd.isna(share):
            return UNKNOWN
        return self._text(self.locale.percent_formats[None], share, digits)

    def money(self, amount: float | None, digits: int = 0) -> str:
        """An amount with the currency of the business."""
        if amount is None or pd.isna(amount) or self.currency is None:
            return self.number(amount, digits)
        return self._text(self.locale.currency_formats["standard"], amount, digits)

    def date(self, day: datetime.date | None) -> str:
        """`30 June 2026`."""
        if day is None or pd.isna(day):
            return UNKNOWN
        return str(format_date(day, "long", locale=self.locale))

    def month(self, day: datetime.date | None) -> str:
        """`June 2026`."""
        if day is None or pd.isna(day):
            return UNKNOWN
        return str(format_date(day, "LLLL y", locale=self.locale))

    def _text(self, pattern: NumberPattern, value: float, digits: int) -> str:
        own = parse_pattern(pattern.pattern)
        own.frac_prec = (digits, digits)
        rounded = round(float(value), digits + 2 * ("%" in pattern.pattern)) + 0.0  # no minus zero
        return str(own.apply(rounded, self.locale, currency=self.currency, currency_digits=False))
