"""Every place where the product keeps data: the tables of the lake, and all other stores under CHURN_HOME.

Backup, erasure and clean-up use this list. `unregistered` returns the paths under CHURN_HOME that are not on it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from churn_assets.contracts.business import Business
from churn_assets.lakehouse.tables import Table, catalogue

TABLE = "Delta table"
UNTIL_DELETED = "no limit; may be deleted at any time"
REPLAY = "replay"


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
        backup: whether a backup must include it. Data that can be made again, or that ends with its process, need not
            be included.
        setting: the setting that moves it elsewhere, if there is one.
    """

    path: str
    kind: str
    holds: str
    personal: bool
    retention: str
    backup: bool
    setting: str = ""


OTHERS = (
    Store(
        "landing",
        "files",
        "Extracts as the sources delivered them; all else but keys, settled labels, models and scores comes from them.",
        personal=True,
        retention="no limit; whoever delivers extracts deletes them",
        backup=True,
        setting="CHURN_LANDING",
    ),
    Store(
        "mlflow.db",
        "SQLite",
        "MLflow: runs with parameters and figures, registered model versions, the alias `champion`.",
        personal=False,
        retention="no limit",
        backup=True,
        setting="CHURN_TRACKING_URI",
    ),
    Store("mlflow.db-*", "SQLite", "Its journal, while it is written.", False, "until its write ends", True),
    Store(
        "mlartifacts",
        "files",
        "MLflow: models, model cards, reports and pictures of the trainings and studies.",
        personal=False,
        retention="no limit",
        backup=True,
        setting="CHURN_ARTIFACTS",
    ),
    Store(
        "dagster/dagster.yaml",
        "configuration",
        "Settings of the Dagster instance; replaced by each release, until its first line is deleted.",
        personal=False,
        retention="no limit",
        backup=True,
    ),
    Store(
        "dagster/.dagster.yaml.*", "configuration", "Its draft, for a moment.", False, "for a moment", False
    ),
    Store(
        "dagster/history",
        "SQLite",
        "Dagster: runs, events, materialisations with their metadata, results of checks.",
        personal=False,
        retention="no limit",
        backup=True,
    ),
    Store(
        "dagster/schedules",
        "SQLite",
        "Dagster: which schedules and sensors are on, their cursors and ticks.",
        personal=False,
        retention="ticks 2 to 180 days, by the section `retention` of dagster.yaml",
        backup=True,
    ),
    Store(
        "dagster/storage",
        "files",
        "Dagster: what the steps of each run printed.",
        False,
        UNTIL_DELETED,
        False,
    ),
    Store(
        "dagster/running",
        "lock",
        "An empty file per run of this process, which holds its lock: a run without a holder was killed.",
        False,
        "until the run ends",
        False,
    ),
    Store(
        "dagster/.start.lock",
        "lock",
        "Held while one process of Dagster makes its databases; an empty file.",
        False,
        "no limit",
        False,
    ),
    Store("dagster/logs", "files", "Dagster: telemetry, which is off; empty.", False, UNTIL_DELETED, False),
    Store(
        "dagster/.logs_queue",
        "files",
        "Dagster: telemetry, which is off; empty.",
        False,
        UNTIL_DELETED,
        False,
    ),
    Store(
        "serving/releases",
        "files",
        "Releases: what services and reports read, by customer_key.",
        personal=False,
        retention="the newest CHURN_KEEP_RELEASES; a new one comes with every scoring",
        backup=False,
        setting="CHURN_RELEASES",
    ),
    Store(
        "serving/CURRENT.json",
        "file",
        "Names the release in force.",
        personal=False,
        retention="until the next release",
        backup=False,
        setting="CHURN_RELEASES",
    ),
    Store(
        "serving/STATUS.json",
        "file",
        "Lights of the pipeline: freshness, refused rows, balances, open incidents.",
        personal=False,
        retention="until the next run",
        backup=False,
        setting="CHURN_RELEASES",
    ),
    Store(
        "serving/identity.bin",
        "encrypted file",
        "Natural ids, contact columns and consent by customer_key.",
        personal=True,
        retention="until the next release",
        backup=False,
        setting="CHURN_RELEASES",
    ),
    Store("serving/.*", "file", "Drafts of these files, for a moment.", True, "for a moment", False),
    Store(
        "identity.key",
        "key",
        "Key of the identity file, unless CHURN_IDENTITY_KEY is set. Without it the next release makes a new one.",
        personal=False,
        retention="no limit",
        backup=False,
    ),
    Store(".identity.key.*", "key", "Its draft, for a moment.", False, "for a moment", False),
    Store(
        "log",
        "files",
        "The structured log as JSON lines, a file per process: events, warnings and errors without personal values.",
        personal=False,
        retention="90 days after the last line of a file",
        backup=False,
    ),
    Store(
        "audit",
        "files",
        "Who did what to whose data: a chain of records as JSON lines, a file per month; `churn-assets audit verify`.",
        personal=False,
        retention="24 months at least; nothing deletes them by itself",
        backup=True,
    ),
    Store(
        "audit_anchor",
        "files",
        "The end of that chain, and the key that seals it; best kept on another machine.",
        personal=False,
        retention="as long as the records",
        backup=True,
        setting="CHURN_AUDIT_ANCHOR",
    ),
    Store(
        "searches",
        "files",
        "Journals of the searches for settings: a training that runs again takes up its search.",
        personal=False,
        retention=UNTIL_DELETED,
        backup=False,
    ),
    Store(
        "backtest.png",
        "file",
        "Picture of the last `churn-assets run train` over several months.",
        False,
        UNTIL_DELETED,
        False,
    ),
    Store(
        "api/keys.json",
        "configuration",
        "Keys of the service and of the page: names, scopes, roles and SHA-256; never a key itself.",
        personal=False,
        retention="no limit; a revoked key stays on the list",
        backup=True,
    ),
    Store("api/.keys.lock", "lock", "Its lock, an empty file.", False, "no limit", False),
    Store("api/.keys.json.*", "configuration", "Its draft, for a moment.", False, "for a moment", False),
    Store(
        "api/releases",
        "cache",
        "Local copies of the releases that the service reads, memory-mapped.",
        personal=False,
        retention="the present and the former one; may be deleted while nothing runs",
        backup=False,
    ),
    Store(
        "app/visits.db*",
        "SQLite",
        "How often each reader opened each page of the retention team in a week.",
        personal=True,
        retention="a year",
        backup=False,
    ),
    Store(
        "app/releases",
        "cache",
        "Local copies of the releases that the page reads from an object store.",
        personal=False,
        retention="the present and the former one; may be deleted while nothing runs",
        backup=False,
    ),
    Store(
        "acknowledgements",
        "files",
        "Alerts that somebody acknowledged on the page, one file each, by alert_id; who did so is named.",
        personal=True,
        retention="7 days after alerts/risk_alerts has taken it in",
        backup=True,
    ),
    Store(
        "campaign_requests",
        "files",
        "What people asked for on the page Campaign (approval, export, closing), one file each, with the answer.",
        personal=True,
        retention="90 days after the answer",
        backup=True,
    ),
    Store(
        "outbox.db",
        "SQLite",
        "Messages that wait for their channel, and the ids of those that were delivered.",
        personal=True,
        retention="content until its channel has accepted it; ids 30 days",
        backup=True,
    ),
    Store("outbox.db-*", "SQLite", "Its journal, while it is written.", True, "until its write ends", True),
    Store(
        "messages",
        "files",
        "CSV files of the channels that write into a folder.",
        personal=True,
        retention="no limit; whoever reads them deletes them",
        backup=False,
    ),
    Store(
        "exports",
        "files",
        "Lists of approved campaigns: whom to contact with which offer, with names and addresses if asked for.",
        personal=True,
        retention="until the day in the name of the file; the job tidy deletes it then",
        backup=False,
    ),
    Store(
        "truth",
        "files",
        "What the simulator knows of its customers: true hazards and ends. Only after a simulation.",
        personal=True,
        retention=UNTIL_DELETED,
        backup=False,
    ),
    Store(
        "coming",
        "files",
        "Simulated extracts of days that have not come yet, by source and day. Only after `churn-assets demo --days`.",
        personal=True,
        retention="until `churn-assets demo --days` moves the day into the landing zone",
        backup=False,
    ),
    Store(
        "spark/scratch",
        "files",
        "Spark: shuffle files and drafts of tables, one folder a process.",
        personal=True,
        retention="until its process ends; what a killed one left, until the next starts",
        backup=False,
    ),
    Store(
        "lake/_doctor-*",
        TABLE,
        "Numbers that `churn-assets doctor` writes and reads.",
        personal=False,
        retention="for a moment",
        backup=False,
        setting="CHURN_LAKE",
    ),
    Store(
        ".*.lock",
        "lock",
        "Empty files; whoever adds keys or marks contacts holds one.",
        False,
        "no limit; may be deleted while nothing runs",
        False,
    ),
)
OF_A_REPLAY = (
    Store("telecom", "configuration", "The business that is replayed.", False, UNTIL_DELETED, False),
    Store("replay.png", "file", "Picture of what came out.", False, UNTIL_DELETED, False),
)
ELSEWHERE = (
    Store(
        "CHURN_BUSINESS",
        "configuration",
        "churn.yaml and contracts, unless the business is a shipped one.",
        personal=False,
        retention="no limit; best kept under version control",
        backup=True,
    ),
    Store(
        "CHURN_JARS",
        "cache",
        "Delta jars of Spark, shared by all homes; by default ~/.cache/churn-assets.",
        personal=False,
        retention=UNTIL_DELETED,
        backup=False,
    ),
)


