"""The store of the audit, its anchor and its key.

A record is a line in `CHURN_HOME/audit/<month>.jsonl`. Each holds the hash of the one before it. The anchor holds the
number and the hash of the last record, sealed with a key: so a cut tail is found, too. Both anchor and key lie outside
the store.

A record is on the disk before its anchor, and both are before `record` returns. A process that dies between them leaves
a record ahead of the anchor, whose own HMAC proves it. A new record always follows the anchor, so that a gap that
somebody made stays a gap.

The log, too, tells the number and the hash of each record, and takes them to the lake and to a collector. So store,
anchor and key cannot be deleted together without a trace: no new chain begins while the log tells of another.
"""

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from churn_assets import trace
from churn_assets.durable import replace_file, sync_folder
from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.operations.audit.entry import (
    ACTS,
    START,
    Act,
    AuditEntry,
    canonical,
    from_line,
    mac,
    to_line,
)
from churn_assets.operations.audit.witnesses import RECORDED, told_by_log
from churn_assets.operations.log import writing as log
from churn_assets.settings import Settings

STORE, ANCHOR, KEY, LOCK = "audit", "anchor.json", "key", "lock"
LONGEST = 16_384  # bytes of a record
NAME = re.compile(r"[0-9a-f]{16}")  # of a chain
MOST_FORMER = 500  # fit into a record
RESTORE = (
    "Restore it from a backup. If it is lost, `churn-assets audit archive FOLDER` moves the audit away and begins a "
    "new chain."
)


class AuditError(RuntimeError):
    """A record cannot be written; what it is about must not be done. The message says the remedy."""


@dataclass(frozen=True)
class Anchor:
    """The end of the chain: its id, and the number and hash of its last record."""

    chain: str
    sequence: int
    hash: str


def store_of(settings: Settings) -> Path:
    """The folder of the records."""
    return settings.home_path / STORE


def store_files(settings: Settings) -> list[Path]:
    """The files of the store in the order of the chain."""
    return sorted(store_of(settings).glob("*.jsonl"))


def record(
    settings: Settings,
    act: Act,
    by: str,
    subject: str,
    *,
    customers: int | None = None,
    why: str = "",
    **facts: str | int | bool,
) -> AuditEntry:
    """Records an act. Call it before the act; when it returns, the record survives a crash.

    Args:
        settings: of the home.
        act: what is done.
        by: who does it.
        subject: whose data, or what; a customer_key, and never a natural id.
        customers: how many customers' data are concerned.
        why: the reason that was given.
        facts: more, without personal values.

    Raises:
        AuditError: it cannot be written.
        ValueError: there is no such act, or the record is too long.
    """
    if act not in ACTS:
        raise ValueError(f"The audit knows no act {act}; it knows {', '.join(ACTS)}.")
    try:
        with alone(settings):
            key, end, file = _continued(settings, anew=act == "archiving")
            entry = AuditEntry(
                chain=end.chain,
                sequence=end.sequence + 1,
                at=datetime.now(UTC).isoformat(timespec="microseconds"),
                act=act,
                by=by,
                subject=subject,
                customers=customers,
                why=why,
                facts=facts,
                trace_id=trace.current(),
                previous=end.hash,
            )
            line = to_line(entry, key)
            if len(line) > LONGEST:
                raise ValueError(
                    f"A record of the audit has {len(line)} bytes; at most {LONGEST} are allowed."
                )
            _append(file, line)
            _write_anchor(settings, key, Anchor(entry.chain, entry.sequence, entry.hash))
        log.start(settings)
        log.event(
            RECORDED,
            f"Record {entry.sequence} of the audit was written.",
            audit__chain=entry.chain,
            audit__sequence=entry.sequence,
            audit__hash=entry.hash,
        )
    except OSError as error:
        raise AuditError(
            f"The audit cannot be written: {error.strerror} ({error.filename or store_of(settings)}). "
            f"Without its record nothing was done."
        ) from error
    return entry


def archive(settings: Settings, folder: Path, by: str, why: str) -> AuditEntry:
    """Moves records, anchor and key into a new folder and begins a new chain, whose first record says so.

    If it dies on its way, call it again with another folder.

    Raises:
        FileExistsError: the folder is there already.
        AuditError: it cannot be written.
    """
    places = (store_of(settings), settings.audit_anchor_path / ANCHOR, settings.audit_anchor_path / KEY)
    former = " ".join(sorted(filter(NAME.fullmatch, chains_of(settings)))[:MOST_FORMER])
    with alone(settings):
        folder.mkdir(mode=0o700, parents=True)
        for place in places:
            if place.exists():
                shutil.move(place, folder / place.name)
    return record(settings, "archiving", by, STORE, why=why, former=former)


