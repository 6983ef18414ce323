"""Which columns the gold tables get from the sources of a business, and how name clashes are resolved."""

from collections.abc import Iterable

from churn_assets.contracts.business import Business
from churn_assets.contracts.customer_months import MonthColumn
from churn_assets.contracts.source import Source

SURVIVOR = "survivor_key"  # of gold/customers


def taken_names(business: Business) -> set[str]:
    """Returns the columns of gold/customers that come from no single source."""
    return {"customer_key", SURVIVOR} if business.tells_merges else {"customer_key"}


def entities(business: Business) -> list[Source]:
    """Returns the entity sources, those keyed by customer before those with several rows per customer (accounts)."""
    return sorted(business.of_role("entity"), key=lambda s: s.key != (s.customer,))


def spells(business: Business) -> list[Source]:
    """Returns the spell sources, the label source first."""
    return sorted(business.of_role("spell"), key=lambda s: s is not business.label_source)


def activities(business: Business) -> list[Source]:
    """Returns the sources of events and treatments, the label source first."""
    return sorted(business.of_role("event", "treatment"), key=lambda s: s is not business.label_source)


def month_columns(business: Business) -> dict[str, list[MonthColumn]]:
    """Returns source -> its columns of gold/customer_months; includes the label source if it has an event time."""
    found: dict[str, list[MonthColumn]] = {}
    if business.label_source.event_time is not None:
        found[business.label_source.name] = []
    for column in business.file.customer_months:
        found.setdefault(column.source, []).append(column)
    return found


def free_names(source: Source, names: Iterable[str], taken: set[str]) -> dict[str, str]:
    """Returns name -> name in the table: `<source>_<name>` if the name is in `taken`. Adds the results to `taken`."""
    free = {name: f"{source.name}_{name}" if name in taken else name for name in names}
    taken |= set(free.values())
    return free
