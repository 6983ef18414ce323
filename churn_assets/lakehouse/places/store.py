"""A store, and why no backup needs one."""

from dataclasses import dataclass

TABLE = "Delta table"
UNTIL_DELETED = "no limit; may be deleted at any time"
REPLAY = "replay"
# Why no backup needs a store.
IN_ITS_COPY = "the copy of its database includes it"
MADE_AGAIN, FLEETING, EMPTY = "the next run makes it again", "it ends with its process", "it is an empty file"
OF_REPLAY, TOLD_ELSEWHERE = "the replay makes it again", "the lake and the audit hold what counts of it"


@dataclass(frozen=True)
class Store:
    """A place with data.

    Attributes:
        path: relative to CHURN_HOME, with everything below it; `*` matches any part of a name. For a store elsewhere,
            the setting that locates it, such as CHURN_JARS.
        kind: Delta table, files, SQLite, ...
        holds: its content.
        personal: whether it may contain natural ids or other personal values.
        retention: how long its content is kept.
        backup: whether a backup must include it.
        setting: the setting that moves it elsewhere, if there is one.
        unneeded: why no backup needs it; empty exactly where a backup includes it.
    """

    path: str
    kind: str
    holds: str
    personal: bool
    retention: str
    backup: bool
    setting: str = ""
    unneeded: str = ""


def of_a_moment(path: str, kind: str, holds: str, *, personal: bool = False, setting: str = "") -> Store:
    """What exists while something is written."""
    return Store(path, kind, holds, personal, "for a moment", False, setting, FLEETING)


def empty(path: str, kind: str, holds: str, retention: str) -> Store:
    """What has no content: a lock, or a folder that Dagster makes and never fills."""
    return Store(path, kind, holds, False, retention, False, unneeded=EMPTY)
