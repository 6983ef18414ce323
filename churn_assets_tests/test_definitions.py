"""The code location as Dagster sees it.

After a wanted change of the graph run this file with WRITE_GRAPH_SNAPSHOT=1, and read the diff.
"""

import json
import os
import re
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.definitions import build_defs
from churn_assets.lakehouse import tables
from churn_assets.settings import SHIPPED_BUSINESSES, Settings

SNAPSHOT = Path(__file__).with_name("graph_snapshot.txt")
WRITE = "WRITE_GRAPH_SNAPSHOT" in os.environ
WITHOUT_SPARK = {
    "monitoring/model_performance",
    "monitoring/drift",
    "monitoring/monthly_page",
    "monitoring/people_balance",
    "operations/audit",
    "operations/backups",
    "operations/events",
    "retention/lifetime_values",
    "scores/expected_lifetimes",
    "scores/lifetime_quality",
    "scores/retention_curves",
    "serving/release",
    "serving/status",
}
WITHOUT_CHECK = {"monitoring/monthly_page"}  # it holds nothing that checked tables do not

LOADING = """
import json, resource, sys
from churn_assets.definitions import build_defs
from churn_assets.settings import Settings
loaded = build_defs(Settings())
used = resource.getrusage(resource.RUSAGE_SELF)
libraries = ("pyspark", "mlflow", "sklearn", "matplotlib", "shap", "delta", "scipy", "sqlglot")
heavy = [m for m in libraries if m in sys.modules]
children = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([used.ru_utime + used.ru_stime, heavy, children.ru_utime, len(loaded.assets)]))
"""


@cache
def definitions(business: str = "telecom") -> dg.Definitions:
    """Definitions of a shipped business, once."""
    return build_defs(Settings(business=business))


def _nodes(business: str = "telecom") -> dict[str, Any]:
    graph = definitions(business).resolve_asset_graph()
    return {key.to_user_string(): graph.get(key) for key in sorted(graph.get_all_asset_keys())}


