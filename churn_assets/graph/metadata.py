"""Formats small tables as metadata of an asset or a check."""

from collections.abc import Iterable, Sequence

import dagster as dg

from churn_assets.reporting.markdown import markdown_table


def table_metadata(head: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """Returns a small table as Markdown for the Dagster UI; whole numbers have thousands separators."""
    return dg.MetadataValue.md(markdown_table(head, rows))