def stores(business: Business) -> list[Store]:
    """Every store under CHURN_HOME, and those of a replay, which has its own copy of each below `replay`."""
    own = [*(_of_table(table) for table in catalogue(business)), *OTHERS]
    replayed = [replace(s, path=f"{REPLAY}/{s.path}", backup=False) for s in (*own, *OF_A_REPLAY)]
    return own + replayed


def _of_table(table: Table) -> Store:
    grain = f"{table.grain[0].upper()}{table.grain[1:]}."
    return Store(
        f"lake/{table.path}", TABLE, grain, bool(table.personal), table.retention, True, setting="CHURN_LAKE"
    )


def unregistered(home: Path, business: Business) -> list[str]:
    """Paths below `home` that belong to no store; for a folder without any store, only the folder."""
    patterns = [tuple(store.path.split("/")) for store in stores(business)]
    return list(_unknown(home, (), patterns)) if home.is_dir() else []


def _unknown(folder: Path, parts: tuple[str, ...], patterns: list[tuple[str, ...]]) -> Iterator[str]:
    for entry in sorted(folder.iterdir()):
        here = (*parts, entry.name)
        fitting = [p for p in patterns if len(p) >= len(here) and all(map(fnmatchcase, here, p))]
        if any(len(p) == len(here) for p in fitting):
            continue
        if fitting and entry.is_dir():
            yield from _unknown(entry, here, patterns)
        else:
            yield "/".join(here)
