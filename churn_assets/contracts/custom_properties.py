"""The customProperties that this project defines: for a contract, for its server and for its columns."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from churn_assets.contracts.section import Distinct

Role = Literal["entity", "spell", "event", "treatment"]
Delivery = Literal["full", "changes", "once", "as_needed"]
Protection = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
TopicEngine = Literal["local", "spark"]


class CustomProperties(BaseModel):
    """Base of the models; each field is one property. An unknown property is an error."""

    model_config = ConfigDict(extra="forbid")


class SpellProperty(CustomProperties):
    """Which columns contain the dates and the reason of a spell."""

    startedOn: str = Field(description="the column with the first day")
    expiresOn: str | None = Field(None, description="the column with the day on which the contract expires")
    noticeOn: str | None = Field(None, description="the column with the day on which notice was given")
    endedOn: str = Field(description="the column with the last day; empty while the spell runs")
    endReason: str | None = Field(None, description="the column with the reason of the end")
    voluntaryReasons: Annotated[list[str], Distinct] = Field(
        [], description="the reasons that are the customer's own choice"
    )
    dateOrder: Literal["quarantine", "warn"] = Field(
        "quarantine",
        description="what happens to a row whose end or expiry is before its start: `quarantine` refuses it, "
        "`warn` keeps it",
    )

    @property
    def columns(self) -> dict[str, str]:
        """Property key -> name of the column."""
        return self.model_dump(exclude={"voluntaryReasons", "dateOrder"}, exclude_none=True)


class FormerProperty(CustomProperties):
    """Which values of a column say that a customer has left."""

    column: str = Field(description="the column with the customer's state")
    values: Annotated[list[str], Distinct] = Field(
        min_length=1, description="its values that mean a former customer"
    )


class AnswerProperty(CustomProperties):
    """Which column holds a customer's answer, and which of its values mean yes."""

    column: str = Field(description="the column with the answer")
    values: Annotated[list[str], Distinct] = Field(
        [], description="its values that mean yes; none for a column of type boolean, where true does"
    )


class ContractProperties(CustomProperties):
    """The role of the source, how it delivers, and its special columns."""

    role: Role = Field(
        description="`entity`: attributes of customers; `spell`: subscriptions; `event`: facts with a time; "
        "`treatment`: offers and calls to customers"
    )
    delivery: Delivery = Field(
        description="`full`: each extract holds all rows; `changes`: only new and changed ones; `once`: of entities, "
        "one export, which holds from its day on; `as_needed`: of treatments, rows when there are any, and no extract "
        "is ever missing"
    )
    customer: str = Field(description="the column with the customer's natural id")
    eventTime: str | None = Field(None, description="the column with the time of an event or treatment")
    spell: SpellProperty | None = Field(None, description="the columns of a spell")
    former: FormerProperty | None = Field(
        None,
        description="for entities: the column with the customer's state, and its values that mean a former "
        "customer",
    )
    mergedInto: str | None = Field(
        None,
        description="for entities: the column with the id of the customer into whom this one was merged; from then on "
        "its spells and events count for that customer",
    )
    contact: Annotated[list[str], Distinct] = Field(
        [],
        description="for entities: the personal columns that an agent or a campaign needs to reach the customer; only "
        "the encrypted identity file of a release holds them",
    )
    consent: AnswerProperty | None = Field(
        None,
        description="for entities: the column that says whether the customer may be contacted with offers",
    )
    objection: AnswerProperty | None = Field(
        None,
        description="for entities: the column that says whether the customer objects to profiling; who does is in no "
        "page, answer or export, only counted",
    )
    accountOwner: str | None = Field(
        None, description="for entities: the column that names who looks after the customer"
    )


class ServerProperties(CustomProperties):
    """How CSV and JSON files are written."""

    delimiter: str = Field(",", description="the character between two values of a CSV line")
    encoding: str = Field("UTF-8", description="the encoding of the text; any name that Python knows")
    compression: Literal["gz", "zst"] | None = Field(
        None, description="the compression of files whose names do not end with .gz or .zst"
    )


