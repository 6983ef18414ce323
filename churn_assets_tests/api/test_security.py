"""Who may not ask gets no answer, and what is asked gets into no log, metric or error."""

import hashlib
import hmac
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from churn_assets.access import keys as keys_module
from churn_assets.access.keys import Keys, keys_file, now
from churn_assets.access.listening import AddressTaken
from churn_assets.api import identities as identities_module
from churn_assets.api.identities import Identities
from churn_assets.api.serve import ServeError, serve
from churn_assets.lakehouse.engine.processes import module_environment
from churn_assets.operations.audit import chain
from churn_assets.operations.audit.verification import stored
from churn_assets.operations.log.writing import log_folder
from churn_assets.service_settings import ApiSettings
from churn_assets.settings import Settings
from churn_assets_tests.api.asking import CUSTOMER, LIMITS, bearer, ignore, logged, raw_answer
from churn_assets_tests.api.releases import CANARY, OBJECTED, SCORED, publish_identities, publish_release
from churn_assets_tests.api.running import running


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=str(tmp_path_factory.mktemp("api")), api=LIMITS)


@pytest.fixture(scope="module")
def client(settings: Settings, make: Callable[..., str]) -> Iterator[httpx.Client]:
    publish_release(settings)
    publish_identities(settings)
    make("scores")
    with running(settings) as found:
        yield found


@pytest.mark.parametrize(
    "path", [CUSTOMER, "/v1/customers", "/v1/model", "/v1/monitoring", "/metrics", "/v2/models/churn"]
)
def test_no_key(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path", ["/v1/score", "/v1/customers/lookup", f"{CUSTOMER}/what-if", "/v2/models/churn/infer"]
)
def test_no_key_for_what_computes(client: httpx.Client, path: str) -> None:
    assert client.post(path, json={"rows": [{}]}).status_code == 401


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer churn_00000000_" + "A" * 43, "Basic YTpi", "Bearer a.b.c"]
)
def test_a_wrong_key(client: httpx.Client, header: str) -> None:
    assert client.get(CUSTOMER, headers={"Authorization": header}).status_code == 401


def test_a_right_key_in_either_header(client: httpx.Client, make: Callable[..., str]) -> None:
    key = make("scores")
    assert client.get(CUSTOMER, headers=bearer(key)).status_code == 200
    assert client.get(CUSTOMER, headers={"X-API-Key": key}).status_code == 200


def test_an_expired_key(client: httpx.Client, make: Callable[..., str]) -> None:
    answer = client.get(CUSTOMER, headers=bearer(make("scores", expires=timedelta(seconds=-1))))
    assert (answer.status_code, answer.json()["detail"]) == (401, "This key is expired.")


def test_a_revoked_key(client: httpx.Client, settings: Settings, make: Callable[..., str]) -> None:
    key = make("scores", name="leaver")
    assert client.get(CUSTOMER, headers=bearer(key)).status_code == 200
    Keys(keys_file(settings)).revoke("leaver", now(), ignore)
    assert client.get(CUSTOMER, headers=bearer(key)).status_code == 401


@pytest.mark.parametrize(
    ("scope", "allowed"), [("scores", "/v1/model"), ("monitoring", "/v1/monitoring"), ("identity", None)]
)
def test_a_key_has_its_own_scopes_only(
    client: httpx.Client, make: Callable[..., str], scope: str, allowed: str | None
) -> None:
    key = make(scope)
    gets = {
        "/v1/model": "scores",
        CUSTOMER: "scores",
        "/v1/monitoring": "monitoring",
        "/metrics": "monitoring",
    }
    for path, needed in gets.items():
        assert client.get(path, headers=bearer(key)).status_code == (200 if needed == scope else 403), path
    found = client.post("/v1/customers/lookup", json={"ids": ["C-0000"]}, headers=bearer(key))
    assert found.status_code == (200 if scope == "identity" else 403)


def test_a_key_in_the_address_is_refused_even_if_it_is_valid(
    client: httpx.Client, make: Callable[..., str]
) -> None:
    key = make("scores")
    escaped = key.replace("_", "%5F")
    for address in (
        f"{CUSTOMER}?key={key}",
        f"{CUSTOMER}?key={escaped}",
        f"{CUSTOMER}?key=eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjcm0ifQ.c2ln",
        f"/v1/customers/{key}",
        f"/v2/health/ready?key={key}",
        f"/openapi.json?key={key}",
        f"/nowhere/{key}",
    ):
        answer = client.get(address, headers=bearer(key))
        assert answer.status_code == 400
        assert "Revoke this key" in answer.json()["detail"]
        assert key not in answer.text


