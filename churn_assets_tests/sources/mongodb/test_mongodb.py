"""Extracts of a collection: documents as they are, against a server of the wire protocol; and what needs none."""

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from bson import Binary, Decimal128, Int64, ObjectId

from churn_assets.contracts.contract import load_source
from churn_assets.contracts.mistakes import DeclarationErrors
from churn_assets.contracts.source import Source
from churn_assets.drafting.mongo_collections import find_collections
from churn_assets.extracts.asking import asker_of
from churn_assets.sources.json_text import json_text, parsed
from churn_assets.sources.live import attempts
from churn_assets.sources.live.cursors import Cursor
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.extract import Extract, extract_month, extract_new
from churn_assets.sources.mongodb import address as addresses
from churn_assets.sources.mongodb.extract import filter_of
from churn_assets.sources.mongodb.values import as_json
from churn_assets_tests.sources.databases.shop import CONTRACT, EVENING

pytestmark = pytest.mark.one_python(reason="pymongo and a server do the work, whatever Python asks them")

CANARY = "Kanarienvogel-4711"


def _source(folder: Path, delivery: str = "changes", location: str = "${SHOP_URL}", **own: Any) -> Source:
    shown: dict[str, Any] = {"collection": "orders"}
    if delivery == "changes":
        shown |= {"cursor": "ordered_at"}
    asked = [{"property": name, "value": value} for name, value in (shown | own).items()]
    text = CONTRACT.format(
        kind="mongodb",
        location=location,
        own=json.dumps(asked),
        role="event" if delivery == "changes" else "entity",
        delivery=delivery,
        time="- {property: eventTime, value: ordered_at}" if delivery == "changes" else "",
    )
    file = folder / "orders.yaml"
    file.write_text(text, encoding="utf-8")
    return load_source(file)


class Shop(NamedTuple):
    """A collection of orders, and a landing zone."""

    orders: Any
    url: str
    folder: Path

    def extract(self, source: Source, days: int = 0) -> Extract:
        """An extract of so many days after the first evening."""
        draft = self.folder / f"draft-{days}-{source.delivery}"
        asker = asker_of(source, {"SHOP_URL": self.url})
        return extract_new(asker, str(self.folder / "landing"), str(draft), EVENING + timedelta(days=days))

    def documents(self) -> list[dict[str, Any]]:
        """All documents that have landed."""
        found = []
        for file in sorted((self.folder / "landing").rglob("*.jsonl.gz")):
            found += [json.loads(line) for line in gzip.decompress(file.read_bytes()).decode().splitlines()]
        return found


@pytest.fixture
def shop(mongodb: str, tmp_path: Path) -> Iterator[Shop]:
    """An empty collection."""
    from pymongo import MongoClient

    with MongoClient[dict[str, Any]](mongodb) as client:
        orders = client.get_default_database()["orders"]
        orders.drop()
        yield Shop(orders, mongodb, tmp_path)


def _order(number: int, at: datetime | None, **more: Any) -> dict[str, Any]:
    return {"_id": number, "order_id": number, "customer_id": f"C{number}", "ordered_at": at} | more


def _day(number: int) -> datetime:
    return datetime(2026, 3, number, 10, tzinfo=UTC)


def test_documents_come_once_and_then_what_is_new_with_all_their_members(shop: Shop) -> None:
    shop.orders.insert_many([_order(1, _day(1)), _order(2, _day(2), plan={"name": "A"}), _order(3, None)])
    source = _source(shop.folder)
    first = shop.extract(source)
    assert (first.record.rows, str(first.newest)) == (3, "2026-03-02 10:00:00")
    shop.orders.insert_one(_order(4, _day(5), drifted=[{"a": 1.5}]))
    shop.orders.update_one({"_id": 1}, {"$set": {"ordered_at": _day(4)}})
    again = shop.extract(source, 1)
    assert sorted(d["order_id"] for d in shop.documents()) == [1, 1, 2, 2, 3, 3, 4]  # 2 by the overlap
    assert again.changes == ("drifted is new",)
    [drifted] = [d for d in shop.documents() if d["order_id"] == 4]
    assert drifted["drifted"] == [{"a": 1.5}] and drifted["ordered_at"] == "2026-03-05T10:00:00Z"
    assert {d["order_id"]: d.get("plan") for d in shop.documents()}[2] == {"name": "A"}


