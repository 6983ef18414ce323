"""Requests and answers as OpenAPI describes them."""

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, Field

from churn_assets.api.inference_schemas import InferRequest

Value = float | str | bool | None
KEY = "6ad3456e0c25470f"


class Score(BaseModel):
    """The score of one row."""

    probability: float = Field(
        description="Calibrated probability to churn in the outcome window.", ge=0, le=1
    )
    raw: float = Field(description="Score that ranks: greater is riskier.")
    reasons: list[str] = Field(description="Up to three reasons in words, the strongest first.")
    driver: str = Field(description="Group of features that raises the risk most.")


class ScoredRow(Score):
    """The score of one row of a request."""

    missing_features: list[str] = Field(description="Features of the model that the row does not name.")


class PastScore(BaseModel):
    """The score of a customer at one date."""

    as_of_date: date
    probability: float
    decile: int | None
    model_version: str


class Changes(BaseModel):
    """How far the probability has moved, as this model gives both; null where it has nothing to compare with."""

    day: float | None = Field(description="Since the day before.", ge=-1, le=1)
    week: float | None = Field(description="Since 7 days before.", ge=-1, le=1)
    month_end: float | None = Field(description="Since the last month end.", ge=-1, le=1)


class CurrentScore(BaseModel):
    """The score of a customer as of the newest whole day that is known. Tiers and deciles are ranks of that day."""

    as_of_date: date = Field(description="What was known on this day was scored.")
    model_version: str
    raw: float = Field(description="Score that ranks: greater is riskier.")
    probability: float = Field(description="Calibrated probability to churn in the time after the day.")
    decile: int
    risk_tier: str
    value_tier: str
    segment: str
    action: str
    value: float | None
    driver: str
    reasons: list[str] = Field(description="Up to three reasons in words, the strongest first.")
    changes: Changes
    moved_reason: str | None = Field(
        description="The reason whose contribution changed most since `moved_since`; null where nothing changed."
    )
    moved_since: date | None = Field(description="Day that moved_reason compares with.")
    behind: str | None = Field(
        description="Sources that are behind their promise; null where every source is on time.",
        examples=["usage known until 2026-06-24"],
    )
    known_until: date | None = Field(
        description="Day until which the oldest source is known; null while a source is not known at all."
    )


class PlannedOffer(BaseModel):
    """What the newest campaign plans for a customer, or why nothing. Only an approved campaign is carried out."""

    campaign_id: str = Field(examples=["retention-2026-06"])
    as_of_date: date = Field(description="The plan rests on what was known on this day.")
    state: str | None = Field(description="planned, approved or closed, when the release was made.")
    arm: str | None = Field(
        description="planned; exploration: drawn at random; holdout: must be left alone; null: in no arm.",
        examples=["planned", "holdout"],
    )
    offer: str | None = Field(description="Offer of churn.yaml; of the holdout the one they would have got.")
    offer_words: str | None = Field(description="The offer in words.", examples=["10 % off for 6 months"])
    channel: str | None = Field(description="How the customer is contacted.", examples=["email"])
    reason: str | None = Field(
        description="Why the customer is not contacted; null for those who are.", examples=["not worth it"]
    )
    expected_effect: float | None = Field(
        description="Expected fall of the churn probability; below 0 the offer drives the customer away."
    )
    effect_rests_on: str | None = Field(
        description="The contacts that measured the effect, or why it is assumed; null without an offer.",
        examples=["measured: 1,204 contacts, 310 controls"],
    )
    expected_acceptance: float | None = Field(description="Probability that the customer accepts.")
    expected_cost: float | None = Field(description="Of the contact, and of the offer if it is accepted.")
    expected_profit: float | None = Field(description="What the effect is worth, less the expected cost.")


class BriefCustomer(BaseModel):
    """One customer of a page."""

    customer_key: str = Field(examples=[KEY])
    status: str = Field(
        description="`scored`, or why there is no score.", examples=["scored", "too_new", "former"]
    )
    status_reason: str | None = Field(description="The status as a sentence.")
    as_of_date: date | None = Field(None, description="What was known on this day was scored.")
    model_version: str | None = None
    raw: float | None = None
    probability: float | None = Field(
        None, description="Calibrated probability to churn in the outcome window."
    )
    decile: int | None = Field(None, description="Tenth of the cohort by risk; 1 is the riskiest.")
    risk_tier: str | None = None
    value_tier: str | None = None
    segment: str | None = None
    action: str | None = Field(None, description="What churn.yaml recommends for the segment.")
    value: float | None = None
    driver: str | None = None
    reasons: list[str] = Field(default=[], description="Up to three reasons in words, the strongest first.")
    expected_months: float | None = Field(
        None, description="Expected months until the customer leaves, counted up to horizon_months."
    )
    expected_months_low: float | None = Field(None, description="Lower end of its interval.")
    expected_months_high: float | None = Field(None, description="Upper end of its interval.")
    horizon_months: int | None = Field(None, description="Months that expected_months counts at the most.")
    survival_3m: float | None = Field(None, description="Chance to be still there after 3 months.")
    survival_6m: float | None = Field(None, description="The same after 6 months; null beyond the horizon.")
    survival_12m: float | None = Field(None, description="The same after 12 months; null beyond the horizon.")
    lifetime_value: float | None = Field(
        None,
        description="Margin that the customer is expected to bring within value_horizon_months, discounted.",
    )
    lifetime_value_low: float | None = Field(None, description="Lower end of the interval of this mean.")
    lifetime_value_high: float | None = Field(None, description="Upper end of it.")
    value_horizon_months: int | None = Field(None, description="Months that lifetime_value counts.")
    ended_on: date | None = Field(None, description="When a former customer left.")
    survivor_key: str | None = Field(None, description="Of a merged customer the one that goes on.")
    current: CurrentScore | None = Field(
        None,
        description="The score as of this morning; null without one. All other fields are of the month end.",
    )
    campaign: PlannedOffer | None = Field(
        None,
        description="What the newest campaign plans; null for customers who were not scored then, and without a plan.",
    )


