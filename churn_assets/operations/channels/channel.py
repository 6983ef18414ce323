"""What every channel can do, how it says that it could not, and where its secrets come from."""

import os
from typing import Protocol

from pydantic import SecretStr

from churn_assets.contracts.channels import FROM_ENVIRONMENT
from churn_assets.operations.channels.message import Batch

SECONDS = 10  # until an attempt is given up


class DeliveryFailed(RuntimeError):
    """A delivery did not succeed. The message says why and holds no secret and no content of a message."""


class Unreachable(DeliveryFailed):
    """The channel takes nothing now: no connection, no answer, or a refused login. All its messages wait."""


class Unavailable(DeliveryFailed):
    """The receiver answered that it cannot take this delivery now.

    Attributes:
        after: seconds that it asks to wait; None if it does not say.
    """

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class MessageRefused(DeliveryFailed):
    """The receiver refuses this delivery and may take others."""


class Channel(Protocol):
    """A place where messages are told."""

    @property
    def digest_hour(self) -> int | None:
        """Hour (UTC) from which the day's digest of each rule is sent; None: nothing waits."""

    @property
    def collects(self) -> bool:
        """Whether one delivery may carry several messages of a rule."""

    def deliver(self, batch: Batch) -> None:
        """Delivers the batch; returns only when the receiver has accepted all of it.

        Raises:
            DeliveryFailed: the receiver may or may not have it.
        """


def resolved(written: str) -> SecretStr:
    """The value of a key of churn.yaml, or of the environment variable that it names as `${NAME}`.

    Raises:
        Unreachable: the variable is not set.
    """
    found = FROM_ENVIRONMENT.fullmatch(written)
    if found is None:
        return SecretStr(written)
    value = os.environ.get(found[1], "")
    if not value:
        raise Unreachable(f"The environment variable {found[1]} is not set.")
    return SecretStr(value)