@pytest.mark.parametrize("between", [lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}", lambda at: int(at.timestamp())])
def test_a_cursor_of_another_type_loses_no_document(shop: Shop, between: Callable[[datetime], Any]) -> None:
    source = _source(shop.folder)
    shop.orders.insert_one(_order(1, between(_day(1))))
    shop.extract(source)
    shop.orders.insert_one(_order(2, _day(2)))
    with pytest.raises(ExtractError, match="The cursor ordered_at has values of different kinds"):
        shop.extract(source, 1)
    shop.orders.update_one({"_id": 1}, {"$set": {"ordered_at": _day(1)}})
    assert shop.extract(source, 1).record.rows >= 1
    shop.orders.insert_one(_order(3, _day(3)))
    shop.extract(source, 2)
    assert {d["order_id"] for d in shop.documents()} == {1, 2, 3}


def test_a_filter_and_a_month_that_is_over(shop: Shop) -> None:
    shop.orders.insert_many(
        [
            _order(1, datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC), kind="web"),
            _order(2, datetime(2026, 2, 1, tzinfo=UTC), kind="web"),
            _order(3, datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC), kind="shop"),
            _order(4, None, kind="web"),
        ]
    )
    source = _source(shop.folder, query={"kind": "web"})
    asker, landing = asker_of(source, {"SHOP_URL": shop.url}), str(shop.folder / "landing")
    found = {
        month: extract_month(
            asker, landing, str(shop.folder / month), month, month == "2026-01", EVENING
        ).record.rows
        for month in ("2026-01", "2026-02", "2026-03")
    }
    assert found == {"2026-01": 2, "2026-02": 1, "2026-03": 0}


def test_a_collection_that_is_empty_or_not_there_is_told(shop: Shop) -> None:
    shop.orders.database["customers"].insert_one({"a": 1})
    with pytest.raises(ExtractError, match=r"There is no collection custmers\. Did you mean customers\?"):
        shop.extract(_source(shop.folder, "full", collection="custmers"))
    shop.orders.insert_one(_order(1, None))
    shop.orders.delete_many({})
    with pytest.raises(ExtractError, match="orders has no rows"):
        shop.extract(_source(shop.folder, "full"))


def test_a_database_that_is_away_is_asked_three_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[str] = []
    monkeypatch.setattr(attempts, "WAITS", (0, 0))
    monkeypatch.setattr(attempts, "note", waits.append)
    monkeypatch.setattr(addresses, "CONNECT_SECONDS", 0.05)
    shop = Shop(None, f"mongodb://reader:{CANARY}@127.0.0.1:9/shop", tmp_path)
    with pytest.raises(ExtractError, match=r"mongodb://127\.0\.0\.1:9/shop does not answer") as error:
        shop.extract(_source(tmp_path))
    assert len(waits) == 2 and CANARY not in str(error.value)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (f"mongodb://a:{CANARY}@h", "names no database"),
        (f"postgresql://a:{CANARY}@h/x", "no address of mongodb"),
        (f"mongodb://a:{CANARY}@b@h/x", "%40"),
        (CANARY, "no address of mongodb"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_without_the_secret(
    tmp_path: Path, url: str, told: str
) -> None:
    with pytest.raises(ExtractError, match=told) as error:
        asker_of(_source(tmp_path), {"SHOP_URL": url}).digest()
    assert CANARY not in str(error.value)
    asker = asker_of(_source(tmp_path), {"SHOP_URL": f"mongodb://a:{CANARY}@h/x"})
    assert CANARY not in f"{asker} {asker.digest()}"


@pytest.mark.parametrize(
    ("location", "own", "told"),
    [
        (f"mongodb://a:{CANARY}@h/x", {}, "a secret does not stand in a file"),
        ("nowhere", {}, "write mongodb://user@host/database"),
        ("${X}", {"overlap": 5, "cursor": None}, "without a cursor there is no overlap"),
        ("${X}", {"collection": None}, "collection"),
    ],
)
def test_a_mistake_in_the_contract_is_told(
    tmp_path: Path, location: str, own: dict[str, Any], told: str
) -> None:
    with pytest.raises(DeclarationErrors) as error:
        _source(tmp_path, location=location, **own)
    assert told in str(error.value) and CANARY not in str(error.value)


def test_values_that_json_lacks_become_text_and_numbers_keep_their_digits() -> None:
    document = {
        "_id": ObjectId("65f000000000000000000001"),
        "at": datetime(2026, 3, 1, 10, 0, 0, 500_000, tzinfo=UTC),
        "long": Int64(2**60),
        "exact": Decimal128("12345678901234567890.10"),
        "none": [None, True, float("nan"), float("inf")],
        "raw": Binary(b"\x01\xff"),
        "uuid": UUID("12345678-1234-5678-1234-567812345678"),
        "in": {"a": [1, 2.5]},
    }
    text = json_text(as_json(document))
    assert text == (
        '{"_id":"65f000000000000000000001","at":"2026-03-01T10:00:00.500000Z","long":1152921504606846976,'
        '"exact":12345678901234567890.10,"none":[null,true,NaN,Infinity],"raw":"01ff",'
        '"uuid":"12345678-1234-5678-1234-567812345678","in":{"a":[1,2.5]}}'
    )
    assert json_text(parsed(text)) == text


class _Ends:
    """A collection that only tells the document with the smallest and that with the largest value."""

    def __init__(self, *values: Any) -> None:
        self.values = values

    def find_one(self, *_: Any, sort: list[tuple[str, int]]) -> dict[str, Any] | None:
        return {"ordered_at": self.values[0 if sort[0][1] == 1 else -1]} if self.values else None


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        (_day(1), [_day(1), _day(2)], "moment"),
        ("2026-03-01", ["2026-03-01", "2026-03-02T10:00:00Z"], "text day"),
        ("2026-03-01 10:00:00", [_day(1), _day(2)], "moment"),
        (5, [_day(1)], None),
        (5, [], "number"),
    ],
)
def test_a_question_is_put_in_the_type_of_the_values(
    tmp_path: Path, before: Any, now: list[Any], kind: str | None
) -> None:
    asker: Any = asker_of(_source(tmp_path), {})
    found = asker._in_type_of(_Ends(*now), Cursor.of(before, "ordered_at"))
    assert (found and found.kind) == kind


