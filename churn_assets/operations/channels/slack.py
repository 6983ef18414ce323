"""The channel `slack`: an incoming webhook of Slack."""

from dataclasses import dataclass
from typing import Any

from churn_assets.contracts.channels import ChannelLine
from churn_assets.operations.channels.channel import resolved
from churn_assets.operations.channels.http import body_of, post
from churn_assets.operations.channels.message import Batch, Message
from churn_assets.operations.channels.words import facts_of

SIGNS = {"info": ":information_source:", "warning": ":warning:", "critical": ":rotating_light:"}
LONGEST = 2900  # characters of a section; Slack refuses more than 3000


@dataclass
class Slack:
    """Posts one message at a time. Slack knows no idempotency key, so the id stands below the message."""

    line: ChannelLine
    digest_hour: None = None
    collects: bool = False

    def deliver(self, batch: Batch) -> None:
        """See `Channel`."""
        [message] = batch.messages
        post(resolved(self.line.url or "").get_secret_value(), body_of(blocks(message)), {})


def blocks(message: Message) -> dict[str, Any]:
    """The message in Slack's blocks; its text is escaped, so that nothing in it is taken for a link or a mention."""
    facts = [f"*{_escaped(name)}*: {_escaped(value)}" for name, value in facts_of(message)]
    text = "\n".join(
        [f"{SIGNS[message.severity]} *{_escaped(message.title)}*", _escaped(message.text), *facts]
    )
    if message.link:
        text += f"\n<{_escaped(message.link)}|Open>"
    return {
        "text": _escaped(message.title),
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": text[:LONGEST]}},
            {"type": "context", "elements": [{"type": "plain_text", "text": message.id}]},
        ],
    }


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
