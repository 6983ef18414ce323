"""`churn-assets summary --full`: all tables, refused rows, findings, the model, segments, riskiest customers."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from churn_assets.alerts.messages import reasons_of
from churn_assets.cli.alert_summary import alerts_in_short, most_important, newest_alerts, rule_grid
from churn_assets.cli.findings import earlier_findings, open_findings, print_findings
from churn_assets.cli.known_until import delivered_once, not_known, states_of, told
from churn_assets.cli.options import command
from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.champions import Champion, champion_at, in_haste
from churn_assets.models.decisions import decided
from churn_assets.reporting.words import capitalised
from churn_assets.retention.uplift_told import newest_effects
from churn_assets.silver.today import today_of

if TYPE_CHECKING:
    import pyarrow as pa

RISKIEST = 10
FREQUENT_RULES = 8
FIRST_STEPS = (
    "`{command} demo` simulates a business and runs everything; `{command} run ingest --from YYYY-MM` takes in "
    "what is in the landing zone."
)


def _grid(title: str, *columns: str) -> RichTable:
    table = RichTable(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for position, name in enumerate(columns):
        table.add_column(name, justify="left" if position == 0 else "right")
    return table


def _rows(lakehouse: Lakehouse, business: Business) -> RichTable:
    grid = _grid("Rows", "table", "rows")
    for table in tables.catalogue(business):
        if lakehouse.exists(table):
            grid.add_row(table.path, f"{lakehouse.count(table):,}")
    return grid


def _known(lakehouse: Lakehouse, business: Business) -> RichTable | None:
    """Until when each source is known."""
    states = states_of(lakehouse, business)
    if not states:
        return None
    missing = not_known(business, states, today_of(lakehouse, business))
    grid = _grid("Known until", "source", "until", "months that did not pass")
    grid.columns[2].justify = "left"
    for state in states:
        said = [told(state, missing.get(state.source, ())), delivered_once(state)]
        grid.add_row(state.source, str(state.until or "-"), "; ".join(filter(None, said)))
    return grid


def _refused(lakehouse: Lakehouse) -> RichTable | None:
    if not lakehouse.exists(tables.QUARANTINE):
        return None
    refused = lakehouse.arrow(tables.QUARANTINE, ["source", "rule"])
    counts = refused.group_by(["source", "rule"]).aggregate([([], "count_all")]).to_pylist()
    grid = _grid(
        f"Refused rows ({refused.num_rows:,}, each with file and reason in silver/quarantine)",
        "source",
        "rule",
        "rows",
    )
    most_first = sorted(counts, key=lambda r: -r["count_all"])
    for row in most_first[:FREQUENT_RULES]:
        grid.add_row(row["source"], escape(row["rule"]), f"{row['count_all']:,}")
    others = most_first[FREQUENT_RULES:]
    if others:
        grid.add_row(
            "others", f"{len(others)} of {len(counts)} rules", f"{sum(r['count_all'] for r in others):,}"
        )
    return grid


def latest(table: "pa.Table", column: str) -> "pa.Table":
    import pyarrow.compute as pc

    return table.filter(pc.field(column) == pc.max(table[column]))


def trainings(lakehouse: Lakehouse) -> list[dict[str, Any]]:
    """Rows of models/training_runs, oldest first."""
    if not lakehouse.exists(tables.TRAINING_RUNS):
        return []
    rows: list[dict[str, Any]] = lakehouse.arrow(tables.TRAINING_RUNS).sort_by("trained_at").to_pylist()
    return rows


def training_in_charge(runs: Sequence[dict[str, Any]], line: Sequence[Champion]) -> dict[str, Any] | None:
    """The training of the present champion, a row of models/training_runs; None without a champion or its training."""
    champion = champion_at(line, datetime.now(UTC).date())
    if champion is None:
        return None
    return next((run for run in reversed(runs) if run["model_version"] == champion.model_version), None)


def _model(lakehouse: Lakehouse, line: Sequence[Champion], console: Console) -> None:
    """Prints the present champion, and the newest later training if its model did not take over."""
    runs = trainings(lakehouse)
    told = training_in_charge(runs, line)
    if told is None:
        return
    console.print(
        f"[bold]Model[/] version {told['model_version']} ({told['candidate'].replace('_', ' ')}), trained as of "
        f"{told['trained_as_of']} on {told['rows']:,} snapshots with {told['positives']:,} churners."
    )
    if told["auc"] is not None:
        crosswise = "crosswise, on customers that were not used to choose the model"
        tested = crosswise if in_haste(told) else "untouched"
        console.print(
            f"  ROC-AUC on the last mature cohort ({told['test_as_of_date']}, {tested}): "
            f"[bold]{told['auc']:.3f}[/] (95 % interval {told['auc_low']:.3f} to {told['auc_high']:.3f}); "
            f"top-decile lift {told['lift_top_decile']:.1f}, Brier {told['brier']:.4f}."
        )
    # trainings of earlier months (a backtest) do not affect who is in charge today
    newest = [run for run in runs if run["trained_as_of"] >= told["trained_as_of"]][-1]["model_version"]
    if newest != told["model_version"]:
        decisions = lakehouse.arrow(tables.CHAMPIONS).sort_by("decided_at").to_pylist()
        about = (d for d in reversed(decisions) if newest in (d["model_version"], d["previous_version"]))
        why = next((d["why"] for d in about), "no decision is on record, its training ended before")
        console.print(f"  Version {newest}, trained later, is not in charge: {escape(why)}.")


def _segments(lakehouse: Lakehouse) -> RichTable | None:
    if not lakehouse.exists(tables.CUSTOMER_SEGMENTS):
        return None
    newest = latest(
        lakehouse.arrow(tables.CUSTOMER_SEGMENTS, ["as_of_date", "segment", "action"]), "as_of_date"
    )
    sizes = Counter((r["segment"], r["action"]) for r in newest.to_pylist())
    grid = _grid(f"Segments on {newest['as_of_date'][0]}", "segment", "customers", "action")
    grid.columns[2].justify = "left"
    for (name, action), size in sizes.most_common():
        grid.add_row(escape(name), f"{size:,}", escape(action))
    return grid


def _lifetimes(lakehouse: Lakehouse) -> str | None:
    """How long the customers of the newest cohort are expected to stay, and how good that is; None without a view."""
    import pyarrow.compute as pc

    if not lakehouse.exists(tables.EXPECTED_LIFETIMES):
        return None
    columns = ["as_of_date", "expected_months", "horizon_months"]
    found = lakehouse.arrow(tables.EXPECTED_LIFETIMES, columns)
    if not found.num_rows:
        return None
    newest = latest(found, "as_of_date")
    day, horizon = newest["as_of_date"][0].as_py(), newest["horizon_months"][0].as_py()
    mean = pc.mean(newest["expected_months"]).as_py()
    told = f"[bold]Lifetimes[/] as of {day}: expected to stay {mean:.1f} of the next {horizon} months on average. "
    judged = lakehouse.exists(tables.LIFETIME_QUALITY) and lakehouse.arrow(
        tables.LIFETIME_QUALITY, filters=[("as_of_date", "=", day)]
    )
    if not judged or not judged.num_rows:
        return f"{told}Not judged yet."
    [row] = judged.to_pylist()
    if row["concordance"] is None:
        return told + escape(capitalised(row["status"]))
    return (
        f"{told}Out of time ({row['judged_as_of_date']}, followed for {row['followed_months']} months): concordance "
        f"{row['concordance']:.3f} ({row['concordance_low']:.3f} to {row['concordance_high']:.3f}), integrated Brier "
        f"{row['brier']:.4f}; Kaplan-Meier has {row['brier_kaplan_meier']:.4f}."
    )


def _values(lakehouse: Lakehouse, business: Business) -> str | None:
    """What the customers of the newest cohort are worth, and whether such values proved better; None without values."""
    import pyarrow.compute as pc

    if business.file.economics.lifetime is None or not lakehouse.exists(tables.LIFETIME_VALUES):
        return None
    columns = [
        "as_of_date",
        "lifetime_value",
        "value_horizon_months",
        "better_than_constant",
        "judged_as_of_date",
    ]
    found = lakehouse.arrow(tables.LIFETIME_VALUES, columns)
    if not found.num_rows:
        return None
    newest = latest(found, "as_of_date")
    mean, currency = pc.mean(newest["lifetime_value"]).as_py(), business.file.currency
    first = newest.slice(0, 1).to_pylist()[0]
    amount = "unknown" if mean is None else f"{mean:,.0f} {currency} on average"
    judged = {
        None: "Not judged yet, so the plan counts with economics.lifetime_value.",
        True: f"Those predicted as of {first['judged_as_of_date']} came out better than the same lifetime for "
        "everybody, so the plan uses them.",
        False: f"Those predicted as of {first['judged_as_of_date']} are not shown to be better than the same lifetime "
        "for everybody, so the plan counts with economics.lifetime_value.",
    }[first["better_than_constant"]]
    return (
        f"[bold]Lifetime values[/] as of {first['as_of_date']}, {first['value_horizon_months']} months ahead: "
        f"{amount}. {judged}"
    )


def _effects(lakehouse: Lakehouse) -> str | None:
    """What is known of the effects of offers by customer; None before anything was judged."""
    found = newest_effects(lakehouse)
    if found is None:
        return None
    day, told = found
    lines = [f"  {name.replace('_', ' ')}: {escape(words)}" for name, words in told.items()]
    return "\n".join([f"[bold]Effects of offers[/] as of {day}:", *lines])


def riskiest(lakehouse: Lakehouse, line: Sequence[Champion], count: int) -> list[dict[str, Any]]:
    """Rows of scores/churn_scores with the highest risk in the newest cohort, by the model in charge then.

    The rows come from decile 1; `count` is the maximum number.
    """
    if not lakehouse.exists(tables.CHURN_SCORES):
        return []
    columns = [
        "as_of_date",
        "model_version",
        "customer_key",
        "raw",
        "probability",
        "reason_1",
        "reason_2",
        "reason_3",
    ]
    newest = latest(lakehouse.arrow(tables.CHURN_SCORES, columns, [("decile", "=", 1)]), "as_of_date")
    versions = newest["model_version"].to_pylist()
    champion = champion_at(line, newest["as_of_date"][0].as_py())
    # the same version as in the segments; a version put in charge since then has not scored yet
    by = champion.model_version if champion and champion.model_version in versions else max(versions, key=int)
    rows = newest.sort_by([("raw", "descending")]).to_pylist()
    return [row for row in rows if row["model_version"] == by][:count]


def _riskiest(rows: Sequence[dict[str, Any]]) -> RichTable:
    grid = _grid("The ten riskiest customers", "customer_key", "probability", "why")
    grid.columns[2].justify = "left"
    for row in rows:
        grid.add_row(row["customer_key"], f"{row['probability']:.0%}", escape("; ".join(reasons_of(row))))
    return grid


def is_empty(lakehouse: Lakehouse, business: Business, console: Console) -> bool:
    """Whether the lake has no table yet; prints a message if so."""
    if any(lakehouse.exists(table) for table in tables.catalogue(business)):
        return False
    lake = lakehouse.settings.lake_uri
    console.print(f"There is no table in {lake} yet. {FIRST_STEPS.format(command=command())}", markup=False)
    return True


def print_full_summary(lakehouse: Lakehouse, business: Business, console: Console) -> None:
    """Prints the full summary of the lake. Starts no JVM; shows customer_keys, never a natural id."""
    if is_empty(lakehouse, business, console):
        return
    for part in (_rows(lakehouse, business), _known(lakehouse, business), _refused(lakehouse)):
        if part is not None:
            console.print(part, "")
    found = open_findings(lakehouse)
    if found.newest:
        print_findings(lakehouse, [found.month], console, shown=None)
        console.print()
    if (earlier := earlier_findings(found)) is not None:
        console.print(earlier, "")
    line = decided(lakehouse)
    _model(lakehouse, line, console)
    if (segments := _segments(lakehouse)) is not None:
        console.print("", segments)
    for said in (_lifetimes(lakehouse), _values(lakehouse, business), _effects(lakehouse)):
        if said is not None:
            console.print("", said)
    if rows := riskiest(lakehouse, line, RISKIEST):
        console.print("", _riskiest(rows))
    _print_alerts(lakehouse, business, console)


def _print_alerts(lakehouse: Lakehouse, business: Business, console: Console) -> None:
    rows = newest_alerts(lakehouse)
    if (told := alerts_in_short(rows)) is None:
        return
    console.print("", f"[bold]Alerts[/]: {escape(told)}.")
    for grid in (most_important(rows, business, console.width, RISKIEST), rule_grid(lakehouse)):
        if grid is not None:
            console.print("", grid)
