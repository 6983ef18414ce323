"""Converts a property of a contract to a `Column`, and reports what would make the silver step fail."""

import re
from datetime import date, datetime

from churn_assets.contracts.custom_properties import ColumnProperties
from churn_assets.contracts.expressions import mistakes_in
from churn_assets.contracts.formats import contradiction, wrong_format
from churn_assets.contracts.odcs import FileFormat, LogicalType, Property
from churn_assets.contracts.place import Place
from churn_assets.contracts.source import NUMERIC, TIMES, Column
from churn_assets.contracts.validation import own_properties, property_place
from churn_assets.contracts.words import shown, with_article

SPARK_TYPES: dict[LogicalType, str] = {
    "string": "string",
    "date": "date",
    "timestamp": "timestamp",
    "number": "double",
    "integer": "bigint",
    "boolean": "boolean",
}
NUMBERS = re.compile(r"double|float|decimal\((\d+),\s*(\d+)\)")
PROVENANCE = ("extract_date", "extract_month", "source_file", "row_number", "rescued")
RESERVED = frozenset(
    {
        *("customer_key", "known_at", "sequence", "latest_in_month", "copies", "as_of_date", *PROVENANCE),
        *("refused", "refused_rule", "refused_reason", "raw_row", "remarks", "listed_until"),
    }
)
# Type -> Python types of its values in YAML, and the wording for messages.
WRITTEN: dict[LogicalType, tuple[tuple[type, ...], str]] = {
    "string": ((str,), 'text, in quotes: "yes", "1"'),
    "date": ((str,), "days: 2025-01-31"),
    "number": ((int, float), "numbers"),
    "integer": ((int,), "whole numbers"),
    "boolean": ((bool,), "true or false"),
}
# Days that stand for "none" in every column: of MySQL, .NET, SQL Server, Excel and Delphi, and the last of four digits.
ZEROS = "0000-00-00"
DAY_OF_ZEROS = r"0[0\-./: TZ]*"  # 0000-00-00, 00.00.0000, 0000-00-00 00:00:00
EARLIEST = "1900-01-01"  # a day before it needs a minimum in the contract
MEANS_NONE = (ZEROS, "0001-01-01", "1753-01-01", "1899-12-30", "1900-01-01", "9999-12-31")
# Of an end, too; people were born on the first of these.
ENDS_MEAN_NONE = ("1970-01-01", "2099-12-31", "2999-12-31")
ENDS = ("expiresOn", "noticeOn", "endedOn")
AHEAD = {
    "startedOn": 3_653,
    "noticeOn": 3_653,
    "endedOn": 3_653,
    "expiresOn": 18_263,
}  # days: 10 years, 50 years
FAR_AHEAD = 36_525  # days: a century
# Syntax of Java's regular expressions that Python's do not have.
ONLY_JAVA = re.compile(
    r"(\\\\)|\\(?:[pP](?:\{[^}]*\}|\w)|x\{[0-9a-fA-F]+\}|k<\w+>|[hHRXGQEez])|\(\?[a-zA-Z-]+\)"
)
NAMED_GROUP = re.compile(r"\(\?<(?![=!])")


