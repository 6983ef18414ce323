"""Finds people in the opened identity file by their own id or by their name."""

import re
from dataclasses import dataclass

import duckdb
import pyarrow as pa

ID, KEY, OWNER = "customer_id", "customer_key", "account_owner"
NOT_CONTACT = frozenset({ID, KEY, "contact_known_at", "consent", OWNER})
MOST = 20  # people that a search may list


@dataclass(frozen=True)
class Hit:
    """Somebody who was found.

    Attributes:
        customer_id: the source's own id.
        told: contact data by column, None where it is not known.
    """

    customer_key: str
    customer_id: str
    told: dict[str, str | None]


def contact_columns(people: pa.Table) -> list[str]:
    """The columns that the business declares as contact data."""
    return [name for name in people.column_names if name not in NOT_CONTACT]


def by_id(people: pa.Table, text: str, owner: str | None = None) -> list[Hit]:
    """Who has this id, to the letter; several customers may have one id in different sources.

    Args:
        people: the opened identity file.
        text: what was typed.
        owner: only customers whom this person looks after; None: all.
    """
    return _hits(people, f"{ID} = ?", [text.strip()], owner)


def by_key(people: pa.Table, customer_key: str, owner: str | None = None) -> list[Hit]:
    """The ids of a customer with their contact data."""
    return _hits(people, f"{KEY} = ?", [customer_key], owner)


def by_name(people: pa.Table, text: str, owner: str | None = None) -> list[Hit]:
    """Everybody whose contact data hold all these words, whole, whatever their case and accents.

    At most `MOST` + 1 people: more than `MOST` means that the words are too few.

    Args:
        people: the opened identity file.
        text: what was typed.
        owner: only customers whom this person looks after; None: all.
    """
    words = re.findall(r"\S+", text)
    columns = contact_columns(people)
    if not words or not columns:
        return []
    told = f"concat_ws(' ', '', {', '.join(map(_quoted, columns))}, '')"
    found = [f"contains(lower(strip_accents({told})), lower(strip_accents(' ' || ? || ' ')))"] * len(words)
    return _hits(people, " AND ".join(found), words, owner)


def _hits(people: pa.Table, where: str, parameters: list[str], owner: str | None) -> list[Hit]:
    if owner is not None:
        where, parameters = f"{where} AND {OWNER} = ?", [*parameters, owner]
    columns = contact_columns(people)
    names = ", ".join(map(_quoted, [KEY, ID, *columns]))
    with duckdb.connect() as connection:
        connection.register("people", people)
        rows = connection.execute(
            f"SELECT {names} FROM people WHERE {where} ORDER BY {ID} LIMIT {MOST + 1}", parameters
        ).fetchall()
    return [Hit(key, own, dict(zip(columns, told, strict=True))) for key, own, *told in rows]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
