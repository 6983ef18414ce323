"""Writes simulated extracts of a shipped business, with a progress display: `churn-assets simulate` and the demo."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from churn_assets.contracts.business import Business
from churn_assets.months import add_months, month_start
from churn_assets.reporting.progress_display import display_on
from churn_assets.settings import COMING, Settings, is_uri

if TYPE_CHECKING:
    from churn_assets.simulator.plan import Progress, SimulationPlan, SimulationSummary

    Simulator = Callable[[SimulationPlan, Path, Path, Progress], SimulationSummary]


class SimulationError(ValueError):
    """The request cannot be simulated; the message states why and what to change."""


def simulate(
    settings: Settings,
    business: Business,
    *,
    customers: int,
    months: int,
    last: str,
    seed: int,
    console: Console,
    drift_from: str | None = None,
    start: str | None = None,
    truncate: tuple[tuple[str, str], ...] = (),
    clean: bool = False,
    daily_from: str | None = None,
    held_back: bool = False,
) -> None:
    """Writes the `months` months up to `last` (or from `start`) into the landing zone, and the truth into CHURN_HOME.

    From the month `daily_from` on, sources that deliver changes deliver every day (telecom). `held_back` writes the
    extracts from then on into CHURN_HOME/coming; `coming.deliver_day` moves them into the landing zone.

    Raises:
        SimulationError: no simulator for this business; a landing zone that is not local; months outside of the
            calendar; an invalid plan; a drift outside of the months; truncation of a source that is not simulated;
            daily extracts of a business that delivers monthly.
        FileExistsError: the landing zone contains another simulation; nothing was written.
    """
    from churn_assets.simulator.plan import DirtRates, SimulationPlan

    if is_uri(settings.landing_uri):
        raise SimulationError(f"The simulator writes local files; CHURN_LANDING is {settings.landing_uri}.")
    coming = settings.home_path / COMING if held_back else None
    simulator, sources = _simulator_of(business, daily_from, coming)
    first = start or add_months(last, 1 - months)
    begin = business.file.calendar.start
    if first < begin or add_months(first, months - 1) > last:
        raise SimulationError(
            f"{months} months from {first} do not fit into the calendar of churn.yaml ({begin} to {last}). "
            "Ask for fewer months, or change `calendar`."
        )
    try:
        plan = SimulationPlan(
            customers=customers,
            start=month_start(first),
            months=months,
            seed=seed,
            drift_from=drift_from,
            dirt=DirtRates.none() if clean else DirtRates(),
            truncate=truncate,
            daily_from=daily_from,
        )
    except ValueError as error:
        raise SimulationError(str(error)) from error
    span = _require_inside(plan, sources)
    landing, truth = Path(settings.landing_uri), settings.home_path / "truth"
    with display_on(console, "simulate", months) as display:
        display.hear(f"the months before {span[0]}")
        summary = simulator(plan, landing, truth, lambda what, done, _: display.reach(done, what))
    rows = ", ".join(f"{name} {count:,}" for name, count in summary.rows.items())
    waiting = f" Those from {daily_from} on wait in {coming} for their day." if held_back else ""
    console.print(
        f"Extracts of {span[0]} to {span[-1]} in {landing}: {rows} rows.{waiting} What is true of the customers is in "
        f"{truth}.",
        markup=False,
    )


def _simulator_of(
    business: Business, daily_from: str | None, coming: Path | None
) -> tuple["Simulator", Sequence[str]]:
    """Returns the simulator of a shipped business and the names of its sources.

    Raises:
        SimulationError: no simulator for this business, or none that delivers daily.
    """
    from churn_assets.simulator.plan import SHOP_SOURCES, TELECOM_SOURCES
    from churn_assets.simulator.shop import simulate_shop
    from churn_assets.simulator.telecom import simulate_telecom

    if business.name == "telecom":
        return partial(simulate_telecom, coming=coming), TELECOM_SOURCES
    if business.name != "shop":
        raise SimulationError(
            f"There is no simulator for the business {business.name}; it has telecom, shop."
        )
    if daily_from is not None:
        raise SimulationError("The shop delivers once a month. Only telecom can go on day by day.")
    return simulate_shop, SHOP_SOURCES


def _require_inside(plan: "SimulationPlan", sources: Sequence[str]) -> Sequence[str]:
    """Returns the months of the plan.

    Raises:
        SimulationError: the drift begins outside of them, or the truncation names a source that is not simulated.
    """
    span = plan.month_keys
    if plan.drift_from is not None and plan.drift_from not in span:
        raise SimulationError(
            f"--drift-from {plan.drift_from} is not one of the months {span[0]} to {span[-1]}."
        )
    if strange := [source for source, _ in plan.truncate if source not in sources]:
        raise SimulationError(f"--truncate {strange[0]}: there are only {', '.join(sources)}.")
    return span
