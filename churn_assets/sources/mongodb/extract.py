"""How a collection of MongoDB is asked: what is new since the cursor's value, as a draft of JSON documents."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from churn_assets.contracts.mongodb import SourceCollection
from churn_assets.contracts.source import Source
from churn_assets.contracts.words import closest, listed
from churn_assets.sources.live.attempts import again_if_lost
from churn_assets.sources.live.cursors import Cursor
from churn_assets.sources.live.documents import DocumentDraft
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.extract import Answer, Question, announced, newer
from churn_assets.sources.live.records import digest_of
from churn_assets.sources.mongodb.address import MongoAddress, mongo_address, opened
from churn_assets.sources.mongodb.values import as_json

BATCH = 2_000  # documents
TYPES = {"number": "number", "moment": "date"}  # kind of a cursor -> type of its values; others are texts
ALL_TYPES = ("date", "number", "string", "timestamp")  # that a cursor may have by mistake, too


@dataclass(frozen=True)
class CollectionAsker:
    """Asks a collection; see `Asker`."""

    source: Source
    collection: SourceCollection
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def digest(self) -> str:
        """See `Asker`."""
        return digest_of(self.collection, mongo_address(self.collection, self.environ).shown)

    def some_cursor(self) -> Cursor | None:
        """See `Asker`."""
        address = mongo_address(self.collection, self.environ)
        return again_if_lost(lambda: self._some_cursor(address))

    def read(self, folder: str, question: Question) -> Answer:
        """See `Asker`; a lost connection is tried again, each time with a draft of its own."""
        address, attempts = mongo_address(self.collection, self.environ), iter(range(1, 100))
        return again_if_lost(lambda: self._read(address, f"{folder}/{next(attempts)}", question))

    def _some_cursor(self, address: MongoAddress) -> Cursor | None:
        cursor = str(self.collection.cursor)
        with opened(address) as database:
            wanted = {"$and": [self.collection.filter, {cursor: {"$ne": None}}]}
            found = database[self.collection.collection].find_one(wanted, {cursor: 1})
        return None if found is None else Cursor.of(member(found, cursor), cursor)

    def _read(self, address: MongoAddress, folder: str, question: Question) -> Answer:
        cursor, newest = self.collection.cursor, None
        draft = DocumentDraft(folder)
        try:
            with opened(address) as database:
                documents_of = database[self.collection.collection]
                start = question.start
                if start is not None and question.month is None:
                    start = self._in_type_of(documents_of, start)
                    question = replace(question, start=start)
                    start = start and start.before(self.collection.overlap)
                wanted = filter_of(self.collection, start, question.before)
                found = documents_of.find(wanted, batch_size=BATCH)
                for documents in announced(self.source, _batches(found)):
                    for document in documents if cursor else ():
                        if (raw := member(document, str(cursor))) is not None:
                            newest = newer(Cursor.of(raw, str(cursor)), newest, str(cursor))
                    draft.add([as_json(document) for document in documents])
                if draft.rows == 0:
                    self._require_collection(database)
        except BaseException:
            draft.close()
            raise
        return Answer(draft, newest, question)

    def _in_type_of(self, documents: Any, start: Cursor) -> Cursor | None:
        """The value in the type that the cursor has now; None if it begins anew, see `Cursor.of_type`.

        The server compares values of one type alone, and orders others by their type.

        Raises:
            ExtractError: the values are of several types, so that those of one would never come.
        """
        cursor = str(self.collection.cursor)
        wanted = {"$and": [self.collection.filter, {cursor: {"$ne": None}}]}
        ends = [documents.find_one(wanted, {cursor: 1}, sort=[(cursor, order)]) for order in (1, -1)]
        raw = [member(document, cursor) for document in ends if document is not None]
        if not raw:
            return start
        kinds = [Cursor.of(value, cursor).kind for value in raw]
        if len({"text" if kind.startswith("text") else kind for kind in kinds}) > 1:
            raise ExtractError(
                f"The cursor {cursor} has values of different kinds ({' and '.join(kinds)}). Have all converted to one."
            )
        return start.of_type(raw[0], cursor)

    def _require_collection(self, database: Any) -> None:
        """Does nothing if the collection exists: the server gives no documents of one that does not."""
        name = self.collection.collection
        known = database.list_collection_names(authorizedCollections=True)
        if name not in known:
            meant = closest(name, known)
            raise ExtractError(
                f"There is no collection {name}. "
                + (f"Did you mean {meant}? " if meant else "")
                + (f"There are {listed(sorted(known))}." if known else "This user sees none: see its rights.")
            )


def filter_of(collection: SourceCollection, start: Cursor | None, before: Cursor | None) -> dict[str, Any]:
    """The filter of what is asked; documents without a cursor value come each time, but not for a month alone.

    A bound finds values of its own type alone. So those of other types come, too, and their extract is refused.
    """
    parts: list[dict[str, Any]] = [collection.filter] if collection.filter else []
    bounds = ({"$gte": start.bound()} if start else {}) | ({"$lt": before.bound()} if before else {})
    if bounds and collection.cursor:
        within: dict[str, Any] = {collection.cursor: bounds}
        own = TYPES.get((start or before).kind, "string")  # type: ignore[union-attr]
        ways: list[dict[str, Any]] = [
            within,
            {collection.cursor: {"$type": [kind for kind in ALL_TYPES if kind != own]}},
        ]
        if start is None or before is None:
            ways.append({collection.cursor: None})
        parts.append({"$or": ways})
    return parts[0] if len(parts) == 1 else {"$and": parts} if parts else {}


def member(document: Mapping[str, Any], path: str) -> Any:
    """What stands at a path such as meta.updated_at; None if there is nothing."""
    found: Any = document
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _batches(found: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while some := [*islice(found, BATCH)]:
        yield some
