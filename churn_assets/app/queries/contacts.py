"""Contacts with customers: those of the release, and those marked on the page that it does not hold yet."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from churn_assets.app.contacts import MADE, SOURCE, Mark
from churn_assets.app.store import ReleaseStore
from churn_assets.ml.metrics.classification import wilson

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Pending:
    """A contact that was marked and is not in the release."""

    customer_key: str
    mark_id: str
    happened_on: date
    outcome: str


@dataclass(frozen=True)
class Fresh:
    """What the landing zone tells beyond the release: new contacts, and marks of the release taken back since."""

    made: tuple[Pending, ...] = ()
    withdrawn: frozenset[str] = frozenset()


NOTHING = Fresh()


def quoted(name: str) -> str:
    """The name of a column as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def told_by(store: ReleaseStore) -> list[str]:
    """Names of the sources that tell of contacts in the release."""
    if not store.has("contacts"):
        return []
    return [row["source"] for row in store.rows("SELECT DISTINCT source FROM contacts ORDER BY 1")]


def column_of(store: ReleaseStore, name: str) -> str | None:
    """What a column of the page's own source is called in `contacts`; None before the release holds any."""
    told = store.catalogue.get("contacts", {"columns": []})["columns"]
    there = {column["name"] for column in told} if store.has("contacts") else set()
    return next((n for n in (f"{SOURCE}_{name}", name) if n in there and SOURCE in told_by(store)), None)


def in_release(store: ReleaseStore) -> set[str]:
    """Numbers of the marks that the release holds and that count."""
    mark, state = column_of(store, "mark_id"), column_of(store, "state")
    if mark is None or state is None:
        return set()
    rows = store.rows(
        f"SELECT {quoted(mark)} AS mark_id FROM contacts WHERE source = ? AND {quoted(state)} = ?",
        [SOURCE, MADE],
    )
    return {row["mark_id"] for row in rows}


def fresh(store: ReleaseStore, marks: Sequence[Mark], keys: Mapping[str, str]) -> Fresh:
    """Compares the landing zone with the release; `keys` maps natural ids to customer_keys."""
    held = in_release(store)
    made = tuple(
        Pending(keys[m.row.customer_id], m.row.mark_id, m.row.contacted_on, m.row.outcome)
        for m in marks
        if m.row.state == MADE and m.row.mark_id not in held and m.row.customer_id in keys
    )
    return Fresh(made, frozenset(m.row.mark_id for m in marks if m.row.state != MADE) & held)


def was_read(mark: Mark, held: Set[str], status: Mapping[str, Any] | None) -> bool:
    """Whether the pipeline may have read a mark, by the release and by the status after its last run."""
    if mark.row.mark_id in held:
        return True
    told = (status or {}).get("sources", [])
    newest = next((s["newest_extract"] for s in told if s["source"] == SOURCE), None)
    if newest is None or date.fromisoformat(newest) < mark.extract_date:
        return False
    return bool(datetime.fromisoformat(str((status or {})["at"])) >= mark.written_at)


def touched(store: ReleaseStore, found: Fresh) -> tuple[str, list[Any]]:
    """SQL of all contacts that were made, with its parameters: customer_key, happened_on, source, outcome, mark_id,
    left_on, pending.

    Rows of a control group and marks that were taken back are no contacts. `outcome` is null where a source has none.
    """
    parts: list[str] = []
    values: list[Any] = []
    if store.has("contacts"):
        mark, outcome = column_of(store, "mark_id"), column_of(store, "outcome")
        condition, values = were_made(store, found)
        own = f"source = '{SOURCE}'"
        told = f"CASE WHEN {own} THEN {quoted(outcome)} END" if outcome else "NULL::VARCHAR"
        number = quoted(mark) if mark else "NULL::VARCHAR"
        parts.append(
            f"SELECT customer_key, happened_on::DATE AS happened_on, source, {told} AS outcome, {number} AS mark_id, "
            f"left_on::DATE AS left_on, false AS pending FROM contacts WHERE {condition}"
        )
    parts.append(
        "SELECT unnest(?::VARCHAR[]) AS customer_key, unnest(?::DATE[]) AS happened_on, "
        f"'{SOURCE}' AS source, unnest(?::VARCHAR[]) AS outcome, unnest(?::VARCHAR[]) AS mark_id, "
        "NULL::DATE AS left_on, true AS pending"
    )
    made = found.made
    values += [
        [p.customer_key for p in made],
        [p.happened_on for p in made],
        [p.outcome for p in made],
        [p.mark_id for p in made],
    ]
    return " UNION ALL ".join(parts), values


def were_made(store: ReleaseStore, found: Fresh) -> tuple[str, list[Any]]:
    """The condition, with its parameters, on rows of `contacts` that were really made and not taken back since."""
    condition, values = _made(store)
    mark = column_of(store, "mark_id")
    if mark is not None:
        number = quoted(mark)
        condition += f" AND ({number} IS NULL OR NOT list_contains(?::VARCHAR[], {number}))"
        values.append(sorted(found.withdrawn))
    return condition, values