def test_loading_is_cheap_and_starts_nothing(tmp_path: Path) -> None:
    """Under 4 s of CPU, no heavy library, no JVM, no file."""
    env = os.environ | {"CHURN_HOME": str(tmp_path / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", LOADING],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    cpu, heavy, children, assets = json.loads(done.stdout)
    assert heavy == []
    assert children < 0.1  # `uname` and the like; a JVM costs more
    assert assets > 20
    assert cpu < 4
    assert list(tmp_path.iterdir()) == []
    assert "Warning" not in done.stderr


@pytest.mark.parametrize("business", ["telecom", "shop"])
def test_the_definitions_can_be_loaded(business: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dg.Definitions.validate_loadable(build_defs(Settings(business=business)))
    assert [str(w.message) for w in caught if "dagster" in w.category.__module__] == []


@pytest.mark.parametrize("business", ["telecom", "shop"])
def test_every_asset_says_what_it_is_and_whose(business: str) -> None:
    for name, node in _nodes(business).items():
        assert node.description and "Grain: " in node.description, name
        assert node.owners and all(o.startswith("team:") or "@" in o for o in node.owners), name
        assert node.group_name == name.split("/")[0], name
        assert node.kinds, name
        assert node.tags["business"] == business, name


@pytest.mark.parametrize("business", ["telecom", "shop"])
def test_every_written_table_is_guarded_fresh_and_in_the_pool(business: str) -> None:
    graph = definitions(business).resolve_asset_graph()
    for name, node in _nodes(business).items():
        if not node.is_materializable:
            continue
        # what the label of the shop counts is SQL
        with_sql = ("monitoring/people_balance", "retention/lifetime_values", "serving/release")
        reads_sql = business == "shop" and name in with_sql
        light = name in WITHOUT_SPARK and not reads_sql
        assert (node.pools or set()) == (set() if light else {"spark"}), name
        assert node.freshness_policy is not None, name
        assert (node.partitions_def is None) == (node.backfill_policy is None), name
        if name not in WITHOUT_CHECK:
            blocking = [key for key in node.check_keys if graph.get_check_spec(key).blocking]
            assert blocking, f"{name} has no blocking check"


def test_everything_in_a_list_says_what_it_does_in_one_or_two_sentences() -> None:
    defs, graph = definitions(), definitions().resolve_asset_graph()
    told = {key.to_user_string(): graph.get_check_spec(key).description for key in graph.asset_check_keys}
    told |= {a.name: a.description for a in (*(defs.schedules or ()), *(defs.sensors or ()))}
    told |= {job.name: job.description for job in defs.jobs or ()}
    assert len(told) > 40
    for name, description in told.items():
        assert description and description.endswith("."), name
        assert len(re.findall(r"\.(?: |$)", description)) <= 2, name
        assert re.fullmatch("[a-z]+(_[a-z]+)*", name.rpartition(":")[2]), name


def test_personal_data_is_tagged_where_it_lies_and_nowhere_else() -> None:
    tagged = {name for name, node in _nodes().items() if node.tags.get("contains") == "personal-data"}
    bronze = {name for name in _nodes() if name.startswith("bronze/")}
    of_employees = {"alerts/risk_alerts"}  # who acknowledged an alert
    silver = {"silver/customer_keys", "silver/customer_identity", "silver/quarantine"}
    assert tagged == bronze | silver | of_employees


@pytest.mark.parametrize("business", ["telecom", "shop"])
def test_every_table_shows_its_columns_before_its_first_run(business: str) -> None:
    nodes = _nodes(business)
    for table in tables.catalogue(load_business(SHIPPED_BUSINESSES / business)):
        metadata = nodes.get(table.path) and nodes[table.path].metadata
        by_others = (tables.TRAINING_RUNS, tables.CHAMPIONS, tables.BUDGET_CURVE, tables.OFFER_EFFECTS)
        if table in (*by_others, tables.EFFECT_GROUPS, tables.CUSTOMER_EFFECTS):
            assert metadata is None, "written by models/churn_model, campaign_plan and offer_uplift"
            continue
        schema = metadata["dagster/column_schema"]
        assert [(c.name, c.type) for c in schema.columns] == list(table.types.items()), table.path
        assert all(c.description for c in schema.columns), table.path
        personal = [c.name for c in schema.columns if c.tags == {"contains": "personal-data"}]
        assert personal == list(table.personal), table.path
        assert (metadata["time"], metadata["retention"]) == (table.time, table.retention)


def test_all_steps_of_a_run_share_one_process() -> None:
    assert definitions().executor is dg.in_process_executor


def _partitions(node: Any) -> str:
    if node.partitions_def is None:
        return "none"
    return f"{node.partitions_def.get_first_partition_key()}..{node.partitions_def.get_last_partition_key()}"


def _work(job: Any) -> str:
    """What a job makes or asks; of one without assets its steps."""
    if isinstance(job, dg.JobDefinition):
        return ", ".join(node.name for node in job.nodes)
    checks = getattr(job.selection, "selected_asset_check_keys", ())
    return ", ".join(key.to_user_string() for key in checks) or str(job.selection)


def render() -> str:
    """The graph as text, one asset a paragraph."""
    defs = definitions()
    graph = defs.resolve_asset_graph()
    lines = [
        "The asset graph of the shipped telecom business; test_definitions.py tells how to renew this file.",
        "",
    ]
    for name, node in _nodes().items():
        how = "" if node.is_materializable else " (written by others)"
        pool = ", ".join(sorted(node.pools or ())) or "none"
        lines.append(f"{name}{how}")
        lines.append(f"  group {node.group_name}, partitions {_partitions(node)}, pool {pool}")
        for parent in sorted(node.parent_keys, key=lambda k: k.to_user_string()):
            offset = getattr(node.partition_mappings.get(parent), "start_offset", 0)
            window = f" (its month and the {-offset} before)" if offset else ""
            lines.append(f"  after {parent.to_user_string()}{window}")
        for check in sorted(node.check_keys, key=lambda k: k.name):
            blocking = "blocking" if graph.get_check_spec(check).blocking else "warning"
            lines.append(f"  check {check.name} ({blocking})")
    lines.append("")
    lines += [f"job {job.name}: {_work(job)}" for job in sorted(defs.jobs or (), key=lambda j: j.name)]
    automations = [*(defs.schedules or ()), *(defs.sensors or ())]
    lines += [f"{type(a).__name__} {a.name}: {a.default_status.value}" for a in automations]
    return "\n".join(lines) + "\n"


def test_the_graph_is_the_one_that_was_reviewed() -> None:
    rendered = render()
    if WRITE:
        SNAPSHOT.write_text(rendered, encoding="utf-8")
    assert rendered == SNAPSHOT.read_text(encoding="utf-8"), "read the docstring of this file"
