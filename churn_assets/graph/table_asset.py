"""How a table becomes an asset: the attributes that all of them share, in one place.

Asset functions themselves stand in the rooms; here is no logic of any table.
"""

import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from importlib.metadata import version
from typing import Any, get_origin

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.lakehouse.engine.session import why_spark_ended
from churn_assets.lakehouse.lakehouse import Commit, Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.reporting.markdown import markdown_table

POOL = "spark"
CODE_VERSION = version("churn-assets")


@contextmanager
def _telling_of_a_dead_jvm() -> Iterator[None]:
    """An error that the end of Spark's JVM caused fails the step with the reason of that end.

    Raises:
        dg.Failure: the JVM is gone.
    """
    try:
        yield
    except dg.Failure:
        raise
    except Exception as error:
        why = why_spark_ended()
        if why is None:
            raise
        raise dg.Failure(why, allow_retries=False) from error


def _with_spark(function: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.isgeneratorfunction(function):

        @wraps(function)
        def yielding(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with _telling_of_a_dead_jvm():
                yield from function(*args, **kwargs)

        return yielding

    @wraps(function)
    def returning(*args: Any, **kwargs: Any) -> Any:
        with _telling_of_a_dead_jvm():
            return function(*args, **kwargs)

    return returning


def table_asset(
    table: Table,
    business: Business,
    *,
    description: str,
    deps: Iterable[dg.AssetDep | dg.AssetKey | Sequence[str]] = (),
    partitions: dg.PartitionsDefinition[str] | None = None,
    checks: Mapping[str, str] | None = None,
    kinds: Iterable[str] = ("pyspark", "deltalake"),
    owner: str | None = None,
    spark: bool = True,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Decorator: the function writes `table`. A range of months is one run; only one run at a time has Spark.

    `checks` maps names of blocking checks to what they promise; `spark` is False for a step that starts none.
    """

    def decorate(function: Callable[..., Any]) -> dg.AssetsDefinition:
        if get_origin(function.__annotations__.get("return")) is dg.MaterializeResult:
            # mypy wants MaterializeResult[Any], dagster takes only the bare class where an asset has checks
            function.__annotations__["return"] = dg.MaterializeResult
        with warnings.catch_warnings():
            # `backfill_policy` is a stable behaviour behind a parameter still marked beta
            warnings.simplefilter("ignore", dg.BetaWarning)
            return dg.asset(
                key=table.key,
                description=f"{description}\n\nGrain: {table.grain}.",
                group_name=table.layer,
                deps=list(deps),
                partitions_def=partitions,
                backfill_policy=dg.BackfillPolicy.single_run() if partitions else None,
                kinds=set(kinds),
                owners=[owner or business.file.owner],
                tags={"layer": table.layer, "business": business.name}
                | ({"contains": "personal-data"} if table.personal else {}),
                metadata={
                    "grain": table.grain,
                    "path": table.path,
                    "partitioned by": ", ".join(table.partition_by) or "-",
                },
                code_version=CODE_VERSION,
                pool=POOL if spark else None,
                check_specs=[
                    dg.AssetCheckSpec(name, asset=table.key, description=text, blocking=True)
                    for name, text in (checks or {}).items()
                ],
            )(_with_spark(function) if spark else function)

    return decorate


def materialized(
    lakehouse: Lakehouse,
    table: Table,
    commit: Commit | None,
    metadata: Mapping[str, Any] | None = None,
    passed: Mapping[str, Mapping[str, Any]] | None = None,
) -> dg.MaterializeResult[Any]:
    """The result of an asset: row count, Delta version as data version, schema, and its passed checks with evidence.

    A check that failed never gets here: it raises before the commit.
    """
    checks = [
        dg.AssetCheckResult(check_name=name, passed=True, metadata=dict(evidence))
        for name, evidence in (passed or {}).items()
    ]
    rows = {"dagster/row_count": commit.rows} if commit is not None else {}
    return dg.MaterializeResult(
        asset_key=table.key,
        metadata=rows | where_it_lies(lakehouse, table, commit) | dict(metadata or {}),
        check_results=checks,
        data_version=dg.DataVersion(str(commit.version)) if commit is not None else None,
    )


def where_it_lies(lakehouse: Lakehouse, table: Table, commit: Commit | None) -> dict[str, Any]:
    """Metadata of a materialisation: the table's location, and what it is since the commit."""
    found: dict[str, Any] = {"dagster/uri": lakehouse.uri(table)}
    if commit is not None:
        columns = [dg.TableColumn(name, type_) for name, type_ in lakehouse.types(table).items()]
        found["dagster/column_schema"] = dg.TableSchema(columns=columns)
        found["delta_version"] = commit.version
    return found


def table_metadata(head: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """A small table as Dagster's page shows it; whole numbers with thousands separators."""
    return dg.MetadataValue.md(markdown_table(head, rows))
