"""Verifies the chain of the audit: finds what was edited, removed, reordered, added or cut off."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from churn_assets.operations.audit.chain import Anchor, AuditError, anchor_of, key_of, store_files
from churn_assets.operations.audit.entry import START, AuditEntry, from_line, mac
from churn_assets.settings import Settings


class StoredEntry(NamedTuple):
    """A line of the store: where it is, and its record, hash and HMAC; None where it is no record."""

    place: str
    content: tuple[AuditEntry, str, str] | None


@dataclass(frozen=True)
class VerifiedAudit:
    """What a verification found.

    Attributes:
        records: number of lines that were read.
        anchor: the end of the chain; None before the first record, and where it cannot be read.
        damage: what is wrong, a sentence each; empty for an intact chain.
    """

    records: int
    anchor: Anchor | None
    damage: list[str]


def stored(settings: Settings) -> Iterator[StoredEntry]:
    """The lines of the store in its order. What a killed process wrote in part at the end is none."""
    files = store_files(settings)
    for file in files:
        with file.open("rb") as content:
            for number, line in enumerate(content, 1):
                if not line.endswith(b"\n") and file == files[-1]:
                    return
                place = f"{file.name}, line {number}"
                try:
                    yield StoredEntry(place, from_line(line))
                except ValueError:
                    yield StoredEntry(place, None)


def verify(settings: Settings) -> VerifiedAudit:
    """Compares each record with its hash, its HMAC and the record before it, and the last one with the anchor."""
    lines = list(stored(settings))
    key = key_of(settings)
    if key is None:
        return VerifiedAudit(len(lines), None, ["The key is missing."] if lines else [])
    try:
        anchor = anchor_of(settings, key)
    except AuditError as error:
        return VerifiedAudit(len(lines), None, [str(error)])
    damage = list(_damaged_lines(lines, key, anchor))
    damage += _order([line.content[0].sequence for line in lines if line.content], anchor)
    if anchor is None and lines:
        damage.append("The anchor is missing: records may have been cut off.")
    return VerifiedAudit(len(lines), anchor, damage)


def _damaged_lines(lines: list[StoredEntry], key: bytes, anchor: Anchor | None) -> Iterator[str]:
    hashes = {0: START}
    for place, content in lines:
        if content is None:
            yield f"{place}: edited, the line is no record."
            continue
        entry, digest, seal = content
        if not secrets.compare_digest(seal, mac(key, "record", digest)):
            yield f"{place}: record {entry.sequence} was added or rewritten without the key."
        elif digest != entry.hash:
            yield f"{place}: record {entry.sequence} was edited."
        elif anchor is not None and entry.chain != anchor.chain:
            yield f"{place}: record {entry.sequence} is of another chain."
        elif hashes.get(entry.sequence - 1, entry.previous) != entry.previous:
            yield f"{place}: record {entry.sequence} does not follow the record before it."
        hashes[entry.sequence] = digest


def _order(found: list[int], anchor: Anchor | None) -> Iterator[str]:
    last = max([*found, anchor.sequence if anchor else 0])
    missing = sorted(set(range(1, last + 1)) - set(found))
    present = max(found, default=0)
    cut = [n for n in missing if n > present]
    if cut:
        yield f"The end was cut off: {_numbers(cut)} missing after record {present}."
    if removed := [n for n in missing if n < present]:
        yield f"Removed: {_numbers(removed)} missing."
    for before, after in pairwise(found):
        if after == before:
            yield f"Record {after} is there twice."
        elif after < before:
            yield f"Reordered: record {after} stands after record {before}."


def _numbers(numbers: list[int]) -> str:
    one = len(numbers) == 1
    span = f"{numbers[0]}" if one else f"{numbers[0]} to {numbers[-1]}"
    return f"record {span} is" if one else f"{len(numbers)} records, {span}, are"
