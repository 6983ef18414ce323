"""The property `spell` of a contract: which columns carry the dates and the reason of a spell."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict

from churn_assets.contracts.place import Names, Place
from churn_assets.contracts.section import Distinct
from churn_assets.contracts.source import TIMES, Column, SpellColumns
from churn_assets.contracts.sources import check_values


class SpellProperty(BaseModel):
    """`spell` as a contract writes it."""

    model_config = ConfigDict(extra="forbid")
    startedOn: str
    expiresOn: str | None = None
    noticeOn: str | None = None
    endedOn: str
    endReason: str | None = None
    voluntaryReasons: Annotated[list[str], Distinct] = []

    @property
    def columns(self) -> dict[str, str]:
        """Key -> the column that it names."""
        return self.model_dump(exclude={"voluntaryReasons"}, exclude_none=True)

    def check(self, place: Place, names: Names, columns: Mapping[str, Column]) -> None:
        """Checks that the columns are there, that dates are times, and that reasons are among the valid values.

        Args:
            place: of the property.
            names: of all columns.
            columns: those that could be read, by name.
        """
        for key, name in self.columns.items():
            column = columns.get(find_column(name, names, place.at(key)) or "")
            if key != "endReason" and column and column.type not in TIMES:
                place.at(key).refuse(f"{name} is no time", "name a date or timestamp property")
        if reason := columns.get(self.endReason or ""):
            check_values(reason, self.voluntaryReasons, place.at("voluntaryReasons"))

    def as_columns(self) -> SpellColumns:
        """The same in our own words."""
        return SpellColumns(
            started_on=self.startedOn,
            expires_on=self.expiresOn,
            notice_on=self.noticeOn,
            ended_on=self.endedOn,
            end_reason=self.endReason,
            voluntary_reasons=tuple(self.voluntaryReasons),
        )


def find_column(name: str, names: Names, place: Place) -> str | None:
    """The column of that name, or the one probably meant; one that is not there is told."""
    return names.find(name, place, f"{name} is not a property of the schema")
