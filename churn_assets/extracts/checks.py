"""The checks that all extracts have."""

from collections.abc import Mapping, Sequence

import dagster as dg

from churn_assets.graph.checks import CheckFailed, passed, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.months import spoken
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.extract import Extract

ANSWERED = "source_answered"
EVERY_MONTH = "months_can_be_asked"
SAME_COLUMNS = "columns_as_before"
NONE_NEW = "No file was made by this question; earlier extracts stay."
WHOLE = {ANSWERED: "The source was asked, and its whole answer is in the landing zone."}
AS_BEFORE = {
    EVERY_MONTH: "Each month of the run is the open one, or the source can tell what it held then.",
    SAME_COLUMNS: "The columns and their types are those of the extract before.",
}


def not_answered(months: Sequence[str], error: ExtractError) -> CheckFailed:
    """The failed check `ANSWERED`; `months` are those that are still to be asked, the first one failed."""
    last = f" --to {months[-1]}" if len(months) > 1 else ""
    remedy = f"Then run `churn-assets run extract --from {months[0]}{last}`."
    return CheckFailed(ANSWERED, str(error), remedy, {"month": months[0], "found": str(error)}, NONE_NEW)


def every_month(refused: Mapping[str, str]) -> dg.AssetCheckResult:
    """The result of `EVERY_MONTH`; `refused` maps a month to the reason why it was not asked."""
    if not refused:
        return passed(EVERY_MONTH, {})
    found = f"Not asked: {spoken([*refused])}. {next(iter(refused.values()))} Earlier extracts of these months stay."
    return warned(EVERY_MONTH, found, {"why": table_metadata(["month", "why"], sorted(refused.items()))})


def same_columns(done: Sequence[Extract]) -> dg.AssetCheckResult:
    """The result of `SAME_COLUMNS`."""
    changes = [change for extract in done for change in extract.changes]
    if not changes:
        return passed(SAME_COLUMNS, {})
    found = f"{'; '.join(changes)}. Look whether the contract must change with the source."
    return warned(SAME_COLUMNS, found, {"changes": "\n".join(changes)})
