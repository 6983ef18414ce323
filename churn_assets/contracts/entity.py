"""Checks the properties that only an entity has, and the deliveries `once` and `as_needed`."""

from collections.abc import Mapping

from churn_assets.contracts.custom_properties import AnswerProperty, ContractProperties
from churn_assets.contracts.place import Names, Place
from churn_assets.contracts.source import AnswerColumn, Column, FormerColumn, Reach
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
    for key in ("former", "mergedInto", "contact", "consent", "objection", "accountOwner"):
        if getattr(own, key) and own.role != "entity":
            property_place(place, key).refuse(f"a source of role {own.role} cannot have {key}", "remove it")
    if own.delivery == "once" and own.role != "entity":
        property_place(place, "delivery").refuse(
            f"a source of role {own.role} cannot be delivered once: nobody would know what happened since",
            "write `changes`, and deliver what is new",
        )
    if own.delivery == "as_needed" and own.role != "treatment":
        property_place(place, "delivery").refuse(
            f"a source of role {own.role} cannot deliver as needed: a lost extract would look like a quiet month",
            "write `changes`, and deliver an extract without rows when nothing happened",
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
    _check_reach(own, place, names, columns)


def _check_reach(own: ContractProperties, place: Place, names: Names, columns: Mapping[str, Column]) -> None:
    """Checks how customers are reached: contact columns are personal, answers are not, and say what means yes."""
    for name in own.contact:
        here = property_place(place, "contact")
        column = columns.get(find_column(name, names, here) or "")
        if column is not None and not column.personal:
            here.refuse(f"{name} is not personal, and every table may show it", "classify it as personal")
    if own.accountOwner is not None:
        find_column(own.accountOwner, names, property_place(place, "accountOwner"))
    for key in ("consent", "objection"):
        answer: AnswerProperty | None = getattr(own, key)
        if answer is None:
            continue
        here = property_place(place, key)
        column = columns.get(find_column(answer.column, names, here.at("column")) or "")
        if column is None:
            continue
        if column.personal:
            here.at("column").refuse(
                f"{column.name} is personal, and no table after silver may read it", "name another column"
            )
        if column.type == "boolean" and answer.values:
            here.at("values").refuse(f"{column.name} is a boolean, and true means yes", "remove the values")
        elif column.type != "boolean" and not answer.values:
            here.refuse(f"nobody knows which values of {column.name} mean yes", "name them in `values`")
        else:
            check_values(column, answer.values, here.at("values"))


def reach_of(own: ContractProperties) -> Reach:
    """Converts the properties `contact`, `consent`, `objection` and `accountOwner`."""
    return Reach(tuple(own.contact), _answer(own.consent), _answer(own.objection), own.accountOwner)


def _answer(own: AnswerProperty | None) -> AnswerColumn | None:
    return AnswerColumn(own.column, tuple(own.values) or ("true",)) if own else None


def former_column(own: ContractProperties) -> FormerColumn | None:
    """Converts the property `former`; None if there is none."""
    return FormerColumn(own.former.column, tuple(own.former.values)) if own.former else None
