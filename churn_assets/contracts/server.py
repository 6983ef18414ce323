"""How the extracts of a source are written: the customProperties of a contract's server."""

import codecs

from pydantic import BaseModel, ConfigDict

from churn_assets.contracts.place import Place
from churn_assets.contracts.source import FileFormat

# What Spark decodes, by Python's name; JSON lines are cut at line breaks before they are decoded.
SPARK_ENCODINGS = {
    "utf-8": "UTF-8",
    "iso8859-1": "ISO-8859-1",
    "ascii": "US-ASCII",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16LE",
    "utf-16-be": "UTF-16BE",
    "utf-32": "UTF-32",
}
ENCODINGS: dict[FileFormat, tuple[str, ...]] = {
    "csv": tuple(SPARK_ENCODINGS.values()),
    "jsonl": ("UTF-8", "ISO-8859-1"),
    "parquet": ("UTF-8",),
}


class ServerProperties(BaseModel):
    """The customProperties of a server that we give a meaning to."""

    model_config = ConfigDict(extra="forbid")
    delimiter: str = ","
    encoding: str = "UTF-8"


def delimiter_of(own: ServerProperties, place: Place) -> str:
    """What stands between two values of a CSV line.

    Raises:
        DeclarationError: it is not one character.
    """
    if len(own.delimiter) != 1:
        place.at("delimiter").refuse(
            f"{own.delimiter!r} is not one character", 'use one; a tab is "\\t" in double quotes.'
        )
    return own.delimiter


def encoding_of(own: ServerProperties, source_format: FileFormat, place: Place) -> str:
    """The encoding of a source's text as Spark calls it, whatever the alias in the contract (latin-1).

    Raises:
        DeclarationError: an encoding that the format is not read in.
    """
    try:
        known = SPARK_ENCODINGS.get(codecs.lookup(own.encoding).name)
    except LookupError:
        known = None
    if known not in ENCODINGS[source_format]:
        place.at("encoding").refuse(
            f"{source_format} is not read in {own.encoding}",
            f"use one of {', '.join(ENCODINGS[source_format])}, and have the source write its files in it.",
        )
    return known
