"""Checks the property `spell` of a contract against the columns that it names."""

from collections.abc import Mapping

from churn_assets.contracts.custom_properties import SpellProperty
from churn_assets.contracts.place import Names, Place
from churn_assets.contracts.source import TIMES, Column, SpellColumns
from churn_assets.contracts.sources import check_values


def find_column(name: str, names: Names, place: Place) -> str | None:
    """Returns the name of the column, or the one probably meant; reports an unknown name."""
    return names.find(name, place, f"{name} is not a property of the schema")


def check_spell(spell: SpellProperty, place: Place, names: Names, columns: Mapping[str, Column]) -> None:
    """Checks that the columns exist, that dates are of type date or timestamp, and that the reasons are valid values.

    Args:
        spell: the property.
        place: of the property.
        names: of all columns.
        columns: the columns that could be read, by name.
    """
    for key, name in spell.columns.items():
        column = columns.get(find_column(name, names, place.at(key)) or "")
        if key != "endReason" and column and column.type not in TIMES:
            place.at(key).refuse(f"{name} is not a date or timestamp", "name a date or timestamp property")
    if reason := columns.get(spell.endReason or ""):
        check_values(reason, spell.voluntaryReasons, place.at("voluntaryReasons"))


def spell_columns(spell: SpellProperty) -> SpellColumns:
    """Converts the property to `SpellColumns`."""
    return SpellColumns(
        started_on=spell.startedOn,
        expires_on=spell.expiresOn,
        notice_on=spell.noticeOn,
        ended_on=spell.endedOn,
        end_reason=spell.endReason,
        voluntary_reasons=tuple(spell.voluntaryReasons),
        date_order=spell.dateOrder,
    )
