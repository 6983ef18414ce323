"""The section `service_levels` of churn.yaml: what is promised to those who use the scores."""

from pydantic import Field

from churn_assets.contracts.section import Section


class ServiceLevels(Section):
    """Objectives, and the window in which they are measured."""

    window_days: int = Field(30, ge=7, le=366, description="days over which objectives are measured")
    score_days: int = Field(
        7, ge=1, le=31, description="days after a month's end until which its scores must be there"
    )
    fresh_scores: float = Field(
        0.95, gt=0, le=1, description="share of days on which the scores must be as new as promised"
    )
    month_end_success: float = Field(0.9, gt=0, le=1, description="share of month-end runs that must succeed")
