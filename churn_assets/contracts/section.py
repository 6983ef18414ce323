"""What the sections of churn.yaml have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
Share = Annotated[float, Field(gt=0, lt=1)]


class Section(BaseModel):
    """Strict: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
