"""A problem and its records in operations/problems."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse

PREFIX = "PRB-"
OPEN, KNOWN, CLOSED = "open", "known error", "closed"


class ProblemError(ValueError):
    """A problem cannot be changed so; the message says why."""


@dataclass(frozen=True)
class ProblemRecord:
    """A problem after one of its records; the fields are the columns of operations/problems."""

    problem_id: str
    record: int
    at: datetime
    by: str
    state: str
    title: str
    cause: str | None
    workaround: str | None
    note: str

    @property
    def number(self) -> int:
        """The number in its id."""
        return int(self.problem_id.removeprefix(PREFIX))


def problems(lakehouse: Lakehouse) -> list[ProblemRecord]:
    """All problems as they are now, by number."""
    if not lakehouse.exists(tables.PROBLEMS):
        return []
    rows = sorted(lakehouse.arrow(tables.PROBLEMS).to_pylist(), key=lambda row: int(row["record"]))
    newest = {row["problem_id"]: ProblemRecord(**row) for row in rows}
    return sorted(newest.values(), key=lambda p: p.number)


def open_problem(lakehouse: Lakehouse, title: str, note: str, by: str) -> ProblemRecord:
    """Records a new problem."""
    with lakehouse.alone_with(tables.PROBLEMS):
        number = max((p.number for p in problems(lakehouse)), default=0) + 1
        return _add(
            lakehouse,
            ProblemRecord(f"{PREFIX}{number}", 1, datetime.now(UTC), by, OPEN, title, None, None, note),
        )


def know(lakehouse: Lakehouse, problem_id: str, cause: str, workaround: str, by: str) -> ProblemRecord:
    """Records the cause of a problem and how to live with it: a known error."""
    changed = {"state": KNOWN, "cause": cause, "workaround": workaround, "note": "The cause is known."}
    return _change(lakehouse, problem_id, by, changed)


def close(lakehouse: Lakehouse, problem_id: str, why: str, by: str) -> ProblemRecord:
    """Records that a problem is removed."""
    return _change(lakehouse, problem_id, by, {"state": CLOSED, "note": why})


def find(lakehouse: Lakehouse, problem_id: str) -> ProblemRecord:
    """The problem of that id.

    Raises:
        ProblemError: there is none.
    """
    found = next((p for p in problems(lakehouse) if p.problem_id == problem_id.upper()), None)
    if found is None:
        raise ProblemError(f"There is no problem {problem_id}; `churn-assets problem list --all`.")
    return found


def _change(lakehouse: Lakehouse, problem_id: str, by: str, changed: dict[str, str]) -> ProblemRecord:
    with lakehouse.alone_with(tables.PROBLEMS):
        present = find(lakehouse, problem_id)
        if present.state == CLOSED:
            raise ProblemError(f"{present.problem_id} is closed already.")
        record = replace(present, record=present.record + 1, at=datetime.now(UTC), by=by)
        return _add(lakehouse, replace(record, **changed))  # type: ignore[arg-type]


def _add(lakehouse: Lakehouse, problem: ProblemRecord) -> ProblemRecord:
    lakehouse.append_rows(tables.PROBLEMS, tables.PROBLEMS.rows([asdict(problem)]), run_id=problem.by)
    return problem
