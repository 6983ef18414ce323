"""Guesses the role of a source, its event time, the columns of a spell, and its key."""

from dataclasses import replace

import numpy as np
import pandas as pd

from churn_assets.drafting.columns import DraftColumn
from churn_assets.drafting.names import (
    END,
    EVENT,
    EXPIRY,
    ID,
    INVOLUNTARY,
    NOTICE,
    REASON,
    SPELL,
    START,
    TREATMENT,
)
from churn_assets.drafting.source import DraftSource

# Rows of an extract that may share a key: a file with more has another key.
KEY_SHARE = 0.999
ONE_ROW = 0.98
FEW_REASONS = 40


def with_role(source: DraftSource) -> DraftSource:
    """Returns the source with its role and what the contract says with it."""
    times = [c for c in source.columns if c.is_time and not c.personal]
    spell = _spell_columns(source, times)
    single = _share_of_keys(source, (source.customer,)) >= ONE_ROW
    treatment = (
        TREATMENT.search(source.name) or sum(bool(TREATMENT.search(c.name)) for c in source.columns) > 1
    )
    if spell:
        return _spell(source, spell)
    if single or not times:
        why = "one row a customer in each extract" if single else "no column tells when"
        note = f"guess: {why}, so attributes of customers"
        doubts = (
            ()
            if single
            else (source.doubt(1, "role", f"entity, because {why}, but a customer has several rows"),)
        )
        return replace(
            source, role="entity", notes=source.notes | {"role": note}, doubts=(*source.doubts, *doubts)
        )
    time, doubt = _event_time(source, times)
    role = "treatment" if treatment else "event"
    note = "guess: what was done to customers, by its names" if treatment else "guess: facts with a time"
    doubts = (source.doubt(1, "eventTime", doubt),) if doubt else ()
    if treatment:
        doubts += (
            source.doubt(2, "role", "treatment (what you did to customers) by its names; else write event"),
        )
    return replace(
        source,
        role=role,
        event_time=time.name,
        notes=source.notes | {"role": note},
        doubts=(*source.doubts, *doubts),
    )


def _spell_columns(source: DraftSource, times: list[DraftColumn]) -> dict[str, str]:
    """Returns the columns of a spell: it has a start, and an end or an expiry; {} for another source."""
    by: dict[str, str] = {}
    kinds = (("noticeOn", NOTICE), ("expiresOn", EXPIRY), ("endedOn", END), ("startedOn", START))
    for column in times:
        kind = next((kind for kind, pattern in kinds if pattern.search(column.name)), None)
        if kind and kind not in by:
            by[kind] = column.name
    if "endedOn" not in by and "expiresOn" in by and SPELL.search(source.name):
        by["endedOn"] = by["expiresOn"]
    if not {"startedOn", "endedOn"} <= by.keys():
        return {}
    start, end = source.column(by["startedOn"]), source.column(by["endedOn"])
    if end.filled > 0.98 and not SPELL.search(source.name):
        return {}  # every row has an end: visits or calls, facts that are over
    order = start.days is not None and end.days is not None and (end.days < start.days)
    if order is not False and float(np.mean(order)) > 0.5:
        return {}
    texts = (
        c
        for c in source.columns
        if REASON.search(c.name) and c.type == "string" and c.distinct <= FEW_REASONS
    )
    reason = next(texts, None)
    return by | ({"endReason": reason.name} if reason else {})