class CustomerAnswer(BriefCustomer):
    """One customer."""

    current_reason: str | None = Field(description="Why `current` is null, as a sentence.")
    history: list[PastScore] = Field(description="Scores at each month end, the oldest first.")
    score_source: Literal["batch", "live"] | None = Field(description="Null without a score.")
    age_days: int | None = Field(description="Days since as_of_date.")
    stale: bool = Field(description="Newer scores are overdue.")
    current_stale: bool | None = Field(description="Newer current scores are overdue; null without any.")
    release: str = Field(description="The release that answers.")


class CustomerPage(BaseModel):
    """A page of customers."""

    release: str
    stale: bool
    current_stale: bool | None = Field(description="Newer current scores are overdue; null without any.")
    matching: int = Field(description="Customers on all pages.")
    customers: list[BriefCustomer]
    next: str | None = Field(description="`cursor` of the next page; null on the last.")


class LookupRequest(BaseModel):
    """Ids of the source."""

    ids: list[str] = Field(min_length=1, max_length=1000, examples=[["C-000123"]])


class LookupAnswer(BaseModel):
    """Customers in the order of the ids; status `not_found` and `objected` come without a score."""

    release: str
    customers: list[dict[str, Any]]


class ScoreRequest(BaseModel):
    """Rows of features by name."""

    rows: list[dict[str, Value]] = Field(
        min_length=1, examples=[[{"subscriptions_days_to_expiry": 20, "tickets_count_3m": 4}]]
    )


class ScoreAnswer(BaseModel):
    """Scores in the order of the rows."""

    release: str
    model_version: str
    trained_as_of: date
    stale: bool
    unknown_features: list[str] = Field(description="Names in the rows that are no features.")
    scores: list[ScoredRow]


class WhatIfRequest(BaseModel):
    """Actionable features with other values."""

    changes: dict[str, float | str | bool] = Field(
        min_length=1, examples=[{"subscriptions_monthly_price": 25}]
    )


class Changed(BaseModel):
    """One changed feature."""

    feature: str
    words: str
    before: float | str | None
    after: float | str
    probability: float = Field(description="With this change alone.")


class WhatIfAnswer(BaseModel):
    """The probability with and without the changes."""

    customer_key: str
    before: float
    after: float
    difference: float
    changes: list[Changed]
    kept: list[str] = Field(description="Related features that kept their value, in words.")
    as_of_date: date
    model_version: str
    release: str


class OfTheRelease(BaseModel):
    """What every answer about the release says."""

    release: str
    as_of_date: date
    model_version: str
    stale: bool
    current_as_of_date: date | None = Field(description="Day of the current scores; null without any.")
    current_model_version: str | None = Field(description="Version that gave them.")
    current_stale: bool | None = Field(description="Newer current scores are overdue; null without any.")


class SegmentDriver(BaseModel):
    """Customers of a segment with one driver."""

    driver: str
    customers: int
    mean_probability: float


class SegmentSize(BaseModel):
    """One segment."""

    segment: str
    action: str
    customers: int
    drivers: list[SegmentDriver]


class SegmentsAnswer(OfTheRelease):
    """The segments of the current scores."""

    segments: list[SegmentSize]


class ModelFeature(BaseModel):
    """A feature of the model."""

    name: str
    kind: Literal["number", "text"]
    words: str
    unit: str | None = None
    meaning: str | None = None
    typical: float | None = None
    actionable: bool = Field(description="A what-if question may change it.")
    observed: str | None = Field(None, description="Values that a what-if question may use.")


class ModelAnswer(OfTheRelease):
    """The model of the release."""

    candidate: str
    trained_as_of: date
    split: dict[str, Any] | None
    training: dict[str, Any] | None = Field(description="The row of models/training_runs.")
    champions: list[dict[str, Any]] = Field(description="Which version was in charge from when on.")
    features: list[ModelFeature]
    card: str = Field(description="The model card as Markdown; empty if there is none.")


class MonitoringAnswer(OfTheRelease):
    """How past scores came true, and how far the current cohort has drifted."""

    performance: list[dict[str, Any]]
    drift: list[dict[str, Any]]


class Live(BaseModel):
    """The process answers."""

    live: bool


class RefusedRelease(BaseModel):
    """A release that was not taken."""

    release: str
    why: str


class Ready(BaseModel):
    """Whether there is a release to answer from."""

    ready: bool
    release: str | None
    as_of_date: date | None
    stale: bool | None
    current_as_of_date: date | None = Field(description="Day of the current scores; null without any.")
    current_stale: bool | None = Field(description="Newer current scores are overdue; null without any.")
    refused: RefusedRelease | None = Field(description="The release in force, if it did not verify.")
    unreachable: str | None = Field(description="Why the releases cannot be read, if so.")


def body(model: type[BaseModel]) -> dict[str, Any]:
    """For OpenAPI: the body of a call that reads it itself."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


BODIES: tuple[type[BaseModel], ...] = (LookupRequest, ScoreRequest, WhatIfRequest, InferRequest)
