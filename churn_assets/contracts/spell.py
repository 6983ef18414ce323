"""The property `spell` of a contract: which columns carry the dates and the reason of a spell."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from churn_assets.contracts.place import Place
from churn_assets.contracts.source import TIMES, Column, SpellColumns


class SpellProperty(BaseModel):
    """`spell` as a contract writes it."""

    model_config = ConfigDict(extra="forbid")
    startedOn: str
    expiresOn: str | None = None
    noticeOn: str | None = None
    endedOn: str
    endReason: str | None = None
    voluntaryReasons: list[str] = []

    @property
    def columns(self) -> dict[str, str]:
        """Key -> the column that it names."""
        return self.model_dump(exclude={"voluntaryReasons"}, exclude_none=True)

    def check(self, place: Place, columns: Mapping[str, Column]) -> None:
        """Checks that the columns are there and that dates are times.

        Raises:
            DeclarationError: a key names no column, or one that is no time.
        """
        for key, name in self.columns.items():
            require_column(name, columns, place.at(key))
            if key != "endReason" and columns[name].type not in TIMES:
                place.at(key).refuse(f"{name} is no time", "name a date or timestamp property.")

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


def require_column(name: str, columns: Mapping[str, Column], place: Place) -> None:
    """Checks that a column is there.

    Raises:
        DeclarationError: it is not.
    """
    if name not in columns:
        place.refuse(f"{name} is not a property of the schema", f"use one of {', '.join(columns)}.")
