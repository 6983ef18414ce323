"""Guesses where a REST answer holds its records, and how one page leads to the next.

What the answer itself tells is tried first. Then the service is asked with the usual parameters: one that changes the
records is one that it knows.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from churn_assets.sources.apis.client import ApiPage
from churn_assets.sources.apis.pages import Records, at
from churn_assets.sources.json_text import Number

DEPTH = 3  # objects in objects in which the lists and signs are looked for
PAGE, OFFSET = ("page", "page_number"), ("offset", "skip")
SIZES = ("per_page", "page_size", "limit", "size", "pageSize", "perPage", "pagesize")
NEXT = re.compile(r"(^|\.)next([._]?(page[._]?)?(href|url|link|uri))?$", re.IGNORECASE)
CURSOR = re.compile(
    r"(^|\.)(next[._]?(page[._]?)?(cursor|token|key|page)?|end_?cursor|cursor|after|continuation(_?token)?|scroll_?id)$",
    re.IGNORECASE,
)
MORE = re.compile(r"(^|\.)(has_?more|has_?next(_?page)?|more)$", re.IGNORECASE)
PAGES = re.compile(r"(^|\.)(total_?pages|pages|page_?count|last_?page|num_?pages)$", re.IGNORECASE)
TOTAL = re.compile(
    r"(^|\.)(total(_?(count|items|records|results|elements))?|count|num_?found)$", re.IGNORECASE
)
ADDRESS = re.compile(r"https?://|[/?]")

Ask = Callable[[Mapping[str, str]], Records | None]


class PaginatorGuess(NamedTuple):
    """A paginator, why, and how much a person should look at it; see `Doubt.rank`."""

    paginator: dict[str, Any]
    words: str
    rank: int


class _Answer(NamedTuple):
    """The first page, its records, what else it tells by path, and the parameters that were given."""

    page: ApiPage
    records: Records
    told: dict[str, Any]
    given: Mapping[str, str]


def records_path(content: Any) -> str | None:
    """Returns where the longest list of objects stands; None if the answer is the list.

    Raises:
        ValueError: there is no list of objects; the message says what there is.
    """
    if isinstance(content, list):
        if content and not all(isinstance(one, dict) for one in content):
            raise ValueError("it is a list, but not of JSON objects")
        return None
    lists = [(path, value) for path, value in _members(content) if isinstance(value, list)]
    rows = [(path, value) for path, value in lists if all(isinstance(one, dict) for one in value)]
    if not rows:
        names = ", ".join(sorted(content)[:10]) if isinstance(content, dict) else "no object"
        raise ValueError(f"it holds no list of JSON objects: {names or 'an empty object'}")
    return max(rows, key=lambda found: len(found[1]))[0]


def guess_paginator(page: ApiPage, path: str | None, given: Mapping[str, str], ask: Ask) -> PaginatorGuess:
    """Returns how a page leads to the next.

    Args:
        page: the first one.
        path: where its records are.
        given: parameters of the address.
        ask: returns the records of an answer with further parameters, None if the service refuses them.
    """
    records: Records = page.content if path is None else at(page.content, path)
    told = {
        name: value for name, value in _members(page.content) if name != path and not isinstance(value, list)
    }
    answer = _Answer(page, records, told, given)
    found = _by_link(answer) or _by_cursor(answer, ask) or _by_number(answer, ask) or _none(answer)
    if found.paginator["kind"] != "none" and (size := _size(given)):
        sized = {"sizeParameter": size, "size": int(given[size])}
        return found._replace(paginator=found.paginator | sized)
    return found


def paging_parameters(paginator: Mapping[str, Any]) -> set[str]:
    """Returns the parameters that the paginator sends itself."""
    return {str(paginator[key]) for key in ("parameter", "sizeParameter") if key in paginator}


def _size(given: Mapping[str, str]) -> str | None:
    return next((n for n in SIZES if given.get(n, "").isdigit() and int(given[n]) > 0), None)


def _members(content: Any, above: str = "", depth: int = DEPTH) -> Iterator[tuple[str, Any]]:
    """Path and value of each member."""
    if not isinstance(content, dict):
        return
    for name, value in content.items():
        yield f"{above}{name}", value
        if depth > 1:
            yield from _members(value, f"{above}{name}.", depth - 1)


def _by_link(answer: _Answer) -> PaginatorGuess | None:
    if answer.page.link:
        return PaginatorGuess({"kind": "link"}, "the header `Link` leads to the next page", 3)
    for path, value in answer.told.items():
        is_address = isinstance(value, str) and not isinstance(value, Number) and ADDRESS.match(value)
        if NEXT.search(path) and is_address:
            said = f"the answer tells the address of the next page in {path}"
            return PaginatorGuess({"kind": "link", "next": path}, said, 3)
    for path, value in answer.told.items():
        if NEXT.search(path) and value is None:
            said = f"{path} is empty, as after the last page; it is taken for the address of the next page"
            return PaginatorGuess({"kind": "link", "next": path}, said, 2)
    return None


def _by_cursor(answer: _Answer, ask: Ask) -> PaginatorGuess | None:
    for path, value in answer.told.items():
        if not CURSOR.search(path) or not isinstance(value, str) or not value:
            continue
        if isinstance(value, Number) and re.search(r"page$", path, re.IGNORECASE):
            continue  # the number of the next page
        name = path.rpartition(".")[2]
        short = re.sub(r"^(next|end)_?", "", name, flags=re.IGNORECASE)
        tried = dict.fromkeys(
            (short[:1].lower() + short[1:], name, "cursor", "after", "page_token", "pageToken")
        )
        known = next((n for n in tried if n and _differs(ask({n: value}), answer.records)), None)
        more = next((p for p, v in answer.told.items() if MORE.search(p) and v is True), None)
        found = {"kind": "cursor", "parameter": known or name, "next": path} | (
            {"more": more} if more else {}
        )
        if known:
            return PaginatorGuess(found, f"{path} of the answer, sent as {known}, gives the next page", 3)
        said = (
            f"choose: the answer tells a cursor in {path}, but no usual parameter gives the next page for it"
        )
        return PaginatorGuess(found, said, 1)
    return _by_last_record(answer, ask)


def _by_last_record(answer: _Answer, ask: Ask) -> PaginatorGuess | None:
    more = next((path for path, value in answer.told.items() if MORE.search(path) and value is True), None)
    if more is None or not answer.records:
        return None
    last = answer.records[-1]
    ids = [
        name for name in ("id", *(n for n in last if n.endswith("_id"))) if isinstance(last.get(name), str)
    ]
    for member in ids[:1]:
        for name in ("starting_after", "after", "cursor"):
            if _differs(ask({name: str(last[member])}), answer.records):
                found = {"kind": "cursor", "parameter": name, "lastRecord": member, "more": more}
                return PaginatorGuess(
                    found, f"{member} of the last record, sent as {name}, gives the next page", 2
                )
    return None


def _by_number(answer: _Answer, ask: Ask) -> PaginatorGuess | None:
    records, told = answer.records, answer.told
    pages = next((p for p, v in told.items() if PAGES.search(p) and _is_count(v)), None)
    total = next(
        (p for p, v in told.items() if TOTAL.search(p) and _is_count(v) and int(v) > len(records)), None
    )
    if not records:
        return None
    for name in (*(n for n in answer.given if n in PAGE), *PAGE):
        first = next((n for n in (1, 0) if ask({name: str(n)}) == records), None)
        if first is None or (following := ask({name: str(first + 1)})) is None or following == records:
            continue
        known = {"pages": pages} if pages else {"total": total} if total else {}
        found = {"kind": "page", "parameter": name} | ({"first": 0} if first == 0 else {}) | known
        return PaginatorGuess(found, f"another number in {name} gives other records", 3)
    for name in (*(n for n in answer.given if n in OFFSET), *OFFSET):
        if ask({name: "0"}) != records or (following := ask({name: str(len(records))})) is None:
            continue
        if following != records:
            by_offset = {"kind": "offset", "parameter": name} | ({"total": total} if total else {})
            return PaginatorGuess(by_offset, f"another number in {name} gives other records", 3)
    if total or (pages and int(told[pages]) > 1):
        said = f"choose: {total or pages} tells of further pages, but neither page nor offset gives them"
        told_by = {"pages": pages} if pages else {"total": total}
        return PaginatorGuess({"kind": "page", "parameter": "page"} | told_by, said, 1)
    return None


def _none(answer: _Answer) -> PaginatorGuess:
    count = len(answer.records)
    if any(TOTAL.search(path) and _is_count(v) and int(v) == count for path, v in answer.told.items()):
        return PaginatorGuess({"kind": "none"}, f"the answer says that its {count:,} records are all", 3)
    round_one = count >= 10 and count % 10 == 0
    why = ", and such a round number is often the size of a page" if round_one else ""
    said = (
        f"choose: nothing leads to a further page, so one answer with {count:,} records is taken for all{why}. "
        "If the service has more, declare how it gives them"
    )
    return PaginatorGuess({"kind": "none"}, said, 1 if round_one else 2)


def _differs(one: Records | None, other: Records) -> bool:
    return bool(one) and one != other


def _is_count(value: Any) -> bool:
    return isinstance(value, Number) and value.isdigit()
