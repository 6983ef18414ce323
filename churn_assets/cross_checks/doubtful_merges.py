"""Merges that an entity tells and that lead nowhere, so that nobody has the history of the merged customers."""

from collections import defaultdict
from collections.abc import Sequence

from churn_assets.contracts.business import Business
from churn_assets.counts import counted
from churn_assets.history.merges import merges
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_of
from churn_assets.silver.audit import Problem
from churn_assets.silver.findings import SHOWN_EXAMPLES

WHAT = {
    "cycle": "merged into each other or into such customers, so nobody knows who goes on",
    "unknown_survivor": "merged into a customer of whom {source} has no row",
    "refused": "merged by an earlier row, but the newest row was refused, or merged into such customers",
}


def doubtful_merges(lakehouse: Lakehouse, business: Business, months: Sequence[str]) -> list[Problem]:
    """One problem per month, entity and reason for which merges known at the month's end have no survivor.

    Above the limit in churn.yaml, which counts all reasons together, each of them has the severity declared there.
    """
    from pyspark.sql import functions as F

    rule = business.file.merges
    problems: list[Problem] = []
    dates = [(month_end(month), month_end(month)) for month in months]
    for source in business.tells_merges:
        if not lakehouse.exists(tables.silver(source)):
            continue
        told = merges({source.name: lakehouse.read(tables.silver(source))}, business, dates)
        if told is None:
            continue
        found = defaultdict[tuple[str, str], list[str]](list)
        for row in told.where("doubt IS NOT NULL").collect():
            found[month_of(row["as_of_date"]), row["doubt"]].append(row["customer_key"])
        if not found:
            continue
        sizes = told.groupBy("as_of_date").agg(F.count("*").alias("all"), F.count("doubt").alias("doubtful"))
        of_month = {month_of(row["as_of_date"]): row for row in sizes.collect()}
        for (month, doubt), who in sorted(found.items()):
            over = of_month[month]["doubtful"] > rule.max_share * of_month[month]["all"]
            problems.append(
                Problem(
                    source.name,
                    month,
                    f"merges:{doubt}",
                    rule.severity if over else "warn",
                    f"{counted(len(who), 'customer was', 'customers were')} {WHAT[doubt].format(source=source.name)}. "
                    "They count as unknown.",
                    f"Ask {source.name} who goes on for these customers; silver/customer_keys names them.",
                    len(who),
                    of_month[month]["all"],
                    tuple(sorted(who)[:SHOWN_EXAMPLES]),
                )
            )
    return problems
