"""Base class and field types shared by the sections of churn.yaml and the parts of a contract."""

from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Item = TypeVar("Item")

MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"
NAME = r"^[a-z][a-z0-9_]*$"
PATTERNS = {
    MONTH: "a month, 2025-01",
    NAME: "small letters, digits and _, the first of them a letter",
}  # wording for messages
Month = Annotated[str, Field(pattern=MONTH)]
Name = Annotated[str, Field(pattern=NAME)]


def _distinct(items: list[Item]) -> list[Item]:
    written = [(type(item), item) for item in items]
    if twice := [item for kind, item in written if written.count((kind, item)) > 1]:
        raise ValueError(f"{twice[0]} is listed twice; remove one")
    return items


Distinct = AfterValidator(_distinct)  # validator of a list
Share = Annotated[float, Field(gt=0, lt=1)]


class Section(BaseModel):
    """Base of the sections. An unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
