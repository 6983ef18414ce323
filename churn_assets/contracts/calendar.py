"""The section `calendar` of churn.yaml: the months of the business."""

from datetime import date
from typing import Self

from pydantic import Field, field_validator, model_validator

from churn_assets.contracts.place import Place
from churn_assets.contracts.section import Month, Section
from churn_assets.contracts.windows import Windows
from churn_assets.months import add_months, month_end


class Calendar(Section):
    """First month of the business, and its last month if the history has ended or will end."""

    start: Month = Field(description="the first ingest month, `YYYY-MM`")
    end: Month | None = Field(
        None,
        description=("the last ingest month, for a history that ends; default: the current month"),
    )

    @field_validator("start", "end", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return str(value)[:7] if isinstance(value, date | str) else value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end is not None and self.end < self.start:
            raise ValueError(f"the calendar ends ({self.end}) before it starts ({self.start})")
        return self

    def over(self, today: date) -> bool:
        """Returns whether the last month ended before `today`; its last day is still inside the calendar."""
        return self.end is not None and month_end(self.end) < today

    def first_snapshot_month(self, windows: Windows) -> str:
        """Returns the first month whose whole observation window is inside the calendar."""
        return add_months(self.start, windows.observation_months - 1)

    def check(self, place: Place, windows: Windows) -> None:
        """Reports a calendar that is shorter than one observation window."""
        if self.end and self.first_snapshot_month(windows) > self.end:
            place.refuse(
                f"it holds no full observation window of {windows.observation_months} months",
                "lengthen it or shorten the window",
            )
