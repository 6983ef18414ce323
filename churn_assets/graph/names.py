"""Names that assets, jobs and sensors share: none of them has to import another one for a word."""

from churn_assets.lakehouse.tables import Table

# Only one run at a time may hold this pool, so that one process at a time has a JVM.
POOL = "spark"

# Jobs; the command line has a command of the same name for most of them.
INGEST, SNAPSHOT, TRAIN, SCORE, MONITOR = "ingest", "snapshot", "train", "score", "monitor"
MONTH_END, SETTLE, PUNCTUALITY, TIDY = "month_end", "settle", "punctuality", "tidy"

# Tags of a run: why it was requested, and of a training by which of the two reasons.
WHY, REQUESTED_BY = "churn/why", "churn/retraining"
DEGRADATION, NEW_DATA = "degradation", "new data"

# Assets without a Delta table: the one is kept by MLflow, the other is metadata of its months.
CHURN_MODEL = Table("models", "churn_model", "one registered model version per training")
MONTHLY_PAGE = Table("monitoring", "monthly_page", "one page per month, as metadata")
