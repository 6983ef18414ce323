"""Which columns of gold follow from the sources of a business, and their names where two sources share one."""

from collections.abc import Iterable

from churn_assets.contracts.business import Business
from churn_assets.contracts.customer_months import MonthColumn
from churn_assets.contracts.source import Source


def entities(business: Business) -> list[Source]:
    """Entity sources, those whose key is the customer before those that list several rows for one (accounts)."""
    return sorted(business.of_role("entity"), key=lambda s: s.key != (s.customer,))


def spells(business: Business) -> list[Source]:
    """Spell sources, that of the label before the others."""
    return sorted(business.of_role("spell"), key=lambda s: s is not business.label_source)


def month_columns(business: Business) -> dict[str, list[MonthColumn]]:
    """Columns by source; the label source is always one of them where it tells events."""
    found: dict[str, list[MonthColumn]] = {}
    if business.label_source.event_time is not None:
        found[business.label_source.name] = []
    for column in business.file.customer_months:
        found.setdefault(column.source, []).append(column)
    return found


def free_names(source: Source, names: Iterable[str], taken: set[str]) -> dict[str, str]:
    """Name -> name in the table; one that is taken already becomes `<source>_<name>`. Adds to `taken`."""
    free = {name: f"{source.name}_{name}" if name in taken else name for name in names}
    taken |= set(free.values())
    return free
