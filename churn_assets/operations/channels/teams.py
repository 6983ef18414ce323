"""The channel `teams`: a workflow of Microsoft Teams that posts an Adaptive Card when its webhook is called."""

from dataclasses import dataclass
from typing import Any

from churn_assets.contracts.channels import ChannelLine
from churn_assets.operations.channels.channel import resolved
from churn_assets.operations.channels.http import body_of, post
from churn_assets.operations.channels.message import Batch, Message
from churn_assets.operations.channels.words import facts_of

COLOURS = {"info": "Accent", "warning": "Warning", "critical": "Attention"}


@dataclass
class Teams:
    """Posts one card for each message. Teams knows no idempotency key, so the id stands on the card."""

    line: ChannelLine
    digest_hour: None = None
    collects: bool = False

    def deliver(self, batch: Batch) -> None:
        """See `Channel`."""
        [message] = batch.messages
        attachment = {
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": None,
            "content": card(message),
        }
        content = {"type": "message", "attachments": [attachment]}
        post(resolved(self.line.url or "").get_secret_value(), body_of(content), {})


def card(message: Message) -> dict[str, Any]:
    """The message as an Adaptive Card."""
    body: list[dict[str, Any]] = [
        {
            "type": "TextBlock",
            "text": message.title,
            "weight": "Bolder",
            "size": "Medium",
            "color": COLOURS[message.severity],
            "wrap": True,
        },
        {"type": "TextBlock", "text": message.text, "wrap": True},
        {"type": "FactSet", "facts": [{"title": n, "value": v} for n, v in facts_of(message)]},
        {"type": "TextBlock", "text": message.id, "isSubtle": True, "size": "Small", "wrap": True},
    ]
    actions = [{"type": "Action.OpenUrl", "title": "Open", "url": message.link}] if message.link else []
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": actions,
    }
