"""The judgement over a month of a source: counts that must balance, and rules that let it pass, warn or block it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from statistics import median
from typing import Literal

from churn_assets.contracts.source import MonthRule, Source
from churn_assets.counts import counted, form
from churn_assets.months import add_months, month_end, month_of, month_range
from churn_assets.silver.row_balance import rows_balance

USUAL_MONTHS = 6  # the usual volume is the median of so many months before
ENOUGH_MONTHS = 3  # fewer say nothing about what is usual
# Where a contract tolerates no share of its own: what refuses most rows is a mistaken contract.
HALF_REFUSED = MonthRule("refusedShare", None, 0.5, "block")


@dataclass(frozen=True)
class DeliveredFile:
    """Rows that bronze holds of one file, and the fields outside the contract that it carried."""

    name: str
    month: str
    rows: int
    rescued_rows: int = 0
    rescued_fields: tuple[str, ...] = ()

    @property
    def extract_date(self) -> date:
        """The day of its extract."""
        return date.fromisoformat(self.name.partition("extract_date=")[2][:10])


@dataclass(frozen=True)
class Problem:
    """A broken rule with its evidence; `block` refuses the month.

    Attributes:
        source, month: whose month.
        rule: kind of the rule; the column or source that it is about after a colon.
        severity: what it does to the month.
        evidence: what was found, in words, without personal values.
        remedy: what to do.
        count: rows or keys that break the rule, where they are counted.
        of: out of how many.
        examples: some of their customer_keys.
        files: the files that they came in.
    """

    source: str
    month: str
    rule: str
    severity: Literal["warn", "block"]
    evidence: str
    remedy: str
    count: int | None = None
    of: int | None = None
    examples: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.source} {self.month}: {self.rule}: {self.evidence} {self.remedy}"


@dataclass
class MonthAudit:
    """Counts of one source and month.

    `unknown` counts refused versions: how often a key's state became unknown, since its row was refused. `unread` says
    of each file that lies in the landing zone and not in bronze why that is so. `volume_not_judged` says what is too
    short of history for the rule `volume`. `filled` counts accepted versions with a value, by optional column.
    `remarks` counts accepted versions by what silver remarks of them, see `silver.conform`.
    """

    source: str
    month: str
    delivered: int = 0
    accepted: int = 0
    duplicates: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    warned: Counter[str] = field(default_factory=Counter)
    files: list[DeliveredFile] = field(default_factory=list)
    unknown: int = 0
    unread: list[str] = field(default_factory=list)
    volume_not_judged: str | None = None
    filled: dict[str, int] = field(default_factory=dict)
    remarks: Counter[str] = field(default_factory=Counter)

    @property
    def quarantined(self) -> int:
        """Refused rows."""
        return self.refused.total()

    @property
    def balances(self) -> bool:
        """True when every delivered row is accounted for."""
        return rows_balance(self.delivered, self.accepted, self.duplicates, self.quarantined)


def _file_list(files: Sequence[DeliveredFile]) -> str:
    shown = ", ".join(f"{f.name} ({counted(f.rows, 'row')})" for f in sorted(files, key=lambda f: f.rows)[:3])
    return f"Smallest files: {shown}." if len(files) > 3 else f"Files: {shown or 'none'}."


def rows_by_month(files: Iterable[DeliveredFile]) -> Counter[str]:
    """Month -> delivered rows."""
    volumes = Counter[str]()
    for file in files:
        volumes[file.month] += file.rows
    return volumes


def rows_by_extract(files: Iterable[DeliveredFile]) -> Counter[date]:
    """Day of the extract -> delivered rows, extracts without rows included."""
    volumes = Counter[date]()
    for file in files:
        volumes[file.extract_date] += file.rows
    return volumes


@dataclass(frozen=True)
class Volume:
    """Rows of an extract, or of a month, and of those before it that had rows."""

    what: str
    rows: int
    before: Sequence[int]

    @property
    def usual(self) -> float:
        """The usual number of rows."""
        return median(self.before)


def volumes(
    source: Source, month: str, delivered: Mapping[str, int], extracts: Mapping[date, int]
) -> list[Volume]:
    """What the rule `volume` looks at: each extract of a source that lists everything, else the whole month."""
    first = add_months(month, -USUAL_MONTHS)
    if source.delivery == "full":
        days = [day for day in sorted(extracts) if first <= month_of(day) <= month]
        told = [(day, [extracts[d] for d in days if d < day and extracts[d]]) for day in days]
        return [
            Volume(f"The extract of {day}: {counted(extracts[day], 'row')}", extracts[day], before)
            for day, before in told
            if month_of(day) == month
        ]
    before = [delivered.get(m, 0) for m in month_range(first, add_months(month, -1))]
    rows = delivered.get(month, 0)
    return [Volume(counted(rows, "row"), rows, [count for count in before if count])]


def _too_small(source: Source, volume: Volume, rule: MonthRule) -> bool:
    enough = 1 if source.delivery == "full" else ENOUGH_MONTHS
    return len(volume.before) >= enough and volume.rows < volume.usual * (rule.min_share or 0)


def _too_large(volume: Volume, rule: MonthRule) -> bool:
    # the first extracts may be those of a trial
    return len(volume.before) >= ENOUGH_MONTHS and volume.rows > volume.usual * rule.max_share


def too_small(source: Source, month: str, delivered: Mapping[str, int], extracts: Mapping[date, int]) -> bool:
    """Whether the rows delivered for the month are so few that it would be blocked, were it over."""
    rule = source.month_rule("volume")
    if rule is None or rule.severity != "block":
        return False
    return any(_too_small(source, v, rule) for v in volumes(source, month, delivered, extracts))


def volume_not_judged(
    source: Source, month: str, delivered: Mapping[str, int], extracts: Mapping[date, int]
) -> str | None:
    """What the rule `volume` cannot judge yet in this month, in words; None when it judges all, or there is no rule."""
    if source.month_rule("volume") is None:
        return None
    full = source.delivery == "full"
    looked_at = volumes(source, month, delivered, extracts)
    fewest = min((len(v.before) for v in looked_at), default=ENOUGH_MONTHS)
    if fewest >= ENOUGH_MONTHS:
        return None
    told = f"{fewest} of {ENOUGH_MONTHS} {'extracts' if full else 'months'} before it"
    return f"{told}; only a volume that is too small can be found" if full and fewest else told


def _volume(
    source: Source,
    audit: MonthAudit,
    delivered: Mapping[str, int],
    extracts: Mapping[date, int],
    over: bool,
) -> Problem | None:
    rule = source.month_rule("volume")
    if rule is None:
        return None
    unusual = [
        v
        for v in volumes(source, audit.month, delivered, extracts)
        if (over and _too_small(source, v, rule)) or _too_large(v, rule)
    ]
    if not unusual:
        return None
    found = "; ".join(f"{v.what} are {v.rows / v.usual:.1%} of the usual {v.usual:,.0f}" for v in unusual)
    return Problem(
        source.name,
        audit.month,
        "volume",
        rule.severity,
        f"{found}; the contract allows {rule.min_share or 0:.0%} to {rule.max_share:.0%}. {_file_list(audit.files)}",
        "Deliver the extract again, or widen `volume` in the contract if this is the new normal.",
    )


def gap_before(source: Source, month: str, days: Iterable[date]) -> tuple[date, date] | None:
    """Two extracts in a row that lie further apart than the contract allows, the later one in this month."""
    ordered = sorted(set(days))
    if source.gap is None or not source.comes_regularly:
        return None
    return next(
        (
            (earlier, later)
            for earlier, later in pairwise(ordered)
            if month_of(later) == month and (later - earlier).days > source.gap.max_days
        ),
        None,
    )


def is_whole(source: Source, month: str, delivered: Mapping[str, int], extracts: Mapping[date, int]) -> bool:
    """Whether the month would not be blocked for want of rows or of an extract, were it over."""
    lost = gap_before(source, month, extracts)
    return not too_small(source, month, delivered, extracts) and not (
        lost and source.gap and source.gap.severity == "block"
    )


def _gap(source: Source, audit: MonthAudit, days: Iterable[date], over: bool) -> Problem | None:
    lost = gap_before(source, audit.month, days)
    if source.gap is None or lost is None:
        return None
    earlier, later = lost
    again = sorted({month_of(earlier), audit.month})
    return Problem(
        source.name,
        audit.month,
        "gap",
        source.gap.severity if over else "warn",
        f"no extract came between {earlier} and {later}, {(later - earlier).days} days; the contract allows "
        f"{source.gap.max_days}.",
        f"Deliver the extract that is missing (one without rows is fine) and materialise {' and '.join(again)} again, "
        "or widen `gap` in the contract.",
    )


def _refused_share(source: Source, audit: MonthAudit) -> Problem | None:
    rule = source.month_rule("refusedShare") or HALF_REFUSED
    if not audit.delivered or audit.quarantined / audit.delivered <= rule.max_share:
        return None
    worst = ", ".join(f"{name} {count:,}" for name, count in audit.refused.most_common(3))
    return Problem(
        source.name,
        audit.month,
        "refusedShare",
        rule.severity,
        f"{audit.quarantined:,} of {audit.delivered:,} rows ({audit.quarantined / audit.delivered:.1%}) "
        f"{form(audit.quarantined, 'was', 'were')} refused, "
        f"{rule.max_share:.1%} are tolerated. Most were refused by {worst}. {_file_list(audit.files)}",
        "Have the source corrected and deliver the extract again, or change the rule in the contract.",
    )


def _remarked(rule: str, count: int) -> tuple[str, str] | None:
    """Evidence and remedy of what was remarked of accepted rows; None for days that mean none, as is declared."""
    kind, _, column = rule.partition(":")
    match kind:
        case "none":
            return None
        case "order":
            return f"In {counted(count, 'row')} {column} is before the start.", "Have the source corrected."
        case "exchanged":
            found = f"In {counted(count, 'row')} {column} is after the extract"
            return (
                f"{found}, but shortly before it if day and month are exchanged.",
                f"Compare the formats of {column} in the contract with the files.",
            )
    made = form(count, f"its value of {column} was", f"their values of {column} were")
    return (
        f"{counted(count, 'row breaks', 'rows break')} this rule; {made} made null.",
        "Have the source corrected, or change the rule in the contract.",
    )


def judge(
    source: Source,
    audit: MonthAudit,
    delivered: Mapping[str, int],
    extracts: Mapping[date, int],
    first_month: str,
    today: date,
) -> list[Problem]:
    """What is wrong with the month.

    A month in which the source did not exist yet (before `first_month`) has nothing to answer for. In one that is not
    over `today` more may still come: nothing is missing or too little yet, see `is_whole`.

    Args:
        source: whose month.
        audit: what was counted in it.
        delivered: months of this source -> delivered rows, earlier months included.
        extracts: days of its extracts -> delivered rows, earlier months included.
        first_month: of the source.
        today: as of which day.
    """
    problems: list[Problem] = []

    def block(rule: str, evidence: str, remedy: str) -> None:
        found = Problem(source.name, audit.month, rule, "block", evidence, remedy, of=audit.delivered)
        problems.append(found)

    over = month_end(audit.month) < today
    if audit.unread:
        again = "Deliver these files again, or remove them."
        block("unread", f"bronze lacks {counted(len(audit.unread), 'file')}. {' '.join(audit.unread)}", again)
    if not audit.files and (audit.unread or not over):
        return problems
    if not audit.files and not source.comes_regularly:
        return problems
    if not audit.files and audit.month >= first_month:
        block(
            "missing",
            f"no extract was delivered; expected at least one folder {source.path}/extract_date={audit.month}-DD/.",
            "Deliver it (an extract without rows is fine), then materialise the month again.",
        )
        return problems
    if not audit.balances:
        block(
            "balance",
            f"delivered {audit.delivered:,}, accepted {audit.accepted:,} + duplicates {audit.duplicates:,} + "
            f"quarantined {audit.quarantined:,}. {_file_list(audit.files)}",
            "This is a defect of this software; please report it.",
        )
    rules = (
        _volume(source, audit, delivered, extracts, over),
        _gap(source, audit, extracts, over),
        _refused_share(source, audit),
    )
    problems += [problem for problem in rules if problem]
    return [*problems, *_of_rows(source, audit)]


def _of_rows(source: Source, audit: MonthAudit) -> list[Problem]:
    """What was noticed of accepted rows: values that are not allowed, remarks, and undeclared columns."""
    problems = []
    for column in source.columns:
        name = f"valid:{column.name}"
        if count := audit.warned.get(name, 0):
            allowed = ", ".join(map(str, column.valid_values))
            found = f"{counted(count, 'row holds', 'rows hold')} a value that is not one of {allowed}."
            remedy = "Add the value to the contract if it is meant."
            severity: Literal["warn", "block"] = "block" if column.valid_severity == "block" else "warn"
            problems.append(
                Problem(source.name, audit.month, name, severity, found, remedy, count, audit.delivered)
            )
    problems += [
        Problem(source.name, audit.month, rule, "warn", *told, count, audit.delivered)
        for rule, count in sorted(audit.remarks.items())
        if (told := _remarked(rule, count))
    ]
    drifted = sorted({name for f in audit.files for name in f.rescued_fields})
    if drifted:
        rows = sum(f.rescued_rows for f in audit.files)
        unknown = f"{', '.join(drifted)}, which the contract does not know"
        found = f"{counted(rows, 'row carries', 'rows carry')} {unknown}; kept in bronze as `rescued`."
        remedy = "Declare the columns, or name them as `aliases` of the column they replace."
        files = tuple(f.name for f in audit.files if f.rescued_fields)
        problems.append(
            Problem(
                source.name,
                audit.month,
                "undeclared",
                "warn",
                found,
                remedy,
                rows,
                audit.delivered,
                files=files,
            )
        )
    return problems
