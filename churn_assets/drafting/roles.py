"""Guesses the role of a source, its event time, the columns of a spell, and its key."""

from dataclasses import replace

import numpy as np
import pandas as pd

from churn_assets.contracts.custom_properties import Role
from churn_assets.counts import counted, form
from churn_assets.drafting.columns import DraftColumn
from churn_assets.drafting.doubt import Doubt
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

# What identifies a message of Kafka whose document has no id of its own.
OFFSET = ("_partition", "_offset")
# Rows of an extract that may share a key: a file with more has another key.
KEY_SHARE = 0.999
ONE_ROW = 0.98
MOVING_SHARE = 0.5
FEW_REASONS = 40
FULL, ALIKE = 0.98, 0.98
ENDED_LEAST = 0.001
# A source in which more ends lie before their start has other columns for them; shorter times are tickets or calls.
BEFORE_START, LASTS_DAYS = 0.05, 45


def with_role(source: DraftSource) -> DraftSource:
    """Returns the source with its role and what the contract says with it."""
    times = [c for c in source.columns if c.is_time and not c.personal]
    if spell := _spell_columns(source, times):
        return _spell(source, spell)
    single = _share_of_keys(source, (source.customer,)) >= ONE_ROW
    if not times or (single and not _moves(source, _event_time(source, times)[0])):
        return _entity(source, single)
    return _event(source, times)


def _with(source: DraftSource, role: Role, note: str, doubts: list[Doubt]) -> DraftSource:
    notes = source.notes | {"role": f"guess: {note}"}
    return replace(source, role=role, notes=notes, doubts=(*source.doubts, *doubts))


def _entity(source: DraftSource, single: bool) -> DraftSource:
    why = "one row a customer in each extract" if single else "no column tells when"
    said = f"entity, because {why}" + ("" if single else ", but a customer has several rows")
    doubt = source.doubt(2 if single else 1, "role", said)
    return _with(source, "entity", f"{why}, so attributes of customers", [doubt])


def _event(source: DraftSource, times: list[DraftColumn]) -> DraftSource:
    time, unsure = _event_time(source, times)
    source = replace(source, event_time=time.name)
    doubts = [source.doubt(1, "eventTime", unsure)] if unsure else []
    named = sum(bool(TREATMENT.search(c.name)) for c in source.columns) > 1
    if not named and not TREATMENT.search(source.name):
        return _with(source, "event", "facts with a time", doubts)
    said = "treatment (what you did to customers), by its names; else write event"
    doubts.append(source.doubt(2, "role", said))
    return _with(source, "treatment", "what was done to customers, by its names", doubts)


def _moves(source: DraftSource, time: DraftColumn) -> bool:
    """Whether a customer who is in several extracts has another time in each: events, not a date of the customer."""
    extracts = pd.Series(source.places).map(
        dict(enumerate(str(day or at) for at, day in enumerate(source.days)))
    )
    rows = pd.DataFrame(
        {"customer": source.column(source.customer).codes, "extract": extracts, "time": time.codes}
    )
    counts = rows.groupby("customer")[["extract", "time"]].nunique()
    several = counts[counts["extract"] > 1]
    return len(several) > 0 and float((several["time"] > 1).mean()) > MOVING_SHARE


def _spell_columns(source: DraftSource, times: list[DraftColumn]) -> dict[str, str]:
    """Returns the columns of a spell: it has a start, and an end or an expiry; {} for another source.

    By their names, else by their values: a start in every row, an end in some, never before the start. Spells last
    long; a short time between two columns is that of a ticket or a delivery.
    """
    by = _named_times(times)
    rest = [c for c in times if c.name not in by.values()]
    full = [c for c in rest if c.filled > FULL]
    if "startedOn" not in by and full:
        by["startedOn"] = min(full, key=_middle).name
    partly = [c.name for c in rest if ENDED_LEAST < c.filled < FULL and _has_reason(source, c)]
    if "endedOn" not in by and partly:
        by["endedOn"] = partly[0]
    if "endedOn" not in by and "expiresOn" in by and _has_reason(source, source.column(by["expiresOn"])):
        by["endedOn"] = by.pop("expiresOn")  # a reason stands beside it: it tells that the spell ended
    if "endedOn" not in by and "expiresOn" in by and SPELL.search(source.name):
        by["endedOn"] = by["expiresOn"]
    if not {"startedOn", "endedOn"} <= by.keys() or not _lasts(source, by):
        return {}
    end = source.column(by["endedOn"])
    if end.filled > FULL and by["endedOn"] != by.get("expiresOn") and not SPELL.search(source.name):
        return {}  # every row has an end: visits or calls, facts that are over
    texts = (c for c in source.columns if c.type == "string" and c.distinct <= FEW_REASONS and not c.personal)
    reasons = [c for c in texts if REASON.search(c.name) or _filled_alike(c, end)]
    return by | ({"endReason": reasons[0].name} if reasons else {})


