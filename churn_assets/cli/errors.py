"""The sentence and the exit code of an error that a user can fix."""

import errno
import re
import sqlite3
import sys
from collections.abc import Iterator
from typing import NamedTuple

MISUSE, FAILED = 2, 1
FULL = "Free some space, or move CHURN_HOME; then run the same command again."
CLOSED = "Change its owner or its rights, or set CHURN_HOME to a folder that you can write."
# errno -> (what is wrong, what to do)
KNOWN = {
    errno.ENOSPC: ("The disk is full", FULL),
    errno.EDQUOT: ("The quota of the disk is used up", FULL),
    errno.EACCES: ("No permission", CLOSED),
    errno.EPERM: ("No permission", CLOSED),
    errno.EROFS: ("This file system can only be read", CLOSED),
    errno.ENOTDIR: ("A file is in place of a folder", "Remove the file, or name another folder."),
    errno.EISDIR: ("A folder is in place of a file", "Name a file, or remove the folder."),
    errno.ENOENT: ("There is no such file or folder", "Correct the path, or make it."),
    errno.EMFILE: ("Too many files are open", "Raise the limit: ulimit -n 4096."),
    errno.ENOMEM: ("There is too little memory", "Close other programs, or choose fewer months for a run."),
}
# What SQLite says -> errno; Dagster and MLflow keep their records in its files.
SQLITE = {
    "database or disk is full": errno.ENOSPC,
    "disk i/o error": errno.ENOSPC,
    "unable to open database file": errno.EACCES,
    "attempt to write a readonly database": errno.EACCES,
}


# What Hadoop says where it lacks the library of a store, such as hadoop-aws for s3a://.
NO_STORE = re.compile(r"ClassNotFoundException: Class (org\.apache\.hadoop\.fs\.\S+) not found")


class Sentence(NamedTuple):
    """What to print, and how the process ends."""

    text: str
    exit_code: int


def sentence(error: BaseException) -> Sentence | None:
    """The sentence about an error; None for a defect of this software, whose traceback helps."""
    from churn_assets.contracts.mistakes import DeclarationErrors

    if isinstance(error, DeclarationErrors):
        return Sentence(str(error), MISUSE)
    for cause in _causes(error):
        if isinstance(cause, sqlite3.OperationalError) and (number := _number_of(cause)):
            words, remedy = KNOWN[number]
            return Sentence(
                f"Error: {words}: a database in CHURN_HOME cannot be written ({cause}). {remedy}", MISUSE
            )
    if isinstance(error, OSError):
        return Sentence(f"Error: {of_the_system(error)}", MISUSE)
    if isinstance(error, RuntimeError):
        return Sentence(f"Error: {error}", FAILED)
    if "pyspark" in sys.modules:  # else no engine was started
        from churn_assets.lakehouse.engine.session import why_engine_ended

        if why := why_engine_ended(error):
            return Sentence(f"Error: {why}", FAILED)
    missing = lacks_store(error)
    return Sentence(f"Error: {missing}", MISUSE) if missing else None


def lacks_store(error: BaseException) -> str | None:
    """Which library of an object store Spark lacks, with the remedy; None for any other error."""
    missing = NO_STORE.search(str(error))
    if missing is None:
        return None
    return (
        f"Spark lacks the library of the object store ({missing[1]}). Name it in CHURN_SPARK_CONF: see "
        '"A cluster and an object store" in docs/engines.md.'
    )


def of_the_system(error: OSError) -> str:
    """What the operating system refused, with the path and the remedy; our own sentence where it is one."""
    if error.errno is None:
        return str(error)
    words, remedy = KNOWN.get(error.errno, (error.strerror or "The operating system refused", ""))
    place = f": {error.filename}" if error.filename is not None else ""
    return f"{words}{place}. {remedy}".strip()


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it was raised from."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _number_of(error: sqlite3.OperationalError) -> int | None:
    return next((number for words, number in SQLITE.items() if words in str(error).lower()), None)
