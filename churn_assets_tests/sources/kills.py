"""Kills extracts of a database, a folder and a topic at random steps, and tells what the landing zone then holds.

Run it as `python -m churn_assets_tests.sources.kills FOLDER BROKER TOPIC KILLS SEED`. Each extract runs in a process
that is forked, so that a hundred of them load the libraries once.
"""

import json
import os
import random
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from churn_assets.extracts.asking import asker_of
from churn_assets.sources.folders import copying
from churn_assets.sources.live import documents, extract, landing_files
from churn_assets.sources.topics import reader
from churn_assets_tests.sources.databases.shop import contract, numbers
from churn_assets_tests.sources.folders.test_copying import folder_contract
from churn_assets_tests.sources.topics import events

EVENING = datetime(2026, 3, 10, 12, tzinfo=UTC)
PUBLISHING = [(landing_files, "sync_file"), (landing_files, "sync_folder")]
STEPS: dict[str, list[tuple[Any, str]]] = {
    "database": [(landing_files.ExtractDraft, "add"), (landing_files.ExtractDraft, "finish"), *PUBLISHING],
    "folder": [(copying, "_drafted"), (copying, "publish"), *PUBLISHING],
    "topic": [
        (documents.DocumentDraft, "add_line"),
        (documents.DocumentDraft, "finish"),
        (reader.TopicReader, "_tell"),
        *PUBLISHING,
    ],
}


def _forked(work: Callable[[], None]) -> int:
    """Runs work in a forked process; returns its exit code, negative if a signal ended it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 (a forked process must not go on)
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _dies(owner: Any, name: str, after: bool) -> None:
    """Lets a function kill its process, before its work or after it."""
    works = getattr(owner, name)

    def killed(*given: Any, **named: Any) -> None:
        if after:
            works(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, killed)


class Sources:
    """A source of each kind, which grow."""

    def __init__(self, folder: Path, broker: str, topic: str) -> None:
        self.folder, self.broker, self.topic = folder, broker, topic
        for kind in STEPS:
            (folder / kind).mkdir()
        (folder / "there" / "out").mkdir(parents=True)
        own = {"table": "orders", "cursor": "order_id", "overlap": 0}
        self.orders = contract(folder / "database", f"sqlite:///{folder / 'shop.db'}", **own)
        self.files = folder_contract(folder / "folder", "folder", str(folder / "there"))
        self.calls = events.topic_contract(folder / "topic", broker, topic)
        self.sent = 0
        with sqlite3.connect(folder / "shop.db") as connection:
            connection.execute(
                "CREATE TABLE orders (order_id INT, customer_id TEXT, ordered_at TEXT, amount REAL)"
            )
        connection.close()

    def grow(self, kind: str, some: int) -> None:
        """Adds rows to one source."""
        new = range(self.sent, self.sent + some)
        self.sent += some
        if kind == "database":
            with sqlite3.connect(self.folder / "shop.db") as connection:
                rows = [(n, f"C{n}", "2026-03-01 10:00:00", 1.0) for n in new]
                connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
            connection.close()
        elif kind == "folder":
            file = self.folder / "there" / "out" / f"calls_{self.sent}_20260301.csv"
            file.write_text("".join(f"{n}\n" for n in new))
            os.utime(file, (0, 0))
        elif _forked(lambda: self._send(new)) != 0:
            raise RuntimeError("the messages were not sent")

    def _send(self, new: range) -> None:
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": self.broker, "log_level": 0})
        for n in new:
            producer.produce(self.topic, json.dumps({"call_id": n}).encode())
        if producer.flush(60):
            raise RuntimeError("the broker did not take the messages")

    def extract(self, kind: str, number: int) -> None:
        """Makes an extract of one source, minutes later than those with lower numbers."""
        landing, draft = str(self.folder / kind / "landing"), str(self.folder / f"draft{number}")
        Path(draft).mkdir()
        now = EVENING + timedelta(minutes=number)
        if kind == "database":
            extract.extract_new(asker_of(self.orders), landing, draft, now)
        elif kind == "folder":
            copying.copy_new(self.files, landing, draft, date(2026, 1, 1), now.date(), now)
        else:
            reader.extract_topic(self.calls, landing, draft, now)

    def held(self, kind: str) -> Counter[int]:
        """How often each row is in the landing zone."""
        landing = self.folder / kind / "landing"
        if kind == "database":
            return Counter(numbers(landing))
        if kind == "topic":
            return Counter(events.numbers(landing))
        files = [f for f in landing.rglob("*.csv") if not f.name.startswith(".")]
        return Counter(int(line) for file in files for line in file.read_text().splitlines())


def _killed(sources: Sources, kind: str, number: int, step: tuple[Any, str, bool]) -> None:
    _dies(*step)
    sources.extract(kind, number)


def main(folder: str, broker: str, topic: str, kills: str, seed: str) -> None:
    """Kills as often, extracts once more, and prints what is there as JSON."""
    chance, sources = random.Random(int(seed)), Sources(Path(folder), broker, topic)
    had: dict[str, set[int]] = {kind: set() for kind in STEPS}
    killed: Counter[str] = Counter()
    for number in range(int(kills)):
        kind = [*STEPS][number % len(STEPS)]
        before = sources.sent
        sources.grow(kind, chance.randint(1, 20))
        had[kind] |= {*range(before, sources.sent)}
        owner, name = chance.choice(STEPS[kind])
        after = chance.random() < 0.5

        code = _forked(partial(_killed, sources, kind, number, (owner, name, after)))
        if code != -signal.SIGKILL:
            raise RuntimeError(f"{kind}, {name}: ended with {code}, and was not killed")
        killed[f"{kind}: {'after' if after else 'before'} {name}"] += 1
    for number, kind in enumerate(STEPS, int(kills)):
        if _forked(partial(sources.extract, kind, number)) != 0:
            raise RuntimeError(f"{kind} was not extracted at the end")
    told = {}
    for kind in STEPS:
        held = sources.held(kind)
        doubled = sum(held.values()) - len(held)
        told[kind] = {"rows": len(had[kind]), "lost": len(had[kind] - {*held}), "doubled": doubled}
    print(json.dumps({"killed": killed, "held": told}))


if __name__ == "__main__":
    main(*sys.argv[1:])
