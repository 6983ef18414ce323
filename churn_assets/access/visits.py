"""How often each reader opens each page in a week, in <home>/app/visits.db. Nothing else is kept about readers."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from churn_assets.settings import Settings

KEPT = timedelta(weeks=53)
SECONDS = 5.0  # to wait for another writer
TABLE = (
    "CREATE TABLE IF NOT EXISTS visits (week TEXT, reader TEXT, page TEXT, opens INTEGER NOT NULL, "
    "PRIMARY KEY (week, reader, page))"
)


@dataclass(frozen=True)
class Visits:
    """The pages of one reader in one week.

    Attributes:
        week: its Monday.
        reader: name of the person.
        page: name of the page.
        opens: how often it was opened.
    """

    week: date
    reader: str
    page: str
    opens: int


def visits_file(settings: Settings) -> Path:
    """Where the counts lie."""
    return settings.home_path / "app" / "visits.db"


def monday(day: date) -> date:
    """The first day of a week."""
    return day - timedelta(days=day.weekday())


def count(settings: Settings, reader: str, page: str, day: date) -> None:
    """Counts that a reader opened a page; forgets what is older than a year.

    Raises:
        sqlite3.Error: it cannot be kept.
    """
    file = visits_file(settings)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not file.exists():
        file.touch(mode=0o600)
    week = monday(day)
    with _opened(file) as database, database:
        database.execute(TABLE)
        database.execute("DELETE FROM visits WHERE week < ?", [str(week - KEPT)])
        database.execute(
            "INSERT INTO visits VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET opens = opens + 1",
            [str(week), reader, page],
        )


def visits_since(settings: Settings, day: date) -> list[Visits] | None:
    """The counts of the weeks that end on or after a day; None when the page was never opened."""
    file = visits_file(settings)
    if not file.exists():
        return None
    with _opened(file) as database, database:
        database.execute(TABLE)
        rows = database.execute(
            "SELECT week, reader, page, opens FROM visits WHERE week >= ? ORDER BY 1, 2, 3",
            [str(monday(day))],
        ).fetchall()
    return [Visits(date.fromisoformat(week), reader, page, opens) for week, reader, page, opens in rows]


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file, timeout=SECONDS)) as database:
        yield database