def test_a_wrong_key_costs_as_much_as_an_unknown_one(
    settings: Settings, make: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each key is hashed once and compared once in constant time, so that time tells nothing."""
    key = make("scores")
    calls: list[str] = []
    sha256, compare = hashlib.sha256, hmac.compare_digest
    hashing = SimpleNamespace(sha256=lambda *a: calls.append("hash") or sha256(*a))
    comparing = SimpleNamespace(compare_digest=lambda *a: calls.append("compare") or compare(*a))
    monkeypatch.setattr(keys_module, "hashlib", hashing)
    monkeypatch.setattr(keys_module, "hmac", comparing)
    known = Keys(keys_file(settings))
    known.all()
    for given in (key, key[:-1] + "_", "churn_00000000_" + "A" * 43, "no key at all"):
        calls.clear()
        known.find(given)
        assert calls == ["hash", "compare"], given


def test_each_request_is_one_line_of_the_log(
    client: httpx.Client, settings: Settings, make: Callable[..., str]
) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = bearer(make("scores", name="billing")) | {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    answer = client.get(CUSTOMER, headers=headers)
    [record] = logged(settings, answer.headers["x-request-id"])
    attributes = record["attributes"]
    assert isinstance(attributes, dict)
    assert record["trace_id"] == trace_id
    assert answer.headers["traceresponse"] == f"00-{trace_id}-{record['span_id']}-01"
    assert attributes["churn.caller"] == "billing"
    assert attributes["churn.customer_key"] == SCORED[0]
    assert attributes["churn.status"] == 200
    assert attributes["churn.milliseconds"] > 0


def test_lines_of_the_log_are_not_injected(client: httpx.Client, settings: Settings) -> None:
    path = b"/v1/customers/a%0a%7b%22forged%22:1%7d?x=%0aforged"
    raw_answer(client, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nUser-Agent: forged\r\n\r\n")
    client.get("/v2/health/live", headers={"X-Request-Id": "after-the-forged"})
    logged(settings, "after-the-forged")
    for file in log_folder(settings).glob("*.jsonl"):
        for line in file.read_text().splitlines():
            json.loads(line)
            assert "forged" not in line.replace("after-the-forged", "")


def test_an_id_is_looked_up_and_the_look_up_is_in_the_audit(
    client: httpx.Client, settings: Settings, make: Callable[..., str]
) -> None:
    asked = {"ids": ["C-0003", "nobody", f"C-{190:04d}"]}
    answer = client.post("/v1/customers/lookup", json=asked, headers=bearer(make("identity", name="desk")))
    known, unknown, objected = answer.json()["customers"]
    assert known["customer_key"] == SCORED[3]
    assert known["probability"] is not None
    assert unknown["status"] == "not_found"
    assert (objected["customer_key"], objected["reason_code"]) == (OBJECTED[0], "objected_to_profiling")
    assert "probability" not in objected
    content = list(stored(settings))[-1].content
    assert content is not None
    record = content[0]
    assert (record.act, record.by, record.subject, record.customers) == ("look_up", "desk", "2 customers", 2)


def test_a_look_up_that_cannot_be_recorded_is_refused(
    client: httpx.Client, make: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise chain.AuditError("the disk is full")

    monkeypatch.setattr(chain, "record", refuse)
    answer = client.post("/v1/customers/lookup", json={"ids": ["C-0003"]}, headers=bearer(make("identity")))
    assert answer.status_code == 503
    assert SCORED[3] not in answer.text


def test_an_identity_file_that_fails_is_told_and_the_former_one_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=str(tmp_path))
    publish_release(settings)
    publish_identities(settings)
    identities = Identities(settings)
    told: list[str] = []
    monkeypatch.setattr(identities_module, "event", lambda name, *_, **__: told.append(name))
    assert identities.keys_of(["C-0003"], "desk", "1") == [SCORED[3]]
    publish_release(settings, 1)
    (Path(settings.releases_uri) / "identity.bin").write_bytes(b"of another key")
    for number in range(3):
        assert identities.keys_of(["C-0003"], "desk", f"2{number}") == [SCORED[3]]
    assert told == ["api.identity_failed"]
    publish_identities(settings)
    later = time.monotonic() + identities_module.AGAIN
    monkeypatch.setattr(identities_module, "time", SimpleNamespace(monotonic=lambda: later))
    assert identities.keys_of(["C-0003"], "desk", "3") == [SCORED[3]]
    assert told == ["api.identity_failed"]


def test_no_personal_value_in_log_metrics_or_errors(
    client: httpx.Client, settings: Settings, make: Callable[..., str]
) -> None:
    secret = "Mustermann-4711"
    key = bearer(make("scores", "identity", "monitoring"))
    told = [
        client.post("/v1/customers/lookup", json={"ids": [secret]}, headers=key),
        client.post("/v1/customers/lookup", json={"ids": secret}, headers=key),
        client.post("/v1/score", json={"rows": [{"tenure_days": secret}]}, headers=key),
        client.post(f"{CUSTOMER}/what-if", json={"changes": {"tickets_count_3m": secret}}, headers=key),
        client.post(f"{CUSTOMER}/what-if", json={"changes": {secret: 3}}, headers=key),
        client.post(f"{CUSTOMER}/what-if", json={"changes": {secret: []}}, headers=key),
        client.get(f"/v1/customers/{secret}", headers=key),
        client.get("/v1/customers", params={"limit": secret, "cursor": secret, "sort": secret}, headers=key),
        client.get(f"/{secret}", headers=key),
        client.request("BREW", CUSTOMER, headers=key),
        client.get("/metrics", headers=key),
    ]
    for answer in told:
        assert secret not in answer.text, answer.request.url
        assert CANARY not in answer.text
    client.get("/v2/health/live", headers={"X-Request-Id": "after-the-secrets"})
    logged(settings, "after-the-secrets")
    files = [f for f in settings.home_path.rglob("*") if f.is_file() and f.name != "identity.bin"]
    assert any(f.suffix == ".jsonl" for f in files)
    for file in files:
        content = file.read_bytes()
        assert secret.encode() not in content, file
        assert CANARY.encode() not in content, file


def test_a_defect_shows_neither_values_nor_places(
    client: httpx.Client, settings: Settings, make: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from churn_assets.api.served import Served

    def fail(*_: object) -> None:
        raise ValueError("Mustermann")

    monkeypatch.setattr(Served, "row", fail)
    answer = client.get(CUSTOMER, headers=bearer(make("scores")))
    assert answer.status_code == 500
    assert answer.json().keys() == {"type", "title", "status", "detail", "request_id"}
    logged(settings, answer.headers["x-request-id"])
    assert all(b"Mustermann" not in f.read_bytes() for f in log_folder(settings).glob("*.jsonl"))


def test_without_keys_only_this_machine_asks_and_never_whom_an_id_belongs_to(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = Settings(home=str(tmp_path_factory.mktemp("api")))
    publish_release(settings)
    with running(settings) as client:
        assert client.get(CUSTOMER).status_code == 200
        assert client.post("/v1/customers/lookup", json={"ids": ["C-0000"]}).status_code == 403
        rebound = client.get(CUSTOMER, headers={"Host": "evil.example"})
        assert rebound.status_code == 401
        for host in (
            "a{b.evil.example:8000",
            "[",
            '"',
            "localhost.evil.example",
            "127.0.0.1@evil.example",
            "",
        ):
            head = f"GET {CUSTOMER} HTTP/1.1\r\nHost: {host}\r\n\r\n"
            assert raw_answer(client, head.encode()).split(b" ")[1] in (b"400", b"401"), host
        unnamed = raw_answer(client, f"GET {CUSTOMER} HTTP/1.0\r\n\r\n".encode())
        assert unnamed.split(b" ")[1] == b"401"
        for name in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
            forwarded = client.get(CUSTOMER, headers={name: "8.8.8.8"})
            assert forwarded.status_code == 401, name
            assert "proxy" in forwarded.json()["detail"]
        for host in ("localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000"):
            assert client.get(CUSTOMER, headers={"Host": host}).status_code == 200, host
        Keys(keys_file(settings)).create("crm", ["scores"], None, now(), ignore)
        assert client.get(CUSTOMER).status_code == 401
        Keys(keys_file(settings)).revoke("crm", now(), ignore)
        assert client.get(CUSTOMER).status_code == 401, "a revoked key opens nothing"
        keys_file(settings).write_text("[{]")
        assert client.get(CUSTOMER).status_code == 503


def test_without_keys_it_binds_to_loopback_only(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = Settings(home=str(tmp_path_factory.mktemp("api")), api=ApiSettings(host="0.0.0.0", port=0))
    with pytest.raises(ServeError, match=r"binds to loopback only, not to 0\.0\.0\.0"):
        serve(settings, print)


def test_a_port_in_use_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = Settings(home=str(tmp_path_factory.mktemp("api")), api=ApiSettings(port=port))
        with pytest.raises(AddressTaken, match=rf"127\.0\.0\.1:{port} cannot be used .* CHURN_API_PORT"):
            serve(settings, print)


def test_making_the_app_starts_no_thread_and_writes_no_file(tmp_path: Path) -> None:
    code = (
        "import threading; from churn_assets.api.app import create_app; create_app(); "
        "print(threading.active_count())"
    )
    environment = module_environment(CHURN_HOME=str(tmp_path / "home"))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    assert list(tmp_path.iterdir()) == []
