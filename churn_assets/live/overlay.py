"""A lake of which some tables are held in memory: what reads a lake can be asked about a few customers, as of now."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from churn_assets.lakehouse.catalogue.table import Table
from churn_assets.lakehouse.engine.frames import frame_of
from churn_assets.lakehouse.lakehouse import Lakehouse

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds
    from pyspark.sql import DataFrame


class Overlay(Lakehouse):
    """Reads tables from memory where they are held, else from the lake. It is for reading only."""

    def __init__(self, lakehouse: Lakehouse, held: "Mapping[str, pa.Table | Callable[[], pa.Table]]") -> None:
        """Covers a lake.

        Args:
            lakehouse: the lake.
            held: path of a table -> all its rows, or what gives them when they are asked for first.
        """
        super().__init__(lakehouse.settings)
        self._held = dict(held)

    def with_tables(self, more: "Mapping[str, pa.Table]") -> "Overlay":
        """The same lake with other tables held, too."""
        return Overlay(self, self._held | dict(more))

    def exists(self, table: Table) -> bool:
        """See `Lakehouse`."""
        return table.path in self._held or super().exists(table)

    def read(self, table: Table) -> "DataFrame":
        """See `Lakehouse`."""
        rows = self._rows(table)
        return super().read(table) if rows is None else frame_of(self.spark, rows)

    def _dataset(self, table: Table) -> "ds.Dataset":
        from pyarrow import dataset

        rows = self._rows(table)
        return super()._dataset(table) if rows is None else dataset.dataset(rows)

    def _rows(self, table: Table) -> "pa.Table | None":
        held = self._held.get(table.path)
        if callable(held):
            held = self._held[table.path] = held()
        return held
