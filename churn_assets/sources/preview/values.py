"""What sampled values break, with examples and the declaration that would read them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any

from churn_assets.contracts.columns import EARLIEST
from churn_assets.contracts.source import NUMERIC, TIMES, Column, MonthRule, Source
from churn_assets.counts import counted, form
from churn_assets.inference.notations import DAY_FORMATS, TIME_FORMATS, in_spark_letters, without_zeros
from churn_assets.sources.landing import ExtractFile
from churn_assets.sources.preview.casts import cast_of
from churn_assets.sources.preview.day_patterns import pattern_reader
from churn_assets.sources.preview.remark import SHOWN, Remark, some
from churn_assets.sources.preview.verdicts import JudgedRows

# As silver's audit: where a contract tolerates no share of its own, most rows refused are a mistaken contract.
HALF_REFUSED = MonthRule("refusedShare", None, 0.5, "block")
# where day and month can be exchanged, the day stands first
_DAYS = (
    "yyyy-MM-dd",
    *sorted((in_spark_letters(form) for form, _ in DAY_FORMATS), key=lambda form: form.startswith("M")),
)
PATTERNS = tuple(dict.fromkeys((*_DAYS, *map(without_zeros, _DAYS))))
TIMES_OF_DAY = (
    *sorted((in_spark_letters(form) for form in TIME_FORMATS if form), key=len, reverse=True),
    *("'T'HH:mm:ss", "'T'HH:mm:ss.SSS", "'T'HH:mm:ssXXX", " h:mm a", ""),
)
SIGNS = ((",", None), (",", "."), (".", ","), (",", " "), (".", "'"))
SURE = 13  # days and months up to 12 can be exchanged


@dataclass  # not frozen: it keeps what it computed
class JudgedFile:
    """The sampled rows of a file, judged."""

    file: ExtractFile
    judged: JudgedRows

    @cached_property
    def refused(self) -> dict[int, str]:
        """Position of a refused row -> the first rule that it breaks."""
        return self.judged.refused()

    def refused_by(self, rule: str) -> list[int]:
        """Positions of the rows that this rule refuses."""
        return [at for at, first in self.refused.items() if first == rule]


def about_values(source: Source, files: Sequence[JudgedFile]) -> list[Remark]:
    """Refused rows by rule with examples, months that the share of them would block, and dates that may be misread."""
    remarks = _share(source, files)
    rules = list(dict.fromkeys(rule for f in files for rule in f.refused.values()))
    remarks += [_broken(source, rule, files) for rule in rules]
    for rule in dict.fromkeys(rule for f in files for rule in f.judged.warned):
        remarks.append(_warned(source, rule, files))
    for column in source.columns:
        if column.type in TIMES and not column.transform:
            remarks += _ambiguous(column, files)
    return remarks


def _share(source: Source, files: Sequence[JudgedFile]) -> list[Remark]:
    """Months in which more rows would be refused than the contract tolerates."""
    rule = source.month_rule("refusedShare") or HALF_REFUSED
    rows, refused = Counter[str](), Counter[str]()
    for f in files:
        rows[f.file.month] += len(f.judged.row_numbers)
        refused[f.file.month] += len(f.refused)
    over = [month for month in rows if rows[month] and refused[month] / rows[month] > rule.max_share]
    if not over:
        return []
    told = [f"{month} {refused[month] / rows[month]:.1%}" for month in over]
    found = (
        f"of the sampled rows of {some(told)} would be refused; the contract tolerates {rule.max_share:.1%}."
    )
    remedy = "Correct what the lines below name."
    return [Remark(rule.severity, "rows", found, remedy=remedy)]


def _broken(source: Source, rule: str, files: Sequence[JudgedFile]) -> Remark:
    kind, _, name = rule.partition(":")
    count = sum(len(f.refused_by(rule)) for f in files)
    rows = sum(len(f.judged.row_numbers) for f in files)
    much = f"{count:,} of {rows:,} sampled rows"
    if kind == "unreadable":
        found = f"{much} do not parse as {source.format} in {source.encoding}; a run refuses them."
        remedy = "Look at these rows, and at `encoding` in the contract's server."
        return Remark("warn", "rows", found, _places(rule, files), remedy)
    column = source.column(name)
    remedy = _remedy(column, source, files) if kind == "malformed" else ""
    found = f"{much} {_words(kind, column)}; a run refuses them."
    return Remark("warn", name, found, _examples(rule, name, files), remedy)


def _words(kind: str, column: Column) -> str:
    """What is wrong with rows that break a rule."""
    return {
        "malformed": f"are no {_kind(column)}",
        "required": "have no value",
        "range": f"lie outside {_bounds(column)}",
        "plausible": f"are more than {column.max_days_ahead} days after the extract, or before {EARLIEST}",
        "pattern": f"do not match {column.pattern}",
        "valid": f"are not one of {some(column.valid_values, 8)}",
        "future": "are after the day of the extract",
        "order": "are before the start",
    }[kind]


def _warned(source: Source, rule: str, files: Sequence[JudgedFile]) -> Remark:
    kind, _, name = rule.partition(":")
    column = source.column(name)
    count = sum(len(f.judged.warned.get(rule, ())) for f in files)
    rows = sum(len(f.judged.row_numbers) for f in files)
    texts = Counter(str(f.judged.raw[name][at]) for f in files for at in f.judged.warned.get(rule, ()))
    examples = some([f"{text!r} {n:,}x" for text, n in texts.most_common()])
    much = f"{count:,} of {rows:,} sampled rows {_words(kind, column)}"
    if kind == "valid":
        severity: Any = "block" if column.valid_severity == "block" else "warn"
        return Remark(severity, name, f"{much}.", examples, "Add the value to the contract if it is meant.")
    kept = "are kept" if kind == "order" else "lose the value"
    return Remark("warn", name, f"{much}; these rows {kept}.", examples)


def _bounds(column: Column) -> str:
    low, high = (f"{b:g}" if isinstance(b, float) else b for b in (column.minimum, column.maximum))
    return (
        f"{low} to {high}"
        if low is not None and high is not None
        else f"what is allowed: {f'from {low}' if low is not None else f'up to {high}'}"
    )


def _kind(column: Column) -> str:
    if column.type in NUMERIC:
        return column.type if column.decimal == "." else f"{column.type} with decimal {column.decimal}"
    return f"{column.type} as {' or '.join(column.formats)}" if column.formats else f"{column.type}"


def _examples(rule: str, name: str, files: Sequence[JudgedFile]) -> str:
    """Three different values that break the rule, each with its first place."""
    seen: dict[Any, str] = {}
    for f in files:
        for at in f.refused_by(rule):
            seen.setdefault(f.judged.raw[name][at], f"{f.file.name} row {f.judged.row_numbers[at]:,}")
            if len(seen) == SHOWN:
                break
    return "; ".join(
        place if value is None else f"{value!r} ({place})" for value, place in list(seen.items())[:SHOWN]
    )


def _places(rule: str, files: Sequence[JudgedFile]) -> str:
    return some(
        [f"{f.file.name} row {f.judged.row_numbers[at]:,}" for f in files for at in f.refused_by(rule)]
    )


def _remedy(column: Column, source: Source, files: Sequence[JudgedFile]) -> str:
    """What would read the values that do not parse; empty if nothing known reads them all."""
    rule = f"malformed:{column.name}"
    texts = {f.judged.raw[column.name][at] for f in files for at in f.refused_by(rule)}
    if source.format == "parquet" or not all(isinstance(text, str) for text in texts):
        return ""
    if column.type in TIMES:
        if fits := fitting_formats(texts, moments=column.type == "timestamp"):
            doubt = f" (or {fits[1]}: these values do not tell)" if len(fits) > 1 else ""
            return f"All of them read as {fits[0]}{doubt}: declare it as `format`, or under `alternativeFormats`."
    elif column.type in NUMERIC:
        for decimal, thousands in SIGNS:
            cast = cast_of(replace(column, decimal=decimal, thousands=thousands), source.format)
            if all(cast(text) is not None for text in texts):
                signs = f"`decimal: {decimal!r}`" + (f" and `thousands: {thousands!r}`" if thousands else "")
                return f"All of them read with {signs}: declare it in the customProperties of {column.name}."
    return ""


def fitting_formats(texts: set[Any], *, moments: bool) -> list[str]:
    """The usual formats that parse all texts, in Spark's letters; two that differ in day and month come both."""
    times = TIMES_OF_DAY if moments else ("",)
    candidates = [day + time for day in PATTERNS for time in times]
    found = [pattern for pattern in candidates if all(pattern_reader(pattern)(text) for text in texts)]
    return found[:1] + [other for other in found[1:] if other == exchanged(found[0])]


