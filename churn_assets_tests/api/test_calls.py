"""What the calls answer, from a release made by hand."""

import csv
import io
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import httpx
import pytest

from churn_assets.api import limits
from churn_assets.api.app import create_app
from churn_assets.api.served import Served
from churn_assets.ml.portable.scored import score_frame
from churn_assets.service_settings import ApiSettings
from churn_assets.settings import Settings
from churn_assets_tests.api.releases import (
    AS_OF,
    FORMER,
    OBJECTED,
    SCORED,
    TOO_NEW,
    champion,
    publish_release,
    snapshots,
)
from churn_assets_tests.api.running import running
from churn_assets_tests.serving.release.made import FEATURES

NAN_CURSOR = "WyItcHJvYmFiaWxpdHkiLE5hTiwiYSJd"
EXPECTED = score_frame(snapshots(), champion(), FEATURES)


def reasons_of(row: int) -> list[str]:
    return [reason for reason in EXPECTED.iloc[row][["reason_1", "reason_2", "reason_3"]] if reason]


@pytest.mark.parametrize("live", [False, True])
def test_stored_and_live_scores_are_those_of_the_batch(client: httpx.Client, live: bool) -> None:
    for row, key in enumerate(SCORED):
        found = client.get(f"/v1/customers/{key}", params={"live": live}).json()
        assert found["probability"] == pytest.approx(EXPECTED["probability"].iloc[row], abs=1e-12)
        assert found["reasons"] == reasons_of(row)
        assert found["driver"] == EXPECTED["driver"].iloc[row]
        assert found["score_source"] == ("live" if live else "batch")