def _named_times(times: list[DraftColumn]) -> dict[str, str]:
    by: dict[str, str] = {}
    kinds = (("noticeOn", NOTICE), ("expiresOn", EXPIRY), ("endedOn", END), ("startedOn", START))
    for column in times:
        kind = next((kind for kind, pattern in kinds if pattern.search(column.name)), None)
        if kind and kind not in by:
            by[kind] = column.name
    return by


def _has_reason(source: DraftSource, end: DraftColumn) -> bool:
    """Whether some text is there where the end is, and only there."""
    return any(
        c.type == "string" and c.name != source.customer and _filled_alike(c, end) for c in source.columns
    )


def _filled_alike(text: DraftColumn, end: DraftColumn) -> bool:
    return end.filled < FULL and float(np.mean((text.codes >= 0) == (end.codes >= 0))) > ALIKE


def _middle(column: DraftColumn) -> float:
    days = column.days
    return float(days[days.notna()].asi8.mean()) if days is not None and days.notna().any() else np.inf


def _lasts(source: DraftSource, by: dict[str, str]) -> bool:
    start, end = source.column(by["startedOn"]).days, source.column(by["endedOn"]).days
    if start is None or end is None or by["startedOn"] == by["endedOn"]:
        return False
    lengths = (end - start).days
    ended = lengths[~np.isnan(lengths)]
    if len(ended) and float(np.mean(ended < 0)) > BEFORE_START:
        return False
    return bool(SPELL.search(source.name)) or (len(ended) > 0 and float(np.median(ended)) >= LASTS_DAYS)


def _spell(source: DraftSource, spell: dict[str, str]) -> DraftSource:
    doubts = [source.doubt(1, "spell", f"{key} is {spell[key]}") for key in ("startedOn", "endedOn")]
    voluntary: list[str] = []
    if "endReason" in spell:
        voluntary, said = _voluntary(source, spell)
        doubts += [source.doubt(1, "voluntaryReasons", words) for words in said]
    else:
        said_of_all = "no column tells why a spell ends: every end counts as the customer's choice"
        doubts.append(source.doubt(2, "spell", said_of_all))
    found = replace(source, spell=spell, voluntary=tuple(voluntary))
    return _with(found, "spell", "something that starts and ends", doubts)


def _voluntary(source: DraftSource, spell: dict[str, str]) -> tuple[list[str], list[str]]:
    """Returns the reasons that are the customer's choice, and what to review about them."""
    reason, end = source.column(spell["endReason"]), source.column(spell["endedOn"])
    reasons = sorted(str(text) for text in reason.texts.to_pylist())
    voluntary = [r for r in reasons if not INVOLUNTARY.search(r.lower())] or reasons
    others = [r for r in reasons if r not in voluntary]
    words = f"involuntary: {', '.join(others)}" if others else "none was taken for involuntary"
    said = [f"the reasons that are the customer's choice; {words}"]
    if without := int(np.sum((end.codes >= 0) & (reason.codes < 0))):
        said.append(
            f"{counted(without, 'end has', 'ends have')} no reason and {form(without, 'does', 'do')} not count as the "
            "customer's choice"
        )
    return voluntary, said


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
    if source.role == "entity" and _share_of_keys(source, (customer,)) >= ONE_ROW:
        return _keyed(source, (customer,))
    place = tuple(c.name for c in source.columns if c.physical in OFFSET)
    if len(place) == len(OFFSET):  # in one partition alone, the offset would look like a key
        return _keyed(source, place)
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