def exchanged(pattern: str) -> str:
    """The format with day and month in each other's place."""
    return pattern.translate(str.maketrans("dM", "Md")) if "MMM" not in pattern else pattern


def _ambiguous(column: Column, files: Sequence[JudgedFile]) -> list[Remark]:
    """Formats with day and month in an order that no sampled value proves, or that the values speak against."""
    remarks = []
    for pattern in column.formats:
        if pattern.startswith("y") or exchanged(pattern) == pattern:
            continue  # nobody writes year, day, month
        read, other = pattern_reader(pattern), pattern_reader(exchanged(pattern))
        told, counts = _count(column, files, read, other)
        both, sure, against, late = counts
        if both and not sure:
            days = counted(both, "day")
            found = f"{days} could be {exchanged(pattern)} as well as {pattern}; none has a day above 12."
            if against or late:
                fit = counted(against, "value fits", "values fit")
                are = counted(late, "day is after its", "days are after their")
                found += f" {fit} {exchanged(pattern)} alone; {are} extract."
            remarks.append(
                Remark(
                    "warn", column.name, found, told, f"Ask who writes the file whether {pattern} is right."
                )
            )
    return remarks


def _count(
    column: Column, files: Sequence[JudgedFile], read: Callable[[str], Any], other: Callable[[str], Any]
) -> tuple[str, Sequence[int]]:
    """An example; values that both formats parse, only this one, only the other; days after the extract by this one."""
    both = sure = against = late = 0
    example = ""
    for f in files:
        for text, count in Counter(v for v in f.judged.raw[column.name] if isinstance(v, str)).items():
            one, two = read(text), other(text)
            if one is not None and two is not None and one != two:
                both += count
                example = example or f"{text!r} is {one:%Y-%m-%d} or {two:%Y-%m-%d}"
                late += count * (one.date() > f.file.extract_date + timedelta(days=1) >= two.date())
            sure += count * (one is not None and two is None)
            against += count * (one is None and two is not None)
    return example, (both, sure, against, late)


def about_fill(source: Source, files: Sequence[JudgedFile], missing: Mapping[str, bool]) -> list[Remark]:
    """Columns that are empty in the sample, or whose values stop; `missing` are those that some file lacks."""
    remarks, empty = [], []
    for column in source.columns:
        if column.required or column.transform or missing.get(column.field):
            continue
        fills = [(f.file, _fill(f.judged.raw[column.name])) for f in files if f.judged.row_numbers]
        if not fills:
            continue
        newest, last = fills[-1]
        best, most = max(fills, key=lambda item: item[1])
        if not most:
            empty.append(column.name)
        elif most >= 0.5 and last <= most / 10:
            found = (
                f"is filled in {most:.0%} of {best.extract_date}, and in {last:.0%} of {newest.extract_date}."
            )
            remarks.append(
                Remark("warn", column.name, found, remedy="Ask the source what became of it; was it renamed?")
            )
    if empty:
        verb = form(len(empty), "has", "have")
        remarks.append(Remark("note", "columns", f"{some(empty, 8)} {verb} no value in any sampled row."))
    return remarks


def _fill(values: Sequence[Any]) -> float:
    return sum(value is not None for value in values) / len(values)
