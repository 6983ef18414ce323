"""Which columns the files have, against those of the contract."""

from collections.abc import Mapping, Sequence

from churn_assets.contracts.source import Column, Source
from churn_assets.contracts.words import closest
from churn_assets.counts import form
from churn_assets.sources.preview.remark import Remark, some
from churn_assets.sources.preview.verdicts import delivered_name

Headers = Mapping[str, Sequence[str]]  # file name -> its columns


def about_headers(source: Source, headers: Headers) -> list[Remark]:
    """Optional columns that files lack, with what was probably meant, and columns that the contract does not name."""
    known = {name for c in source.columns for name in (c.field, *c.aliases)}
    undeclared: dict[str, list[str]] = {}
    for file, names in headers.items():
        for name in names:
            if name not in known:
                undeclared.setdefault(name, []).append(file)
    missing: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for field in source.fields:
        columns = [c for c in source.columns if c.field == field]
        if any(c.required for c in columns):
            continue  # the readers refuse a file without it, and say so
        lacking = tuple(file for file, names in headers.items() if delivered_name(columns[0], names) is None)
        if lacking:
            there = [name for name in undeclared if set(undeclared[name]) & set(lacking)]
            meant = _meant(columns[0], there, undeclared, lacking, headers)
            missing.setdefault((meant, lacking), []).append(field)
    remarks = [_missing(fields, lacking, len(headers), meant) for (meant, lacking), fields in missing.items()]
    left = [name for name in undeclared if name not in {meant for meant, _ in missing}]
    if left:
        found = (
            f"the contract does not name {some(left, 8)}; bronze keeps it as `rescued`, and nothing reads it."
        )
        remarks.append(Remark("note", "columns", found, remedy="Declare what you need."))
    return remarks


def _meant(
    column: Column, there: Sequence[str], undeclared: Headers, lacking: Sequence[str], headers: Headers
) -> str:
    """The undeclared column that a missing one was probably renamed to, "" if none is likely."""
    near = closest(column.field, there) or closest(column.name, there)
    if near:
        return near
    # a column that appears exactly where this one disappears
    instead = [
        name for name in there if len(lacking) < len(headers) and set(undeclared[name]) == set(lacking)
    ]
    return instead[0] if len(instead) == 1 else ""


def _missing(fields: Sequence[str], lacking: Sequence[str], files: int, meant: str) -> Remark:
    where = (
        "every file" if len(lacking) == files else f"{len(lacking):,} of {files:,} files: {some(lacking, 2)}"
    )
    asked = f" Renamed to {meant}?" if meant else ""
    remedy = (
        f"Name {meant} under `aliases` of {fields[0]}." if meant else "Correct `physicalName`, or deliver it."
    )
    verb = form(len(fields), "is", "are")
    found = f"{some(fields, 8)} {verb} missing in {where}; the values are null there.{asked}"
    return Remark("warn", "columns", found, remedy=remedy)
