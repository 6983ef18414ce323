"""Cuts one file with a history of events into an extract for each month, as if it had been delivered month by month."""

import csv
import gzip
import io
from dataclasses import replace
from itertools import compress

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.drafting.doubt import DraftError
from churn_assets.drafting.sample import ASCII, FileSample
from churn_assets.drafting.source import DraftSource
from churn_assets.months import month_end


def months_of(source: DraftSource) -> list[str]:
    """Returns the months of the events of a source with one file, ascending; [] for another source."""
    if len(source.samples) != 1 or source.event_time is None or source.role not in ("event", "treatment"):
        return []
    return sorted(set(_months(source)) - {""})


def cut_by_month(source: DraftSource) -> DraftSource:
    """Returns a source of one file with an extract per month: its rows became known when their month ended.

    The last extract has the day of the newest event. Rows without a time go to the last one, where they are refused. A
    source of states, or of several files, is returned as it is.

    Raises:
        DraftError: the file is too large.
    """
    months = months_of(source)
    if len(months) < 2:
        return source
    if not source.complete:
        name = source.group.files[0].name
        raise DraftError(f"{name} is too large to be cut here. Export it month by month.")
    [file], [sample] = source.group.files, source.samples
    of_row = np.array([month or months[-1] for month in _months(source)])
    times = source.column(str(source.event_time)).days
    assert times is not None  # noqa: S101 (months_of found some)
    newest = times.max().date()
    days = [month_end(month) for month in months[:-1]] + [newest]
    files = tuple(replace(file, day=day, period="cut") for day in days)
    parts = tuple(
        replace(
            sample,
            file=cut,
            table=sample.table.filter(pa.array(of_row == month)),
            lines=tuple(compress(sample.lines, of_row == month)),
        )
        for cut, month in zip(files, months, strict=True)
    )
    words = f"{file.name} is cut by month: right only if its rows never change and none comes late"
    return replace(
        source,
        group=replace(source.group, files=files),
        samples=parts,
        places=np.searchsorted(np.array(months), of_row),
        days=tuple(days),
        doubts=(*source.doubts, source.doubt(1, "extract dates", words)),
    )


def _months(source: DraftSource) -> list[str]:
    days = source.column(str(source.event_time)).days
    return list(pd.Series(days).dt.strftime("%Y-%m").fillna(""))


def part_bytes(sample: FileSample) -> bytes:
    """Returns a part as a file that is written like the whole one."""
    if sample.format == "parquet":
        sink = io.BytesIO()
        pq.write_table(sample.table, sink)
        return sink.getvalue()
    text = io.StringIO()
    if sample.format == "csv":
        writer = csv.writer(text, delimiter=sample.delimiter, lineterminator="\n")
        writer.writerow(sample.table.column_names)
        writer.writerows(zip(*(column.to_pylist() for column in sample.table.columns), strict=True))
    else:
        text.writelines(f"{line}\n" for line in sample.lines)
    data = text.getvalue().encode("utf-8" if sample.encoding == ASCII else sample.encoding)
    if sample.compression == "gz":
        return gzip.compress(data, mtime=0)
    return bytes(pa.compress(data, codec="zstd", asbytes=True)) if sample.compression else data