def column_of(
    prop: Property, source_format: FileFormat, place: Place, spell_key: str | None = None
) -> Column:
    """Returns the column that a property declares; reports invalid names, types, rules and values.

    Args:
        prop: the property.
        source_format: of the source.
        place: of the property.
        spell_key: what the column is of a spell, such as endedOn; None if it is nothing of a spell.
    """
    own = own_properties(ColumnProperties, place.at("customProperties")) or ColumnProperties()
    _check_signs(prop, own, source_format, place.at("customProperties"))
    options = prop.logicalTypeOptions
    physical = prop.physicalName or prop.name
    # in JSON a point separates the steps of a path; in CSV and Parquet it is part of the name
    delivered, _, inner = physical.partition(".") if source_format == "jsonl" else (physical, "", "")
    taken = delivered.lower() in PROVENANCE
    personal = prop.classification == "personal"
    if "" in physical.split(".") and source_format == "jsonl":
        place.at("physicalName").refuse(
            f"{physical} is not a path inside a document", "name each step: issue.category"
        )
    if prop.name in RESERVED or (personal and prop.name == "source"):
        place.at("name").refuse(
            f"the name {prop.name} is used by the lake itself", "choose another name and keep physicalName"
        )
    minimum, maximum = (
        _bound(key, getattr(options, key), prop.logicalType, place) for key in ("minimum", "maximum")
    )
    if minimum is not None and maximum is not None and _is_above(minimum, maximum):
        place.at("logicalTypeOptions").refuse(
            f"the minimum {minimum} is above the maximum {maximum}", "swap the two"
        )
    for wrong in mistakes_in(prop.transformLogic or ""):
        place.at("transformLogic").refuse(*wrong)
    return Column(
        name=prop.name,
        type=prop.logicalType,
        spark_type=_spark_type(prop, place),
        # renamed, because the bronze table already has a provenance column of that name
        field=f"delivered_{delivered}" if taken else delivered,
        json_path=f"$.{inner}" if inner else None,
        aliases=(*([delivered] if taken else []), *own.aliases),
        formats=_formats(prop, own, place),
        decimal=own.decimal,
        thousands=own.thousands,
        required=prop.required or prop.primaryKey,
        personal=personal,
        minimum=minimum,
        maximum=maximum,
        pattern=_pattern(options.pattern, place),
        valid_values=_valid_values(prop, place),
        valid_severity=prop.quality[0].severity if prop.quality else "warn",
        transform=prop.transformLogic,
        refers_to=prop.relationships[0].to if prop.relationships else None,
        meaning=" ".join(filter(None, (prop.description, prop.transformDescription))),
        unit=own.unit,
        means_none=_means_none(prop, own, place, spell_key),
        max_days_ahead=_max_days_ahead(prop, own, place, spell_key),
        severity=own.severity,
    )


def _check_signs(prop: Property, own: ColumnProperties, source_format: FileFormat, place: Place) -> None:
    """Reports `decimal` and `thousands` where silver does not parse text as a number, or where both are equal."""
    given = [name for name in ("decimal", "thousands") if name in own.model_fields_set]
    reader = "Parquet holds numbers" if source_format == "parquet" else ""
    reader = "transformLogic reads the text itself" if prop.transformLogic else reader
    for name in given:
        here = property_place(place, name)
        if prop.logicalType not in NUMERIC:
            here.refuse(f"{name} is for numbers, not for {with_article(prop.logicalType)}", "remove it")
        elif reader:
            here.refuse(f"{reader}, so {name} has no effect", "remove it")
    if given and own.decimal == own.thousands:
        property_place(place, given[-1]).refuse(
            f"{own.decimal!r} cannot be the sign for both decimal and thousands",
            "name another sign for one of them",
        )


def _spark_type(prop: Property, place: Place) -> str:
    if prop.logicalType != "number" or not prop.physicalType:
        return SPARK_TYPES[prop.logicalType]
    physical = prop.physicalType.lower()
    number = NUMBERS.fullmatch(physical)
    if number is None or (number[1] and not int(number[2]) <= int(number[1]) <= 38):
        place.at("physicalType").refuse(
            f"{prop.physicalType} is not a type of numbers",
            "use double, float or decimal(10,2)",
        )
    return physical


def _moment(value: object, kind: LogicalType) -> str | None:
    """Returns the value as an ISO date or timestamp; None if it is neither."""
    try:
        return (date if kind == "date" else datetime).fromisoformat(str(value)).isoformat()
    except ValueError:
        return None


def _bound(key: str, value: float | str | date | None, kind: LogicalType, place: Place) -> float | str | None:
    if value is None:
        return None
    found: float | str | None = None
    match kind:
        case "number" | "integer" if isinstance(value, float):
            found = value
        case "string" if isinstance(value, str):
            found = value
        case "date" | "timestamp":
            found = _moment(value, kind)
    if found is None:
        remedy = f"write the {key} as {with_article(kind)}, or remove it"
        place.at("logicalTypeOptions", key).refuse(f"{value} is not {with_article(kind)}", remedy)
    return found


def _is_above(minimum: float | str, maximum: float | str) -> bool:
    """Compares text by code point, as Spark does; dates and timestamps are ISO text here."""
    if isinstance(minimum, str) or isinstance(maximum, str):
        return str(minimum) > str(maximum)
    return minimum > maximum


