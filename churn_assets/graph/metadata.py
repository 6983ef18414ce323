"""Small tables as metadata of an asset or a check."""

from collections.abc import Iterable, Sequence

import dagster as dg

from churn_assets.reporting.markdown import markdown_table


def table_metadata(head: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """A small table as Dagster's page shows it; whole numbers with thousands separators."""
    return dg.MetadataValue.md(markdown_table(head, rows))