class DatabaseProperties(CustomProperties):
    """What is asked of a database."""

    table: str | None = Field(None, description="the table or view, with its schema if needed: sales.orders")
    query: str | None = Field(None, description="a SELECT statement in place of a table")
    cursor: str | None = Field(
        None,
        description="for `delivery: changes`: the column that grows with every new or changed row, such as updated_at",
    )
    overlap: int | None = Field(
        None,
        ge=0,
        description="how far before the newest value of the cursor each extract begins again, for rows that were "
        "committed late: minutes (default 60), or a difference of numbers (default 1000)",
    )


class FolderProperties(ServerProperties):
    """Which files of a foreign folder belong to the source, how they are written, and how one logs in."""

    pattern: str = Field(
        description="the names of the files below the location: `*` stands for letters other than /, and a date such "
        "as {yyyyMMdd} or {yyyy-MM} for the extract date"
    )
    user: str | None = Field(
        None,
        description="who logs in, as ${NAME}: the access key of S3, the account of Azure, the user elsewhere",
    )
    password: str | None = Field(None, description="the secret of the user, as ${NAME}")
    endpoint: str | None = Field(None, description="the address of an S3 service other than Amazon's")


class CollectionProperties(CustomProperties):
    """What is asked of MongoDB."""

    collection: str = Field(description="the collection or view")
    query: dict[str, Any] = Field({}, description="a filter of documents, such as {status: active}")
    cursor: str | None = Field(
        None,
        description="for `delivery: changes`: the member that grows with every new or changed document: updated_at; "
        "in an object: meta.updated_at",
    )
    overlap: int | None = Field(
        None,
        ge=0,
        description="how far before the newest value of the cursor each extract begins again: minutes (default 60), "
        "or a difference of numbers (default 1000)",
    )


class KafkaProperties(CustomProperties):
    """A topic of Kafka, and how one logs in."""

    topic: str = Field(description="the name of the topic; its messages are JSON objects")
    protection: Protection = Field(
        "plaintext", description="how the connection is protected; `sasl_ssl` and `sasl_plaintext` log in"
    )
    mechanism: Mechanism = Field("SCRAM-SHA-512", description="how one logs in")
    user: str | None = Field(None, description="who logs in, as ${NAME} of an environment variable")
    password: str | None = Field(None, description="the password, as ${NAME} of an environment variable")
    authority: str | None = Field(
        None, description="the PEM file of the authorities that are trusted; default: those of the system"
    )
    group: str | None = Field(
        None,
        description="the consumer group under which the broker is told how far the topic was read; default: "
        "`churn-assets-` and the name of the source",
    )
    deadLetters: str | None = Field(
        None,
        description="the topic that `churn-assets live` copies messages to that break the contract; default: none",
    )
    engine: TopicEngine = Field(
        "local",
        description="what reads the topic: one process of this machine (`local`), or a job of Spark (`spark`)",
    )


class ColumnProperties(CustomProperties):
    """Alternative names and formats in which a column may be delivered."""

    aliases: Annotated[list[str], Distinct] = Field([], description="other names of the delivered field")
    alternativeFormats: Annotated[list[str], Distinct] = Field(
        [], description="other formats of the days or moments, in Spark's letters: dd.MM.yyyy"
    )
    unit: str | None = Field(None, description="the unit of the values, shown in docs and catalogue")
    decimal: Literal[".", ","] = Field(".", description="the decimal sign of numbers in CSV or JSON text")
    thousands: Literal[".", ",", "'", "\u2019", " ", "\u00a0", "\u202f"] | None = Field(
        None, description="the sign between groups of three digits in CSV or JSON text"
    )
    meansNone: Annotated[list[str | date], Distinct] | None = Field(
        None,
        description='days that mean "no day", such as 9999-12-31; 0000-00-00 stands for zeros in any format; '
        "`[]`: every day is meant",
    )
    maxDaysAhead: int | None = Field(
        None,
        ge=0,
        description="a day or moment more than this many days after the extract is refused",
    )
    severity: Literal["quarantine", "null_value"] = Field(
        "quarantine",
        description="what happens when a value breaks type, minimum, maximum, pattern or maxDaysAhead: "
        "`quarantine` refuses the row, `null_value` keeps the row without the value",
    )
