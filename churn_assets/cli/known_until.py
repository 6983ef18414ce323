"""Until when each source is known, in words for a terminal; reads no row of data and starts no JVM."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from churn_assets.contracts.business import Business
from churn_assets.counts import counted
from churn_assets.graph.checks import ingest_commands
from churn_assets.history.known_until import SourceState, already_due, known, source_states
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import spoken


def states_of(lakehouse: Lakehouse, business: Business, last: str | None = None) -> list[SourceState]:
    """The state of every source up to the month `last`; without it, to the newest that any source has passed.

    A month that its source does not yet owe counts as missing only if a later one has passed, or silver refused it.
    """
    newest = max((month for _, month in known(lakehouse, business).passed), default=None)
    until = last or newest
    return source_states(lakehouse, business, until) if until else []


def not_known(business: Business, states: Sequence[SourceState], today: date) -> dict[str, list[str]]:
    """Source -> months that have not passed silver although silver refused them or they are due `today`."""
    refused = {(s.source, month) for s in states for month in s.refused_by}
    return already_due(business, {s.source: s.missing for s in states}, today, refused)


def told(state: SourceState, months: Sequence[str]) -> str:
    """These months of a source, with the rules that refused them: "2025-01 to 2025-02, 2025-04 (missing)"."""
    unjudged = [m for m in months if m not in state.refused_by]
    refused = [f"{m} ({state.refused_by[m]})" for m in months if m in state.refused_by]
    return ", ".join([*([spoken(unjudged)] if unjudged else []), *refused])


def lines(states: Sequence[SourceState], missing: dict[str, list[str]]) -> list[str]:
    """A line per source that lacks a month: until when it is known, and the months that have not passed."""
    return [
        f"{state.source} is known {f'until {state.until}' if state.until else 'not at all'}; not passed: "
        f"{told(state, missing[state.source])}"
        for state in states
        if state.source in missing
    ]


def delivered_once(state: SourceState, today: date | None = None) -> str:
    """How old a source is that was delivered once; empty of others."""
    if state.once_on is None:
        return ""
    days = ((today or datetime.now(UTC).date()) - state.once_on).days
    return f"delivered once, on {state.once_on}, {counted(days, 'day')} ago"


def remedy(missing: dict[str, list[str]]) -> str:
    """What to do about it."""
    months = {month for gaps in missing.values() for month in gaps}
    return f"Deliver what is missing, then {ingest_commands(months)}."
