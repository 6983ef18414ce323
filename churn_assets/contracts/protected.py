"""Protected attributes: what a model is judged by, and must not learn from unless churn.yaml allows it."""

import re

from churn_assets.contracts.features import Feature, FeatureLine
from churn_assets.contracts.section import Section
from churn_assets.contracts.source import Source

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

    def is_read_by(self, line: FeatureLine) -> bool:
        """Whether a feature line looks at the attribute, by itself or inside an expression."""
        if line.sql is not None:
            return re.search(rf"\b{self.name}\b", line.sql) is not None
        return line.source == self.source and line.column == self.column

    def problem(self, source: Source) -> tuple[str, str] | None:
        """What keeps the column from being an attribute to judge by, and the remedy."""
        if source.role != "entity":
            return f"{source.name} is no source of attributes of customers.", "name a source of role entity."
        if self.column in {c.name for c in source.columns if c.personal}:
            return (
                f"{self.column} is personal and stays in silver/customer_identity.",
                "derive a coarse column (a decade of birth) from it by transformLogic, and protect that.",
            )
        column = next((c for c in source.attributes if c.name == self.column), None)
        if column is None:
            return (
                f"{source.name} has no column {self.column}.",
                f"use one of {', '.join(c.name for c in source.attributes)}.",
            )
        if column.type not in GROUPED:
            return (
                f"{self.column} is a {column.type}, which makes no groups.",
                "derive bands from it in the contract (transformLogic) and protect those.",
            )
        return None
