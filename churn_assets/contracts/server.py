"""How the extracts of a source are written: the customProperties of a contract's server."""

import codecs
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from churn_assets.contracts.errors import DeclarationError
from churn_assets.contracts.source import FileFormat

# As contracts name them, by Python's name; JSON lines are cut at line breaks before they are decoded.
ENCODING_NAMES = {
    "utf-8": "UTF-8",
    "iso8859-1": "ISO-8859-1",
    "ascii": "US-ASCII",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16LE",
    "utf-16-be": "UTF-16BE",
    "utf-32": "UTF-32",
}
ENCODINGS: dict[FileFormat, tuple[str, ...]] = {
    "csv": tuple(ENCODING_NAMES.values()),
    "jsonl": ("UTF-8", "ISO-8859-1"),
    "parquet": ("UTF-8",),
}


class ServerProperties(BaseModel):
    """The customProperties of a server that we give a meaning to."""

    model_config = ConfigDict(extra="forbid")
    delimiter: str = ","
    encoding: str = "UTF-8"


def delimiter_of(own: ServerProperties, file: Path) -> str:
    """What stands between two values of a CSV line.

    Raises:
        DeclarationError: it is not one character, or one that a CSV file uses otherwise.
    """
    if own.delimiter in ('"', "\r", "\n"):
        raise DeclarationError(
            file,
            "servers[0].customProperties.delimiter",
            f"{own.delimiter!r} separates no values",
            "use another character.",
        )
    if len(own.delimiter) != 1:
        raise DeclarationError(
            file,
            "servers[0].customProperties.delimiter",
            f"{own.delimiter!r} is not one character",
            'use one; a tab is "\\t" in double quotes.',
        )
    return own.delimiter


def encoding_of(own: ServerProperties, source_format: FileFormat, file: Path) -> str:
    """The encoding of a source's text by its usual name, whatever the alias in the contract (latin-1).

    Raises:
        DeclarationError: an encoding that the format is not read in.
    """
    try:
        known = ENCODING_NAMES.get(codecs.lookup(own.encoding).name)
    except LookupError:
        known = None
    if known not in ENCODINGS[source_format]:
        raise DeclarationError(
            file,
            "servers[0].customProperties.encoding",
            f"{source_format} is not read in {own.encoding}",
            f"use one of {', '.join(ENCODINGS[source_format])}, and have the source write its files in it.",
        )
    return known