def _made(store: ReleaseStore) -> tuple[str, list[Any]]:
    """The condition on rows of `contacts` that were really made, by the rules of the business."""
    state = column_of(store, "state")
    cases, values = [], []
    for rule in store.business.get("treated", []):
        if rule["column"] is not None and rule["source"] != SOURCE:
            told = quoted(rule["column"])
            cases.append(f"WHEN source = ? THEN list_contains(?::VARCHAR[], {told}::VARCHAR)")
            values += [rule["source"], rule["values"]]
    if state is not None:
        cases.append(f"WHEN source = '{SOURCE}' THEN {quoted(state)} = '{MADE}'")
    return (f"(CASE {' '.join(cases)} ELSE true END)" if cases else "true"), values


def contacts_of(store: ReleaseStore, found: Fresh, keys: Sequence[str]) -> "pd.DataFrame":
    """The contacts of some customers, newest first; see `touched`."""
    sql, values = touched(store, found)
    wanted = "WHERE list_contains(?::VARCHAR[], customer_key)"
    return store.frame(
        f"SELECT * FROM ({sql}) {wanted} ORDER BY happened_on DESC, source", [*values, list(keys)]
    )


def months(store: ReleaseStore, found: Fresh) -> list[date]:
    """First days of the months in which somebody was contacted, newest first."""
    sql, values = touched(store, found)
    rows = store.rows(
        f"SELECT DISTINCT date_trunc('month', happened_on)::DATE AS month FROM ({sql}) ORDER BY 1 DESC",
        values,
    )
    return [row["month"] for row in rows]


def became(store: ReleaseStore, found: Fresh, month: date) -> "pd.DataFrame":
    """What became of those contacted in a month, by source and outcome.

    Columns: source, outcome, customers, left, stayed, unknown, share_left, share_low, share_high (Wilson, 95 %, of
    those whose state is known). A customer counts once per source, with the last outcome of the month. A contact that
    the release does not hold yet, and a customer whose state the sources do not tell, are unknown.
    """
    sql, values = touched(store, found)
    rows = store.frame(
        f"""
        WITH told AS (
          SELECT source, customer_key, arg_max(outcome, happened_on) AS outcome, min(left_on) AS left_on,
            bool_and(pending) AS pending
          FROM ({sql}) WHERE date_trunc('month', happened_on) = ?::DATE GROUP BY source, customer_key
        ), judged AS (
          SELECT source, outcome,
            CASE WHEN left_on IS NOT NULL THEN 'left'
                 WHEN pending OR c.status IS NULL OR c.status IN ('unknown', 'disappeared', 'merged') THEN 'unknown'
                 ELSE 'stayed' END AS became
          FROM told LEFT JOIN customers c USING (customer_key)
        )
        SELECT source, outcome, count(*) AS customers, count(*) FILTER (became = 'left') AS "left",
          count(*) FILTER (became = 'stayed') AS stayed, count(*) FILTER (became = 'unknown') AS unknown
        FROM judged GROUP BY source, outcome ORDER BY source, customers DESC, outcome
        """,
        [*values, month],
    )
    shares = [share(int(a), int(a + b)) for a, b in zip(rows["left"], rows["stayed"], strict=True)]
    for position, name in enumerate(("share_left", "share_low", "share_high")):
        rows[name] = [s[position] if s else None for s in shares]
    return rows


def share(part: int, whole: int) -> tuple[float, float, float] | None:
    """A share with its Wilson interval of 95 %; None of nothing."""
    if not whole:
        return None
    return part / whole, *wilson(part, whole)


def contacts_in(store: ReleaseStore, found: Fresh, month: date) -> int:
    """How many rows all pages of `contacted_in` have together."""
    sql, values = touched(store, found)
    [row] = store.rows(
        f"SELECT count(*) AS n FROM ({sql}) WHERE date_trunc('month', happened_on) = ?::DATE",
        [*values, month],
    )
    return int(row["n"])


def contacted_in(store: ReleaseStore, found: Fresh, month: date, size: int, page: int) -> "pd.DataFrame":
    """A page of the contacts of a month, the newest first, with what became of the customers."""
    sql, values = touched(store, found)
    return store.frame(
        f"""
        SELECT customer_key, happened_on, source, outcome, left_on, pending, c.status, c.probability, c.segment
        FROM ({sql}) LEFT JOIN customers c USING (customer_key)
        WHERE date_trunc('month', happened_on) = ?::DATE
        ORDER BY happened_on DESC, customer_key, source, mark_id LIMIT ? OFFSET ?
        """,
        [*values, month, size, size * (page - 1)],
    )
