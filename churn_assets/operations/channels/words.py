"""The facts of a message as people read them."""

from churn_assets.operations.channels.message import Message


def facts_of(message: Message) -> list[tuple[str, str]]:
    """Name and value of everything that the message tells besides title, text and link."""
    found = [("When", f"{message.occurred_at:%Y-%m-%d %H:%M} UTC")]
    if message.customer_key:
        found.append(("Customer key", message.customer_key))
    return [*found, *message.facts.items(), *message.personal.items()]
