"""The workload that Spark runs while a class archive is built: a sample of the pipeline's Spark operations.

The archive contains only classes that are loaded here, so every operation that runs commonly use belongs here.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_MONTHS = ("2025-01", "2025-02", "2025-03")


def run_workload(spark: "SparkSession", folder: Path) -> None:
    """Read files, conform, write files, write and replace Delta slices, window, aggregate, and fit two tiny models.

    Args:
        spark: a session with Delta.
        folder: an empty local folder for files and tables.
    """
    events = _read_files(spark, folder)
    events.write.partitionBy("month").parquet(str(folder / "files"))
    table = str(folder / "table")
    events.write.format("delta").partitionBy("month").save(table)
    _replace_slices(spark, events, table)
    features = _aggregate(spark, table)
    _fit(features)
    _maintain(spark, table)


def _read_files(spark: "SparkSession", folder: Path) -> "DataFrame":
    import pandas as pd

    rows = [
        {"id": n, "customer": f"C{n % 40}", "day": f"{_MONTHS[n % 3]}-{1 + n % 28:02d}", "amount": n * 0.5}
        for n in range(240)
    ]
    frame = pd.DataFrame(rows)
    frame.to_parquet(folder / "rows.parquet")
    texts = frame.astype(str).assign(lines=json.dumps([{"item": "plan"}]))
    texts.to_parquet(folder / "texts.parquet")
    text = "id string, customer string, day string, amount string, lines string"
    delivered = spark.read.schema(text).parquet(str(folder / "texts.parquet"))
    return delivered.selectExpr(
        "try_cast(id as bigint) id",
        "customer",
        "try_to_date(day, 'yyyy-MM-dd') day",
        "try_cast(amount as decimal(12,2)) amount",
        "date_format(try_to_date(day), 'yyyy-MM') month",
        "uuid() row_id",
        "length(lines) n_lines",
        "get_json_object(lines, '$[0].item') item",
    ).unionByName(
        spark.read.parquet(str(folder / "rows.parquet")).selectExpr(
            "id + 1000 id",
            "upper(trim(customer)) customer",
            "to_date(day) day",
            "cast(amount as decimal(12,2)) amount",
            "substr(day, 1, 7) month",
            "uuid() row_id",
            "1 n_lines",
            "'plan' item",
        )
    )


def _replace_slices(spark: "SparkSession", events: "DataFrame", table: str) -> None:
    from delta.tables import DeltaTable
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    newest = Window.partitionBy("customer", "day").orderBy(F.desc("id"))
    once = events.withColumn("rank", F.row_number().over(newest)).where("rank = 1").drop("rank")
    for month in _MONTHS:
        (
            once.where(F.col("month") == month)
            .repartition(1)
            .sortWithinPartitions("customer")
            .write.format("delta")
            .mode("overwrite")
            .option("replaceWhere", f"month = '{month}'")
            .option("userMetadata", "class archive")
            .save(table)
        )
    once.limit(5).write.format("delta").mode("append").save(table)
    changed = spark.createDataFrame([(1, "C1")], "id long, customer string")
    target = DeltaTable.forPath(spark, table)
    target.alias("t").merge(changed.alias("s"), "t.id = s.id").whenMatchedUpdate(
        set={"customer": "s.customer"}
    ).execute()
    target.delete("id = 2")
    target.history(1).select("version", "operationMetrics").collect()


def _aggregate(spark: "SparkSession", table: str) -> "DataFrame":
    from pyspark.sql import functions as F

    events = (
        spark.read.format("delta").load(table).where("month in ('2025-01', '2025-02', '2025-03')").cache()
    )
    calendar = spark.sql(
        "select explode(sequence(date'2025-01-31', date'2025-03-31', interval 1 month)) as_of"
    )
    cells = events.groupBy("customer", "month").agg(
        F.sum("amount").alias("amount"),
        F.count("*").alias("n"),
        F.max("day").alias("last"),
        F.max_by("item", "id").alias("item"),
        F.sum(F.when(F.col("item") == "plan", 1).otherwise(0)).alias("plans"),
    )
    features = (
        cells.crossJoin(F.broadcast(calendar))
        .where("last <= as_of")
        .groupBy("customer", "as_of")
        .agg(
            F.sum("amount").cast("double").alias("amount"),
            F.sum("n").cast("double").alias("n"),
            F.min(F.datediff("as_of", "last")).cast("double").alias("recency"),
        )
    )
    features = features.withColumn("label", (F.xxhash64("customer", "as_of") % 2 == 0).cast("double"))
    features.selectExpr("sum(cast(xxhash64(*) as decimal(38,0)))", "percentile_approx(amount, 0.5)").collect()
    features.orderBy("customer", "as_of").limit(50).toPandas()
    features.join(events.select("customer").distinct(), "customer", "left_anti").count()
    spark.createDataFrame(features.toPandas()).createOrReplaceTempView("scored")
    spark.sql(
        "select as_of, ntile(10) over (partition by as_of order by amount desc) t from scored"
    ).collect()
    return features.cache()


def _fit(features: "DataFrame") -> None:
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import GBTClassifier, LogisticRegression
    from pyspark.ml.evaluation import BinaryClassificationEvaluator
    from pyspark.ml.feature import StandardScaler, VectorAssembler

    gathered = VectorAssembler(inputCols=["amount", "n", "recency"], outputCol="raw", handleInvalid="keep")
    scaled = StandardScaler(inputCol="raw", outputCol="features")
    for classifier in (LogisticRegression(maxIter=3), GBTClassifier(maxIter=2, maxDepth=2)):
        model = Pipeline(stages=[gathered, scaled, classifier]).fit(features)
        BinaryClassificationEvaluator().evaluate(model.transform(features))


def _maintain(spark: "SparkSession", table: str) -> None:
    spark.sql(f"OPTIMIZE delta.`{table}`")
    spark.sql(f"VACUUM delta.`{table}`")
    spark.sql(
        f"ALTER TABLE delta.`{table}` SET TBLPROPERTIES ('delta.logRetentionDuration' = 'interval 30 days')"
    )
    spark.sql(f"SELECT count(*) FROM delta.`{table}` VERSION AS OF 0").collect()
