"""Checks the properties that only an entity has: `former` and `mergedInto`, and the delivery `once`."""

from collections.abc import Mapping

from churn_assets.contracts.custom_properties import ContractProperties
from churn_assets.contracts.place import Names, Place
from churn_assets.contracts.source import Column, FormerColumn
from churn_assets.contracts.sources import check_values
from churn_assets.contracts.spell import find_column
from churn_assets.contracts.validation import property_place


def check_entity(own: ContractProperties, place: Place, names: Names, columns: Mapping[str, Column]) -> None:
    """Checks that only an entity has these properties, that their columns exist, and that the values are valid.

    Args:
        own: the customProperties.
        place: of the customProperties.
        names: of all columns.
        columns: the columns that could be read, by name.
    """
    for key in ("former", "mergedInto"):
        if getattr(own, key) is not None and own.role != "entity":
            property_place(place, key).refuse(f"a source of role {own.role} cannot have {key}", "remove it")
    if own.delivery == "once" and own.role != "entity":
        property_place(place, "delivery").refuse(
            f"a source of role {own.role} cannot be delivered once: nobody would know what happened since",
            "write `changes`, and deliver what is new",
        )
    if own.former is not None:
        here = property_place(place, "former")
        column = columns.get(find_column(own.former.column, names, here.at("column")) or "")
        if column is not None:
            check_values(column, own.former.values, here.at("values"))
            if column.personal:
                here.at("column").refuse(
                    f"{column.name} is personal, and no table after silver may read it", "name another column"
                )
    if own.mergedInto is not None:
        here = property_place(place, "mergedInto")
        column = columns.get(find_column(own.mergedInto, names, here) or "")
        if column is not None and column.spark_type != "string":
            here.refuse(f"{column.name} identifies a customer but is not a string", "declare it as string")
        if own.mergedInto == own.customer:
            here.refuse(f"{own.mergedInto} is the customer itself", "name the column of the surviving id")


def former_column(own: ContractProperties) -> FormerColumn | None:
    """Converts the property `former`; None if there is none."""
    return FormerColumn(own.former.column, tuple(own.former.values)) if own.former else None
