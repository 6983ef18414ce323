"""Reads the server of a contract and its customProperties: path, format, delimiter and encoding of the extracts."""

import codecs
from dataclasses import dataclass

from churn_assets.contracts.custom import ServerProperties
from churn_assets.contracts.odcs import Server
from churn_assets.contracts.place import Place
from churn_assets.contracts.source import FileFormat
from churn_assets.contracts.validation import own_properties, peek, property_place
from churn_assets.contracts.words import closest, listed

# Python's name of an encoding -> its name in contracts.
ENCODING_NAMES = {
    "utf-8": "UTF-8",
    "iso8859-1": "ISO-8859-1",
    "ascii": "US-ASCII",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16LE",
    "utf-16-be": "UTF-16BE",
    "utf-32": "UTF-32",
}
# JSON lines are split at line breaks before they are decoded, so wide encodings do not work there.
ENCODINGS: dict[FileFormat, tuple[str, ...]] = {
    "csv": tuple(ENCODING_NAMES.values()),
    "jsonl": ("UTF-8", "ISO-8859-1"),
    "parquet": ("UTF-8",),
}


@dataclass(frozen=True)
class ReadServer:
    """Path, format, delimiter and encoding of the extracts."""

    path: str
    format: FileFormat
    delimiter: str
    encoding: str


def read_server(place: Place) -> ReadServer:
    """Reads the server of a contract; uses defaults for what could not be read."""
    here = place.at("customProperties")
    own = own_properties(ServerProperties, here) or ServerProperties()
    server = peek(Server, place)
    if server is None:
        return ReadServer("", "csv", own.delimiter, own.encoding)
    return ReadServer(
        server.path.strip("/"),
        server.format,
        _delimiter(own, here),
        _encoding(own, server.format, here),
    )


def _delimiter(own: ServerProperties, place: Place) -> str:
    """Returns the delimiter of a CSV line; reports one that is not usable."""
    if len(own.delimiter) != 1:
        property_place(place, "delimiter").refuse(
            f"{own.delimiter!r} is not one character", 'use one; a tab is "\\t" in double quotes'
        )
    elif own.delimiter in ('"', "\r", "\n"):
        property_place(place, "delimiter").refuse(
            f"{own.delimiter!r} separates no values", "use another character"
        )
    return own.delimiter


def _encoding(own: ServerProperties, source_format: FileFormat, place: Place) -> str:
    """Returns the usual name of the encoding for any alias (latin-1); reports one that the format does not support."""
    try:
        known = ENCODING_NAMES.get(codecs.lookup(own.encoding).name)
    except (LookupError, ValueError):
        known = None
    if known is None or known not in ENCODINGS[source_format]:
        property_place(place, "encoding").refuse(
            f"{source_format} is not read in {own.encoding}",
            f"use one of {listed(ENCODINGS[source_format])}, and have the source write its files in it",
            closest(own.encoding, ENCODINGS[source_format]) if known is None else "",
        )
        return own.encoding
    return known
