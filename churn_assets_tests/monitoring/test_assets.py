"""monitoring/model_performance and the sensor that reads it, on a small lake; no Spark anywhere."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner
from deltalake import DeltaTable

from churn_assets.cli.main import cli
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.graph.names import MONTHLY_PAGE
from churn_assets.graph.partitions import range_tags
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse, LakehouseError
from churn_assets.ml.metrics.classification import OK
from churn_assets.monitoring import read_cohorts
from churn_assets.monitoring.assets import monitoring_assets
from churn_assets.monitoring.drift import CohortCounts
from churn_assets.monitoring.monthly_page_facts import month_facts
from churn_assets.monitoring.performance import EXPECTED
from churn_assets.monitoring.read_cohorts import population
from churn_assets.months import month_end, month_of, month_range
from churn_assets_tests.checks import evaluations, latest_status, require_blocked
from churn_assets_tests.lakes import small_business
from churn_assets_tests.scored_cohorts import CUSTOMERS, MONTHS, put_in_charge, write

pytestmark = pytest.mark.one_python(
    reason="runs assets over a small lake, as tests of other modules do on each Python"
)


def _monitor(
    lakehouse: Lakehouse,
    business: Business,
    months: Sequence[str],
    instance: Any = None,
    chosen: Sequence[tables.Table] = (tables.MODEL_PERFORMANCE,),
    raise_on_error: bool = True,
) -> dg.ExecuteInProcessResult:
    upstream = (tables.CHURN_SCORES, tables.CHURN_LABELS, tables.CUSTOMER_SNAPSHOTS, tables.CUSTOMER_SEGMENTS)
    return dg.materialize(
        [*monitoring_assets(business), *(dg.AssetSpec(t.key) for t in upstream)],
        selection=dg.AssetSelection.assets(*(table.key for table in chosen)),
        resources={"lakehouse": lakehouse, "tracking": tracking_of(lakehouse.settings, business)},
        tags=range_tags(months),
        instance=instance,
        raise_on_error=raise_on_error,
    )


def test_each_cohort_is_judged_or_says_why_not(lakehouse: Lakehouse, business: Business) -> None:
    done = _monitor(lakehouse, business, MONTHS)
    assert done.success
    schema = done.asset_materializations_for_node("monitoring__model_performance")[0].metadata[
        "dagster/column_schema"
    ]
    assert {c.name: c.type for c in schema.value.columns}["auc"] == "double"
    rows = {str(r["as_of_date"]): r for r in lakehouse.arrow(tables.MODEL_PERFORMANCE).to_pylist()}
    june, july, august = (rows[str(month_end(m))] for m in MONTHS)
    assert (june["status"], june["n"], june["model_version"]) == (OK, CUSTOMERS, "1")
    assert 0.7 < june["auc_low"] < june["auc"] < june["auc_high"] < 0.95
    # a lost extract in its outcome window: silence must not become loyalty
    assert (july["status"], july["auc"], july["positives"]) == ("feed incomplete", None, None)
    assert (august["status"], august["auc"]) == ("immature", None)
    assert "spark" not in vars(lakehouse)


def test_each_month_of_a_range_has_its_own_figures(lakehouse: Lakehouse, business: Business) -> None:
    """One run of three months is one materialisation a month, so that the UI can plot what only June has."""
    with dg.DagsterInstance.ephemeral() as instance:
        _monitor(lakehouse, business, MONTHS, instance)
        found = instance.fetch_materializations(dg.AssetKey(tables.MODEL_PERFORMANCE.key), limit=10).records
    points = {
        str(r.partition_key): {
            name: v.value
            for name, v in r.asset_materialization.metadata.items()
            if isinstance(v.value, float)
        }
        for r in found
        if r.asset_materialization
    }
    rows = {str(r["as_of_date"])[:7]: r for r in lakehouse.arrow(tables.MODEL_PERFORMANCE).to_pylist()}
    assert sorted(points) == MONTHS
    june = ("auc", "auc_low", "auc_high", "pr_auc", "brier", "calibration_slope", "calibration_intercept")
    june = (*june, "lift_top_decile", "precision", "recall", "untreated_auc", "base_rate", *EXPECTED)
    assert {name: points["2025-06"][name] for name in june} == {name: rows["2025-06"][name] for name in june}
    for month in MONTHS[1:]:
        assert points[month] == {name: rows[month][name] for name in EXPECTED}


def test_treated_are_those_whom_the_rule_names_in_time(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """June's window ends on 6 August: a treatment counts after 30 June until then, only of the kind, and as it is known
    when the labels are available, on 31 August."""
    rule = {"treated": [{"source": "tickets", "column": "category", "values": ["network"]}]}
    business = load_business(small_business(tmp_path, retraining=None, monitoring=rule))
    tickets = [
        ("00000000", "1", "network", datetime(2025, 6, 30, 23, tzinfo=UTC), date(2025, 6, 30)),
        ("00a3d70a", "2", "network", datetime(2025, 7, 1, 1, tzinfo=UTC), date(2025, 7, 7)),
        ("0147ae14", "3", "billing", datetime(2025, 7, 1, 1, tzinfo=UTC), date(2025, 7, 7)),
        ("01eb851e", "4", "network", datetime(2025, 8, 6, 23, tzinfo=UTC), date(2025, 8, 31)),
        # the window is over: whoever was there to be treated has stayed
        ("028f5c28", "5", "network", datetime(2025, 8, 7, 1, tzinfo=UTC), date(2025, 8, 31)),
        # told too late
        ("02d70a3d", "8", "network", datetime(2025, 8, 6, 1, tzinfo=UTC), date(2025, 9, 7)),
        # corrected: in time, and after the label had settled
        ("03333333", "6", "network", datetime(2025, 7, 1, 1, tzinfo=UTC), date(2025, 7, 7)),
        ("03333333", "6", "billing", datetime(2025, 7, 1, 1, tzinfo=UTC), date(2025, 8, 31)),
        ("03d70a3d", "7", "network", datetime(2025, 7, 1, 1, tzinfo=UTC), date(2025, 7, 7)),
        ("03d70a3d", "7", "billing", datetime(2025, 7, 1, 1, tzinfo=UTC), date(2025, 9, 7)),
    ]
    names = ("customer_key", "ticket_id", "category", "opened_at", "known_at")
    told = [dict(zip(names, row, strict=True)) for row in tickets]
    months = month_range("2025-06", "2025-09")
    table = tables.silver(business.source("tickets"))
    rows = table.rows([row | {"sequence": 1, "extract_month": month_of(row["known_at"])} for row in told])
    lakehouse.replace_rows(table, rows, "extract_month", months, run_id="run")
    _monitor(lakehouse, business, MONTHS[:1])
    [june] = lakehouse.arrow(tables.MODEL_PERFORMANCE).to_pylist()
    assert june["treated"] == 3
    assert june["untreated_auc"] is not None and june["untreated_auc"] != june["auc"]


def test_where_nobody_was_treated_nobody_is(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """Tickets, which have a time of day, of another month alone."""
    rule = {"treated": [{"source": "tickets"}]}
    business = load_business(small_business(tmp_path, retraining=None, monitoring=rule))
    ticket = {"customer_key": "00000000", "ticket_id": "1", "opened_at": datetime(2025, 5, 3, tzinfo=UTC)}
    known = {"known_at": date(2025, 5, 7), "sequence": 1, "extract_month": "2025-05"}
    table = tables.silver(business.source("tickets"))
    lakehouse.replace_rows(table, table.rows([ticket | known]), "extract_month", ["2025-05"], run_id="run")
    assert _monitor(lakehouse, business, MONTHS[:1]).success
    [june] = lakehouse.arrow(tables.MODEL_PERFORMANCE).to_pylist()
    assert june["treated"] == 0


def test_a_cohort_has_its_size_and_later_its_churners_beside_the_training(
    lakehouse: Lakehouse, business: Business
) -> None:
    trained = {"split": {"train": ["2025-03-31", "2025-04-30", "2025-01-31"]}}
    sizes = {date(2025, 3, 31): 380, date(2025, 4, 30): 390, date(2025, 6, 30): 400}
    june = month_end("2025-06")
    assert population(lakehouse, june, "1", trained, sizes) == CohortCounts(400, 385.0)
    _monitor(lakehouse, business, MONTHS)
    [row] = lakehouse.arrow(tables.MODEL_PERFORMANCE, filters=[("as_of_date", "=", june)]).to_pylist()
    assert population(lakehouse, june, "1", trained, sizes) == CohortCounts(400, 385.0, 400, row["positives"])
    assert population(lakehouse, june, "2", trained, {june: 400}) == CohortCounts(400)


def test_a_month_again_replaces_only_itself(lakehouse: Lakehouse, business: Business) -> None:
    _monitor(lakehouse, business, MONTHS)
    before = lakehouse.arrow(tables.MODEL_PERFORMANCE).sort_by("as_of_date")
    assert _monitor(lakehouse, business, MONTHS[:1]).success
    assert lakehouse.arrow(tables.MODEL_PERFORMANCE).sort_by("as_of_date").equals(before)
    assert lakehouse.version(tables.MODEL_PERFORMANCE) == 1


def test_rows_of_another_slice_are_refused(lakehouse: Lakehouse) -> None:
    rows = lakehouse.arrow(tables.CHURN_LABELS).slice(0, 5)
    with pytest.raises(LakehouseError, match="outside the slice of as_of_date"):
        lakehouse.replace_rows(tables.CHURN_LABELS, rows, "as_of_date", [date(2031, 1, 31)], run_id="run")
    assert lakehouse.version(tables.CHURN_LABELS) == 0


def test_each_month_has_its_page(lakehouse: Lakehouse, business: Business) -> None:
    put_in_charge(lakehouse, 0.80)
    segments = [
        {
            "customer_key": f"{i * 16**8 // 100:08x}",
            "as_of_date": month_end(month),
            "segment": "all" if i < stays else "gone by",
            "action": "wait",
            "probability": 0.1,
        }
        for month, stays in (("2025-06", 100), ("2025-07", 70))
        for i in range(100)
    ]
    write(lakehouse, tables.CUSTOMER_SEGMENTS, segments)
    with dg.DagsterInstance.ephemeral() as instance:
        _monitor(
            lakehouse, business, [*MONTHS, "2025-09"], instance, (tables.MODEL_PERFORMANCE, MONTHLY_PAGE)
        )
        found = instance.fetch_materializations(dg.AssetKey(MONTHLY_PAGE.key), limit=10).records
    metadata = {
        str(r.partition_key): r.asset_materialization.metadata for r in found if r.asset_materialization
    }
    june, july, august, september = (str(metadata[m]["page"].value) for m in (*MONTHS, "2025-09"))
    assert (
        "# Customers at risk, June 2025\n\nAs of 30 June 2025. Model version 1, trained as of 31 May 2025."
        in june
    )
    assert "For June 2025" in june and "no segments of the month before" in june
    assert "| all | gone by | 30 |" in july and "deliveries are missing" in july
    assert metadata["2025-07"]["customers moved"].value == 30
    assert "customers moved" not in metadata["2025-06"]  # nobody knows: there is no month before
    assert "results follow" in august and "segments of this month have not been computed" in august
    assert "customers moved" not in metadata["2025-08"]
    assert "Nobody was scored" in september
    assert "spark" not in vars(lakehouse)


def test_the_command_page_writes_a_scored_month_as_html(
    lakehouse: Lakehouse, business: Business, tmp_path: Path
) -> None:
    put_in_charge(lakehouse, 0.80)
    _monitor(lakehouse, business, MONTHS[:1])
    runner, out = CliRunner(env={"CHURN_HOME": str(tmp_path), "COLUMNS": "400"}), tmp_path / "june.html"
    done = runner.invoke(cli, ["page", "2025-06", "--out", str(out)])
    assert done.exit_code == 0 and str(out) in done.output, done.output
    text = out.read_text(encoding="utf-8")
    assert "<h1>Customers at risk, June 2025</h1>" in text and "400 customers were scored" in text
    done = runner.invoke(cli, ["page", "2025-09"])
    assert done.exit_code == 2 and "Nobody was scored in 2025-09" in done.output


def test_the_page_of_a_large_month_rests_on_a_sample_and_says_so(
    lakehouse: Lakehouse, business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_cohorts, "COHORT_LIMIT", CUSTOMERS // 4)
    _monitor(lakehouse, business, MONTHS[:1])
    facts = month_facts(lakehouse, business, MONTHS[0], date(2026, 3, 4))
    assert facts is not None and (facts.now.sample, facts.now.scored) == (CUSTOMERS // 4, CUSTOMERS)


def test_a_version_that_the_sample_lost_is_a_failed_check(
    lakehouse: Lakehouse, business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 2 scored the last three customers only, and the sample is of the first quarter."""
    scores = lakehouse.arrow(tables.CHURN_SCORES).to_pylist()
    others = [row | {"model_version": "2"} for row in scores if row["as_of_date"] == month_end(MONTHS[0])]
    with dg.DagsterInstance.ephemeral() as instance:
        _monitor(lakehouse, business, MONTHS[:1], instance)
        before, written = (lakehouse.version(t) for t in (tables.MODEL_PERFORMANCE, tables.CHURN_SCORES))
        few = tables.CHURN_SCORES.rows(sorted(others, key=lambda row: str(row["customer_key"]))[-3:])
        lakehouse.append_rows(tables.CHURN_SCORES, few, run_id="run")
        monkeypatch.setattr(read_cohorts, "COHORT_LIMIT", CUSTOMERS // 4)
        failed = _monitor(lakehouse, business, MONTHS[:1], instance, raise_on_error=False)
        check = "every_scored_version_judged"
        told = require_blocked(failed, instance, tables.MODEL_PERFORMANCE, check)
        assert f"| {month_end(MONTHS[0])} | 2 | 3 |" in told
        assert lakehouse.version(tables.MODEL_PERFORMANCE) == before
        DeltaTable(lakehouse.uri(tables.CHURN_SCORES)).restore(written)
        assert _monitor(lakehouse, business, MONTHS[:1], instance).success
        assert latest_status(instance, tables.MODEL_PERFORMANCE, check) == "SUCCEEDED"


def test_where_nobody_was_scored_the_check_is_not_judged(lakehouse: Lakehouse, business: Business) -> None:
    result = _monitor(lakehouse, business, ["2025-09"])
    assert result.success
    [found] = evaluations(result).values()
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "no cohort of this run has been scored" in found.description
