"""Gives changed scores to the CRMs of churn.yaml. What a CRM has accepted is kept, so that only changes are given."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from churn_assets.alerts.connectors import Connector, Given, Value, connector_of
from churn_assets.contracts.business import Business
from churn_assets.contracts.crm import MOST, CrmLine
from churn_assets.history.people import objections
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.audit.chain import AuditError, record
from churn_assets.operations.channels.channel import DeliveryFailed, MessageRefused
from churn_assets.settings import without_secrets

SECONDS = 300  # of a run for each CRM; the next one goes on
SENDER = "churn-assets"
Row = dict[str, Any]


@dataclass
class Pushed:
    """What a run did for one CRM.

    Attributes:
        accepted: customers whose values it accepted.
        refused: customer_key -> why it did not.
        waiting: customers who were not given because time was over or the CRM took nothing.
        nameless: customers with changed values who have no own id in silver/customer_keys, so they cannot be given.
        why: the failure that ended the run, in words; None if there was none.
    """

    accepted: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    waiting: int = 0
    nameless: int = 0
    why: str | None = None


def push(lakehouse: Lakehouse, business: Business, line: CrmLine, now: datetime, run_id: str) -> Pushed:
    """Gives a CRM all customers whose values differ from what it has accepted, and keeps what it accepts.

    Who is no longer scored, or objects to profiling, has the fields emptied. Each batch is an act of the audit.
    """
    former = _former(lakehouse, line)
    given, nameless = wanted(lakehouse, business, line, former)
    batches = list(batches_of(given, MOST[line.kind]))
    done, rows = Pushed(nameless=nameless), dict(former)
    try:
        _give_all(lakehouse, line, batches, rows, done, now)
    finally:
        if batches:
            table = tables.CRM_CUSTOMERS
            content = table.rows([rows[key] for key in sorted(rows)])
            lakehouse.replace_rows(table, content, "crm", [line.name], run_id=run_id)
    return done


def wanted(
    lakehouse: Lakehouse, business: Business, line: CrmLine, former: Mapping[str, Row]
) -> tuple[list[Given], int]:
    """The customers whose values have changed since the CRM accepted them, in the order of their keys.

    Besides, how many there are without an own id: the CRM cannot be told of them.
    """
    day = max(lakehouse.slices(tables.CURRENT_SCORES, "as_of_date"))
    columns = list(dict.fromkeys(["customer_key", *line.fields.values()]))
    scores = lakehouse.arrow(tables.CURRENT_SCORES, columns, [("as_of_date", "=", day)]).to_pylist()
    objected = objections(lakehouse, business).keys
    values = {
        row["customer_key"]: values_of(row, line) for row in scores if row["customer_key"] not in objected
    }
    nothing: dict[str, Value] = dict.fromkeys(line.fields)
    values |= {key: nothing for key, row in former.items() if key not in values and row["given"] is not None}
    changed = {
        key: one for key, one in values.items() if key not in former or former[key]["given"] != _text(one)
    }
    keys = lakehouse.arrow(tables.CUSTOMER_KEYS, ["customer_key", "customer_id"]).to_pylist()
    own_ids = {row["customer_key"]: row["customer_id"] for row in keys if row["customer_key"] in changed}
    given = [Given(key, own_ids[key], changed[key]) for key in sorted(changed) if key in own_ids]
    return given, len(changed) - len(given)


def values_of(row: Mapping[str, Any], line: CrmLine) -> dict[str, Value]:
    """What the fields of a CRM are given; probabilities in steps of `probability_step`."""
    found: dict[str, Value] = {}
    for name, column in line.fields.items():
        value = row[column]
        if column == "probability":
            steps = round(value / line.probability_step)
            value = round(steps * line.probability_step, 6)
        found[name] = value.isoformat() if isinstance(value, date) else value
    return found


def _give_all(
    lakehouse: Lakehouse,
    line: CrmLine,
    batches: Sequence[Sequence[Given]],
    rows: dict[str, Row],
    done: Pushed,
    now: datetime,
) -> None:
    connector, deadline = connector_of(line), time.monotonic() + SECONDS
    for position, batch in enumerate(batches):
        if time.monotonic() > deadline:
            done.why = f"{SECONDS} seconds are over; the next run goes on."
        refused = {} if done.why else give(lakehouse, line, connector, batch, done)
        if done.why:
            done.waiting = sum(len(rest) for rest in batches[position:])
            return
        done.refused |= refused
        done.accepted += len(batch) - len(refused)
        for one in batch:
            rows[one.customer_key] = _kept(line, one, rows.get(one.customer_key), refused, now)


def give(
    lakehouse: Lakehouse,
    line: CrmLine,
    connector: Connector,
    batch: Sequence[Given],
    done: Pushed,
    by: str = SENDER,
) -> dict[str, str]:
    """Gives a batch, once it is an act of the audit; returns customer_key -> why, of those that were not accepted.

    A failure that ends the run is noted in `done`.
    """
    batch_id = sha256(
        "\n".join(f"{one.customer_key} {_text(one.values)}" for one in batch).encode()
    ).hexdigest()[:32]
    try:
        record(
            lakehouse.settings,
            "crm_push",
            by,
            f"crm {line.name}",
            customers=len(batch),
            to=without_secrets(line.url or line.kind),
            batch=batch_id,
        )
        return connector.give(batch, batch_id)
    except MessageRefused as error:
        return {one.customer_key: str(error) for one in batch}
    except AuditError as error:
        done.why = f"Nothing is given that the audit cannot record. {error}"
    except DeliveryFailed as error:
        done.why = str(error)
    return {}


def _kept(line: CrmLine, one: Given, former: Row | None, refused: Mapping[str, str], now: datetime) -> Row:
    before = former or {"given": None, "given_at": None}
    row = {"crm": line.name, "customer_key": one.customer_key, "why": refused.get(one.customer_key)}
    if row["why"]:
        return {**row, "given": before["given"], "given_at": before["given_at"]}
    empty = all(value is None for value in one.values.values())
    return {**row, "given": None if empty else _text(one.values), "given_at": now}


def _former(lakehouse: Lakehouse, line: CrmLine) -> dict[str, Row]:
    table = tables.CRM_CUSTOMERS
    if not lakehouse.exists(table):
        return {}
    rows = lakehouse.arrow(table, filters=[("crm", "=", line.name)]).to_pylist()
    return {row["customer_key"]: row for row in rows}


def batches_of(given: Sequence[Given], size: int) -> Iterator[Sequence[Given]]:
    """Batches of at most so many customers."""
    for start in range(0, len(given), size):
        yield given[start : start + size]


def _text(values: Mapping[str, Value]) -> str:
    return json.dumps(values, sort_keys=True, ensure_ascii=False)