def test_a_customer_has_a_history_and_an_etag(client: httpx.Client) -> None:
    answer = client.get(f"/v1/customers/{SCORED[7]}")
    assert [score["as_of_date"] for score in answer.json()["history"]] == ["2025-11-30", "2025-12-31"]
    tag = answer.headers["etag"]
    again = client.get(f"/v1/customers/{SCORED[7]}", headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(f"/v1/customers/{SCORED[7]}", headers={"If-None-Match": "*"}).status_code == 304
    assert client.get(f"/v1/customers/{SCORED[7]}", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(("key", "status"), [(FORMER[0], "former"), (TOO_NEW[0], "too_new")])
@pytest.mark.parametrize("live", [False, True])
def test_a_customer_without_a_score_has_a_status_and_a_reason(
    client: httpx.Client, key: str, status: str, live: bool
) -> None:
    answer = client.get(f"/v1/customers/{key}", params={"live": live})
    found = answer.json()
    assert (answer.status_code, found["status"], found["probability"]) == (200, status, None)
    assert found["status_reason"]
    assert found["score_source"] is None


@pytest.mark.parametrize("path", ["", "/what-if"])
def test_who_objected_gets_no_score(client: httpx.Client, path: str) -> None:
    address = f"/v1/customers/{OBJECTED[0]}{path}"
    answer = client.post(address, json={"changes": {"tickets_count_3m": 1}}) if path else client.get(address)
    assert answer.status_code == 403
    assert answer.json()["reason_code"] == "objected_to_profiling"
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_unknown_customer(client: httpx.Client) -> None:
    assert client.get("/v1/customers/ffffffffffffffff").status_code == 404


@pytest.mark.parametrize("sort", ["-probability", "probability", "customer_key"])
def test_pages_hold_every_scored_customer_once(client: httpx.Client, sort: str) -> None:
    seen, cursor = [], None
    while True:
        page = client.get(
            "/v1/customers", params={"sort": sort, "limit": 40} | ({"cursor": cursor} if cursor else {})
        )
        found = page.json()
        seen += found["customers"]
        assert found["matching"] == len(SCORED)
        cursor = found["next"]
        if cursor is None:
            break
    keys = [one["customer_key"] for one in seen]
    assert sorted(keys) == SCORED
    if sort == "customer_key":
        assert keys == SCORED
    else:
        raw = [one["raw"] for one in seen]
        assert raw == sorted(raw, reverse=sort == "-probability")


def test_a_cursor_goes_on_where_a_page_ended_in_another_release(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = Settings(home=str(tmp_path_factory.mktemp("api")))
    publish_release(settings)
    with running(settings) as client:
        first = client.get("/v1/customers", params={"limit": 50, "sort": "customer_key"}).json()
        publish_release(settings, 1, shift=0.5)
        client.app.state.service.holder.look()  # type: ignore[attr-defined]
        rest = client.get(
            "/v1/customers", params={"limit": 1000, "sort": "customer_key", "cursor": first["next"]}
        ).json()
    assert first["release"] != rest["release"]
    assert [one["customer_key"] for one in [*first["customers"], *rest["customers"]]] == SCORED


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "AAAA",
        "WzFd",
        "bnVsbA",
        "é",
        "WyJwcm9iYWJpbGl0eSIsMC41LCJhIl0",
        "WyItcHJvYmFiaWxpdHkiLE5hTiwiYSJd",
    ],
)
def test_what_is_no_cursor_is_refused(client: httpx.Client, cursor: str) -> None:
    answer = client.get("/v1/customers", params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"] == "query.cursor"


def test_pages_by_risk_segment_and_driver(client: httpx.Client) -> None:
    high = client.get("/v1/customers", params={"risk_tier": "high"}).json()
    assert high["matching"] == 15
    assert {one["risk_tier"] for one in high["customers"]} == {"high"}
    driver = client.get("/v1/customers", params={"driver": "service", "limit": 1000}).json()
    assert driver["matching"] == int((EXPECTED["driver"] == "service").sum())
    assert client.get("/v1/customers", params={"segment": "=at risk"}).json()["matching"] == len(SCORED)
    assert client.get("/v1/customers", params={"segment": "none"}).json()["matching"] == 0


def test_streams_hold_every_scored_customer_and_no_formula(client: httpx.Client) -> None:
    lines = client.get("/v1/customers", params={"format": "jsonl"}).text.splitlines()
    assert sorted(json.loads(line)["customer_key"] for line in lines) == SCORED
    rows = list(csv.DictReader(io.StringIO(client.get("/v1/customers", params={"format": "csv"}).text)))
    assert sorted(row["customer_key"] for row in rows) == SCORED
    assert {row["segment"] for row in rows} == {"'=at risk"}


@pytest.mark.parametrize("kind", ["json", "csv", "jsonl"])
def test_who_objected_is_in_no_page_and_no_stream(client: httpx.Client, kind: str) -> None:
    """The key of one who objected, if it is written anywhere, would show that they are known."""
    told = client.get("/v1/customers", params={"format": kind, "limit": 1000, "sort": "customer_key"}).text
    assert SCORED[0] in told and len(OBJECTED) > 5
    assert not [key for key in OBJECTED if key in told]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (f"/v1/customers/{SCORED[7]}", 200),
        ("/v1/customers?format=csv", 200),
        ("/v2/health/ready", 200),
        ("/openapi.json", 200),
        ("/docs/assets/swagger-ui.css", 200),
        (f"/v1/customers/{OBJECTED[0]}", 403),
        ("/v1/nothing", 404),
        ("/v1/score", 405),
    ],
)
def test_head_is_answered_as_get_is_without_the_body(
    client: httpx.Client, settings: Settings, address: str, status: int
) -> None:
    asked, whole = client.head(address), client.get(address)
    assert (asked.status_code, asked.content) == (status, b"")
    # different in each answer; the last tells how a body is sent
    apart = ("x-request-id", "traceresponse", "date", "transfer-encoding")
    headers, expected = ([h for h in one.headers.items() if h[0] not in apart] for one in (asked, whole))
    assert sorted(headers) == sorted(expected)
    assert client.head("/v2/health/live").status_code == 200, "the connection goes on"


def test_given_rows_are_scored_as_the_batch_does(client: httpx.Client) -> None:
    rows = [
        {name: None if value != value else value for name, value in row.items()}
        for row in snapshots().to_dict("records")
    ]
    found = client.post("/v1/score", json={"rows": rows}).json()["scores"]
    assert [one["probability"] for one in found] == pytest.approx(EXPECTED["probability"].tolist(), abs=1e-12)
    assert [one["reasons"] for one in found] == [reasons_of(row) for row in range(len(rows))]


