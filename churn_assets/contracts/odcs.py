"""Models of the parts of an Open Data Contract Standard v3.1 file that this project reads.

Field names and nesting follow the standard's JSON schema (bitol-io/open-data-contract-standard, v3.1.0). Properties of
this project are in `customProperties` and in quality rules of type custom with engine `churnAssets`.
"""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from churn_assets.contracts.api_properties import ApiProperties
from churn_assets.contracts.custom_properties import (
    CollectionProperties,
    ColumnProperties,
    ContractProperties,
    DatabaseProperties,
    FolderProperties,
    KafkaProperties,
    ServerProperties,
)
from churn_assets.contracts.json_schema import OneItemEach
from churn_assets.contracts.section import Distinct, Name

Severity = Literal["warn", "null_value", "quarantine", "block"]
FileFormat = Literal["csv", "jsonl", "parquet"]
FolderKind = Literal["folder", "s3", "gcs", "azure", "sftp", "http"]
DatabaseKind = Literal["postgresql", "mysql", "sqlserver", "sqlite"]
LogicalType = Literal["string", "date", "timestamp", "number", "integer", "boolean"]


class Shape(BaseModel):
    """Base of the models. An unknown key is an error, so that a misspelt rule is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CustomProperty(Shape):
    """A key and value of `customProperties`, which the standard does not define."""

    property: str
    value: Any
    description: str | None = None


class Relationship(Shape):
    """Reference to a column of a source."""

    to: str = Field(description="`source.column`, which must exist")
    type: str = "foreignKey"


class Arguments(Shape):
    """The values that `invalidValues` compares with."""

    validValues: Annotated[list[str | bool | int | float | date], Distinct] = Field(
        description="all values that the column may have; text in quotes where YAML reads something else"
    )


class PropertyQuality(Shape):
    """The rule `invalidValues` of one property."""

    metric: Literal["invalidValues"]
    arguments: Arguments
    mustBe: Literal[0] = 0
    severity: Severity = Field(
        "quarantine",
        description="what happens to any other value: `warn` keeps it, `null_value` keeps the row without it,"
        " `quarantine` refuses the row, `block` refuses the month",
    )
    description: str | None = None


class Shares(Shape):
    """Rule of this project over a month of a source: rows as a share of the usual number, or share of refused rows."""

    rule: Literal["volume", "refusedShare"]
    minShare: float | None = Field(
        None, ge=0, description="for `volume`: the fewest rows, as a share of the usual number"
    )
    maxShare: float = Field(
        gt=0,
        description="for `volume`: the most rows, as a share of the usual number; for `refusedShare`: the "
        "largest share of refused rows",
    )


class Gap(Shape):
    """Rule of this project: the most days between two extracts of a source."""

    rule: Literal["gap"]
    maxDays: int = Field(ge=1, description="the most days between two extracts")


class FillShare(Shape):
    """Rule of this project: how far the filled share of a column may fall."""

    rule: Literal["fill"]
    minShare: float = Field(
        0.1,
        ge=0,
        le=1,
        description="the smallest share of rows with a value, relative to the largest share of earlier months",
    )


class Strangers(Shape):
    """Rule of this project: how many ids the source that `relationships` names may lack."""

    rule: Literal["relationships"]
    maxShare: float = Field(
        0, ge=0, le=1, description="the largest share of ids that the related source never delivered"
    )


class IdOverlap(Shape):
    """Rule of this project: how many ids of a month must be known from before, or from the related source."""

    rule: Literal["idOverlap"]
    minShare: float = Field(0.5, ge=0, le=1, description="the smallest share of a month's ids that are known")
    maxAlike: float = Field(
        0.01,
        ge=0,
        le=1,
        description="the largest share of ids that are new but look like a known id in another spelling",
    )


class SchemaQuality(Shape):
    """A rule over a whole month of the source."""

    type: Literal["custom"]
    engine: Literal["churnAssets"]
    implementation: Shares | Gap | FillShare | Strangers | IdOverlap = Field(discriminator="rule")
    severity: Literal["warn", "block"] = "block"
    description: str | None = None


class LogicalTypeOptions(Shape):
    """Format and bounds of a property."""

    format: str | None = Field(
        None, description="the format of days and moments, in Spark's letters: yyyy-MM-dd"
    )
    minimum: float | str | date | None = Field(None, description="the smallest accepted value")
    maximum: float | str | date | None = Field(None, description="the largest accepted value")
    pattern: str | None = Field(
        None, description="a regular expression (Java's syntax) that a text must match"
    )


class Property(Shape):
    """One column of a source."""

    name: Name = Field(description="the name of the column in the lake: small letters, digits and `_`")
    logicalType: LogicalType
    physicalName: str | None = Field(
        None,
        description="the name of the delivered field, if it differs; in JSON a path such as issue.category",
    )
    physicalType: str | None = Field(None, description="the type of a number: double, float or decimal(10,2)")
    description: str | None = None
    required: bool = Field(False, description="a row without a value is refused")
    primaryKey: bool = Field(False, description="the column is part of the key")
    primaryKeyPosition: int = Field(-1, description="its position in a key of several columns")
    classification: Literal["public", "internal", "personal"] = Field(
        "internal", description="`personal`: of silver's tables, only customer_identity holds the values"
    )
    logicalTypeOptions: LogicalTypeOptions = LogicalTypeOptions()
    transformLogic: str | None = Field(
        None, description="an SQL expression over the delivered fields that gives the value"
    )
    transformDescription: str | None = None
    relationships: list[Relationship] = []
    quality: list[PropertyQuality] = Field([], description="at most one rule")
    customProperties: Annotated[list[CustomProperty], OneItemEach(ColumnProperties)] = []


class SchemaObject(Shape):
    """The one table of the source."""

    name: str
    logicalType: Literal["object"] = "object"
    description: str | None = None
    properties: list[Property] = Field(min_length=1, description="the columns")
    quality: list[SchemaQuality] = Field([], description="rules for a month of the source; each at most once")


class LocalServer(Shape):
    """Path of the extracts, relative to the landing zone, and their format."""

    server: str
    type: Literal["local"]
    path: str = Field(description="folder below the landing zone")
    format: FileFormat
    description: str | None = None
    customProperties: Annotated[list[CustomProperty], OneItemEach(ServerProperties)] = []


class DatabaseServer(Shape):
    """Address of a database that the source is extracted from."""

    server: str
    type: DatabaseKind
    location: str = Field(
        description="the address, postgresql://user@host:5432/database; `${NAME}` in it is replaced by the "
        "environment variable NAME, or by the content of the file that NAME_FILE names"
    )
    description: str | None = None
    customProperties: Annotated[list[CustomProperty], OneItemEach(DatabaseProperties)] = []


class FolderServer(Shape):
    """A folder that others fill with files whose names do not look like those of the landing zone."""

    server: str
    type: FolderKind
    location: str = Field(
        description="the folder: s3://bucket/folder, gs://, abfs://, sftp://host/folder, https://host/folder/, or a "
        "path; `${NAME}` in it is replaced by the environment variable NAME"
    )
    format: FileFormat = "csv"
    description: str | None = None
    customProperties: Annotated[list[CustomProperty], OneItemEach(FolderProperties)] = []


class KafkaServer(Shape):
    """Brokers of Kafka that the source is read from."""

    server: str
    type: Literal["kafka"]
    host: str = Field(
        description="host:port of one or more brokers, with commas between them; `${NAME}` is replaced by the "
        "environment variable NAME"
    )
    format: Literal["json"] = "json"
    description: str | None = None
    customProperties: Annotated[list[CustomProperty], OneItemEach(KafkaProperties)] = []


class ApiServer(Shape):
    """Address of a REST service that the source is extracted from."""

    server: str
    type: Literal["api"]
    location: str = Field(
        description="the address, https://api.example.com; `${NAME}` in it is replaced by the environment variable "
        "NAME, or by the content of the file that NAME_FILE names"
    )
    description: str | None = None
    customProperties: Annotated[list[CustomProperty], OneItemEach(ApiProperties)] = []


class MongoServer(Shape):
    """Address of a database of MongoDB that the source is extracted from."""

    server: str
    type: Literal["mongodb"]
    location: str = Field(
        description="the address, mongodb://user@host:27017/database; `${NAME}` in it is replaced by the environment "
        "variable NAME, or by the content of the file that NAME_FILE names"
    )
    description: str | None = None
    customProperties: Annotated[list[CustomProperty], OneItemEach(CollectionProperties)] = []


Server = Annotated[
    LocalServer | DatabaseServer | KafkaServer | ApiServer | MongoServer | FolderServer,
    Field(discriminator="type"),
]


# All names of the standard; this project reads frequency, latency and generalAvailability.
SlaName = Literal[
    "frequency",
    "latency",
    "generalAvailability",
    "endOfSupport",
    "endOfLife",
    "retention",
    "timeOfAvailability",
    "timeToDetect",
    "timeToNotify",
    "timeToRepair",
    "availability",
    "throughput",
    "errorRate",
]


class SlaProperty(Shape):
    """`frequency` and `latency` set the freshness limits; `generalAvailability` is the first day of the source."""

    property: SlaName
    value: str | int | float | date = Field(description="a number, in `unit`; for generalAvailability a day")
    unit: str | None = Field(None, description="h, d, w, m or y; default: days")


class Description(Shape):
    """Purpose, usage and limitations of the source."""

    purpose: str = ""
    usage: str = ""
    limitations: str = ""


class Team(Shape):
    """The team that owns the source."""

    name: str


class Contract(Shape):
    """One source contract."""

    apiVersion: Literal["v3.1.0"]
    kind: Literal["DataContract"]
    id: str
    name: Name = Field(description="the name of the source and of its tables: small letters, digits and `_`")
    version: str
    status: str
    domain: str | None = None
    description: Description = Description()
    servers: list[Server] = Field(min_length=1, max_length=1)
    schema_: list[SchemaObject] = Field(alias="schema", min_length=1, max_length=1)
    slaProperties: list[SlaProperty] = []
    team: Team | None = None
    customProperties: Annotated[list[CustomProperty], OneItemEach(ContractProperties)] = []
