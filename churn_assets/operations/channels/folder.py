"""The channel `folder`: CSV files, for programs that read a folder."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from churn_assets.contracts.channels import ChannelLine
from churn_assets.durable import replace_file
from churn_assets.operations.channels.channel import Unreachable
from churn_assets.operations.channels.message import Batch, Message
from churn_assets.spreadsheets import harmless

COLUMNS = (
    "id",
    "occurred_at",
    "topic",
    "rule",
    "severity",
    "subject",
    "customer_key",
    "title",
    "text",
    "link",
)
READABLE = 0o666  # less the umask, as any file: the program that reads it may be another user


@dataclass
class Folder:
    """Writes one file for each delivery, named by its id, so that a repeated delivery replaces the same file."""

    line: ChannelLine
    below: Path
    digest_hour: None = None
    collects: bool = True

    def deliver(self, batch: Batch) -> None:
        """See `Channel`."""
        folder = self.below / (self.line.folder or "")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(folder / f"{batch.id}.csv", _table(batch).encode(), READABLE)
        except OSError as error:
            raise Unreachable(f"The folder cannot be written ({error.strerror}).") from None


def _table(batch: Batch) -> str:
    """All messages as CSV; facts and personal values follow the fixed columns."""
    more = dict.fromkeys(name for m in batch.messages for name in (*m.facts, *m.personal))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(name for name in more if name not in COLUMNS)])
    for message in batch.messages:
        cells = _cells(message)
        writer.writerow([harmless(cells.get(name, "")) for name in dict.fromkeys((*COLUMNS, *more))])
    return text.getvalue()


def _cells(message: Message) -> dict[str, str]:
    fixed = {name: getattr(message, name) or "" for name in COLUMNS}
    fixed["occurred_at"] = message.occurred_at.isoformat()
    return {**message.personal, **message.facts, **fixed}