def test_missing_and_unknown_features_are_named(client: httpx.Client) -> None:
    row = {"tickets_count_3m": 2, "region": "where nobody was", "shoe_size": 43}
    found = client.post("/v1/score", json={"rows": [row]}).json()
    assert found["unknown_features"] == ["shoe_size"]
    long = client.post("/v1/score", json={"rows": [{"x" * 1000: 1}]}).json()
    assert long["unknown_features"] == ["x" * 64]
    assert found["scores"][0]["missing_features"] == ["tenure_days"]


def test_a_category_that_training_has_not_seen_counts_as_another(client: httpx.Client) -> None:
    rows = [{"region": "where nobody was"}, {"region": "nor there"}, {"region": "north"}]
    unseen, other, north = client.post("/v1/score", json={"rows": rows}).json()["scores"]
    assert unseen["probability"] == other["probability"] != north["probability"]


@pytest.mark.parametrize(
    ("row", "where"),
    [
        ({"tickets_count_3m": "4"}, "rows.0.tickets_count_3m"),
        ({"tickets_count_3m": [4]}, "rows.0.tickets_count_3m"),
        ({"tickets_count_3m": 10**400}, "rows.0.tickets_count_3m"),
        ({"region": 4}, "rows.0.region"),
        ({"region": {"a": 1}}, "rows.0.region"),
        (["north"], "rows.0"),
    ],
)
def test_a_value_of_another_kind_is_named_by_its_place(client: httpx.Client, row: object, where: str) -> None:
    answer = client.post("/v1/score", json={"rows": [row]})
    assert answer.status_code == 422
    assert [one["where"] for one in answer.json()["errors"]] == [where]


def test_what_if_asks_the_model_again(client: httpx.Client) -> None:
    found = client.post(
        f"/v1/customers/{SCORED[5]}/what-if", json={"changes": {"tickets_count_3m": 3}}
    ).json()
    changed = snapshots().iloc[[5]].assign(tickets_count_3m=3.0)
    assert found["before"] == pytest.approx(EXPECTED["probability"].iloc[5], abs=1e-12)
    assert found["after"] == pytest.approx(
        score_frame(changed, champion(), FEATURES)["probability"].iloc[0], abs=1e-12
    )
    assert found["difference"] == found["after"] - found["before"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"tickets_count_3m": 98765432}, 422),
        ({"tenure_days": 5}, 422),
        ({"no_such": 5}, 422),
        ({"tickets_count_3m": "quite many"}, 422),
        ({"tickets_count_3m": None}, 422),
        ({}, 422),
        (None, 422),
    ],
)
def test_a_what_if_that_is_not_allowed(client: httpx.Client, changes: object, status: int) -> None:
    answer = client.post(f"/v1/customers/{SCORED[5]}/what-if", json={"changes": changes})
    assert answer.status_code == status
    assert "quite many" not in answer.text
    assert "98765432" not in answer.json()["detail"] + str(answer.json()["errors"])


def test_what_if_needs_a_score(client: httpx.Client) -> None:
    answer = client.post(f"/v1/customers/{FORMER[0]}/what-if", json={"changes": {"tickets_count_3m": 1}})
    assert answer.status_code == 409


def test_segments_model_and_monitoring(client: httpx.Client) -> None:
    [segment] = client.get("/v1/segments").json()["segments"]
    assert segment["customers"] == len(SCORED)
    assert [driver["driver"] for driver in segment["drivers"]] == ["service", "loyalty"]
    told = client.get("/v1/model").json()
    assert [(f["name"], f["actionable"]) for f in told["features"]] == [
        (f.name, f.actionable) for f in FEATURES
    ]
    assert told["card"].startswith("# Model card")
    monitored = client.get("/v1/monitoring").json()
    assert [row["auc"] for row in monitored["performance"]] == [0.81]
    assert [row["psi"] for row in monitored["drift"]] == [0.02]


