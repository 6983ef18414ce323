"""A change and its records: the first before it comes into force, the second with the result."""

import getpass
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.audit.chain import record as audit
from churn_assets.operations.audit.entry import Act

Type = Literal["standard", "normal", "emergency"]
PREFIX = "CHG-"
BEGUN, DONE = "begun", "done"
AUDITED: dict[str, Act] = {"promotion": "promotion", "rollback": "rollback"}


class ChangeError(ValueError):
    """A change cannot be made so; the message says why."""


@dataclass(frozen=True)
class ProposedChange:
    """What is to be changed.

    Attributes:
        type: standard (allowed beforehand, because it passed all gates), normal (a person wants it, another approves),
            emergency (back to what worked).
        what: promotion, rollback, edit, new version.
        item: the configuration item, such as `model` or `contract customers`.
        before, after: versions or digests of the item; `before` is None for the first.
        reason: why, in words.
        evidence: what speaks for it.
        back_out: how to go back.
        by: who makes it; None: the person whose process it is.
        approved_by: who else approved it; None: nobody.
    """

    type: Type
    what: str
    item: str
    before: str | None
    after: str
    reason: str
    evidence: str
    back_out: str
    by: str | None = None
    approved_by: str | None = None


@dataclass(frozen=True)
class ChangeRecord:
    """A record of a change; the fields are the columns of operations/changes."""

    change_id: str
    record: int
    at: datetime
    by: str
    type: str
    what: str
    item: str
    before: str | None
    after: str
    reason: str
    evidence: str
    approved_by: str | None
    back_out: str
    result: str

    @property
    def number(self) -> int:
        """The number in its id."""
        return int(self.change_id.removeprefix(PREFIX))


def change_records(lakehouse: Lakehouse) -> list[ChangeRecord]:
    """All records, by change and record."""
    if not lakehouse.exists(tables.CHANGES):
        return []
    found = [ChangeRecord(**row) for row in lakehouse.arrow(tables.CHANGES).to_pylist()]
    return sorted(found, key=lambda r: (r.number, r.record))


def in_force(records: Sequence[ChangeRecord]) -> dict[str, str]:
    """Item -> its newest version or digest that a change put in force."""
    return {r.item: r.after for r in records if r.result == DONE}


@contextmanager
def recorded(lakehouse: Lakehouse, change: ProposedChange, run_id: str) -> Iterator[None]:
    """Records a change, lets the caller make it, and records how it went.

    A promotion, a rollback and an approval by another person are acts of the audit, too. A process that is killed
    between leaves the first record, whose result is `begun`.

    Raises:
        AuditError: the audit cannot be written; nothing was changed.
        ChangeError: whoever approved it is the person who makes it.
    """
    [first] = _begun(lakehouse, [change], run_id)
    _audit(lakehouse, first)
    try:
        yield
    except BaseException as error:
        _add(lakehouse, [_result(first, f"failed: {type(error).__name__}")], run_id)
        raise
    _add(lakehouse, [_result(first, DONE)], run_id)


def record_done(lakehouse: Lakehouse, changes: Sequence[ProposedChange], run_id: str) -> None:
    """Records changes that are in force with this record."""
    with lakehouse.alone_with(tables.CHANGES):
        first = _numbered(lakehouse, changes)
        _add(lakehouse, [replace(record, result=DONE) for record in first], run_id)


def _begun(lakehouse: Lakehouse, changes: Sequence[ProposedChange], run_id: str) -> list[ChangeRecord]:
    with lakehouse.alone_with(tables.CHANGES):
        new = _numbered(lakehouse, changes)
        _add(lakehouse, new, run_id)
    return new


def _numbered(lakehouse: Lakehouse, changes: Sequence[ProposedChange]) -> list[ChangeRecord]:
    last = max((r.number for r in change_records(lakehouse)), default=0)
    now, person = datetime.now(UTC), getpass.getuser()
    found = []
    for number, change in enumerate(changes, last + 1):
        content = asdict(change) | {"by": change.by or person, "result": BEGUN}
        if change.approved_by == content["by"]:
            raise ChangeError(
                f"{change.approved_by} makes this change, so somebody else must approve it; nothing was changed."
            )
        found.append(ChangeRecord(change_id=f"{PREFIX}{number}", record=1, at=now, **content))
    return found


def _audit(lakehouse: Lakehouse, change: ChangeRecord) -> None:
    subject = f"{change.item} {change.after}"
    if act := AUDITED.get(change.what):
        audit(lakehouse.settings, act, change.by, subject, why=change.reason, change=change.change_id)
    if change.approved_by:
        audit(
            lakehouse.settings,
            "approval",
            change.approved_by,
            subject,
            change=change.change_id,
            told_by=change.by,
        )


def _result(first: ChangeRecord, result: str) -> ChangeRecord:
    return replace(first, record=2, at=datetime.now(UTC), result=result)


def _add(lakehouse: Lakehouse, records: Sequence[ChangeRecord], run_id: str) -> None:
    if records:
        rows = tables.CHANGES.rows([asdict(record) for record in records])
        lakehouse.append_rows(tables.CHANGES, rows, run_id=run_id)
