"""Tables of operations: the records that ITIL calls incidents, problems, changes and so on."""

from churn_assets.lakehouse.catalogue.table import LakeColumn, Table

AUDIT = "24 months at least; nothing deletes them by itself"


def _needed(name: str, kind: str, meaning: str, unit: str | None = None) -> LakeColumn:
    return LakeColumn(name, kind, meaning, unit, required=True)


INCIDENTS = Table(
    "operations",
    "incidents",
    "one row per change of an incident; the last one says how it is",
    columns=(
        _needed("incident_id", "string", "`INC-` and a number."),
        _needed("record", "long", "Number of the record within its incident, from 1."),
        _needed("at", "timestamp", "When this was recorded."),
        _needed("by", "string", "Who did it: a person, or `churn-assets`."),
        _needed(
            "what",
            "string",
            "opened, joined (by a repeated event), acknowledged, resolved, reopened, linked or closed.",
        ),
        _needed("state", "string", "new, acknowledged, resolved or closed, after this record."),
        _needed("note", "string", "The evidence, or what a person wrote."),
        _needed("kind", "string", "Kind of the event, as the policy in docs/itil.md names it."),
        _needed("dedup_key", "string", "What it is about; at most one open incident has this key."),
        _needed("title", "string", "What is wrong, in a few words."),
        _needed("impact", "long", "1 (high) to 3 (low), by the kind."),
        _needed("urgency", "long", "1 (high) to 3 (low), by the kind."),
        _needed("priority", "string", "P1 to P4, from impact and urgency."),
        _needed("opened_at", "timestamp", "When it was opened."),
        _needed("respond_by", "timestamp", "Until when somebody must have acknowledged it."),
        _needed("resolve_by", "timestamp", "Until when it must be resolved."),
        _needed("events", "long", "Events that told of it so far.", "events"),
        _needed("last_event", "string", "The newest of them: a run, a day, a cohort, a time."),
        LakeColumn("besides", "string", "Channel that does not tell it, because it is the one that fails."),
        _needed("outbox", "string", "Outbox of the home that recorded this and tells it."),
        LakeColumn("acknowledged_at", "timestamp", "When somebody said that they work on it."),
        LakeColumn("resolved_at", "timestamp", "When somebody said that it is resolved."),
        LakeColumn("closed_at", "timestamp", "When the evidence showed that it is over."),
        LakeColumn("problem_id", "string", "The problem that it belongs to."),
    ),
    row_key=("incident_id", "record"),
    time="at",
    retention=AUDIT,
)
CHANGES = Table(
    "operations",
    "changes",
    "one row per change before it comes into force, and one with its result; an edit that a run found has one",
    columns=(
        _needed("change_id", "string", "`CHG-` and a number."),
        _needed("record", "long", "1 before it comes into force, 2 with the result."),
        _needed("at", "timestamp", "When this was recorded."),
        _needed("by", "string", "Who made the change: a person, or a training with its Dagster run."),
        _needed(
            "type",
            "string",
            "standard (passed all gates), normal (wanted by a person) or emergency (rollback).",
        ),
        _needed(
            "what",
            "string",
            "promotion, rollback, declaration (of a file), edit, new version, or approval, export or closing of a "
            "campaign.",
        ),
        _needed(
            "item",
            "string",
            "What was changed: the model, a file of the business, this software, a campaign.",
        ),
        LakeColumn("before", "string", "Version or SHA-256 before; null for the first."),
        _needed("after", "string", "Version or SHA-256 after, or `removed`."),
        _needed("reason", "string", "Why, in words."),
        _needed("evidence", "string", "What speaks for it."),
        LakeColumn("approved_by", "string", "Who else approved it; null: nobody."),
        _needed("back_out", "string", "How to go back."),
        _needed("result", "string", "begun, done, or failed with the kind of error."),
    ),
    row_key=("change_id", "record"),
    time="at",
    retention=AUDIT,
)
CAMPAIGNS = Table(
    "operations",
    "campaigns",
    "one row per act on a retention campaign; the last one says how it is",
    columns=(
        _needed(
            "campaign_id", "string", "The campaign of a month: its name and the month, retention-2026-06."
        ),
        _needed("record", "long", "Number of the record within its campaign, from 1."),
        _needed("at", "timestamp", "When this was recorded."),
        _needed("by", "string", "Who did it: a person, or `churn-assets` for a plan."),
        _needed(
            "what", "string", "planned (again, whenever the plan has changed), approved, exported or closed."
        ),
        _needed("state", "string", "planned, approved or closed, after this record."),
        _needed("as_of_date", "date", "Cohort that was planned for."),
        _needed("plan_digest", "string", "SHA-256 of the plan that the act is about."),
        _needed("budget", "double", "Budget of the plan.", "currency of churn.yaml"),
        _needed("contacted", "long", "Customers whom the plan contacts, exploration included.", "customers"),
        _needed("holdout", "long", "Customers in the holdout.", "customers"),
        _needed("expected_cost", "double", "Expected cost of the plan.", "currency of churn.yaml"),
        _needed("expected_profit", "double", "Expected profit of the plan.", "currency of churn.yaml"),
        LakeColumn("exported", "long", "Customers in the exported list; null for other acts.", "customers"),
        LakeColumn(
            "with_identity", "boolean", "Whether the list holds names and addresses; null for other acts."
        ),
        LakeColumn("expires_on", "date", "Day after which the list must not be used; null for other acts."),
        _needed("note", "string", "What was planned, or what the person wrote."),
    ),
    row_key=("campaign_id", "record"),
    time="at",
    retention=AUDIT,
)
CONFIGURATION_ITEMS = Table(
    "operations",
    "configuration_items",
    "one row per day and item that was in force",
    ("day",),
    (
        _needed("day", "date", "Day of the record (UTC)."),
        _needed("item", "string", "A file of the business, a setting, an asset, the model, this software."),
        _needed("kind", "string", "declaration, setting, asset, model or software."),
        _needed("digest", "string", "SHA-256 of the item."),
        _needed(
            "detail", "string", "What may be shown of it; secrets are hidden, and files stay where they are."
        ),
    ),
    row_key=("day", "item"),
    time="day",
    retention=AUDIT,
)
PROBLEMS = Table(
    "operations",
    "problems",
    "one row per change of a problem; the last one says how it is",
    columns=(
        _needed("problem_id", "string", "`PRB-` and a number."),
        _needed("record", "long", "Number of the record within its problem, from 1."),
        _needed("at", "timestamp", "When this was recorded."),
        _needed("by", "string", "The person who did it."),
        _needed("state", "string", "open, known error (the cause is known) or closed, after this record."),
        _needed("title", "string", "What the incidents have in common."),
        LakeColumn("cause", "string", "The cause; null until it is known."),
        LakeColumn("workaround", "string", "How to live with it until it is removed."),
        _needed("note", "string", "What was done, or why it is closed."),
    ),
    row_key=("problem_id", "record"),
    time="at",
    retention=AUDIT,
)
SERVICE_LEVELS = Table(
    "operations",
    "service_levels",
    "one row per day and objective",
    ("day",),
    (
        _needed("day", "date", "Last day of the window (UTC)."),
        _needed("objective", "string", "fresh_scores or month_end_success."),
        _needed("window_days", "long", "Days that are judged.", "days"),
        _needed("target", "double", "Share that must be good.", "0 to 1"),
        LakeColumn(
            "kept", "boolean", "Whether the day itself kept the promise; null where days are not judged."
        ),
        _needed("total", "long", "What was judged: days, or month-end runs."),
        _needed("good", "long", "Those that kept the promise."),
        LakeColumn(
            "budget_left",
            "double",
            "Share of the allowed failures that is left; below 0 the objective is breached; null: nothing to judge.",
        ),
        _needed("breached", "boolean", "True when more failed than the target allows."),
    ),
    row_key=("day", "objective"),
    time="the window that ends with the day",
    retention=AUDIT,
)
BACKUPS = Table(
    "operations",
    "backups",
    "one row per backup, per check of the repository and per clean-up of it",
    columns=(
        _needed("at", "timestamp", "When it began."),
        _needed("by", "string", "Who asked for it: a person, or a Dagster run."),
        _needed("act", "string", "backup, verification or forgetting."),
        LakeColumn("snapshot", "string", "Id of the backup in the repository; null where there is none."),
        _needed("seconds", "double", "How long it took.", "seconds"),
        LakeColumn("files", "long", "Files of the backup.", "files"),
        LakeColumn("bytes", "long", "Their size.", "bytes"),
        LakeColumn("added_bytes", "long", "What was new in the repository, compressed or not.", "bytes"),
        _needed("passed", "boolean", "Whether it was done."),
        _needed("evidence", "string", "What was found, or why it failed."),
    ),
    row_key=("at", "act"),
    time="at",
    retention=AUDIT,
)
DRILLS = Table(
    "operations",
    "drills",
    "one row per drill or restore",
    columns=(
        _needed("drill_id", "string", "`DRL-` and a number."),
        _needed("scenario", "string", "What was lost: a table, the registry, the whole site, ..."),
        _needed("by", "string", "The person who led it."),
        _needed("declared_at", "timestamp", "When the loss was declared."),
        LakeColumn("located_at", "timestamp", "When the backup was found."),
        LakeColumn("restored_at", "timestamp", "When everything was back in its place."),
        LakeColumn("verified_at", "timestamp", "When it was shown to be the same."),
        LakeColumn("data_lost", "long", "Age of the backup when the loss happened.", "seconds"),
        _needed("verdict", "string", "passed, failed, or not verified, which is never passed."),
        _needed("evidence", "string", "Rows and digests that were compared, and what is missing."),
    ),
    row_key=("drill_id",),
    time="declared_at",
    retention=AUDIT,
)
EVENTS = Table(
    "operations",
    "events",
    "one row per line of the log of a process",
    ("day",),
    (
        _needed("day", "date", "Day of the event (UTC)."),
        _needed("at", "timestamp", "When it happened."),
        _needed("type", "string", "informational, warning or exception, by the policy in docs/itil.md."),
        _needed(
            "kind", "string", "Name of the event, such as step.ended; `message` for a message without a name."
        ),
        _needed("dedup_key", "string", "Kind, asset or job, and months: events with one key tell the same."),
        _needed("severity_number", "long", "Of OpenTelemetry: 9 info, 13 warning, 17 error.", "1 to 24"),
        _needed("severity_text", "string", "INFO, WARN, ERROR, ..."),
        _needed("body", "string", "What happened, without personal values."),
        _needed("trace_id", "string", "Trace of the command, run or request; empty outside of one."),
        _needed("span_id", "string", "The step or request within the trace; empty outside of one."),
        LakeColumn("logger", "string", "The logger that wrote it."),
        LakeColumn("asset", "string", "The asset that it is about."),
        LakeColumn("job", "string", "Its Dagster job."),
        LakeColumn("run_id", "string", "Its Dagster run."),
        LakeColumn("months", "string", "Months of the run."),
        LakeColumn("rows", "long", "Rows that the step has written.", "rows"),
        LakeColumn("seconds", "double", "How long the step took.", "seconds"),
        LakeColumn("cpu_seconds", "double", "CPU time of Python in it.", "seconds"),
        LakeColumn("peak_memory_bytes", "long", "The most memory that its process had so far.", "bytes"),
        _needed("attributes", "string", "All other attributes, as JSON."),
        LakeColumn("service_version", "string", "Version of this software."),
        LakeColumn("host", "string", "Name of the machine."),
        _needed("file", "string", "File of the log; its name holds the machine and the process."),
        _needed("position", "long", "End of the line in the file.", "bytes"),
    ),
    row_key=("file", "position"),
    time="at",
    retention="90 days",
)
AUDIT_ACTS = Table(
    "operations",
    "audit",
    "one row per act that was audited",
    columns=(
        _needed("chain", "string", "Random id of the chain; each home has one."),
        _needed("sequence", "long", "Place in the chain, from 1."),
        _needed("at", "timestamp", "When it was recorded, which is before it was done."),
        _needed("act", "string", "look_up, export, promotion, rollback, approval, key_created, ..."),
        _needed("by", "string", "Who did it: a person, an API key, a training."),
        _needed("subject", "string", "Whose data, or what: a customer_key, a model version, a file."),
        LakeColumn("customers", "long", "How many customers' data were concerned.", "customers"),
        _needed("why", "string", "The reason that was given; may be empty."),
        _needed("facts", "string", "More, as JSON."),
        _needed("trace_id", "string", "Trace of the command, run or request."),
        _needed("previous", "string", "SHA-256 of the record before it."),
        _needed("hash", "string", "SHA-256 of this record."),
    ),
    row_key=("chain", "sequence"),
    time="at",
    retention=AUDIT,
)
