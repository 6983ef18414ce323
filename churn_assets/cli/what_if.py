"""`churn-assets what-if`: scores a snapshot with other values and prints the change. Starts no JVM."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from churn_assets.contracts.business import Business
from churn_assets.contracts.feature import Feature
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.ml.portable.model import PortableModel
from churn_assets.ml.portable.what_if import (
    Observed,
    WhatIfError,
    actionable,
    observed_range,
    present_value,
    value_in_words,
    what_if,
)
from churn_assets.models.champions import champion_at
from churn_assets.models.decisions import decided, load_champion
from churn_assets.months import month_end
from churn_assets.tracking.tracking import Tracking

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Subject:
    """The snapshot of one customer as of a day, and the model in charge then."""

    snapshot: "pd.DataFrame"
    as_of_date: date
    model: PortableModel
    model_version: str


def subject(
    lakehouse: Lakehouse, tracking: Tracking, business: Business, customer_key: str, month: str | None
) -> Subject:
    """The snapshot of a customer and the champion of its month.

    Args:
        customer_key: key of the customer; natural ids are not looked up.
        month: YYYY-MM, at its end; None: the newest day of this customer, between month ends too.

    Raises:
        WhatIfError: there is no such snapshot, or no model was in charge then.
        LakehouseError: there are no snapshots yet.
    """
    wanted: list[tuple[str, str, object]] = [("customer_key", "=", customer_key)]
    if month is not None:
        wanted.append(("as_of_date", "=", month_end(month)))
    days = _days(lakehouse, tables.CUSTOMER_SNAPSHOTS, wanted)
    current = (
        set(_days(lakehouse, tables.CURRENT_SNAPSHOT, wanted)) - set(days) if month is None else set[date]()
    )
    days += sorted(current)
    if not days:
        when = f" on {month_end(month)}" if month else ""
        raise WhatIfError(
            f"There is no snapshot of this customer_key{when}. Look for keys in scores/churn_scores and "
            "`churn-assets summary`; a natural id is no key. Customers who were not eligible have no snapshot."
        )
    day: date = max(days)
    champion = champion_at(decided(lakehouse), day)
    if champion is None:
        raise WhatIfError(
            f"No model was in charge on {day}; train one as of that month or name a later --month."
        )
    model = load_champion(lakehouse, tracking, champion)
    one: list[tuple[str, str, object]] = [("customer_key", "=", customer_key), ("as_of_date", "=", day)]
    table = tables.CURRENT_SNAPSHOT if day in current else tables.CUSTOMER_SNAPSHOTS
    snapshot = lakehouse.arrow(table, model.transformation.features, one).to_pandas()
    return Subject(snapshot, day, model, champion.model_version)


def _days(lakehouse: Lakehouse, table: Table, wanted: list[tuple[str, str, object]]) -> list[date]:
    """The as_of_dates of the snapshots of a customer; none without the table of days between month ends."""
    if table is tables.CURRENT_SNAPSHOT and not lakehouse.exists(table):
        return []
    found: list[date] = lakehouse.arrow(table, ["as_of_date"], wanted)["as_of_date"].to_pylist()
    return found


def ranges_of(lakehouse: Lakehouse, asked: Subject, names: list[str]) -> dict[str, Observed]:
    """Feature -> values that may be asked for, from the train cohorts of the model."""
    days = [date.fromisoformat(day) for day in asked.model.about["split"]["train"]]
    seen = lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS, names, [("as_of_date", "in", days)]).to_pandas()
    return {name: observed_range(asked.model, seen[name]) for name in names}


def tell_what_if(
    lakehouse: Lakehouse,
    tracking: Tracking,
    business: Business,
    customer_key: str,
    month: str | None,
    wishes: Mapping[str, str],
    console: Console,
) -> None:
    """Prints the probability with the wished values; without wishes, the features that may be changed.

    Raises:
        WhatIfError: no such snapshot, no champion, no actionable feature, or a wish that is not allowed.
    """
    asked = subject(lakehouse, tracking, business, customer_key, month)
    can = actionable(asked.model, business.features)
    if not wishes:
        _tell_choices(asked, can, ranges_of(lakehouse, asked, [f.name for f in can]), console)
        return
    known = {f.name for f in can}
    ranges = ranges_of(lakehouse, asked, [name for name in wishes if name in known])
    answer = what_if(asked.model, asked.snapshot, business.features, wishes, ranges)
    grid = RichTable("feature", "now", "what if", "probability with this alone")
    for change in answer.changes:
        told = (
            change.words,
            value_in_words(change.before),
            value_in_words(change.after),
            f"{change.probability:.1%}",
        )
        grid.add_row(*map(escape, told))
    console.print(_title(asked), grid)
    console.print(
        f"Probability now [bold]{answer.before:.1%}[/], then [bold]{answer.after:.1%}[/] "
        f"({100 * (answer.after - answer.before):+.1f} points)."
    )
    if answer.kept:
        console.print(f"Stayed as it is: {'; '.join(answer.kept)}.", markup=False)
    console.print("So the model would score; whether the customer would stay, only an experiment tells.")


def _title(asked: Subject) -> str:
    return f"Customer as known on {asked.as_of_date}, model version {asked.model_version}"


def _tell_choices(
    asked: Subject, can: list[Feature], ranges: Mapping[str, Observed], console: Console
) -> None:
    if not can:
        raise WhatIfError(
            "No feature of churn.yaml is actionable; mark what we can change by `actionable: true`."
        )
    probability = float(asked.model.score(asked.snapshot)["probability"].iloc[0])
    grid = RichTable("feature", "what it is", "now", "may be set to")
    grid.columns[0].no_wrap = True  # users type this name
    for feature in can:
        now = value_in_words(present_value(asked.model, asked.snapshot, feature.name))
        grid.add_row(*map(escape, (feature.name, feature.words, now, str(ranges[feature.name]))))
    console.print(f"{_title(asked)}: probability [bold]{probability:.1%}[/].", grid)
