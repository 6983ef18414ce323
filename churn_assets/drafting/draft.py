"""A whole business as drafted from files and living sources."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from churn_assets.drafting.calendar_and_label import ChurnPlan, plan_of
from churn_assets.drafting.columns import DraftColumn
from churn_assets.drafting.cursors import first_asked, with_cursor
from churn_assets.drafting.customer_id import find_customers, relate
from churn_assets.drafting.cut_by_month import cut_by_month
from churn_assets.drafting.doubt import Doubt, DraftError
from churn_assets.drafting.extracts import with_absence, with_days, with_delivery
from churn_assets.drafting.file_names import FoundOrigins, group_files
from churn_assets.drafting.roles import with_key, with_role
from churn_assets.drafting.source import DraftSource, read_source
from churn_assets.drafting.states import with_states
from churn_assets.months import month_range


@dataclass(frozen=True)
class BusinessDraft:
    """Sources, the plan above them, and what to review, the most important first."""

    sources: tuple[DraftSource, ...]
    plan: ChurnPlan
    doubts: tuple[Doubt, ...]


def draft(
    paths: Iterable[Path],
    today: date,
    extract_date: date | None = None,
    by_month: bool = False,
    origins: FoundOrigins | None = None,
) -> BusinessDraft:
    """Returns the business that the files suggest.

    Args:
        paths: files, and folders that hold some.
        today: events after it are mistakes; a history that ended long before it has an end.
        extract_date: day of the files whose names and folders state none.
        by_month: cut a single file of events into an extract per month.
        origins: living sources.

    Raises:
        DraftError: a file cannot be read, no file has a customer, or none tells who left.
    """
    given = list(paths)
    groups = group_files(given) if given or origins is None else []
    groups += origins.groups if origins else []
    if twice := sorted({g.name for g in groups if [o.name for o in groups].count(g.name) > 1}):
        raise DraftError(f"Two sources would be called {twice[0]}. Leave one out, or rename its files.")
    found, without = find_customers([read_source(group) for group in groups])
    if not found:
        raise DraftError(
            "No column names the customer in any file: none is called like one, and no ids are shared. "
            "Rename the column to customer_id in the export."
        )
    known = [with_role(source) for source in found]
    known = [s if s.group.origin else cut_by_month(s) for s in known] if by_month else known
    dated = with_days(known, extract_date, today)
    sources = _apart(relate([with_states(with_cursor(with_delivery(with_key(source)))) for source in dated]))
    plan = plan_of(sources, today)
    if plan is None:
        raise DraftError(
            "No file tells who left: none has several rows of a customer, each with its time, and none has spells with "
            "a start and an end. Add the file of subscriptions or of purchases."
        )
    months = month_range(plan.start, plan.last)
    sources = [s if first_asked(s, today) else with_absence(s, months) for s in sources]
    doubts = [
        *(origins.doubts if origins else ()),
        *plan.doubts,
        *(doubt for source in sources for doubt in source.doubts),
    ]
    for source in without:
        files = ", ".join(file.name for file in source.group.files[:2])
        doubts.append(
            Doubt(1, files, "left out: no column names the customer, by its name or by ids of other files")
        )
    return BusinessDraft(tuple(sources), plan, tuple(sorted(doubts)))


def _apart(sources: list[DraftSource]) -> list[DraftSource]:
    """Renames a personal column that has another type in another source: both share a column of the identities."""
    types: dict[str, str] = {}

    def apart(column: DraftColumn, source: DraftSource) -> DraftColumn:
        if not column.personal or column.name == source.customer:
            return column
        same = types.setdefault(column.name, column.type) == column.type
        return column if same else replace(column, name=f"{source.name}_{column.name}")

    return [replace(s, columns=tuple(apart(column, s) for column in s.columns)) for s in sources]
