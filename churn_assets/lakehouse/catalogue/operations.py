"""Tables of operations: the records that ITIL calls incidents, problems, changes and so on."""

from churn_assets.lakehouse.catalogue.table import LakeColumn, Table

AUDIT = "24 months at least; nothing deletes them by itself"


def _needed(name: str, kind: str, meaning: str, unit: str | None = None) -> LakeColumn:
    return LakeColumn(name, kind, meaning, unit, required=True)


INCIDENTS = Table(
    "operations",
    "incidents",
    "one record per change of an incident; the last record of an incident says how it is",
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
    "two records per change: before it comes into force, and with its result; one for an edit that a run found",
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
        _needed("what", "string", "promotion, rollback, declaration (of a file), edit or new version."),
        _needed("item", "string", "What was changed: the model, a file of the business, this software."),
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
