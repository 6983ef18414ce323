"""Tables of bronze and silver: what was delivered, what was accepted, and what became of the rest."""

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.lakehouse.catalogue.shared_columns import (
    CUSTOMER_KEY,
    EXTRACT_DATE,
    EXTRACT_MONTH,
    KNOWN_AT,
    OF_THE_MONTH,
    ROW_NUMBER,
    SEQUENCE,
    SOURCE,
    SOURCE_FILE,
    described,
    lake_type,
    optional,
)
from churn_assets.lakehouse.catalogue.table import LakeColumn, Table

REFUSED = LakeColumn(
    "refused",
    "boolean",
    "True where the row was refused: from its known_at on the state of the key is unknown, and all values are null.",
    required=True,
)
REFUSED_RULE = LakeColumn(
    "refused_rule",
    "string",
    "Rule that refused the row, as in silver/quarantine; null where it was accepted.",
)
REMARKS = LakeColumn(
    "remarks",
    "string",
    "Rules that made a value of an accepted row null or that it breaks without being refused, with commas between: "
    "none (a day that means none), a rule of a column with severity null_value, exchanged, order; null without any.",
)
AS_DELIVERED = (
    "as delivered on the extract_date. Nothing is corrected or left out, so a row may be wrong or come twice"
)
BY_KNOWN_AT = (
    "a version counts from the end of its known_at (UTC) until a later version of its key is known: to read as of a "
    "day, take per key the last version by (known_at, sequence) with known_at on or before that day"
)


def bronze(source: Source) -> Table:
    """Delivered rows of a source. Text formats are kept as text; Parquet in the types of the contract."""
    personal = {c.field for c in source.columns if c.personal}
    types = {
        c.field: lake_type(c.spark_type) if source.format == "parquet" else "string" for c in source.columns
    }
    units = {c.field: c.unit for c in source.columns if source.format == "parquet"}
    rescued = LakeColumn(
        "rescued",
        "string",
        "JSON object of what the contract does not know or what did not fit its type; null where all fits.",
        personal=True,
    )
    return Table(
        "bronze",
        source.name,
        "one row per delivered row",
        ("extract_month",),
        (
            *(
                LakeColumn(
                    field,
                    types[field],
                    _field_meaning(source, field),
                    unit=units.get(field),
                    personal=field in personal,
                )
                for field in source.fields
            ),
            EXTRACT_DATE,
            SOURCE_FILE,
            ROW_NUMBER,
            rescued,
            EXTRACT_MONTH,
        ),
        row_key=("source_file", "row_number"),
        time=AS_DELIVERED,
        retention=OF_THE_MONTH,
    )


def _field_meaning(source: Source, field: str) -> str:
    """The meaning of a delivered field: that of its contract column, and which other columns silver takes from it."""
    columns = [c for c in source.columns if c.field == field]
    itself = [c for c in columns if c.name == field and not c.transform and not c.json_path]
    taken = ", ".join(c.name for c in columns if c not in itself)
    parts = [described(c).meaning for c in itself]
    parts += [f"Silver takes {taken} from it."] if taken else []
    return " ".join(parts)


def silver(source: Source) -> Table:
    """Versions of a source's rows: accepted ones, and refused ones whose key is readable, with null values."""
    latest = LakeColumn(
        "latest_in_month",
        "boolean",
        "True for the last version of the key within its extract_month.",
        required=True,
    )
    copies = LakeColumn(
        "copies",
        "integer",
        "Delivered rows that the version stands for, itself included; the others are counted duplicates.",
        unit="rows",
        required=True,
    )
    merged = LakeColumn(
        "merged_into_key",
        "string",
        "customer_key of the customer that this one was merged into; null or its own if it was not merged.",
    )
    listed = LakeColumn(
        "listed_until",
        "date",
        "Day of the last extract of the month that held the version; null in months that an earlier release wrote.",
    )
    return Table(
        "silver",
        source.name,
        f"one row per version of a key ({', '.join(source.silver_key)}) and extract_month",
        ("extract_month",),
        (
            CUSTOMER_KEY,
            *(described(c) if c.name in source.key else optional(described(c)) for c in source.attributes),
            *([merged] if source.merged_into else []),
            KNOWN_AT,
            SEQUENCE,
            latest,
            copies,
            REFUSED,
            REFUSED_RULE,
            REMARKS,
            EXTRACT_MONTH,
            *([listed] if source.delivery == "full" else []),
        ),
        row_key=(*source.silver_key, "extract_month", "sequence"),
        time=BY_KNOWN_AT,
        retention=OF_THE_MONTH,
    )


