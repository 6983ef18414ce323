"""What a customer is worth: the feature that churn.yaml names, as an amount per month where it is a sum over months."""

from dataclasses import dataclass, replace

from churn_assets.app.formats import Formats
from churn_assets.app.store import ReleaseStore
from churn_assets.contracts.units import CURRENCIES


@dataclass(frozen=True)
class CustomerValue:
    """How the column `value` of a release is told.

    Attributes:
        words: what it is, for people.
        unit: of one value; None where the business declares none.
        months: the window of the sum, by which a value is divided to give a month; None for any other feature.
    """

    words: str
    unit: str | None
    months: int | None

    @property
    def sql(self) -> str:
        """The value of a row of `segments` or `customers`, per month where it can be."""
        return f"(value / {self.months})" if self.months else "value"

    @property
    def is_money(self) -> bool:
        """Whether the unit is a currency."""
        return self.unit in CURRENCIES

    @property
    def unit_told(self) -> str:
        """The unit for people, such as `EUR per month`."""
        return " per ".join(filter(None, [self.unit or "", "month" if self.months else ""]))

    @property
    def how(self) -> str:
        """How it is computed, as a sentence."""
        if self.months:
            divided = f", divided by {self.months}" if self.months > 1 else ""
            return f"A customer's value per month is: {self.words}{divided}."
        return f"A customer's value is: {self.words}."

    def told(self, formats: Formats, amount: float | None) -> str | None:
        """A sum of values for the reader, without "per month"; None where no value is known."""
        if amount is None:
            return None
        if self.is_money:
            return replace(formats, currency=self.unit).money(amount)
        return " ".join(filter(None, [formats.number(amount, 0), self.unit]))


def customer_value(store: ReleaseStore) -> CustomerValue | None:
    """How the value is told; None where the business declares no value of a customer."""
    declared = (store.business.get("segments") or {}).get("value")
    if not declared:
        return None
    name = declared["feature"]
    feature = next((f for f in store.release.features if f.name == name), None)
    if feature is None:
        return CustomerValue(name.replace("_", " "), None, None)
    return CustomerValue(feature.words, feature.unit, feature.months if feature.aggregate == "sum" else None)
