"""The outbox: an SQLite file that keeps each message, for each channel, until the channel has accepted it.

A message is queued in one transaction and stays queued over any crash. The members of a delivery are written down
before it begins, so that a delivery repeated after a crash has the same id and the same content.

The outbox belongs to its CHURN_HOME. A lock of the operating system lets one process of this home deliver to a channel
at a time, and ends with the process. Homes that share a lake have an outbox each, and each tells only what it queued.
"""

import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from churn_assets.operations.channels.message import Batch, Message

FILE = "outbox.db"
PENDING, DELIVERED, UNDELIVERABLE, WITHDRAWN = "pending", "delivered", "undeliverable", "withdrawn"
KEPT = timedelta(days=30)  # how long the id of a delivered or withdrawn message is remembered
MOST = 10_000  # messages that are read at once
NEVER = datetime.min.replace(tzinfo=UTC)
TABLES = """
CREATE TABLE IF NOT EXISTS identity (outbox_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS messages (
  position INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, id TEXT NOT NULL, rule TEXT NOT NULL,
  subject TEXT NOT NULL, at_once INTEGER NOT NULL, body TEXT NOT NULL, queued_at TEXT NOT NULL, batch TEXT,
  state TEXT NOT NULL DEFAULT 'pending', refusals INTEGER NOT NULL DEFAULT 0, next_at TEXT NOT NULL DEFAULT '',
  why TEXT, delivered_at TEXT, UNIQUE (channel, id));
CREATE INDEX IF NOT EXISTS waiting ON messages (channel, state, position);
CREATE TABLE IF NOT EXISTS channels (
  name TEXT PRIMARY KEY, failures INTEGER NOT NULL DEFAULT 0, failing_since TEXT, next_at TEXT NOT NULL DEFAULT '',
  why TEXT, delivered_at TEXT);
CREATE TABLE IF NOT EXISTS digests (
  channel TEXT NOT NULL, rule TEXT NOT NULL, day TEXT NOT NULL, PRIMARY KEY (channel, rule, day));
"""


@dataclass(frozen=True)
class Waiting:
    """A message that its channel has not accepted yet.

    Attributes:
        position: its place in the queue.
        batch: the delivery it belongs to, once one was attempted.
        refusals: how often the receiver has answered that it does not take it.
        next_at: not before.
        queued_at: when it was queued.
    """

    position: int
    message: Message
    batch: str | None
    refusals: int
    next_at: datetime
    queued_at: datetime


@dataclass(frozen=True)
class ChannelState:
    """How a channel does.

    Attributes:
        waiting, undeliverable: numbers of messages.
        oldest: when the oldest waiting message was queued.
        failures: attempts that failed one after the other.
        failing_since: the first of them.
        next_at: when the next attempt is due.
        why: what the last failure was.
        delivered_at: the last success.
    """

    waiting: int = 0
    undeliverable: int = 0
    oldest: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    next_at: datetime = NEVER
    why: str | None = None
    delivered_at: datetime | None = None