def key_of(settings: Settings) -> bytes | None:
    """The key: of the settings, else of the key file; None before the first record."""
    if settings.audit_key is not None:
        return settings.audit_key.get_secret_value().encode()
    file = settings.audit_anchor_path / KEY
    return file.read_bytes() if file.exists() else None


def anchor_of(settings: Settings, key: bytes) -> Anchor | None:
    """The anchor; None if there is no file.

    Raises:
        AuditError: the file is no anchor, or another key sealed it.
    """
    file = settings.audit_anchor_path / ANCHOR
    if not file.exists():
        return None
    try:
        content = json.loads(file.read_bytes())
        seal = content.pop("mac")
        anchor = Anchor(**content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AuditError(f"{file} is no anchor of the audit. Restore it from a backup.") from error
    if not secrets.compare_digest(str(seal), mac(key, "anchor", canonical(asdict(anchor)).decode())):
        raise AuditError(
            f"{file} was changed, or was sealed with another key. Restore the anchor and the key that belong together."
        )
    return anchor


def lost_file(settings: Settings) -> Path | None:
    """The key or the anchor, if it is gone although the other or a record tells that the chain has begun."""
    key, anchor = settings.audit_anchor_path / KEY, settings.audit_anchor_path / ANCHOR
    records = any(file.stat().st_size for file in store_files(settings))
    if settings.audit_key is None and not key.exists() and (records or anchor.exists()):
        return key
    return anchor if not anchor.exists() and (records or key.exists()) else None


def chains_of(settings: Settings) -> set[str]:
    """Every chain that this home has had, as far as its anchor, its records and its log tell."""
    found = set(told_by_log(settings).last)
    file = settings.audit_anchor_path / ANCHOR
    texts = [file.read_bytes()] if file.exists() else []
    for store in store_files(settings):
        with store.open("rb") as lines:
            texts += [line for line in lines if line.endswith(b"\n")]
    for text in texts:
        with suppress(ValueError, KeyError, TypeError):
            told = json.loads(text)
            found.add(str(told["chain"]))
            found.update(str(told["facts"]["former"]).split())
    return found


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Keeps all other processes of this machine from adding records."""
    folder = settings.audit_anchor_path
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with only_one(folder / LOCK):
        yield


def _continued(settings: Settings, anew: bool) -> tuple[bytes, Anchor, Path]:
    """The key, the record that the next one follows, and the file for it; `anew`: a new chain may replace another."""
    if lost := lost_file(settings):
        raise AuditError(f"{lost} is missing, but the audit has begun. {RESTORE}")
    files = store_files(settings)
    key = key_of(settings)
    anchor = anchor_of(settings, key) if key else None
    if key is None or anchor is None:
        if not anew and told_by_log(settings).hashes:
            raise AuditError(f"The log tells of an audit of this home, which is gone. {RESTORE}")
        key = key or _new_key(settings)
        anchor = Anchor(secrets.token_hex(8), 0, START)
        _write_anchor(settings, key, anchor)
    name = f"{datetime.now(UTC):%Y-%m}.jsonl"
    if not files:
        return key, anchor, store_of(settings) / name
    file = files[-1]
    tail = _last_record(file)
    if tail is not None and tail[0].sequence > anchor.sequence:
        entry, digest, seal = tail
        if digest == entry.hash and secrets.compare_digest(seal, mac(key, "record", digest)):
            anchor = Anchor(entry.chain, entry.sequence, digest)
    return key, anchor, file.with_name(max(name, file.name))


def _last_record(file: Path) -> tuple[AuditEntry, str, str] | None:
    """The last record of a file; removes what a killed process wrote in part."""
    with file.open("r+b") as content:
        size = content.seek(0, os.SEEK_END)
        content.seek(max(0, size - 2 * LONGEST))
        end = content.read()
        whole = end.rfind(b"\n") + 1
        if whole < len(end):
            content.truncate(size - len(end) + whole)
    lines = end[:whole].splitlines()
    try:
        return from_line(lines[-1]) if lines else None
    except ValueError:
        return None


def _append(file: Path, line: bytes) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = not file.exists()
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        written = os.write(descriptor, line)
        if written < len(line):
            raise OSError(None, "the record was written in part", str(file))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if new:
        sync_folder(file.parent)


def _write_anchor(settings: Settings, key: bytes, anchor: Anchor) -> None:
    seal = mac(key, "anchor", canonical(asdict(anchor)).decode())
    replace_file(settings.audit_anchor_path / ANCHOR, canonical(asdict(anchor) | {"mac": seal}) + b"\n")


def _new_key(settings: Settings) -> bytes:
    key = secrets.token_hex(32).encode()
    replace_file(settings.audit_anchor_path / KEY, key)
    return key