def test_a_large_body_is_not_taken_for_headers(client: httpx.Client) -> None:
    rows = [{"tenure_days": n, "customers_region": "north" * 200} for n in range(500)]
    for _ in range(3):  # over one connection
        answer = client.post("/v1/score", json={"rows": rows})
        assert (answer.status_code, len(answer.json()["scores"])) == (200, 500)


def test_a_number_that_becomes_infinite_is_refused(client: httpx.Client) -> None:
    content = b'{"rows": [{"tenure_days": 5}, {"tenure_days": 1e999}]}'
    answer = client.post("/v1/score", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert [one["where"] for one in answer.json()["errors"]] == ["rows.1.tenure_days"]


def test_an_address_with_a_slash_at_its_end_leads_nowhere_else(client: httpx.Client) -> None:
    assert client.post("/v1/score/", json={"rows": [{}]}).status_code == 404


def test_a_version_that_is_not_served(client: httpx.Client) -> None:
    assert client.get("/v2/models/churn/versions/99").status_code == 404


def test_metrics_count_requests_by_route_and_not_by_customer(client: httpx.Client) -> None:
    client.get(f"/v1/customers/{SCORED[0]}")
    told = client.get("/metrics").text
    assert 'churn_api_requests_total{method="GET",route="/v1/customers/{customer_key}",status="200"}' in told
    assert "churn_api_release_ready 1.0" in told
    assert SCORED[0] not in told


def test_scoring_that_fails_is_answered_by_the_batch(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Served, "explained", fail)
    before = fallbacks(client)
    days = (datetime.now(UTC).date() - AS_OF).days
    found = client.get(f"/v1/customers/{SCORED[3]}", params={"live": True}).json()
    assert found["score_source"] == "batch"
    assert found["probability"] == pytest.approx(EXPECTED["probability"].iloc[3], abs=1e-12)
    assert found["age_days"] in (days, days + 1), "a day may begin meanwhile"
    assert fallbacks(client) == before + 1


def fallbacks(client: httpx.Client) -> float:
    """How often scoring failed."""
    lines = client.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith("churn_api_fallbacks_total")).split()[1])


def test_the_page_to_try_calls_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/docs").text
    assert (
        "//"
        not in page.replace("<!-- `SwaggerUIBundle` is now available on the page -->", "").split("<script>")[
            0
        ]
    )
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"/docs/assets/{asset}" in page
        assert len(client.get(f"/docs/assets/{asset}").content) > 100_000


def test_without_a_release_nothing_is_answered_but_health(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(Settings(home=str(tmp_path_factory.mktemp("api")))) as client:
        answer = client.get(f"/v1/customers/{SCORED[0]}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        ready = client.get("/v2/health/ready")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert client.get("/v2/health/live").json() == {"live": True}


def test_a_limit_counts_requests(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = Settings(home=str(tmp_path_factory.mktemp("api")), api=ApiSettings(requests_per_minute=6))
    publish_release(settings)
    with running(settings) as client:
        first, second = (client.get(f"/v1/customers/{SCORED[0]}") for _ in range(2))
        assert client.get("/v2/health/live").status_code == 200, "health is not counted"
    assert (first.status_code, second.status_code) == (200, 429)
    assert 1 <= int(second.headers["retry-after"]) <= 11


@pytest.mark.parametrize("per_minute", [6, 7, 11, 100, 6000])
def test_a_key_may_use_its_whole_burst_at_any_time(monkeypatch: pytest.MonkeyPatch, per_minute: int) -> None:
    for start in range(200):
        now = start * 1234.567891
        monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda now=now: now))
        limiter = limits.Limiter(per_minute)
        waits = [limiter.take("crm") for _ in range(max(1, per_minute // limits.AT_ONCE))]
        assert not any(waits), (per_minute, now)
        assert limiter.take("crm") > 0


def test_the_description_names_every_call_and_needs_a_key() -> None:
    paths = create_app(Settings()).openapi()["paths"]
    open_ones = {path for path, calls in paths.items() for call in calls.values() if "security" not in call}
    assert open_ones == {"/v2/health/live", "/v2/health/ready"}
    assert {"/v1/score", "/v1/customers/lookup", "/v2/models/churn/infer", "/metrics"} <= paths.keys()
