"""Names that assets, jobs and sensors share, so that they need not import each other."""

from churn_assets.lakehouse.tables import Table

# The limit of this pool is one run, so that only one process at a time has a JVM.
POOL = "spark"

# Jobs; the command line has a command of the same name for most of them.
INGEST, SNAPSHOT, TRAIN, SCORE, MONITOR = "ingest", "snapshot", "train", "score", "monitor"
MONTH_END, SETTLE, PUNCTUALITY, TIDY = "month_end", "settle", "punctuality", "tidy"
COLLECT = "collect"
DAILY = "daily"
BACK_UP = "backup"
BACKUP_IS_RECENT = "backup_is_recent"  # a check of operations/backups

# Tags of a run: the reason as text, and for a training which of the two reasons requested it.
WHY, REQUESTED_BY = "churn/why", "churn/retraining"
DEGRADATION, NEW_DATA = "degradation", "new data"

# Assets without a Delta table: MLflow stores the first; the second is metadata of its partitions; then files.
CHURN_MODEL = Table("models", "churn_model", "one registered model version per training")
MONTHLY_PAGE = Table("monitoring", "monthly_page", "one page per month, as metadata")
RELEASE = Table("serving", "release", "one immutable folder per release")
SERVING_STATUS = Table("serving", "status", "one JSON file, replaced after every run")
PUBLICATION = Table("serving", "publication", "one database with the tables of the newest release")
