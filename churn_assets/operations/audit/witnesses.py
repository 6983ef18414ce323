"""What others tell of the audit: the log of this home, and the table operations/audit of the lake.

A witness knows the hashes of records that were written once. So an audit that was deleted as a whole, with its anchor
and its key, is found, and so is one that was put back to an earlier state or rewritten by somebody with the key.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from churn_assets.counts import counted
from churn_assets.lakehouse import tables
from churn_assets.settings import Settings

if TYPE_CHECKING:
    from churn_assets.lakehouse.lakehouse import Lakehouse

RECORDED = "audit.recorded"  # name of the event
CHAIN, SEQUENCE, HASH = "churn.audit.chain", "churn.audit.sequence", "churn.audit.hash"  # its attributes


@dataclass(frozen=True)
class Witness:
    """What one witness tells.

    Attributes:
        name: `log` or `lake`.
        hashes: hash by chain and number of a record.
        last: time of the last record by chain, ISO.
        of_this_home: whether it tells of this home alone; other homes share the lake.
    """

    name: str
    hashes: dict[tuple[str, int], str]
    last: dict[str, str]
    of_this_home: bool

    def end_of(self, chain: str) -> int:
        """Number of the last record of a chain; 0 if it tells of none."""
        return max((number for of, number in self.hashes if of == chain), default=0)

    def told(self, chain: str) -> str:
        """How many records of a chain it knows, in words."""
        records = counted(sum(of == chain for of, _ in self.hashes), "record")
        return f"the {self.name} tells of {records} of the chain {chain}, the last of {self.last[chain][:10]}"


def told_by_log(settings: Settings) -> Witness:
    """What the files of the log tell, which go back 90 days.

    Raises:
        OSError: they cannot be read.
    """
    return _witness("log", _of_log(settings), of_this_home=True)


def told_by_lake(lakehouse: "Lakehouse") -> Witness:
    """What the table tells, which all homes fill that share the lake."""
    found: Iterable[tuple[str, int, str, str]] = ()
    if lakehouse.exists(tables.AUDIT_ACTS):
        read = lakehouse.arrow(tables.AUDIT_ACTS, ["chain", "sequence", "hash", "at"]).to_pylist()
        found = ((row["chain"], row["sequence"], row["hash"], row["at"].isoformat()) for row in read)
    return _witness("lake", found, of_this_home=False)


def _witness(name: str, records: Iterable[tuple[str, int, str, str]], of_this_home: bool) -> Witness:
    hashes, last = dict[tuple[str, int], str](), dict[str, str]()
    for chain, number, digest, at in records:
        hashes[chain, number] = digest
        last[chain] = max(at, last.get(chain, ""))
    return Witness(name, hashes, last, of_this_home)


def _of_log(settings: Settings) -> Iterator[tuple[str, int, str, str]]:
    wanted = RECORDED.encode()
    for line in _lines(settings.log_path):
        if wanted not in line:
            continue
        try:
            record = json.loads(line)
            told = record["attributes"]
            if record.get("event.name") == RECORDED:
                yield str(told[CHAIN]), int(told[SEQUENCE]), str(told[HASH]), str(record["timestamp"])
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # a line that was cut off; the log tells of it itself


def _lines(folder: Path) -> Iterator[bytes]:
    # not `glob`, which takes a folder that may not be read for an empty one
    for file in sorted(folder.iterdir()) if folder.exists() else []:
        if file.suffix == ".jsonl":
            with suppress(FileNotFoundError), file.open("rb") as content:  # another process deletes old files
                yield from content
