"""Reads the server of a contract and its customProperties: where its rows are and how they are written."""

import codecs
from dataclasses import dataclass
from encodings.aliases import aliases
from typing import get_args

from churn_assets.contracts.api import read_api
from churn_assets.contracts.custom_properties import FolderProperties, ServerProperties
from churn_assets.contracts.database import read_database
from churn_assets.contracts.folder import read_folder
from churn_assets.contracts.mongodb import read_collection
from churn_assets.contracts.odcs import DatabaseKind, FileFormat, FolderKind, FolderServer, LocalServer
from churn_assets.contracts.origin import Origin
from churn_assets.contracts.place import Place
from churn_assets.contracts.source import Compression
from churn_assets.contracts.topic import read_topic
from churn_assets.contracts.validation import own_properties, peek, property_place
from churn_assets.contracts.words import closest

# Python's name of an encoding -> its name in contracts, where the two differ.
ENCODING_NAMES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "iso8859-1": "ISO-8859-1",
    "ascii": "US-ASCII",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16LE",
    "utf-16-be": "UTF-16BE",
    "utf-32": "UTF-32",
    **{f"cp125{n}": f"windows-125{n}" for n in range(9)},
}
DATABASES, FOLDERS = frozenset(get_args(DatabaseKind)), frozenset(get_args(FolderKind))
# Python calls these encodings, too, but no program writes its tables in them.
NO_TEXT = frozenset(
    {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7", "mbcs", "oem"}
)


@dataclass(frozen=True)
class ReadServer:
    """Path, format, delimiter, encoding and compression of the extracts, and where they come from."""

    path: str
    format: FileFormat
    delimiter: str
    encoding: str
    compression: Compression | None
    origin: Origin | None = None


def read_server(place: Place) -> ReadServer:
    """Reads the server of a contract; uses defaults for what could not be read."""
    here = place.at("customProperties")
    kind = place.at("type").content()
    if isinstance(kind, str) and kind in DATABASES:
        return ReadServer("", "parquet", ",", "UTF-8", None, read_database(place))
    if kind == "mongodb":
        return ReadServer("", "jsonl", ",", "UTF-8", None, read_collection(place))
    if kind == "kafka":
        return ReadServer("", "jsonl", ",", "UTF-8", None, read_topic(place))
    if kind == "api":
        return ReadServer("", "jsonl", ",", "UTF-8", None, read_api(place))
    if isinstance(kind, str) and kind in FOLDERS:
        return _of_folder(place)
    own = own_properties(ServerProperties, here) or ServerProperties()
    server = peek(LocalServer, place)
    if server is None:
        return ReadServer("", "csv", own.delimiter, "UTF-8", own.compression)
    return ReadServer(
        server.path.strip("/"),
        server.format,
        _delimiter(own, here),
        _encoding(own, server.format, here),
        _compression(own, server.format, here),
    )


def _of_folder(place: Place) -> ReadServer:
    """The server of a foreign folder: its files are copied as they are."""
    here, server = place.at("customProperties"), peek(FolderServer, place)
    own = own_properties(FolderProperties, here)
    if server is None or own is None:
        return ReadServer("", "csv", ",", "UTF-8", None)
    return ReadServer(
        "",
        server.format,
        _delimiter(own, here),
        _encoding(own, server.format, here),
        _compression(own, server.format, here),
        read_folder(server, own, place),
    )


def _delimiter(own: ServerProperties, place: Place) -> str:
    """Returns the delimiter of a CSV line; reports one that is not usable."""
    if len(own.delimiter) != 1:
        property_place(place, "delimiter").refuse(
            f"{own.delimiter!r} is not one character", 'use one; a tab is "\\t" in double quotes'
        )
    elif own.delimiter in ('"', "\r", "\n"):
        property_place(place, "delimiter").refuse(
            f"{own.delimiter!r} cannot separate values", "use another character"
        )
    return own.delimiter


def encoding_name(name: str) -> str | None:
    """Returns the usual name of a text encoding for any of its names (latin-1); None if Python knows none."""
    try:
        known = codecs.lookup(name).name
        codecs.getincrementaldecoder(name)
        b"a\0\0\0".decode(name, "replace")  # refuses what makes no text of bytes, such as base64
    except (LookupError, ValueError):
        return None
    return None if known.replace("_", "-") in NO_TEXT else ENCODING_NAMES.get(known, known)


def _encoding(own: ServerProperties, source_format: FileFormat, place: Place) -> str:
    """Returns the usual name of the encoding; reports one that Python does not know, and any but UTF-8 for Parquet."""
    here, known = property_place(place, "encoding"), encoding_name(own.encoding)
    if known is None:
        here.refuse(
            f"there is no encoding {own.encoding}",
            "use one that Python knows: UTF-8, windows-1252, ISO-8859-15, UTF-16, cp850, ...",
            closest(own.encoding, [*aliases, *ENCODING_NAMES.values()]),
        )
    elif source_format == "parquet" and known != "UTF-8":
        here.refuse("the text of Parquet is UTF-8", "remove the encoding")
    return known or "UTF-8"


def _compression(own: ServerProperties, source_format: FileFormat, place: Place) -> Compression | None:
    """Returns the compression of the files; reports one for Parquet."""
    if own.compression and source_format == "parquet":
        property_place(place, "compression").refuse("Parquet is compressed inside", "remove it")
    return own.compression
