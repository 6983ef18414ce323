"""A training matrix as a cached Spark frame, and fitted MLlib models read back as node tables.

Only the DataFrame API is used (no RDD, no sparkContext), so that this also runs over Spark Connect.

Every MLlib fit checks each stored vector value for NaN, several times, at about 2 microseconds (small engine profile).
This is most of the cost of small fits. Sparse vectors store no zeros, so the frame uses them.
"""

import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# With fewer rows per partition, the tasks of a boosting round cost more than they save. The number of partitions
# depends on rows and not on cores: sampling is seeded per partition, and the same rows must give the same forest on
# every machine.
ROWS_PER_PARTITION = 50_000


class SparkMatrix:
    """A matrix with labels as a cached Spark frame of (features: vector, label: double), built on first use.

    A context manager: on exit it frees the cache and the temporary scratch folder. Several threads may fit on it at
    once.

    Args:
        matrix: (rows, columns), without missing values.
        labels: 0/1 per row.
        session: returns the Spark session; called only if a candidate uses the frame.
        scratch: folder or URI that driver and executors share, for saved models; default a temporary local folder,
            which works with local masters only.
    """

    def __init__(
        self,
        matrix: NDArray[np.float64],
        labels: NDArray[np.float64],
        session: "Callable[[], SparkSession]",
        scratch: str | None = None,
    ) -> None:
        self.matrix = matrix
        self._labels = labels
        self._session = session
        self._scratch = scratch
        self._temporary: Path | None = None
        self._frame: DataFrame | None = None
        self._making = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._frame is not None:
            self._frame.unpersist()
            self._frame = None
        if self._temporary is not None:
            shutil.rmtree(self._temporary)
            self._temporary = None

    def frame(self) -> "DataFrame":
        """The cached frame."""
        with self._making:
            if self._frame is None:
                self._frame = self._made()
            return self._frame

    def _made(self) -> "DataFrame":
        import pyarrow as pa  # type: ignore[import-untyped]
        from pyspark.ml.feature import VectorAssembler
        from pyspark.ml.functions import array_to_vector
        from pyspark.sql import functions as F

        rows, columns = self.matrix.shape
        starts = pa.array(np.arange(0, rows * columns + 1, columns, dtype=np.int64))
        values = pa.array(np.ascontiguousarray(self.matrix).ravel())
        table = pa.table(
            {"dense": pa.LargeListArray.from_arrays(starts, values), "label": pa.array(self._labels)}
        )
        # Repartitioning cuts the lineage; without it, tasks of later jobs would carry their share of the rows.
        partitions = max(1, rows // ROWS_PER_PARTITION)
        dense = self._session().createDataFrame(table).repartition(partitions)
        vectors = dense.select(array_to_vector(F.col("dense")).alias("dense"), "label")
        # The assembler stores a row sparsely where that is smaller.
        assembler = VectorAssembler(inputCols=["dense"], outputCol="features")
        frame = assembler.transform(vectors).select("features", "label").cache()
        frame.count()  # fills the cache; otherwise two fits at once would both compute it
        return frame

    def save_and_read(self, model: Any) -> pd.DataFrame:
        """Returns the nodes of a fitted tree model, read from its saved form.

        The saved form is the only public one with all node statistics.

        Returns:
            Columns tree, id, prediction, count (weighted rows), left, right, column, threshold; sorted by tree, id.

        Raises:
            FileNotFoundError: executors saved the model where the driver cannot read it.
        """
        from pyspark.errors import AnalysisException
        from pyspark.sql import functions as F

        folder = f"{self._scratch_uri()}/{uuid4().hex}"
        model.write().overwrite().save(folder)
        try:
            stored = self._session().read.parquet(f"{folder}/data")
        except AnalysisException as error:
            raise FileNotFoundError(
                f"the trees that Spark saved in {folder} cannot be read back; on a cluster give a scratch location "
                "that driver and executors share (s3a://, hdfs://)"
            ) from error
        # A single tree is stored flat, an ensemble as (treeID, nodeData).
        ensemble = "nodeData" in stored.columns
        node: Callable[[str], Any] = (lambda name: F.col(f"nodeData.{name}")) if ensemble else F.col
        tree = F.col("treeID") if ensemble else F.lit(0)
        return (
            stored.select(
                tree.alias("tree"),
                node("id").alias("id"),
                node("prediction").alias("prediction"),
                # Regression statistics are (weight, sum, sum of squares).
                node("impurityStats").getItem(0).alias("count"),
                node("leftChild").alias("left"),
                node("rightChild").alias("right"),
                node("split").getField("featureIndex").alias("column"),
                F.get(node("split").getField("leftCategoriesOrThreshold"), F.lit(0)).alias("threshold"),
            )
            .toPandas()
            .sort_values(["tree", "id"], ignore_index=True)
        )

    def _scratch_uri(self) -> str:
        if self._scratch is not None:
            return self._scratch
        with self._making:
            if self._temporary is None:
                self._temporary = Path(tempfile.mkdtemp(prefix="churn_models_"))
            return self._temporary.as_uri()
