"""Writes extract files: landing/<source>/extract_date=YYYY-MM-DD/<source>-YYYYMMDD-<part>.<ext>.

Every file is written under a hidden temporary name and renamed when complete, so readers see complete files only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from churn_assets.simulator.plan import SimulationSummary
from churn_assets.simulator.presence import UNFINISHED

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
REPEATING = ["customer_id", "day", "sms_count", "roaming_mb", "dropped_calls", "outage_minutes"]


class Landing:
    """The landing zone of one simulation; adds written rows and files to the summary.

    `later`, if given, decides by extract_date whether an extract is to come later; such extracts are written under
    `coming`, in the same folders. With `keep`, files that are there already are left as they are.
    """

    def __init__(
        self,
        root: Path,
        summary: SimulationSummary,
        coming: Path | None = None,
        later: Callable[[date], bool] | None = None,
        keep: bool = False,
    ) -> None:
        self.root = root
        self.summary = summary
        self.coming = coming
        self.later = later
        self.keep = keep

    def path(self, source: str, extract_date: date, part: int, extension: str) -> Path:
        """Path of the given part of an extract."""
        name = f"{source}-{extract_date:%Y%m%d}-{part}.{extension}"
        held = self.coming is not None and self.later is not None and self.later(extract_date)
        root = self.coming if held and self.coming is not None else self.root
        return root / source / f"extract_date={extract_date.isoformat()}" / name

    def begin(self, planned: Iterable[Path], sources: Iterable[str]) -> None:
        """Marks the landing zone as unfinished; `finish` removes the mark, an interruption does not.

        Raises FileExistsError if a folder of these sources contains files that this simulation will not overwrite.
        """
        known = set(planned)
        roots = [self.root] if self.coming is None else [self.root, self.coming]
        for folder in (root / source for source in sources for root in roots):
            strangers = [
                path
                for path in sorted(folder.rglob("*"))
                if path.is_file() and path not in known and not path.name.startswith(".")
            ]
            if strangers:
                raise FileExistsError(
                    f"{strangers[0]} is not part of this simulation ({len(strangers)} such files of {folder.name}): "
                    f"two worlds would mix. Choose an empty landing folder, or remove {folder} first"
                )

        mark = self.root / UNFINISHED
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()

    def finish(self) -> None:
        """Removes the mark; call it after everything is written, the truth included."""
        (self.root / UNFINISHED).unlink()

    def write_csv(
        self, source: str, extract_date: date, part: int, table: pa.Table, byte_order_mark: bool = False
    ) -> None:
        """Writes UTF-8 CSV with header, commas, quotes only where needed, and empty fields for null."""

        def write(sink: BinaryIO) -> None:
            if byte_order_mark:
                sink.write(BYTE_ORDER_MARK)
            pacsv.write_csv(table, sink, pacsv.WriteOptions(quoting_style="needed", quoting_header="none"))

        self._write(self.path(source, extract_date, part, "csv"), source, table.num_rows, write)

    def write_lines(self, source: str, extract_date: date, part: int, lines: list[str]) -> None:
        """Writes JSON lines; no lines give an empty file."""
        text = "".join(f"{line}\n" for line in lines).encode()
        self._write(
            self.path(source, extract_date, part, "jsonl"), source, len(lines), lambda sink: sink.write(text)
        )

    def write_parquet(self, source: str, extract_date: date, part: int, table: pa.Table) -> None:
        """Writes one Parquet file; dictionary arrays are stored as plain strings."""

        def write(sink: BinaryIO) -> None:
            pq.write_table(table, sink, compression="snappy", use_dictionary=REPEATING, store_schema=False)

        self._write(self.path(source, extract_date, part, "parquet"), source, table.num_rows, write)

    def _write(self, path: Path, source: str, rows: int, write: Callable[[BinaryIO], object]) -> None:
        if not (self.keep and path.exists()):
            write_atomically(path, write)
        self.summary.rows[source] = self.summary.rows.get(source, 0) + rows
        self.summary.files[source] = self.summary.files.get(source, 0) + 1


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Creates or replaces `path` with what `write` writes to the sink; readers see the complete file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as sink:
        write(sink)
    temporary.replace(path)
