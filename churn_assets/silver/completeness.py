"""Checks of later tables that their sources have passed silver: an extract that is missing is not churn."""

from collections.abc import Iterator
from contextlib import contextmanager

from churn_assets.graph.checks import CheckFailed
from churn_assets.graph.metadata import table_metadata
from churn_assets.silver.reconciliation import SilverIncomplete

# Checks of tables made of all sources, and of tables made of all extracts of the one that labels come from.
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
