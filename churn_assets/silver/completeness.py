"""Checks in later tables that their sources have passed silver: a missing extract is not churn."""

from collections.abc import Iterator
from contextlib import contextmanager

from churn_assets.graph.checks import CheckFailed
from churn_assets.graph.metadata import table_metadata
from churn_assets.silver.reconciliation import SilverIncomplete

# The first is for tables that use all sources, the second for tables that use all extracts of the label source.
EVERY_SOURCE_COMPLETE = "every_source_complete"
LABEL_SOURCE_LOADED = "label_source_loaded"


@contextmanager
def incomplete_fails(check: str) -> Iterator[None]:
    """Reports months that have not passed silver as a failed check.

    Raises:
        CheckFailed: the block raised `SilverIncomplete`.
    """
    try:
        yield
    except SilverIncomplete as error:
        rows = [(source, ", ".join(months) or "all") for source, months in error.missing.items()]
        evidence = {"not passed silver": table_metadata(["source", "months"], rows)}
        raise CheckFailed(check, error.found, error.remedy, evidence) from error
