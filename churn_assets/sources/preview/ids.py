"""The customers' ids: odd spellings, keys that stand twice, and ids that the entity source does not know."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow.compute as pc

from churn_assets.contracts.source import Source
from churn_assets.counts import form
from churn_assets.sources.landing import ExtractFile
from churn_assets.sources.preview.remark import Remark, some
from churn_assets.sources.preview.sampling import sample_file
from churn_assets.sources.preview.values import JudgedFile
from churn_assets.sources.preview.verdicts import delivered_name

MOST_BYTES = 128 * 2**20  # of the entity's files that are read for their ids
MOST_ROWS = 10**9
USUAL = 0.95  # a shape of fewer ids is no rule that the others break
FEW_KNOWN = 0.5
UNSEEN = re.compile(r"[\u00a0\u200b\u200c\u200d\u202f\u2060\ufeff\t]")
ODD = {
    "have an invisible blank": UNSEEN.search,
    "end in .0, as if a spreadsheet had made them numbers": re.compile(r"^\d+\.0+$").search,
    "are written like 1.2E+07, so digits are lost": re.compile(r"^\d(\.\d+)?[eE]\+?\d+$").search,
}


def about_ids(
    source: Source, files: Sequence[JudgedFile], known: set[str] | None, entity: str
) -> list[Remark]:
    """What is odd about the sampled ids.

    Args:
        known: all ids of the entity source; None if they were not read.
        entity: its name.
    """
    ids = Counter(str(v) for f in files for v in f.judged.typed[source.customer] if v is not None)
    if source.column(source.customer).transform or not ids:
        return []
    remarks = [*_spellings(source.customer, ids), *_twice(source, files)]
    if known is not None and source.name != entity:
        remarks += _strangers(source, ids, known, entity)
    return remarks


def _spellings(name: str, ids: Counter[str]) -> list[Remark]:
    remarks = []
    for words, odd in ODD.items():
        if found := [text for text in ids if odd(text)]:
            told = f"{len(found):,} of {len(ids):,} ids {words}."
            remedy = "Have the source corrected, or clean the ids by transformLogic: two spellings are two customers."
            remarks.append(Remark("warn", name, told, some([repr(text) for text in found]), remedy))
    shapes = Counter(shape(text) for text in ids)
    usual, count = shapes.most_common(1)[0]
    if not remarks and USUAL <= count / len(ids) < 1:
        others = [text for text in ids if shape(text) != usual]
        told = f"{len(others):,} of {len(ids):,} ids {form(len(others), 'looks', 'look')} unlike the others, {usual}."
        remarks.append(Remark("note", name, told, some([repr(text) for text in others])))
    return remarks


def shape(text: str) -> str:
    """The text with 9 for digits and A for letters; runs of one kind count once."""
    return re.sub(r"[^\W\d_]+", "A", re.sub(r"\d+", "9", text))


def _twice(source: Source, files: Sequence[JudgedFile]) -> list[Remark]:
    """Keys that stand more than once in a file, with different values."""
    if any(source.column(name).transform for name in source.key):
        return []
    twice, place = 0, ""
    for f in files:
        refused, rows = f.refused, list(zip(*f.judged.raw.values(), strict=True))
        keys: dict[Any, Any] = {}
        columns = [f.judged.typed[name] for name in source.key]
        for at, row in enumerate(rows):
            key = tuple(column[at] for column in columns)
            if at not in refused and keys.setdefault(key, row) != row:
                twice += 1
                place = place or f"{f.file.name} row {f.judged.row_numbers[at]:,}"
    if not twice:
        return []
    found = f"{twice:,} sampled rows repeat a key of their file with other values; the last one counts."
    remedy = "Is the key complete? Look at `primaryKey` in the contract."
    return [Remark("warn", some(source.key), found, f"first {place}", remedy)]


def _strangers(source: Source, ids: Counter[str], known: set[str], entity: str) -> list[Remark]:
    strange = [text for text in ids if text not in known]
    if not strange:
        return []
    by_core = {core(text): text for text in known}
    alike = [(text, by_core[core(text)]) for text in strange if core(text) in by_core]
    found = f"{len(strange):,} of {len(ids):,} sampled ids are not in {entity}."
    if alike:
        pairs = some([f"{text!r} here, {other!r} there" for text, other in alike])
        found += f" {len(alike):,} of them look like an id of {entity}."
        return [
            Remark(
                "warn",
                source.customer,
                found,
                pairs,
                "Have the source write ids in one way, or unify them by transformLogic.",
            )
        ]
    severe = len(strange) / len(ids) > FEW_KNOWN
    remedy = f"Is {source.customer} the id that {entity} uses?" if severe else ""
    return [
        Remark("warn" if severe else "note", source.customer, found, some([repr(t) for t in strange]), remedy)
    ]


def core(text: str) -> str:
    """What spellings of one id share: without blanks, zeros in front and .0 behind; 15 characters of a code of 18."""
    plain = re.sub(r"\.0+$", "", re.sub(r"\s", "", UNSEEN.sub("", text))).lstrip("0")
    return plain[:15] if re.fullmatch(r"(?=.*[A-Za-z])[A-Za-z0-9]{18}", plain) else plain


def entity_of(sources: Iterable[Source]) -> Source | None:
    """The source that says who is a customer; None if there is none or its id is computed."""
    found = next((s for s in sources if s.role == "entity"), None)
    return None if found is None or found.column(found.customer).transform else found


def all_ids(source: Source, files: Sequence[ExtractFile]) -> set[str] | None:
    """Every id that an entity source ever delivered; None if its files are too large to read them all.

    Raises:
        LandingError: a file cannot be read.
    """
    if sum(f.size for f in files) > MOST_BYTES:
        return None
    column, found = source.column(source.customer), set[str]()
    for file in files:
        sample = sample_file(source, file, MOST_ROWS)
        name = delivered_name(column, sample.names)
        if name is None or not sample.rows.num_rows:
            continue
        values = pc.unique(sample.rows[str(sample.names.index(name) + 1)]).to_pylist()
        found |= {str(value).strip(" ") for value in values if value is not None}
    return found
