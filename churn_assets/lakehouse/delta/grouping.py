"""Groups large Parquet data batch by batch, without a JVM."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds


def grouped(
    dataset: "ds.Dataset",
    by: Sequence[str],
    aggregates: Sequence[tuple[str, str]],
    where: "pc.Expression | None" = None,
) -> "pa.Table":
    """One row per group; the groups must fit into memory.

    Args:
        dataset: the data.
        by: columns to group by.
        aggregates: pairs (column, Arrow function): count (of values that are not missing), sum, min, max, mean ...
        where: which rows to use; all when None.

    Returns:
        The columns of `by`, and `<column>_<function>` for each aggregate.
    """
    from pyarrow import acero
    from pyarrow import dataset as ds

    columns = list(dict.fromkeys([*by, *(column for column, _ in aggregates)]))
    scan = acero.ScanNodeOptions(dataset, columns=columns, filter=where)
    steps = [acero.Declaration("scan", scan)]
    if where is not None:  # the scan's filter only skips files and row groups
        steps.append(acero.Declaration("filter", acero.FilterNodeOptions(where)))
    steps.append(
        acero.Declaration("project", acero.ProjectNodeOptions([ds.field(c) for c in columns], columns))
    )
    named = [(column, f"hash_{function}", None, f"{column}_{function}") for column, function in aggregates]
    steps.append(acero.Declaration("aggregate", acero.AggregateNodeOptions(named, keys=list(by))))
    return acero.Declaration.from_sequence(steps).to_table()
