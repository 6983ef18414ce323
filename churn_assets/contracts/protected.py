"""The section `protected` of churn.yaml: what a model is judged by, and must not learn from unless that is allowed."""

import re
from collections.abc import Sequence
from dataclasses import replace

from churn_assets.contracts.features import Feature, FeatureLine
from churn_assets.contracts.place import Place
from churn_assets.contracts.section import Section
from churn_assets.contracts.sources import Sources

GROUPED = frozenset({"string", "boolean"})


class ProtectedAttribute(Section):
    """One line under `protected` in churn.yaml: an attribute of the customer, as it was known at the as_of date.

    Attributes:
        source, column: of an entity source; words or booleans, so that they make groups.
        words: what a person reads.
        allowed_as_feature: the model may learn from it; its reasons never name it all the same.
    """

    source: str
    column: str
    words: str | None = None
    allowed_as_feature: bool = False

    @property
    def name(self) -> str:
        """Its column in features/customer_snapshots, beside the features."""
        return f"protected_{self.source}_{self.column}"

    @property
    def said(self) -> str:
        """What a person reads."""
        return self.words or self.column.replace("_", " ")

    def as_feature(self) -> Feature:
        """How the snapshot takes its value; never one of the features that a model is given."""
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
        """Whether a feature looks at the attribute, by itself or inside an expression."""
        if line.sql is not None:
            return re.search(rf"\b{self.name}\b", line.sql) is not None
        return line.source == self.source and line.column == self.column

    def check(self, place: Place, sources: Sources) -> None:
        """Checks that the column makes groups of customers.

        Raises:
            DeclarationError: it is no attribute of customers, is personal, or is neither words nor a boolean.
        """
        source = sources.find(self.source, place)
        if source.role != "entity":
            place.refuse(
                f"{source.name} is no source of attributes of customers.", "name a source of role entity."
            )
        if self.column in {c.name for c in source.columns if c.personal}:
            place.refuse(
                f"{self.column} is personal and stays in silver/customer_identity.",
                "derive a coarse column (a decade of birth) from it by transformLogic, and protect that.",
            )
        column = next((c for c in source.attributes if c.name == self.column), None)
        if column is None:
            place.refuse(
                f"{source.name} has no column {self.column}.",
                f"use one of {', '.join(c.name for c in source.attributes)}.",
            )
        if column.type not in GROUPED:
            place.refuse(
                f"{self.column} is a {column.type}, which makes no groups.",
                "derive bands from it in the contract (transformLogic) and protect those.",
            )


def check_reads(attributes: Sequence[ProtectedAttribute], lines: Sequence[FeatureLine], place: Place) -> None:
    """Checks that no feature reads an attribute that models must not learn from.

    Args:
        attributes: the protected attributes.
        lines: the section `features`.
        place: of that section.

    Raises:
        DeclarationError: a line reads such an attribute.
    """
    for position, line in enumerate(lines):
        for attribute in attributes:
            if attribute.is_read_by(line) and not attribute.allowed_as_feature:
                place.at(position).refuse(
                    f"{attribute.column} of {attribute.source} is protected, so no model may learn from it.",
                    "take the feature out, or set `allowed_as_feature: true` under protected if you may use it.",
                )


def marked(features: Sequence[Feature], attributes: Sequence[ProtectedAttribute]) -> tuple[Feature, ...]:
    """The features, `protected` where they read a protected attribute."""
    return tuple(replace(f, protected=any(a.is_read_by(f) for a in attributes)) for f in features)
