"""A CRM on this machine that answers as the public APIs of HubSpot and Salesforce do, and a webhook."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

from churn_assets_tests.http_server import serving


@dataclass
class Crm:
    """What the CRM was given.

    Attributes:
        requests: (method, path, headers, body) of each request.
        records: own id -> fields.
        refused: own ids that it refuses.
        status: that it answers every request with, if not 200.
        nonsense: that it answers every request with but a login; None: the answer of the public API.
    """

    port: int = 0
    requests: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    status: int = 200
    nonsense: str | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def answer(self, path: str, body: str) -> tuple[int, Any]:
        """Status and content of the answer."""
        if self.status != 200:
            return self.status, {"message": "closed"}
        if path.endswith("/oauth2/token"):
            known = parse_qs(body).get("client_secret") == ["s3cret"]
            return (200, {"access_token": "t0ken", "instance_url": self.url}) if known else (400, {})
        content = json.loads(body)
        if "/crm/v3/objects/contacts/batch/upsert" in path:
            return self._hubspot(content["inputs"])
        if "/composite/sobjects/Contact/Customer_No__c" in path:
            return 200, [self._salesforce(record) for record in content["records"]]
        for customer in content["data"]["customers"]:
            self.records[customer.pop("id")] = customer
        return 200, {}

    def _hubspot(self, inputs: list[dict[str, Any]]) -> tuple[int, Any]:
        assert {one["idProperty"] for one in inputs} == {"customer_no"}
        assert len(inputs) <= 100
        bad = [one["id"] for one in inputs if one["id"] in self.refused]
        for one in inputs:
            if one["id"] not in bad:
                self.records.setdefault(one["id"], {}).update(one["properties"])
        error = {
            "status": "error",
            "category": "VALIDATION_ERROR",
            "message": "Anna",
            "context": {"ids": bad},
        }
        results = [{"id": "512", "new": False, "properties": {}} for one in inputs if one["id"] not in bad]
        answer = {"status": "COMPLETE", "results": results}
        return (207, answer | {"numErrors": 1, "errors": [error]}) if bad else (200, answer)

    def _salesforce(self, record: dict[str, Any]) -> dict[str, Any]:
        assert record.pop("attributes") == {"type": "Contact"}
        own_id = record.pop("Customer_No__c")
        if own_id in self.refused:
            return {"success": False, "errors": [{"statusCode": "INVALID_FIELD", "message": "Anna"}]}
        self.records.setdefault(own_id, {}).update(record)
        return {"id": "003", "success": True, "errors": [], "created": False}


@contextmanager
def crm() -> Iterator[Crm]:
    """The CRM, while it runs."""
    server_side = Crm()

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            server_side.requests.append((self.command, self.path, headers, body))
            status, content = server_side.answer(self.path, body)
            odd = server_side.nonsense is not None and not self.path.endswith("/oauth2/token")
            told = (str(server_side.nonsense) if odd else json.dumps(content)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def do_POST(self) -> None:
            self._do()

        def do_PATCH(self) -> None:
            self._do()

        def log_message(self, *_: Any) -> None:
            pass

    with serving(Handler) as server:
        server_side.port = server.server_port
        yield server_side