def _spell(source: DraftSource, spell: dict[str, str]) -> DraftSource:
    doubts = [source.doubt(1, "spell", f"{key} is {spell[key]}") for key in ("startedOn", "endedOn")]
    voluntary: tuple[str, ...] = ()
    if "endReason" in spell:
        reasons = [str(text) for text in source.column(spell["endReason"]).texts.to_pylist()]
        voluntary = tuple(sorted(r for r in reasons if not INVOLUNTARY.search(r.lower())))
        others = sorted(set(reasons) - set(voluntary))
        said = f"involuntary: {', '.join(others)}" if others else "none was taken for involuntary"
        doubts.append(
            source.doubt(1, "voluntaryReasons", f"the reasons that are the customer's choice; {said}")
        )
    else:
        doubts.append(
            source.doubt(
                2, "spell", "no column tells why a spell ends: every end counts as the customer's choice"
            )
        )
    note = "guess: something that starts and ends"
    return replace(
        source,
        role="spell",
        spell=spell,
        voluntary=voluntary,
        notes=source.notes | {"role": note},
        doubts=(*source.doubts, *doubts),
    )


def _event_time(source: DraftSource, times: list[DraftColumn]) -> tuple[DraftColumn, str]:
    """Returns the time of the events and what is doubtful about it: the fullest column that is called like one."""
    ranked = sorted(
        times, key=lambda c: (-round(c.filled, 2), not EVENT.search(c.name), bool(END.search(c.name)))
    )
    first, others = ranked[0], [c.name for c in ranked[1:] if c.filled > 0.9]
    return first, f"{first.name}; {', '.join(others)} could be it, too" if others else ""


def with_key(source: DraftSource) -> DraftSource:
    """Returns the source with the columns that identify a row within an extract, exact repetitions aside."""
    customer, time = source.customer, source.event_time or source.spell.get("startedOn")
    usable = [c for c in source.columns if not c.personal and c.filled > 0.999 and c.name != customer]
    ids = [c.name for c in usable if ID.search(c.name) and c.type in ("string", "integer")]
    if source.role == "entity":
        return _keyed(source, (customer,))
    for name in ids:
        if _share_of_keys(source, (name,)) >= KEY_SHARE:
            return _keyed(source, (name,))
    key = [customer, *([time] if time else [])]
    rest = [c for c in usable if c.name not in key]
    rest.sort(key=lambda c: (c.type not in ("string", "boolean"), c.is_measure and c.type == "number"))
    while _share_of_keys(source, tuple(key)) < KEY_SHARE and rest:
        key.append(rest.pop(0).name)
    key = _shortest(source, key, 2 if time else 1)
    return _keyed(source, tuple(key))


def _shortest(source: DraftSource, key: list[str], kept: int) -> list[str]:
    """Leaves out columns that the key does not need."""
    share = _share_of_keys(source, tuple(key))
    for name in key[kept:-1]:
        without = [other for other in key if other != name]
        if _share_of_keys(source, tuple(without)) >= share:
            key = without
    return key


def _keyed(source: DraftSource, key: tuple[str, ...]) -> DraftSource:
    share = _share_of_keys(source, key)
    note = (
        "no two rows of an extract share it"
        if share >= 1
        else f"{1 - share:.2%} of the rows share it with another"
    )
    doubts = list(source.doubts)
    if share < 1:
        doubts.append(
            source.doubt(
                2,
                "primaryKey",
                f"{', '.join(key)}: {note}; of rows with one key in an extract the last counts",
            )
        )
    elif measures := [n for n in key if source.column(n).is_measure]:
        doubts.append(
            source.doubt(
                2,
                "primaryKey",
                f"it needs {', '.join(measures)}: two rows that are equal in all of {', '.join(key)} count once",
            )
        )
    return replace(source, key=key, doubts=tuple(doubts), notes=source.notes | {"key": note})


def _share_of_keys(source: DraftSource, key: tuple[str, ...]) -> float:
    """Share of the rows of an extract with a key of their own; exact repetitions of a row count once."""
    everything = pd.Series(source.codes(tuple(c.name for c in source.columns)))
    rows = pd.DataFrame({"file": source.places, "row": everything, "key": source.codes(key)})
    rows["file"] = pd.Series(source.places).map(
        dict(enumerate(str(day or at) for at, day in enumerate(source.days)))
    )
    distinct = rows.drop_duplicates(["file", "row"])
    return float(len(distinct.drop_duplicates(["file", "key"])) / max(1, len(distinct)))
