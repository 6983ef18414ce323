"""Errors of the engine without what they say of rows: it may be personal, and what a step raises is kept."""

from collections.abc import Iterator
from contextlib import contextmanager

from churn_assets.lakehouse.engine.frames import tells_values
from churn_assets.lakehouse.engine.session import why_engine_ended
from churn_assets.lakehouse.lakehouse import LakehouseError


@contextmanager
def telling_no_values(what: str, remedy: str) -> Iterator[None]:
    """Tells of an error of the engine only its class, unless its message holds no value of a row.

    Args:
        what: failed, such as the path of a table.
        remedy: sentences about what was kept and where to look.

    Raises:
        LakehouseError: in place of the engine's error.
    """
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        if not tells_values(error) or why_engine_ended(error):
            raise
        kind = error.getCondition() or type(error).__name__
        raise LakehouseError(
            f"{what}: the engine failed with {kind}. "
            f"Its message is left out because it may hold personal values. {remedy}"
        ) from None
