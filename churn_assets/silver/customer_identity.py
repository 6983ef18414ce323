"""silver/customer_identity: personal columns by customer_key, as versions; nothing downstream reads them."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse, TableDraft

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def draft_identity(
    lakehouse: Lakehouse, business: Business, source: Source, versions: "DataFrame"
) -> AbstractContextManager[TableDraft]:
    """A draft of the rows of a source with personal columns; `versions` come from `with_customer_key`."""
    table = tables.customer_identity(business)
    return lakehouse.draft(table, identity_rows(versions, source, table))


def identity_rows(versions: "DataFrame", source: Source, table: tables.Table) -> "DataFrame":
    """The personal columns of accepted versions; those of other sources are null."""
    from pyspark.sql import functions as F

    own = {c.name for c in source.personal} | {"customer_key", "known_at", "sequence", "extract_month"}
    given = {"source": F.lit(source.name)} | {name: F.col(name) for name in own}
    return versions.where("NOT refused").select(
        *(given.get(c.name, F.lit(None).cast(c.type)).alias(c.name) for c in table.columns)
    )
