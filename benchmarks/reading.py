"""`python -m benchmarks.reading GIGABYTES ENDING`: reads one file, and prints its size, seconds and peak memory.

The endings are csv, csv.gz, csv.zst and jsonl; the size is that without compression. The file is read in a process of
its own, by the readers of bronze up to the staged Parquet. It lies in TMPDIR while it is needed, and so do its rows.
"""

import gzip
import io
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import IO

import pyarrow as pa

from churn_assets.contracts.loader import load_business
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.sources.landing import list_extracts
from churn_assets.sources.readers.staging import stage

SOURCES = {"csv": "retention_contacts", "jsonl": "tickets"}
ROWS = 200_000  # written again and again
COMPRESSION_LEVEL = 1


def _csv() -> tuple[str, str]:
    """Header and rows of retention contacts."""
    rows = (
        f"R{n:09d},C{n * 7919 % 1_000_003:07d},{date(2025, 1, 1) + timedelta(days=n % 365)},treated,"
        f'"offer {n % 17}, ""second"" try",{n % 90}.50\n'
        for n in range(ROWS)
    )
    return "contact_id,customer_id,contacted_on,arm,offer,cost\n", "".join(rows)


def _json_lines() -> tuple[str, str]:
    """No header, and documents of tickets."""
    rows = (
        f'{{"ticket_id":"T{n:09d}","customer_id":"C{n * 7919 % 1_000_003:07d}","opened_at":"2025-01-03T10:00:00Z",'
        f'"issue":{{"category":"billing","priority":{n % 5}}},"messages":[{{"at":"x"}}],"satisfaction":{n % 6}}}\n'
        for n in range(ROWS)
    )
    return "", "".join(rows)


@contextmanager
def _writer(file: Path) -> Iterator[IO[bytes] | pa.NativeFile]:
    if file.suffix == ".gz":
        with gzip.open(file, "wb", COMPRESSION_LEVEL) as stream:
            yield io.BufferedWriter(stream, 2**20)  # type: ignore[arg-type]
    else:
        with pa.output_stream(str(file), compression="zstd" if file.suffix == ".zst" else None) as stream:
            yield stream


def write(file: Path, size: int) -> int:
    """Writes a file with at least `size` bytes of text; returns the number of its rows."""
    header, rows = _csv() if ".csv" in file.name else _json_lines()
    block, times = rows.encode(), -(-size // len(rows))
    with _writer(file) as stream:
        stream.write(header.encode())
        for _ in range(times):
            stream.write(block)
    return times * ROWS


def read(landing: str, name: str) -> None:
    """Reads the extract of a source; prints rows, seconds, CPU seconds and peak memory in MiB."""
    source = load_business(SHIPPED_BUSINESSES / "telecom").source(name)
    began = time.monotonic()
    staged = stage(source, list_extracts(landing, source), f"{landing}/staged")
    if staged.refused:
        raise staged.refused[0].error
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(sum(staged.rows.values()), time.monotonic() - began, time.process_time(), peak)


def main(gigabytes: float, ending: str) -> None:
    """Writes a file, reads it in another process, and prints what that took."""
    source = SOURCES[ending.partition(".")[0]]
    with tempfile.TemporaryDirectory(prefix="churn_bench_") as landing:
        folder = Path(landing) / source / "extract_date=2025-12-31"
        folder.mkdir(parents=True)
        file = folder / f"large.{ending}"
        rows = write(file, int(gigabytes * 1e9))
        size = file.stat().st_size
        command = [sys.executable, "-m", "benchmarks.reading", "--read", landing, source]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        found, (seconds, cpu, peak) = int(told[0]), map(float, told[1:])
    if found != rows:
        raise SystemExit(f"{found:,} rows were read of {rows:,}")
    print(
        f"{ending}: {gigabytes:g} GB of text in a file of {size / 1e9:.2f} GB, {rows:,} rows: {seconds:.0f} s, "
        f"{cpu:.0f} s CPU, peak memory {peak:,.0f} MiB"
    )


if __name__ == "__main__":
    if sys.argv[1] == "--read":
        read(*sys.argv[2:4])
    else:
        main(float(sys.argv[1]), sys.argv[2])
