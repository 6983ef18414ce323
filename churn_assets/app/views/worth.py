"""How a column of values looks: as money where the value is money, else as a number with its unit."""

from churn_assets.app.parts.tables import TableColumn
from churn_assets.app.queries.value import CustomerValue


def worth_column(value: CustomerValue, label: str, what: str) -> TableColumn:
    """A column of sums of values, with its unit in the heading."""
    unit = f" ({value.unit_told})" if value.unit_told else ""
    return TableColumn(f"{label}{unit}", what, "number", 0)
