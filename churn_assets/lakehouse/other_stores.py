"""Every store that is no table of the lake: those under CHURN_HOME, those of a replay, and those elsewhere."""

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


def _of_a_moment(path: str, kind: str, holds: str, *, personal: bool = False, setting: str = "") -> Store:
    """What exists while something is written."""
    return Store(path, kind, holds, personal, "for a moment", False, setting, FLEETING)


def _empty(path: str, kind: str, holds: str, retention: str) -> Store:
    """What has no content: a lock, or a folder that Dagster makes and never fills."""
    return Store(path, kind, holds, False, retention, False, unneeded=EMPTY)


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
    Store(
        "mlflow.db-*",
        "SQLite",
        "Its journal, while it is written.",
        False,
        "until its write ends",
        False,
        unneeded=IN_ITS_COPY,
    ),
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
    _of_a_moment("dagster/.dagster.yaml.*", "configuration", "Its draft, for a moment."),
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
        unneeded=TOLD_ELSEWHERE,
    ),
    Store(
        "dagster/running",
        "lock",
        "An empty file per run of this process, which holds its lock: a run without a holder was killed.",
        False,
        "until the run ends",
        False,
        unneeded=FLEETING,
    ),
    _empty(
        "dagster/.start.lock",
        "lock",
        "Held while one process of Dagster makes its databases; an empty file.",
        "no limit",
    ),
    _empty("dagster/logs", "files", "Dagster: telemetry, which is off; empty.", UNTIL_DELETED),
    _empty("dagster/.logs_queue", "files", "Dagster: telemetry, which is off; empty.", UNTIL_DELETED),
    Store(
        "serving/releases",
        "files",
        "Releases: what services and reports read, by customer_key.",
        personal=False,
        retention="the newest CHURN_KEEP_RELEASES; a new one comes with every scoring",
        backup=False,
        setting="CHURN_RELEASES",
        unneeded=MADE_AGAIN,
    ),
    Store(
        "serving/CURRENT.json",
        "file",
        "Names the release in force.",
        personal=False,
        retention="until the next release",
        backup=False,
        setting="CHURN_RELEASES",
        unneeded=MADE_AGAIN,
    ),
    Store(
        "serving/STATUS.json",
        "file",
        "Lights of the pipeline: freshness, refused rows, balances, open incidents.",
        personal=False,
        retention="until the next run",
        backup=False,
        setting="CHURN_RELEASES",
        unneeded=MADE_AGAIN,
    ),
    Store(
        "serving/identity.bin",
        "encrypted file",
        "Natural ids, contact columns and consent by customer_key.",
        personal=True,
        retention="until the next release",
        backup=False,
        setting="CHURN_RELEASES",
        unneeded=MADE_AGAIN,
    ),
    _of_a_moment("serving/.*", "file", "Drafts of these files, for a moment.", personal=True),
    Store(
        "identity.key",
        "key",
        "Key of the identity file, unless CHURN_IDENTITY_KEY is set. Without it the next release makes a new one.",
        personal=False,
        retention="no limit",
        backup=False,
        unneeded="the next release makes a new one",
    ),
    _of_a_moment(".identity.key.*", "key", "Its draft, for a moment."),
    Store(
        "log",
        "files",
        "The structured log as JSON lines, a file per process: events, warnings and errors without personal values.",
        personal=False,
        retention="90 days after the last line of a file",
        backup=False,
        unneeded=TOLD_ELSEWHERE,
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
        unneeded="only a killed training takes it up",
    ),
    Store(
        "backtest.png",
        "file",
        "Picture of the last `churn-assets run train` over several months.",
        False,
        UNTIL_DELETED,
        False,
        unneeded=MADE_AGAIN,
    ),
    Store(
        "api/keys.json",
        "configuration",
        "Keys of the service and of the page: names, scopes, roles and SHA-256; never a key itself.",
        personal=False,
        retention="no limit; a revoked key stays on the list",
        backup=True,
    ),
    _empty("api/.keys.lock", "lock", "Its lock, an empty file.", "no limit"),
    _of_a_moment("api/.keys.json.*", "configuration", "Its draft, for a moment."),
    Store(
        "api/releases",
        "cache",
        "Local copies of the releases that the service reads, memory-mapped.",
        personal=False,
        retention="the present and the former one; may be deleted while nothing runs",
        backup=False,
        unneeded=MADE_AGAIN,
    ),
    Store(
        "app/visits.db*",
        "SQLite",
        "How often each reader opened each page of the retention team in a week.",
        personal=True,
        retention="a year",
        backup=False,
        unneeded="it is a count of readers, which nothing depends on",
    ),
    Store(
        "app/releases",
        "cache",
        "Local copies of the releases that the page reads from an object store.",
        personal=False,
        retention="the present and the former one; may be deleted while nothing runs",
        backup=False,
        unneeded=MADE_AGAIN,
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
    Store(
        "outbox.db-*",
        "SQLite",
        "Its journal, while it is written.",
        True,
        "until its write ends",
        False,
        unneeded=IN_ITS_COPY,
    ),
    Store(
        "messages",
        "files",
        "CSV files of the channels that write into a folder.",
        personal=True,
        retention="no limit; whoever reads them deletes them",
        backup=False,
        unneeded="whoever reads the messages has them",
    ),
    Store(
        "exports",
        "files",
        "Lists of approved campaigns: whom to contact with which offer, with names and addresses if asked for.",
        personal=True,
        retention="until the day in the name of the file; the job tidy deletes it then",
        backup=False,
        unneeded="a campaign can be exported again, and copies of names must not last",
    ),
    Store(
        "truth",
        "files",
        "What the simulator knows of its customers: true hazards and ends. Only after a simulation.",
        personal=True,
        retention=UNTIL_DELETED,
        backup=False,
        unneeded="a simulation makes it again",
    ),
    Store(
        "coming",
        "files",
        "Simulated extracts of days that have not come yet, by source and day. Only after `churn-assets demo --days`.",
        personal=True,
        retention="until `churn-assets demo --days` moves the day into the landing zone",
        backup=False,
        unneeded="a simulation makes it again",
    ),
    Store(
        "spark/scratch",
        "files",
        "Spark: shuffle files and drafts of tables, one folder a process.",
        personal=True,
        retention="until its process ends; what a killed one left, until the next starts",
        backup=False,
        unneeded=FLEETING,
    ),
    Store(
        "backup/stage",
        "files",
        "The copy that a backup is made of.",
        True,
        "until it is stored",
        False,
        unneeded=FLEETING,
    ),
    Store(
        "backup/manifest.json",
        "file",
        "What the last backup holds: files with their SHA-256, tables with their rows.",
        False,
        "until the next backup",
        False,
        unneeded="each backup holds its own",
    ),
    Store(
        "backup/place.txt",
        "file",
        "Where the last backup lies, without user and password.",
        False,
        "until the next backup",
        False,
        unneeded="the next backup writes down its own",
    ),
    Store(
        "backup/cache",
        "cache",
        "What restic knows of the repository.",
        False,
        UNTIL_DELETED,
        False,
        unneeded="restic makes it again",
    ),
    Store(
        "backup/drill",
        "files",
        "The scratch copy that a drill damages.",
        True,
        "until the drill ends",
        False,
        unneeded=FLEETING,
    ),
    _empty(
        "backup/.*lock", "lock", "Held while a backup is taken or a drill goes on; empty files.", "no limit"
    ),
    Store(
        "restored",
        "configuration",
        "Only after a restore: the business folder, the settings and the packages of the home that was backed up, and "
        "the manifest.",
        personal=False,
        retention=UNTIL_DELETED,
        backup=False,
        unneeded="the next backup writes down its own",
    ),
    _of_a_moment(
        "lake/_doctor-*", TABLE, "Numbers that `churn-assets doctor` writes and reads.", setting="CHURN_LAKE"
    ),
    _empty(
        ".*.lock",
        "lock",
        "Empty files; whoever adds keys or marks contacts holds one.",
        "no limit; may be deleted while nothing runs",
    ),
)
OF_A_REPLAY = (
    Store(
        "telecom",
        "configuration",
        "The business that is replayed.",
        False,
        UNTIL_DELETED,
        False,
        unneeded=OF_REPLAY,
    ),
    Store(
        "campaigns",
        "files",
        "The plan of a replay with campaigns, and of each month who was contacted and what each policy would bring.",
        False,
        UNTIL_DELETED,
        False,
        unneeded=OF_REPLAY,
    ),
    Store(
        "campaigns.html",
        "file",
        "Page of a replay with campaigns.",
        False,
        UNTIL_DELETED,
        False,
        unneeded=OF_REPLAY,
    ),
    Store("replay.html", "file", "Page of what came out.", False, UNTIL_DELETED, False, unneeded=OF_REPLAY),
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
        unneeded="it is downloaded again",
    ),
)
