"""Gives customers to a CRM by the public API of its kind: one request for each batch."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

from churn_assets.contracts.crm import CrmLine
from churn_assets.operations.channels.channel import MessageRefused, Unavailable, resolved
from churn_assets.operations.channels.http import body_of, exchange, post
from churn_assets.operations.channels.webhook import sign

HUBSPOT = "https://api.hubapi.com"
SALESFORCE_API = "v60.0"
JSON = {"Content-Type": "application/json"}
UNANSWERED = "The CRM did not answer for each customer."
Value = str | float | int | None


@dataclass(frozen=True)
class Given:
    """What a CRM is given about one customer.

    Attributes:
        customer_key: of the lake.
        own_id: the business's own id of the customer.
        values: field of the CRM -> value; null: the field is emptied.
    """

    customer_key: str
    own_id: str
    values: Mapping[str, Value]


class Connector(Protocol):
    """A way to give customers to a CRM."""

    def give(self, batch: Sequence[Given], batch_id: str) -> dict[str, str]:
        """Gives a batch; returns customer_key -> why, of those that were not accepted.

        Raises:
            DeliveryFailed: nothing is known to be accepted.
        """


def connector_of(line: CrmLine, what: str = "scores") -> Connector:
    """The connector that a line of churn.yaml declares; nothing is opened. `what` is given: a webhook tells it."""
    if line.kind == "webhook":
        return CrmWebhook(line, what)
    kinds: dict[str, type[HubSpot] | type[Salesforce]] = {"hubspot": HubSpot, "salesforce": Salesforce}
    return kinds[line.kind](line)


@dataclass
class CrmWebhook:
    """Posts a batch as JSON, signed as the Standard Webhooks specification says. 2xx accepts all of it."""

    line: CrmLine
    what: str = "scores"

    def give(self, batch: Sequence[Given], batch_id: str) -> dict[str, str]:
        """See `Connector`."""
        customers = [{"id": one.own_id, **one.values} for one in batch]
        body = body_of({"type": f"churn_assets.{self.what}", "data": {"customers": customers}})
        moment = str(int(time.time()))
        signature = sign(resolved(self.line.secret or "").get_secret_value(), batch_id, moment, body)
        headers = {"webhook-id": batch_id, "webhook-timestamp": moment, "webhook-signature": signature}
        post(resolved(self.line.url or "").get_secret_value(), body, headers)
        return {}


@dataclass
class HubSpot:
    """Upserts records by a unique property; an empty text empties a property."""

    line: CrmLine

    def give(self, batch: Sequence[Given], batch_id: str) -> dict[str, str]:
        """See `Connector`. Of a batch with an error that names no record, or with records that are
        neither among the results nor among the errors, nothing counts as accepted.
        """
        base = resolved(self.line.url or HUBSPOT).get_secret_value().rstrip("/")
        token = resolved(self.line.token or "").get_secret_value()
        inputs = [
            {"idProperty": self.line.id_field, "id": one.own_id, "properties": _texts(one.values)}
            for one in batch
        ]
        url = f"{base}/crm/v3/objects/{self.line.object}/batch/upsert"
        answer = _object(
            exchange(url, body_of({"inputs": inputs}), JSON | {"Authorization": f"Bearer {token}"})
        )
        errors = answer.get("errors") or []
        named = {
            str(one): _code(e, "category") for e in errors for one in (e.get("context") or {}).get("ids", [])
        }
        if errors and not named:
            raise MessageRefused(f"The CRM answered with errors ({_code(errors[0], 'category')}).")
        refused = {one.customer_key: named[one.own_id] for one in batch if one.own_id in named}
        if len(answer.get("results") or []) != len(batch) - len(refused):
            raise MessageRefused(UNANSWERED)
        return refused


@dataclass
class Salesforce:
    """Upserts sObjects by an external id. Logs in by the OAuth client credentials flow, once a run."""

    line: CrmLine
    _login: tuple[str, str] | None = field(default=None, init=False, repr=False)

    def give(self, batch: Sequence[Given], batch_id: str) -> dict[str, str]:
        """See `Connector`."""
        token, base = self._login = self._login or self._logged_in()
        kind, own = self.line.object, str(self.line.id_field)
        records = [{"attributes": {"type": kind}, own: one.own_id, **one.values} for one in batch]
        url = f"{base}/services/data/{SALESFORCE_API}/composite/sobjects/{kind}/{own}"
        headers = JSON | {"Authorization": f"Bearer {token}"}
        content = exchange(url, body_of({"allOrNone": False, "records": records}), headers, "PATCH")
        results = _json(content)
        if not isinstance(results, list) or len(results) != len(batch):
            raise Unavailable(UNANSWERED)
        return {
            one.customer_key: _code((result.get("errors") or [{}])[0], "statusCode")
            for one, result in zip(batch, results, strict=True)
            if not result.get("success")
        }

    def _logged_in(self) -> tuple[str, str]:
        """Access token and address of the instance."""
        base = resolved(self.line.url or "").get_secret_value().rstrip("/")
        form = {
            "grant_type": "client_credentials",
            "client_id": resolved(self.line.client_id or "").get_secret_value(),
            "client_secret": resolved(self.line.client_secret or "").get_secret_value(),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = _object(exchange(f"{base}/services/oauth2/token", urlencode(form).encode(), headers))
        token = answer.get("access_token")
        if not isinstance(token, str):
            raise Unavailable("The login gave no access token.")
        return token, str(answer.get("instance_url") or base).rstrip("/")


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        raise Unavailable("The CRM did not answer in JSON.") from None


def _object(content: bytes) -> dict[str, Any]:
    answer = _json(content)
    if not isinstance(answer, dict):
        raise Unavailable(UNANSWERED)
    return answer


def _texts(values: Mapping[str, Value]) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in values.items()}


def _code(error: Mapping[str, Any], name: str) -> str:
    """The code of an error; its text may repeat personal values."""
    code = str(error.get(name) or "refused")
    return code if code.replace("_", "").isalnum() else "refused"