CUSTOMER_KEYS = Table(
    "silver",
    "customer_keys",
    "one row per natural id of a customer, from any source",
    columns=(
        LakeColumn(
            "customer_id",
            "string",
            "Natural id of the customer, as sources deliver it.",
            personal=True,
            required=True,
        ),
        CUSTOMER_KEY,
    ),
    row_key=("customer_id",),
    time="a key is drawn when the id is first seen, and never changes",
    retention="no limit; without its row here, nothing joins a customer's history to the person any more",
)
QUARANTINE = Table(
    "silver",
    "quarantine",
    "one row per refused row",
    ("source", "extract_month"),
    (
        SOURCE,
        EXTRACT_MONTH,
        EXTRACT_DATE,
        SOURCE_FILE,
        ROW_NUMBER,
        LakeColumn(
            "rule", "string", "Rule that refused the row: kind, and the column after a colon.", required=True
        ),
        LakeColumn(
            "reason",
            "string",
            "Why the rule refused the row, with the value.",
            personal=True,
            required=True,
        ),
        LakeColumn(
            "raw_row", "string", "The row as it was delivered, as JSON.", personal=True, required=True
        ),
    ),
    row_key=("source", "source_file", "row_number"),
    time=AS_DELIVERED,
    retention=OF_THE_MONTH,
)
RECONCILIATION = Table(
    "silver",
    "reconciliation",
    "one row per source and extract_month that has extracts or was refused",
    ("extract_month",),
    (
        SOURCE,
        EXTRACT_MONTH,
        LakeColumn("delivered", "long", "Rows that bronze holds.", unit="rows", required=True),
        LakeColumn("accepted", "long", "Versions that silver holds.", unit="rows", required=True),
        LakeColumn(
            "duplicate",
            "long",
            "Rows that repeat the version before them, counted in copies.",
            unit="rows",
            required=True,
        ),
        LakeColumn("quarantined", "long", "Rows in silver/quarantine.", unit="rows", required=True),
        LakeColumn("extract_dates", "array<date>", "Days of the extracts.", required=True),
        LakeColumn(
            "whole",
            "boolean",
            "False while the month needs more rows or extracts than came, by the rules of the contract.",
            required=True,
        ),
        LakeColumn(
            "refused_by",
            "string",
            "Blocking rules that refused the month when it was last judged; null where it passed. Of a refused month "
            "nothing counts as accepted, and silver keeps the rows of the delivery that passed last.",
        ),
        LakeColumn(
            "files",
            "string",
            "Digest of the names, sizes and modification times of the files that were judged; null without files.",
        ),
        LakeColumn(
            "rules",
            "string",
            "Digest of the contract and of the sections `contradictions` and `merges` of churn.yaml by which the month "
            "was judged.",
        ),
        LakeColumn(
            "filled",
            "string",
            "Accepted versions with a value by optional column, as JSON; null for a refused month.",
        ),
        LakeColumn(
            "balances",
            "boolean",
            "True when the month was not refused and delivered = accepted + duplicate + quarantined.",
            required=True,
        ),
    ),
    row_key=("source", "extract_month"),
    time="counted when the month was last materialised",
    retention=OF_THE_MONTH,
)


FINDINGS = Table(
    "silver",
    "findings",
    "one row per source, extract_month, rule and subject that a check found something about",
    ("found_by", "extract_month"),
    (
        LakeColumn(
            "found_by",
            "string",
            "The check that found it: the name of the source for the rules of its contract, or of the check.",
            required=True,
        ),
        SOURCE,
        EXTRACT_MONTH,
        LakeColumn("rule", "string", "Kind of the rule: valid, undeclared, volume ...", required=True),
        LakeColumn("subject", "string", "Column or source that the rule is about; empty where it has none."),
        LakeColumn(
            "severity", "string", "`warn`: the month passed; `block`: the month was refused.", required=True
        ),
        LakeColumn("what", "string", "What was found, in words, without personal values.", required=True),
        LakeColumn("count", "long", "Rows or keys that break the rule; null where they are not counted."),
        LakeColumn("of", "long", "Rows or keys that were judged; null where they are not counted."),
        LakeColumn("examples", "array<string>", "customer_keys of some of them.", required=True),
        LakeColumn("files", "array<string>", "Delivered files that they came in.", required=True),
        LakeColumn("remedy", "string", "What to do.", required=True),
    ),
    row_key=("found_by", "source", "extract_month", "rule", "subject"),
    time="found when the month was last materialised",
    retention=OF_THE_MONTH,
)


def customer_identity(business: Business) -> Table:
    """Versions of the personal columns of all sources by customer_key; a row has null in columns of other sources."""
    columns = {c.name: optional(described(c)) for s in business.sources for c in s.personal}
    return Table(
        "silver",
        "customer_identity",
        "one row per source and version of a person's data",
        ("source", "extract_month"),
        (SOURCE, CUSTOMER_KEY, *columns.values(), KNOWN_AT, SEQUENCE, EXTRACT_MONTH),
        time=BY_KNOWN_AT,
        retention=OF_THE_MONTH,
    )
