"""The shape of an Open Data Contract Standard v3.1 file, as far as it concerns us.

Field names and nesting follow the standard's JSON schema (bitol-io/open-data-contract-standard, v3.1.0); our own
properties live in `customProperties` and in quality rules of type custom with engine `churnAssets`.
"""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from churn_assets.contracts.section import Distinct, Name

Severity = Literal["warn", "quarantine", "block"]
LogicalType = Literal["string", "date", "timestamp", "number", "integer", "boolean"]


class Shape(BaseModel):
    """Strict: an unknown key is an error, because a misspelt rule that is silently ignored protects nobody."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CustomProperty(Shape):
    """Key and value that the standard leaves to the vendor."""

    property: str
    value: Any
    description: str | None = None


class Relationship(Shape):
    """Reference to `source.property`; the source must exist."""

    to: str
    type: str = "foreignKey"


class Arguments(Shape):
    """What `invalidValues` compares with."""

    validValues: Annotated[list[str | bool | int | float | date], Distinct]


class PropertyQuality(Shape):
    """`invalidValues` of one property."""

    metric: Literal["invalidValues"]
    arguments: Arguments
    mustBe: Literal[0] = 0
    severity: Severity = "quarantine"
    description: str | None = None


class Shares(Shape):
    """Our own rules over a month of a source: shares of its usual rows, or of those refused."""

    rule: Literal["volume", "refusedShare"]
    minShare: float | None = Field(None, ge=0)
    maxShare: float = Field(gt=0)


class Gap(Shape):
    """Our own rule over the days of a source's extracts: how far apart two may lie."""

    rule: Literal["gap"]
    maxDays: int = Field(ge=1)


class SchemaQuality(Shape):
    """A rule over a whole month of the source."""

    type: Literal["custom"]
    engine: Literal["churnAssets"]
    implementation: Shares | Gap = Field(discriminator="rule")
    severity: Literal["warn", "block"] = "block"
    description: str | None = None


class LogicalTypeOptions(Shape):
    """Format and bounds of a property."""

    format: str | None = None
    minimum: float | str | date | None = None
    maximum: float | str | date | None = None
    pattern: str | None = None


class Property(Shape):
    """One column of a source."""

    name: Name
    logicalType: LogicalType
    physicalName: str | None = None
    physicalType: str | None = None
    description: str | None = None
    required: bool = False
    primaryKey: bool = False
    primaryKeyPosition: int = -1
    classification: Literal["public", "internal", "personal"] = "internal"
    logicalTypeOptions: LogicalTypeOptions = LogicalTypeOptions()
    transformLogic: str | None = None
    transformDescription: str | None = None
    relationships: list[Relationship] = []
    quality: list[PropertyQuality] = []
    customProperties: list[CustomProperty] = []


class SchemaObject(Shape):
    """The one table of the source."""

    name: str
    logicalType: Literal["object"] = "object"
    description: str | None = None
    properties: list[Property] = Field(min_length=1)
    quality: list[SchemaQuality] = []


class Server(Shape):
    """Where the extracts lie, relative to the landing zone, and in which format."""

    server: str
    type: Literal["local"]
    path: str
    format: Literal["csv", "jsonl", "parquet"]
    description: str | None = None
    customProperties: list[CustomProperty] = []


# The names of the standard; ours are frequency, latency and generalAvailability.
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
    """`frequency` and `latency` drive freshness; `generalAvailability` is the first month of the source."""

    property: SlaName
    value: str | int | float | date
    unit: str | None = None


class Description(Shape):
    """What the source is for."""

    purpose: str = ""
    usage: str = ""
    limitations: str = ""


class Team(Shape):
    """Who answers for the source."""

    name: str


class Contract(Shape):
    """One source contract."""

    apiVersion: Literal["v3.1.0"]
    kind: Literal["DataContract"]
    id: str
    name: Name
    version: str
    status: str
    domain: str | None = None
    description: Description = Description()
    servers: list[Server] = Field(min_length=1, max_length=1)
    schema_: list[SchemaObject] = Field(alias="schema", min_length=1, max_length=1)
    slaProperties: list[SlaProperty] = []
    team: Team | None = None
    customProperties: list[CustomProperty] = []
