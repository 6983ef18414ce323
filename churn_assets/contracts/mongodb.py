"""Reads the server of a contract whose source is a collection of MongoDB."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from churn_assets.contracts.custom_properties import CollectionProperties
from churn_assets.contracts.database import check_location
from churn_assets.contracts.odcs import MongoServer
from churn_assets.contracts.place import Place
from churn_assets.contracts.validation import own_properties, peek, property_place, refuse_without_cursor


@dataclass(frozen=True)
class SourceCollection:
    """A collection of MongoDB.

    Attributes:
        location: its address with the name of the database; `${NAME}` in it stands for an environment variable.
        collection: the name of the collection.
        query: a filter of documents, as JSON.
        cursor: the member that tells new and changed documents; None: every extract holds all.
        overlap: see `SourceDatabase`.
    """

    kind: ClassVar[Literal["mongodb"]] = "mongodb"
    location: str
    collection: str
    query: str
    cursor: str | None
    overlap: int | None

    @property
    def what(self) -> str:
        """What is asked, in words."""
        return self.collection

    @property
    def asked(self) -> tuple[str | None, ...]:
        """What tells this question from others, apart from the place."""
        return (self.collection, self.query, self.cursor)

    @property
    def filter(self) -> dict[str, Any]:
        """The filter as MongoDB reads it."""
        found: dict[str, Any] = json.loads(self.query)
        return found


def read_collection(place: Place) -> SourceCollection | None:
    """Reads a server of MongoDB; None if it is not one, or cannot be read."""
    server = peek(MongoServer, place)
    if server is None:
        return None
    here = place.at("customProperties")
    own = own_properties(CollectionProperties, here)
    check_location(server.location, place.at("location"), "mongodb://user@host/database")
    if own is None:
        return None
    refuse_without_cursor(here, own.cursor, overlap=own.overlap)
    try:
        query = json.dumps(own.query, sort_keys=True)
    except TypeError:  # YAML reads 2026-01-31 as a day
        property_place(here, "query").refuse(
            "it holds a value that JSON does not have", "write days as texts in quotes"
        )
        return None
    return SourceCollection(server.location, own.collection, query, own.cursor, own.overlap)
