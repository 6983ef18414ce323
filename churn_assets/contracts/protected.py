"""The section `protected` of churn.yaml: attributes for the fairness metrics.

Models must not learn from them unless `allowed_as_feature` is set.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from pydantic import Field

from churn_assets.contracts.feature import Feature, FeatureLine
from churn_assets.contracts.place import Place
from churn_assets.contracts.section import Section
from churn_assets.contracts.sources import Sources
from churn_assets.contracts.validation import peek

GROUPED = frozenset({"string", "boolean"})


class ProtectedAttribute(Section):
    """One line under `protected` in churn.yaml: an attribute of the customer, as known at the as_of_date."""

    source: str = Field(description="an entity source")
    column: str = Field(
        description="a column of words or of true and false, because its values make groups; not a personal "
        "column"
    )
    words: str | None = Field(None, description="the words for people; default: the name of the column")
    allowed_as_feature: bool = Field(False, description="models may learn from it; reasons never name it")

    @property
    def name(self) -> str:
        """Name of its column in features/customer_snapshots."""
        return f"protected_{self.source}_{self.column}"

    @property
    def said(self) -> str:
        """The wording for readers."""
        return self.words or self.column.replace("_", " ")

    def as_feature(self) -> Feature:
        """Returns the feature that fills its column in the snapshots; models never get this feature."""
        return Feature(
            self.name,
            "category",
            "protected",
            self.said,
            self.source,
            "attribute",
            column=self.column,
            protected=True,
        )

    def is_read_by(self, line: FeatureLine | Feature) -> bool:
        """Returns whether a feature reads the attribute, directly or in an SQL expression."""
        if line.sql is not None:
            return re.search(rf"\b{self.name}\b", line.sql) is not None
        return line.source == self.source and line.column == self.column

    def check(self, place: Place, sources: Sources) -> bool:
        """Returns whether the column can divide customers into groups; reports why not."""
        source = sources.find(self.source, place.at("source"))
        if source is None:
            return False
        here = place.at("column")
        if source.role != "entity":
            place.at("source").refuse(
                f"{source.name} holds no attributes of customers", "name a source of role entity"
            )
        elif self.column in {c.name for c in source.columns if c.personal}:
            here.refuse(
                f"{self.column} is personal and stays in silver/customer_identity",
                "derive a coarse column (a decade of birth) from it by transformLogic, and protect that",
            )
        else:
            column = sources.attribute(source, self.column, here)
            if column is not None and column.type in GROUPED:
                return True
            if column is not None:
                here.refuse(
                    f"{self.column} is of type {column.type}, which makes no groups",
                    "derive bands from it in the contract (transformLogic) and protect those",
                )
        return False


def read_protected(place: Place, sources: Sources) -> tuple[ProtectedAttribute, ...]:
    """Checks the section and returns its usable attributes."""
    found: dict[str, ProtectedAttribute] = {}
    for item in place.items():
        if (attribute := peek(ProtectedAttribute, item)) is not None:
            if attribute.name in found:
                item.refuse(f"{attribute.column} of {attribute.source} is protected twice", "remove one")
            if attribute.check(item, sources):
                found[attribute.name] = attribute
    return tuple(found.values())


def check_reads(attributes: Sequence[ProtectedAttribute], place: Place) -> None:
    """Reports lines of the section `features` that read an attribute without `allowed_as_feature`."""
    for item in place.items():
        line = peek(FeatureLine, item)
        for attribute in attributes if line else ():
            if line and attribute.is_read_by(line) and not attribute.allowed_as_feature:
                item.at("sql" if line.sql else "column").refuse_once(
                    f"{attribute.column} of {attribute.source} is protected, so no model may learn from it",
                    "take the feature out, or set `allowed_as_feature: true` under protected if you may use it",
                )


def marked(features: Sequence[Feature], attributes: Sequence[ProtectedAttribute]) -> tuple[Feature, ...]:
    """Returns the features with `protected` set on those that read a protected attribute."""
    return tuple(replace(f, protected=any(a.is_read_by(f) for a in attributes)) for f in features)
