"""The channel `webhook`: JSON signed as the Standard Webhooks specification says (standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any

from churn_assets.contracts.channels import ChannelLine
from churn_assets.operations.channels.channel import Unreachable, resolved
from churn_assets.operations.channels.http import body_of, post
from churn_assets.operations.channels.message import Batch

PREFIX = "whsec_"
OF_DELIVERY = ("at_once", "quiet")  # tell when it is delivered, and nothing to the receiver


@dataclass
class Webhook:
    """Posts one message at a time. The header `webhook-id` is the idempotency key."""

    line: ChannelLine
    digest_hour: None = None
    collects: bool = False

    def deliver(self, batch: Batch) -> None:
        """See `Channel`."""
        [message] = batch.messages
        content: dict[str, Any] = json.loads(message.to_json())
        body = body_of(
            {
                "type": f"churn_assets.{message.topic}.{message.rule}",
                "timestamp": content.pop("occurred_at"),
                "data": {k: v for k, v in content.items() if v not in (None, {}) and k not in OF_DELIVERY},
            }
        )
        moment = str(int(time.time()))
        signature = sign(resolved(self.line.secret or "").get_secret_value(), batch.id, moment, body)
        headers = {"webhook-id": batch.id, "webhook-timestamp": moment, "webhook-signature": signature}
        post(resolved(self.line.url or "").get_secret_value(), body, headers)


def sign(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """The header `webhook-signature`: HMAC-SHA256 over id, time and body.

    Raises:
        Unreachable: the secret is not `whsec_` and base64.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(PREFIX) or not key:
        raise Unreachable(f"The signing secret is not {PREFIX} followed by base64.")
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