class Outbox:
    """The outbox of a CHURN_HOME. Every method is one transaction; several processes and threads may call them."""

    def __init__(self, home: Path) -> None:
        self.file = home / FILE
        home.mkdir(parents=True, exist_ok=True)
        if not self.file.exists():
            self.file.touch(mode=0o600)  # messages may hold personal data
        with self._transaction() as db:
            for statement in filter(str.strip, TABLES.split(";")):
                db.execute(statement)
            if db.execute("SELECT count(*) FROM identity").fetchone()[0] == 0:
                db.execute("INSERT INTO identity VALUES (?)", (uuid.uuid4().hex,))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.file, timeout=30, isolation_level=None)) as db:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
                db.execute(f"PRAGMA {pragma}")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    @property
    def id(self) -> str:
        """A random name of this outbox."""
        with self._transaction() as db:
            return str(db.execute("SELECT outbox_id FROM identity").fetchone()[0])

    def put(self, channels: Iterable[tuple[str, bool]], messages: Iterable[Message]) -> int:
        """Queues messages for channels, given as (name, whether it may tell personal data); returns how many are new.

        A message whose id the channel has already is not queued again.
        """
        now, told = _text(datetime.now(UTC)), list(messages)
        rows = [
            (name, m.id, m.rule, m.subject, m.at_once, m.for_channel(personal).to_json(), now)
            for name, personal in channels
            for m in told
        ]
        with self._transaction() as db:
            before = db.total_changes
            db.executemany(
                "INSERT OR IGNORE INTO messages (channel, id, rule, subject, at_once, body, queued_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            return db.total_changes - before

    def waiting(self, channel: str, limit: int = MOST) -> list[Waiting]:
        """The oldest messages that wait for a channel, in order."""
        with self._transaction() as db:
            rows = db.execute(
                "SELECT position, body, batch, refusals, next_at, queued_at FROM messages"
                " WHERE channel = ? AND state = ? ORDER BY position LIMIT ?",
                (channel, PENDING, limit),
            ).fetchall()
        return [
            Waiting(r[0], Message.from_json(r[1]), r[2], r[3], _time(r[4]) or NEVER, _time(r[5]) or NEVER)
            for r in rows
        ]

    def state(self, channel: str) -> ChannelState:
        """How the channel does."""
        with self._transaction() as db:
            counts = dict(
                db.execute(
                    "SELECT state, count(*) FROM messages WHERE channel = ? GROUP BY state", (channel,)
                ).fetchall()
            )
            oldest = db.execute(
                "SELECT min(queued_at) FROM messages WHERE channel = ? AND state = ?", (channel, PENDING)
            ).fetchone()[0]
            row = db.execute(
                "SELECT failures, failing_since, next_at, why, delivered_at FROM channels WHERE name = ?",
                (channel,),
            ).fetchone() or (0, None, "", None, None)
        return ChannelState(
            counts.get(PENDING, 0),
            counts.get(UNDELIVERABLE, 0),
            _time(oldest),
            row[0],
            _time(row[1]),
            _time(row[2]) or NEVER,
            row[3],
            _time(row[4]),
        )

    def channels(self) -> list[str]:
        """Names of the channels that messages were ever queued for, also of those no longer declared."""
        with self._transaction() as db:
            return [r[0] for r in db.execute("SELECT DISTINCT channel FROM messages ORDER BY 1").fetchall()]

    def begin(self, channel: str, batch: Batch, digest: tuple[str, str] | None = None) -> bool:
        """Writes down which messages a delivery has, before it is attempted.

        Args:
            channel: its name.
            batch: the delivery.
            digest: rule and day, if it is a digest.

        Returns:
            False, and nothing is written, if the digest of this rule and day was begun before.
        """
        with self._transaction() as db:
            if digest:
                begun = db.execute("INSERT OR IGNORE INTO digests VALUES (?, ?, ?)", (channel, *digest))
                if not begun.rowcount:
                    return False
            db.executemany(
                "UPDATE messages SET batch = ? WHERE channel = ? AND id = ?",
                [(batch.id, channel, m.id) for m in batch.messages],
            )
        return True

    def delivered(self, channel: str, batch: Batch, now: datetime) -> None:
        """Notes a success; only the ids of its messages are kept."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE messages SET state = ?, body = '', why = NULL, delivered_at = ? WHERE channel = ? AND id = ?",
                [(DELIVERED, _text(now), channel, m.id) for m in batch.messages],
            )
            db.execute(
                "INSERT INTO channels (name, delivered_at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET"
                " failures = 0, failing_since = NULL, next_at = '', why = NULL, delivered_at = excluded.delivered_at",
                (channel, _text(now)),
            )

    def accepted(self, ids: Iterable[str]) -> dict[str, dict[str, datetime]]:
        """Id -> channel -> when it accepted the message, of messages that were delivered within KEPT."""
        found: dict[str, dict[str, datetime]] = {}
        with self._transaction() as db:
            for one in ids:
                rows = db.execute(
                    "SELECT channel, delivered_at FROM messages WHERE id = ? AND state = ?", (one, DELIVERED)
                ).fetchall()
                if rows:
                    found[one] = {channel: datetime.fromisoformat(at) for channel, at in rows}
        return found

    def withdraw(self, channel: str, reasons: Mapping[str, str], now: datetime) -> None:
        """Takes messages that wait (id -> why) out of the queue of a channel; only their ids and reasons are kept."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE messages SET state = ?, body = '', why = ?, delivered_at = ?"
                " WHERE channel = ? AND id = ? AND state <> ?",
                [(WITHDRAWN, why, _text(now), channel, one, DELIVERED) for one, why in reasons.items()],
            )

    def withdrawn(self, ids: Iterable[str]) -> dict[str, dict[str, str]]:
        """Id -> channel -> why the message was withdrawn, of those withdrawn within KEPT."""
        found: dict[str, dict[str, str]] = {}
        with self._transaction() as db:
            for one in ids:
                rows = db.execute(
                    "SELECT channel, why FROM messages WHERE id = ? AND state = ?", (one, WITHDRAWN)
                ).fetchall()
                if rows:
                    found[one] = dict(rows)
        return found

    def refused(self, channel: str, batch: Batch, why: str, next_at: datetime | None) -> None:
        """Notes that the receiver did not take a delivery; `next_at` None: it is not attempted again by itself."""
        state = PENDING if next_at else UNDELIVERABLE
        with self._transaction() as db:
            db.executemany(
                "UPDATE messages SET state = ?, refusals = refusals + 1, next_at = ?, why = ?"
                " WHERE channel = ? AND id = ?",
                [(state, _text(next_at) if next_at else "", why, channel, m.id) for m in batch.messages],
            )

    def failed(self, channel: str, why: str, now: datetime, next_at: datetime) -> None:
        """Notes that a channel takes nothing now."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO channels (name, failures, failing_since, next_at, why) VALUES (?, 1, ?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET failures = failures + 1, next_at = excluded.next_at,"
                " failing_since = coalesce(failing_since, excluded.failing_since), why = excluded.why",
                (channel, _text(now), _text(next_at), why),
            )

    def retry(self, channel: str) -> int:
        """Makes all messages of a channel due now, also those given up; returns their number."""
        with self._transaction() as db:
            changed = db.execute(
                "UPDATE messages SET state = ?, refusals = 0, next_at = '' WHERE channel = ? AND state IN (?, ?)",
                (PENDING, channel, PENDING, UNDELIVERABLE),
            )
            db.execute("UPDATE channels SET next_at = '' WHERE name = ?", (channel,))
            return changed.rowcount

    def forget(self, now: datetime) -> None:
        """Deletes the ids of messages that were delivered or withdrawn longer than KEPT ago, and old digests."""
        with self._transaction() as db:
            oldest = _text(now - KEPT)
            done = (DELIVERED, WITHDRAWN, oldest)
            db.execute("DELETE FROM messages WHERE state IN (?, ?) AND delivered_at < ?", done)
            db.execute("DELETE FROM digests WHERE day < ?", (oldest[:10],))


def opened(home: Path) -> Outbox | None:
    """The outbox of a home, None if nothing was ever queued there."""
    return Outbox(home) if (home / FILE).exists() else None


def _text(moment: datetime) -> str:
    """A time as text; texts of one length sort as the times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
