"""`table_asset`, the decorator that all table assets use, and the metadata that they share.

The asset functions are in the packages of their tables; this module contains no logic of a single table.
"""

import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import wraps
from importlib.metadata import version
from typing import Any, get_origin

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.graph.checks import CheckFailed, not_judged
from churn_assets.graph.names import POOL
from churn_assets.graph.step_log import logged
from churn_assets.lakehouse.engine.session import why_engine_ended
from churn_assets.lakehouse.lakehouse import Commit, Lakehouse
from churn_assets.lakehouse.tables import LakeColumn, Table
from churn_assets.operations.changes.edits import record_edits

CODE_VERSION = version("churn-assets")
PERSONAL = {"contains": "personal-data"}
NO_LONGER = "No longer declared: rows of earlier materialisations have values, newer rows have none."


@contextmanager
def _telling_of_a_dead_engine() -> Iterator[None]:
    """Replaces an exception by the reason why the engine ended, if it has ended.

    Raises:
        dg.Failure: the engine has ended, or is out of memory.
    """
    try:
        yield
    except (dg.Failure, CheckFailed):
        raise
    except Exception as error:
        why = why_engine_ended(error)
        if why is None:
            raise
        raise dg.Failure(why, allow_retries=False) from error


def _step(function: Callable[..., Any], table: Table, business: Business, spark: bool) -> Callable[..., Any]:
    """Wraps the function as the body of a step; on `CheckFailed` the step yields the failed check, then fails.

    Edits of the business's files are recorded before the step reads anything.
    """

    @wraps(function)
    def step(*args: Any, **kwargs: Any) -> Iterator[Any]:
        context = dg.AssetExecutionContext.get()
        yield from logged(table, context, body(context.run.run_id, *args, **kwargs))

    def body(run_id: str, *args: Any, **kwargs: Any) -> Iterator[Any]:
        if isinstance(lakehouse := kwargs.get("lakehouse"), Lakehouse):
            record_edits(lakehouse, business, run_id)
        try:
            with _telling_of_a_dead_engine() if spark else nullcontext():
                done = function(*args, **kwargs)
                if inspect.isgenerator(done):
                    yield from done
                else:
                    yield done
        except CheckFailed as broken:
            failed = broken.result(table.key)
            yield failed
            raise dg.Failure(str(broken), metadata=failed.metadata, allow_retries=False) from broken

    return step


def table_asset(
    table: Table,
    business: Business,
    *,
    description: str,
    deps: Iterable[dg.AssetDep | dg.AssetKey | Sequence[str]] = (),
    partitions: dg.PartitionsDefinition[str] | None = None,
    checks: Mapping[str, str] | None = None,
    reports: Mapping[str, str] | None = None,
    kinds: Iterable[str] = ("pyspark", "deltalake"),
    owner: str | None = None,
    spark: bool = True,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Decorator that makes an asset of a function that writes `table`. A range of months is one run.

    `checks` maps the names of blocking checks to what they check; the function raises `CheckFailed` before it commits
    if one does not hold. `reports` are checks that stop nothing when they fail. `spark` is False for a step without
    Spark; the others run one at a time.
    """

    def decorate(function: Callable[..., Any]) -> dg.AssetsDefinition:
        if get_origin(function.__annotations__.get("return")) is dg.MaterializeResult:
            # mypy requires MaterializeResult[Any]; Dagster accepts only the bare class if the asset has checks
            function.__annotations__["return"] = dg.MaterializeResult
        with warnings.catch_warnings():
            # `backfill_policy` behaves stably, but its parameter is still marked beta
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
                tags={"layer": table.layer, "business": business.name} | (PERSONAL if table.personal else {}),
                metadata={
                    "grain": table.grain,
                    "path": table.path,
                    "partitioned by": ", ".join(table.partition_by) or "-",
                }
                | told_of(table),
                code_version=CODE_VERSION,
                pool=POOL if spark else None,
                check_specs=[
                    dg.AssetCheckSpec(name, asset=table.key, description=text, blocking=blocking)
                    for described, blocking in ((checks, True), (reports, False))
                    for name, text in (described or {}).items()
                ],
            )(_step(function, table, business, spark))

    return decorate


def materialized(
    lakehouse: Lakehouse,
    table: Table,
    commit: Commit | None,
    metadata: Mapping[str, Any] | None = None,
    checks: Iterable[dg.AssetCheckResult] = (),
) -> dg.MaterializeResult[Any]:
    """Returns the result of an asset: row count, Delta version as data version, schema, and checks with evidence.

    `checks` must contain every declared check, as `passed` or `not_judged`; a failed check raises before the commit.
    """
    rows = {"dagster/row_count": commit.rows if commit is not None else 0}
    return dg.MaterializeResult(
        asset_key=table.key,
        metadata=rows | where_it_lies(lakehouse, table, commit) | dict(metadata or {}),
        check_results=list(checks),
        data_version=dg.DataVersion(str(commit.version)) if commit is not None else None,
    )


def nothing_made(
    lakehouse: Lakehouse, table: Table, checks: Iterable[str], what: str, why: str
) -> dg.MaterializeResult[Any]:
    """Returns the result of an asset that wrote nothing: no check is judged, and the metadata `what` tells why."""
    return materialized(lakehouse, table, None, {what: why}, [not_judged(name, why) for name in checks])


def where_it_lies(lakehouse: Lakehouse, table: Table, commit: Commit | None) -> dict[str, Any]:
    """Returns metadata of a materialisation: location of the table, and schema and version after the commit."""
    found: dict[str, Any] = {"dagster/uri": lakehouse.uri(table)}
    if commit is not None:
        found["dagster/column_schema"] = column_schema(table, lakehouse.types(table))
        found["delta_version"] = commit.version
    return found


def told_of(table: Table) -> dict[str, Any]:
    """Returns metadata known before the first run: columns, time and retention; empty for an asset without a table."""
    if not table.columns:
        return {}
    return {
        "dagster/column_schema": column_schema(table, table.types),
        "time": table.time,
        "retention": table.retention,
    }


def column_schema(table: Table, types: Mapping[str, str]) -> dg.TableSchema:
    """Returns the Dagster schema of columns (name -> type) with their descriptions from the catalogue.

    A table may still have columns that only an earlier churn.yaml or contract declared.
    """
    declared = {c.name: c for c in table.columns}
    columns = [
        _column(table, declared[name], kind) if name in declared else dg.TableColumn(name, kind, NO_LONGER)
        for name, kind in types.items()
    ]
    unique = [f"unique: {', '.join(table.row_key)}"] if table.row_key else []
    return dg.TableSchema(columns, dg.TableConstraints(unique))


def _column(table: Table, column: LakeColumn, kind: str) -> dg.TableColumn:
    parts = [column.meaning]
    parts += [f"Unit: {column.unit}."] if column.unit else []
    parts += [f"Time: {column.time}."] if column.time else []
    return dg.TableColumn(
        column.name,
        kind,
        " ".join(parts),
        dg.TableColumnConstraints(nullable=not column.required, unique=table.row_key == (column.name,)),
        PERSONAL if column.personal else {},
    )