def test_values_of_two_types_are_told_since_those_of_one_would_never_come(tmp_path: Path) -> None:
    asker: Any = asker_of(_source(tmp_path), {})
    with pytest.raises(ExtractError, match=r"different kinds \(number and moment\)"):
        asker._in_type_of(_Ends(7, _day(2)), Cursor.of(_day(1), "ordered_at"))


def test_the_filter_keeps_documents_without_a_cursor_value_but_not_for_a_month(tmp_path: Path) -> None:
    collection = _source(tmp_path, query={"a": 1}).origin
    start = Cursor.of(_day(1), "x")
    others = {"ordered_at": {"$type": ["number", "string", "timestamp"]}}
    assert filter_of(collection, None, None) == {"a": 1}  # type: ignore[arg-type]
    assert filter_of(collection, start, None) == {  # type: ignore[arg-type]
        "$and": [{"a": 1}, {"$or": [{"ordered_at": {"$gte": _day(1)}}, others, {"ordered_at": None}]}]
    }
    assert filter_of(collection, start, Cursor.of(_day(2), "x")) == {  # type: ignore[arg-type]
        "$and": [{"a": 1}, {"$or": [{"ordered_at": {"$gte": _day(1), "$lt": _day(2)}}, others]}]
    }


def test_a_cursor_that_changes_its_type_later_is_told(shop: Shop, tmp_path: Path) -> None:
    source = _source(tmp_path)
    shop.orders.insert_many([{"order_id": 1, "ordered_at": _day(1)}])
    assert shop.extract(source).record.rows == 1
    shop.orders.insert_many([{"order_id": 2, "ordered_at": "2026-03-05T10:00:00Z"}])
    with pytest.raises(ExtractError, match="values of different kinds"):
        shop.extract(source, 1)


def test_init_drafts_a_contract_of_a_collection(shop: Shop) -> None:
    days = [datetime(2026, 1 + n % 6, 1 + n % 28, 10, tzinfo=UTC) for n in range(400)]
    shop.orders.insert_many([_order(n, day, customer_id=f"C{n % 40}") for n, day in enumerate(days)])
    found = find_collections(
        "${SHOP_URL}", ("orders",), shop.folder, date(2026, 7, 1), {"SHOP_URL": shop.url}
    )
    [group] = found.groups
    assert group.origin and group.origin.properties == {"collection": "orders"}
    assert len(group.files[0].path.read_text().splitlines()) == 400
