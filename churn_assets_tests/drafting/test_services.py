"""Drafts from a REST service: what is guessed about pages, what is written, and what is told of a refusal."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from churn_assets.cli.main import cli
from churn_assets.contracts.api import SourceApi
from churn_assets.contracts.loader import load_business
from churn_assets.drafting.paginators import guess_paginator, records_path
from churn_assets.extracts.asking import asker_of
from churn_assets.sources.apis.client import ApiPage
from churn_assets.sources.json_text import Number
from churn_assets.sources.live.extract import extract_new
from churn_assets_tests.drafting.commands import init, told
from churn_assets_tests.sources.apis.rest import Asked, Service, Told, service

NOW = datetime.now(UTC)
CANARY = "Kanarienvogel"
ROWS = [
    {
        "id": n,
        "customer_id": f"C{n % 40:03d}",
        "bought_at": f"{NOW - timedelta(days=400 - n // 2):%Y-%m-%d}T09:30:00Z",
        "amount": 10.5 + n % 7,
        "meta": {"shop": "NESW"[n % 4]},
        "tags": ["a"],
    }
    for n in range(720)
]


@pytest.fixture
def running() -> Iterator[Service]:
    with service() as some:
        yield some


def by_page(asked: Asked) -> Told:
    """250 purchases a page, by number."""
    first = (int(asked.parameters.get("page", 1)) - 1) * 250
    return Told({"data": {"items": ROWS[first : first + 250]}, "meta": {"total": len(ROWS)}})


def by_link(asked: Asked) -> Told:
    first = int(asked.parameters.get("from", 0))
    more = {"Link": f'</v2/purchases?from={first + 300}>; rel="next"'} if first + 300 < len(ROWS) else {}
    return Told(ROWS[first : first + 300], headers=more)


def by_cursor(asked: Asked) -> Told:
    first = int(asked.parameters.get("cursor", 0))
    following = first + 300 if first + 300 < len(ROWS) else None
    return Told({"results": ROWS[first : first + 300], "next_cursor": following})


@pytest.mark.parametrize(
    ("answer", "paginator", "records"),
    [
        (by_page, {"kind": "page", "parameter": "page", "total": "meta.total"}, "data.items"),
        (by_link, {"kind": "link"}, None),
        (by_cursor, {"kind": "cursor", "parameter": "cursor", "next": "next_cursor"}, "results"),
    ],
)
def test_the_draft_reads_all_pages(
    running: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[Asked], Told],
    paginator: dict[str, Any],
    records: str | None,
) -> None:
    running.answer = answer
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "home"))
    folder = tmp_path / "business"
    done = init(folder, f"{running.url}/v2/purchases?status=paid")
    assert done.exit_code == 0, done.output
    assert "lists are left out" in done.output and "churn-assets run extract --from" in done.output
    source = load_business(folder).source("purchases")
    assert isinstance(source.origin, SourceApi)
    own = source.origin.properties
    assert own.paginator.model_dump(exclude_unset=True) == paginator
    assert (own.path, own.records, own.parameters) == ("/v2/purchases", records, {"status": "paid"})
    assert (source.role, source.delivery, own.cursor) == ("event", "changes", "bought_at")
    text = (folder / "contracts/purchases.yaml").read_text()
    assert (
        "# paginator: guess: " in text and "# - {property: since, value: {parameter: updated_since}}" in text
    )
    draft = tmp_path / "draft"
    draft.mkdir()
    extract = extract_new(asker_of(source), str(tmp_path / "home/landing"), str(draft), NOW)
    assert extract.record.rows == len(ROWS)
    monkeypatch.setenv("CHURN_BUSINESS", str(folder))
    checked = CliRunner().invoke(cli, ["check"])
    stops = [line for line in checked.output.splitlines() if line.startswith("block")]
    assert all(line.startswith("block extracts: no extract in") for line in stops), checked.output
    assert "declarations" not in checked.output


def test_a_secret_of_the_address_reaches_no_file_and_no_terminal(running: Service, tmp_path: Path) -> None:
    def answer(asked: Asked) -> Told:
        login = asked.headers.get("authorization") == f"Basic {b64encode(f'a:{CANARY}'.encode()).decode()}"
        known = login and asked.parameters.get("api_key") == CANARY
        return Told(ROWS) if known else Told({}, 401)

    running.answer = answer
    address = running.url.replace("://", f"://a:{CANARY}@")
    done = init(tmp_path / "b", f"{address}/purchases?api_key={CANARY}")
    assert done.exit_code == 0, done.output
    texts = "".join(file.read_text() for file in (tmp_path / "b").rglob("*.yaml"))
    assert CANARY not in texts + done.output
    assert "set the environment variable 127_0_0_1" not in done.output
    assert "set the environment variable HOST_127_0_0_1_PASSWORD" in told(done)
    own = load_business(tmp_path / "b").source("purchases").origin.properties  # type: ignore[union-attr]
    assert own.parameters == {"api_key": "${HOST_127_0_0_1_API_KEY}"}
    assert own.authentication.password == "${HOST_127_0_0_1_PASSWORD}"


def test_a_login_by_words_is_sent_and_declared(
    running: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", CANARY)
    running.answer = lambda asked: (
        Told(ROWS) if asked.headers.get("authorization") == f"Bearer {CANARY}" else Told({}, 401)
    )
    url = f"{running.url}/purchases"
    refused = init(tmp_path / "a", url)
    assert refused.exit_code == 2 and "401 Unauthorized. Name the login" in told(refused)
    assert init(tmp_path / "b", url, "--login", "bearer ${SHOP_TOKEN}").exit_code == 0
    own = load_business(tmp_path / "b").source("purchases").origin.properties  # type: ignore[union-attr]
    assert own.authentication.token == "${SHOP_TOKEN}"
    for words in (f"bearer {CANARY}", "bearer"):
        wrong = init(tmp_path / "c", url, "--login", words)
        assert wrong.exit_code == 2 and "the second is a variable" in told(wrong)
        assert CANARY not in wrong.output


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Told({"items": []}), "answers no records"),
        (Told([]), "answers no records"),
        (Told({"a": 1}), "holds no list of JSON objects: a"),
        (Told([1]), "not of JSON objects"),
        (Told({}, 404), "404 Not Found. Correct the address"),
        (Told(b"<html>", headers={"Content-Type": "text/plain"}), "answers no JSON"),
    ],
)
def test_what_cannot_be_drafted_is_told(running: Service, tmp_path: Path, answer: Told, said: str) -> None:
    running.answer = lambda asked: answer
    done = init(tmp_path / "b", f"{running.url}/purchases")
    assert done.exit_code == 2 and said in told(done)
    assert not (tmp_path / "b").exists()


def test_nobody_at_the_address_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("churn_assets.drafting.services.RETRIES", 0)
    done = init(tmp_path / "b", f"http://a:{CANARY}@127.0.0.1:1/x?token={CANARY}")
    assert done.exit_code == 2 and "does not answer" in told(done) and CANARY not in done.output
    monkeypatch.setenv("SHOP_URL", f"https://x/y?token={CANARY}")
    done = init(tmp_path / "b", "${SHOP_URL}")
    assert done.exit_code == 2 and "Write them apart" in told(done) and CANARY not in done.output


def numbers(*ids: int) -> list[dict[str, Any]]:
    return [{"id": Number(str(n))} for n in ids]


@pytest.mark.parametrize(
    ("content", "kind", "rank"),
    [
        ({"items": numbers(*range(20))}, {"kind": "none"}, 1),
        ({"items": numbers(1, 2, 3)}, {"kind": "none"}, 2),
        ({"items": numbers(1, 2, 3), "total": Number("3")}, {"kind": "none"}, 3),
        (
            {"items": numbers(1), "total": Number("9")},
            {"kind": "page", "parameter": "page", "total": "total"},
            1,
        ),
        ({"items": numbers(1), "links": {"next": "/x?p=2"}}, {"kind": "link", "next": "links.next"}, 3),
        (
            {"items": numbers(1), "@odata.count": Number("1"), "@odata.nextLink": "https://h/x?$skiptoken=1"},
            {"kind": "link", "next": "@odata.nextLink"},
            3,
        ),
        ({"items": numbers(1), "next": None}, {"kind": "link", "next": "next"}, 2),
        (
            {"items": numbers(1), "nextPageToken": "abc"},
            {"kind": "cursor", "parameter": "nextPageToken", "next": "nextPageToken"},
            1,
        ),
    ],
)
def test_a_service_that_knows_no_parameter_leaves_a_choice(
    content: dict[str, Any], kind: dict[str, Any], rank: int
) -> None:
    path = records_path(content)
    found = guess_paginator(ApiPage(content, None), path, {}, lambda more: content["items"])
    assert (path, found.paginator, found.rank) == ("items", kind, rank)
    assert ("choose" in found.words) == (rank == 1 or (kind == {"kind": "none"} and rank == 2))


def test_size_and_offset_of_the_address_belong_to_the_paginator() -> None:
    rows = numbers(*range(9))

    def ask(more: Any) -> Any:
        return rows[int(more.get("offset", 0)) :][:3]

    found = guess_paginator(ApiPage(rows[:3], None), None, {"limit": "3", "offset": "0"}, ask)
    assert found.paginator == {"kind": "offset", "parameter": "offset", "sizeParameter": "limit", "size": 3}
