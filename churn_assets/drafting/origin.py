"""A living source as drafted: what the server of its contract says, and what of it is a guess."""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class SampledOrigin:
    """The living source that the files of a group are a sample of.

    Attributes:
        holds: `rows` of a table, `documents`, `messages` of a topic, or `files` of a folder, each an extract.
        server: of the contract, without its customProperties.
        properties: its customProperties, name -> value.
        what: what was sampled, in words.
        complete: the sample holds all of it.
        notes: comments, by the property that they are about.
        hints: properties that a person may take in, each with its comment.
    """

    holds: Literal["rows", "documents", "messages", "files"]
    server: dict[str, Any]
    properties: dict[str, Any]
    what: str
    complete: bool
    notes: dict[str, str] = field(default_factory=dict)
    hints: tuple[tuple[str, Any, str], ...] = ()

    @property
    def cursor(self) -> str | None:
        """The field that tells new and changed rows."""
        return self.properties.get("cursor")

    @property
    def is_asked(self) -> bool:
        """Whether it tells what it holds today alone; files tell what held on their days."""
        return self.holds != "files"
