"""How a REST service is asked: what is new since the cursor's value, as a draft of JSON documents."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from churn_assets.contracts.api import SourceApi
from churn_assets.contracts.api_properties import SinceProperty
from churn_assets.contracts.source import Source
from churn_assets.sources.apis.address import api_address
from churn_assets.sources.apis.client import ApiClient
from churn_assets.sources.apis.pages import DIGITS, at, pages
from churn_assets.sources.json_text import Number
from churn_assets.sources.live.cursors import Cursor, is_beyond
from churn_assets.sources.live.documents import DocumentDraft
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.extract import Answer, Question, announced, newer
from churn_assets.sources.live.records import digest_of


@dataclass(frozen=True)
class ApiAsker:
    """Asks a REST service; see `Asker`."""

    source: Source
    api: SourceApi
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def digest(self) -> str:
        """See `Asker`."""
        return digest_of(self.api, api_address(self.api, self.environ).place)

    def some_cursor(self) -> Cursor | None:
        """See `Asker`."""
        with self._client() as client:
            for records in pages(client, self.api.properties, {}):
                for record in records:
                    if (found := cursor_of(record, str(self.api.cursor))) is not None:
                        return found
        return None

    def read(self, folder: str, question: Question) -> Answer:
        """See `Asker`. Documents outside of what is asked are left out, whatever the service understands."""
        own, cursor, newest = self.api.properties, self.api.cursor, None
        start = question.start
        if start is not None and question.month is None:
            start = start.before(own.overlap)
        asked = since(own.since, start, question.before) if own.since else {}
        draft = DocumentDraft(f"{folder}/draft")
        try:
            with self._client() as client:
                for records in announced(self.source, pages(client, own, asked)):
                    if cursor is None:
                        draft.add(records)
                        continue
                    wanted = []
                    for record in records:
                        found = cursor_of(record, cursor)
                        if _is_asked(found, start, question.before):
                            wanted.append(record)
                            newest = newest if found is None else newer(found, newest, cursor)
                    draft.add(wanted)
        except BaseException:
            draft.close()
            raise
        return Answer(draft, newest, question)

    def _client(self) -> ApiClient:
        return ApiClient(api_address(self.api, self.environ), self.api.properties)


def cursor_of(record: dict[str, Any], path: str) -> Cursor | None:
    """The cursor value of a document; times as moments, those without a zone as UTC. None if it has none.

    Raises:
        ExtractError: it is neither a time nor a whole number.
    """
    raw = at(record, path)
    if raw is None:
        return None
    if isinstance(raw, Number) and raw.lstrip("-").isdigit() and len(raw) <= DIGITS:
        return Cursor.of(int(raw), path)
    if isinstance(raw, str) and not isinstance(raw, Number):
        try:
            moment = datetime.fromisoformat(raw)
        except ValueError:
            return Cursor.of(raw, path)  # which says what is wrong
        return Cursor.of(moment if moment.tzinfo else moment.replace(tzinfo=UTC), path)
    return Cursor.of(float(raw) if isinstance(raw, Number) else raw, path)


def _is_asked(found: Cursor | None, start: Cursor | None, before: Cursor | None) -> bool:
    """Whether a document is asked for; one without a cursor value always is, but not for a month alone."""
    if found is None:
        return before is None or start is None
    for limit in (start, before):
        if limit is not None and limit.is_time != found.is_time:
            raise ExtractError(
                "The cursor tells times in one document and counts in another, or at the extract before. Name another "
                "one. If the service has changed it for all documents, delete the extracts: the next one begins anew."
            )
    if start is not None and is_beyond(start, found):
        return False
    return before is None or is_beyond(before, found)


def since(declared: SinceProperty, start: Cursor | None, before: Cursor | None) -> dict[str, str]:
    """The parameters that ask for documents from a value of the cursor on, and before another one."""
    asked = {} if start is None else {declared.parameter: _sent(declared, start)}
    if before is not None and declared.until:
        asked[declared.until] = _sent(declared, before)
    return asked


def _sent(declared: SinceProperty, cursor: Cursor) -> str:
    if isinstance(cursor.value, int):
        return str(cursor.value)
    moment = cursor.value.replace(tzinfo=UTC, microsecond=0)
    match declared.format:
        case "iso":
            return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
        case "date":
            return f"{moment:%Y-%m-%d}"
        case "seconds":
            return str(int(moment.timestamp()))
    return str(int(moment.timestamp() * 1000))
