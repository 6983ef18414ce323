"""Files in a landing zone, and what a run over them leaves in silver/reconciliation."""

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from churn_assets.contracts.business import Business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.reconciliation_rows import ReconciledMonth, record_months, rules_digest
from churn_assets.sources.arrivals import look
from churn_assets_tests.lakes import write_csv

ROW = {"customer_id": "C1"}


def deliver(lakehouse: Lakehouse, source: str, day: str, name: str = "part-1", rows: int = 1) -> Path:
    """A file that has been lying for a while."""
    file = write_csv(lakehouse.settings.landing_uri, source, day, [ROW] * rows, name)
    an_hour_ago = time.time() - 3600
    os.utime(file, (an_hour_ago, an_hour_ago))
    return file


def judge(
    lakehouse: Lakehouse,
    business: Business,
    months: Iterable[str] = (),
    refused: Mapping[tuple[str, str], str] | None = None,
) -> None:
    """What a run leaves in silver/reconciliation: it judges the files of these months (of all, without any) as they
    lie, by the present contracts; (source, month) -> rules of those that it refuses.
    """
    wanted, found = set(months), look(lakehouse.settings.landing_uri, business, {}, time.time() + 60).arrivals
    for source in business.sources:
        marks = {m: d for m, d in found[source.name].items() if not wanted or m in wanted}
        rules = rules_digest(business, source)
        balances = [
            ReconciledMonth(
                source.name, m, 1, 1, 0, 0, [], True, (refused or {}).get((source.name, m)), mark, rules
            )
            for m, mark in marks.items()
        ]
        if marks:
            record_months(lakehouse, source, balances, [*marks], "run")
