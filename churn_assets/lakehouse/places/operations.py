"""Stores of the operation: the log, the audit, backups."""

from churn_assets.lakehouse.places.store import FLEETING, TOLD_ELSEWHERE, UNTIL_DELETED, Store, empty

STORES = (
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
    empty(
        "backup/.*lock", "lock", "Held while a backup is taken or a drill goes on; empty files.", "no limit"
    ),
    Store(
        "restored",
        "configuration",
        "Only after a restore: the business folder, the settings and the packages of the home that was backed up, "
        "dumps of what lay in PostgreSQL, and the manifest.",
        personal=False,
        retention=UNTIL_DELETED,
        backup=False,
        unneeded="the next backup writes down its own",
    ),
)
