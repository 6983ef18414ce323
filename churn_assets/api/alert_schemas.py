"""Alerts as OpenAPI describes them."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from churn_assets.api.schemas import KEY


class Alert(BaseModel):
    """A change of a customer that a rule found."""

    alert_id: str = Field(examples=["0f3c6ad3456e0c25"])
    as_of_date: date = Field(description="Day as of which the customer had changed.")
    customer_key: str = Field(examples=[KEY])
    rule: str
    channel: str | None = Field(description="Channels that tell it; null: it is only shown.")
    model_version: str
    compared_with: date | None = Field(description="Earlier day that the customer was compared with.")
    old_value: str | None = Field(description="Value on that day: a probability, a tier, a driver.")
    new_value: str | None
    probability: float = Field(ge=0, le=1)
    importance: float = Field(description="Probability times margin, in the currency of churn.yaml.")
    reasons: list[str] = Field(description="Up to three reasons in words, the strongest first.")
    action: str
    state: Literal["new", "delivered", "acknowledged", "suppressed"]
    why: str | None = Field(description="Why it was suppressed.")
    created_at: datetime
    delivered_at: datetime | None
    acknowledged_at: datetime | None
    outcome: str | None = Field(description="What became of the customer; null until it can be known.")
    outcome_known_at: date | None


class AlertPage(BaseModel):
    """A page of alerts."""

    release: str
    current_as_of_date: date | None = Field(description="Day of the current scores; null without any.")
    matching: int = Field(description="Alerts on all pages.")
    alerts: list[Alert]
    next: str | None = Field(description="`cursor` of the next page; null on the last.")


class LiveScore(BaseModel):
    """A customer who was scored within seconds of a new row."""

    customer_key: str = Field(examples=[KEY])
    scored_at: datetime
    probability: float = Field(ge=0, le=1)
    decile: int = Field(ge=1, le=10)
    risk_tier: str
    segment: str
    action: str
    reasons: list[str] = Field(description="Up to three reasons in words, the strongest first.")


class LiveFindings(BaseModel):
    """What is newer than the current scores of the release."""

    release: str
    current_as_of_date: date | None = Field(description="Day of the current scores; null without any.")
    at: datetime | None = Field(
        description="When the newest was found; null: nothing is newer than the release."
    )
    as_of_date: date | None = Field(description="The day that goes on.")
    model_version: str | None
    scores: list[LiveScore] = Field(description="The last 1,000 customers who were scored, the newest first.")
    alerts: list[Alert] = Field(description="All alerts of the day, the most important first.")
