"""How far extracts have read each partition of a topic, and which message each line is."""

from collections.abc import Iterable

from churn_assets.sources.live.records import Record


def next_offsets(some: Iterable[Record], asked: str) -> dict[int, int]:
    """Returns partition -> the offset of the first message that no extract holds.

    The first extract of a partition tells 0 as its beginning, whatever the topic still held. Extracts follow each other
    without a gap, so what comes after a deleted one does not count. Partitions without extracts are left out.
    """
    spans: dict[int, list[tuple[int, int]]] = {}
    for record in some:
        if record.asked == asked:
            for name, (first, after) in record.offsets.items():
                spans.setdefault(int(name), []).append((first, after))
    found = {}
    for partition, read in spans.items():
        reach = 0
        for first, after in sorted(read):
            if first <= reach:
                reach = max(reach, after)
        found[partition] = reach
    return found


def note_place(runs: list[list[int]], partition: int, offset: int) -> None:
    """Adds the place of the next line to `runs`, see `Record`."""
    if runs and runs[-1][0] == partition and sum(runs[-1][1:]) == offset:
        runs[-1][2] += 1
    else:
        runs.append([partition, offset, 1])
