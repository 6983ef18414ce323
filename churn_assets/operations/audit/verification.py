"""Verifies the chain of the audit: finds what was edited, removed, reordered, added or cut off."""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

from churn_assets.operations.audit.chain import (
    Anchor,
    AuditError,
    alone,
    anchor_of,
    key_of,
    lost_file,
    store_files,
)
from churn_assets.operations.audit.entry import START, AuditEntry, from_line, mac
from churn_assets.operations.audit.witnesses import Witness, told_by_log
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
        unknown: chains of the lake that this home does not know, a sentence each.
        unread: witnesses that cannot be read, a sentence each; empty if all were compared.
    """

    records: int
    anchor: Anchor | None
    damage: list[str]
    unknown: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def stored(settings: Settings, since: str = "") -> Iterator[StoredEntry]:
    """The lines of the store in its order, of a month and later ones. What a killed process wrote in part is none."""
    files = [file for file in store_files(settings) if file.stem >= since]
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


def verify(settings: Settings, *witnesses: Witness) -> VerifiedAudit:
    """Compares each record with its hash, its HMAC and the record before it, and the last one with the anchor.

    Args:
        settings: of the home.
        witnesses: whose hashes are compared, too; those of the log always are.
    """
    heard, unread = list(witnesses), list[str]()
    try:
        heard.insert(0, told_by_log(settings))
    except OSError as error:
        unread.append(f"The log cannot be read ({error.strerror}), so it was not compared.")
    found = _verified(settings, heard)
    if found.damage and found.anchor is None:
        # Another process may be making key and anchor for the first record.
        with suppress(OSError), alone(settings):
            found = _verified(settings, heard)
    return replace(found, unread=unread)


def _verified(settings: Settings, witnesses: list[Witness]) -> VerifiedAudit:
    # Witnesses, key and anchor are read before the records, since other processes may add some meanwhile.
    key, anchor, damage = key_of(settings), None, list[str]()
    try:
        anchor = anchor_of(settings, key) if key else None
    except AuditError as error:
        damage.append(str(error))
    lines = list(stored(settings))
    if damage:
        return VerifiedAudit(len(lines), None, damage)
    begun = bool(lines) or lost_file(settings) is not None
    gone, unknown = _other_chains(lines, anchor, witnesses)
    if key is None:
        return VerifiedAudit(len(lines), None, [*(["The key is missing."] if begun else []), *gone], unknown)
    sealed: list[int] = []
    damage += _damaged_lines(lines, key, anchor, sealed)
    damage += [*gone, *_rewritten(lines, witnesses)]
    ends = [anchor.sequence, *(w.end_of(anchor.chain) for w in witnesses)] if anchor else []
    last = max([*sealed, *ends], default=0)
    damage += _order([line.content[0].sequence for line in lines if line.content], last)
    if anchor is None and begun:
        damage.append("The anchor is missing: records may have been cut off.")
    return VerifiedAudit(len(lines), anchor, damage, unknown)


def _other_chains(
    lines: list[StoredEntry], anchor: Anchor | None, witnesses: list[Witness]
) -> tuple[list[str], list[str]]:
    """Chains that witnesses tell of and the store does not know: those of this home, and those of nobody knows whom."""
    entries = [line.content[0] for line in lines if line.content]
    known = {entry.chain for entry in entries} | ({anchor.chain} if anchor else set())
    for entry in entries:
        if entry.act == "archiving":
            known |= set(str(entry.facts.get("former", "")).split())
    gone, unknown = list[str](), list[str]()
    for witness in witnesses:
        for chain in sorted(set(witness.last) - known):
            if witness.of_this_home:
                gone.append(f"An audit is gone: {witness.told(chain)}.")
            else:
                unknown.append(
                    f"Not of this audit: {witness.told(chain)}. It is another home's, or it was deleted here."
                )
    return gone, unknown


def _rewritten(lines: list[StoredEntry], witnesses: list[Witness]) -> Iterator[str]:
    """Records that are sealed and are not those that witnesses tell of."""
    for place, content in lines:
        if content is None:
            continue
        entry, digest, _ = content
        for witness in witnesses:
            if witness.hashes.get((entry.chain, entry.sequence), digest) != digest:
                yield f"{place}: the {witness.name} tells of another record {entry.sequence}."


def _damaged_lines(
    lines: list[StoredEntry], key: bytes, anchor: Anchor | None, sealed: list[int]
) -> Iterator[str]:
    """What is wrong with single lines. Adds to `sealed` the numbers that nobody without the key can have written."""
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
        else:
            sealed.append(entry.sequence)
            if anchor is not None and entry.chain != anchor.chain:
                yield f"{place}: record {entry.sequence} is of another chain."
            elif hashes.get(entry.sequence - 1, entry.previous) != entry.previous:
                yield f"{place}: record {entry.sequence} does not follow the record before it."
        hashes[entry.sequence] = digest


def _order(found: list[int], last: int) -> Iterator[str]:
    """What is missing, twice or out of place among the records 1 to `last`. Forged numbers beyond it are ignored."""
    found = [n for n in found if 1 <= n <= last]
    present = max(found, default=0)
    if present < last:
        yield f"The end was cut off: {_numbers(present + 1, last, last - present)} missing after record {present}."
    gaps = [(a + 1, b - 1) for a, b in pairwise([0, *sorted(set(found))]) if b - a > 1]
    if gaps:
        yield f"Removed: {_numbers(gaps[0][0], gaps[-1][1], sum(b - a + 1 for a, b in gaps))} missing."
    for before, after in pairwise(found):
        if after == before:
            yield f"Record {after} is there twice."
        elif after < before:
            yield f"Reordered: record {after} stands after record {before}."


def _numbers(first: int, last: int, number: int) -> str:
    return f"record {first} is" if number == 1 else f"{number} records, {first} to {last}, are"