def _formats(prop: Property, own: ColumnProperties, place: Place) -> tuple[str, ...]:
    """Returns the formats of a date or timestamp, () for other types.

    ODCS gives `format` other meanings for other types; this package does not read those.
    """
    alternatives = property_place(place.at("customProperties"), "alternativeFormats")
    if prop.logicalType not in TIMES:
        if own.alternativeFormats:
            alternatives.refuse(
                f"formats are for dates and timestamps, not for {with_article(prop.logicalType)}",
                "remove them",
            )
        return ()
    first = prop.logicalTypeOptions.format
    told = [] if first is None else [(place.at("logicalTypeOptions", "format"), first)]
    told += [(alternatives.at(i), pattern) for i, pattern in enumerate(own.alternativeFormats)]
    good: list[str] = []
    for here, pattern in told:
        if wrong := wrong_format(pattern):
            remedy = "write it in Spark's letters: yyyy-MM-dd, dd.MM.yyyy, yyyy-MM-dd HH:mm:ss"
            here.refuse(f"{pattern}: {wrong}", remedy)
            continue
        for other in good:
            if doubt := contradiction(other, pattern):
                here.refuse(f"the formats of {prop.name} contradict each other: {doubt}", "keep one of them")
        good.append(pattern)
    return tuple(good)


def _means_none(
    prop: Property, own: ColumnProperties, place: Place, spell_key: str | None
) -> tuple[str, ...]:
    """Returns the days that mean none as ISO text, the default ones if the contract names none; () for other types."""
    here = property_place(place.at("customProperties"), "meansNone")
    if prop.logicalType not in TIMES:
        if own.meansNone is not None:
            here.refuse(
                f"meansNone is for dates and timestamps, not for {with_article(prop.logicalType)}",
                "remove them",
            )
        return ()
    if own.meansNone is None:
        return (*MEANS_NONE, *ENDS_MEAN_NONE) if spell_key in ENDS else MEANS_NONE
    days = tuple(str(day) for day in own.meansNone)
    for position, day in enumerate(days):
        if day != ZEROS and _moment(day, "date") is None:
            here.at(position).refuse(f"{shown(day)} is not a date", f"write it as 9999-12-31, or {ZEROS}")
    return days


def _max_days_ahead(prop: Property, own: ColumnProperties, place: Place, spell_key: str | None) -> int | None:
    if prop.logicalType in TIMES:
        return own.maxDaysAhead if own.maxDaysAhead is not None else AHEAD.get(spell_key or "", FAR_AHEAD)
    if own.maxDaysAhead is not None:
        here = property_place(place.at("customProperties"), "maxDaysAhead")
        here.refuse(
            f"maxDaysAhead is for dates and timestamps, not for {with_article(prop.logicalType)}", "remove it"
        )
    return None


def _pattern(pattern: str | None, place: Place) -> str | None:
    """Returns the pattern unchanged; reports one that is not a regular expression.

    Spark applies it with Java. This check uses Python's `re`, so it first replaces syntax that only Java has.
    """
    if pattern is not None:
        known = ONLY_JAVA.sub(lambda found: found[1] or ("" if found[0][0] == "(" else "x"), pattern)
        try:
            re.compile(NAMED_GROUP.sub("(?P<", known))
        except re.error as error:
            place.at("logicalTypeOptions", "pattern").refuse(
                f"{pattern} is not a regular expression: {error}", "write one that Java understands"
            )
    return pattern


def _valid_values(prop: Property, place: Place) -> tuple[str | int | float, ...]:
    if not prop.quality:
        return ()
    if len(prop.quality) > 1:
        place.at("quality", 1).refuse("there is more than one rule of validValues", "keep one")
    here = place.at("quality", 0, "arguments", "validValues")
    values = prop.quality[0].arguments.validValues
    if prop.logicalType not in WRITTEN:
        here.refuse(
            f"{with_article(prop.logicalType)} cannot have a list of valid values", "use minimum and maximum"
        )
        return ()
    if not values:
        here.refuse("validValues is empty", "name the allowed values")
    types, said = WRITTEN[prop.logicalType]
    found = tuple(v.isoformat() if isinstance(v, date) else v for v in values)
    for position, value in enumerate(found):
        if type(value) not in types or (prop.logicalType == "date" and _moment(value, "date") is None):
            here.at(position).refuse(
                f"{shown(value)} is not {with_article(prop.logicalType)}", f"write valid values as {said}"
            )
    return found
