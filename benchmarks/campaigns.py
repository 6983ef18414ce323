"""`python -m benchmarks.campaigns FOLDER SEED...`: do campaigns pay, in worlds in which the truth is known?

Each world lives through a year in which the business ran its own daily campaign with a random control arm. Then it is
copied, and each copy lives through another year: one left alone, one treated by our plans, and others by those of other
policies, all with the same random numbers, offers, budget and capacities. Planned is at each month end, contacted some
days later. What is real and what is replaced: see `benchmarks.planned_worlds`.

Our plans are measured as in the pipeline. The truth of a measured campaign is what would have become of the same
customers without it: in a copy of our world that is left alone from the beginning of the holdout's draw on.

For each seed there is also a world in which offers do nothing. Writes FOLDER/SEED.json and FOLDER/SEED-nothing.json,
after each of them the tables of docs/benchmarks.md into FOLDER/tables.md, and prints the figures, also into
FOLDER/figures.json. A world that has been written is not made again.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.campaign_tables import markdown
from benchmarks.campaign_worlds import Months
from benchmarks.planned_worlds import CUSTOMERS, HISTORY, MONTHS, Copy, first_year, plan_month, scaled
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.months import month_of
from churn_assets.replay.policies import CONTACT_AFTER, OFF, ORACLE, PLAN, RANDOM, RISK, true_difference
from churn_assets.retention.arms import CONTACTED, EXPLORATION, HOLDOUT, NOT_WORTH_IT, OVER_BUDGET, PLANNED
from churn_assets.retention.contacts import AS_OF, KEY
from churn_assets.retention.draws import holdout_months
from churn_assets.retention.measure import HORIZONS, Measured, measure
from churn_assets.retention.results_told import CAMPAIGN
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.simulator.dates import NEVER, to_date, to_day

World = dict[str, Any]  # the figures of one, as `live` returns them
FIGURES, TABLES = "figures.json", "tables.md"
SEEDS = (1, 2, 3, 4, 5)
OTHERS = (OFF, RISK, RANDOM, ORACLE)


@dataclass(frozen=True)
class Earned:
    """What a policy did in a world.

    Attributes:
        contacts: made.
        saved: by the truth: customers who did not leave in the outcome window after a contact because of it.
        profit: by the truth: their value less what contacts and accepted offers cost on average.
        left: customers who left by choice since the first contact.
        left_eligible: of them, those who agree to contacts and do not object to profiling.
        expected: profit that our plan expected; 0 of the others.
    """

    contacts: int
    saved: float
    profit: float
    left: int
    left_eligible: int
    expected: float


@dataclass(frozen=True)
class Judged:
    """A measured campaign and the truth.

    Attributes:
        campaign_id, days, status: see `Measured`.
        treated, control: customers with a known outcome.
        difference, adjusted: of the shares who left, each with its interval; None where it cannot be told.
        truth: the true difference.
        claims: whether an effect is claimed.
    """

    campaign_id: str
    days: int
    status: str
    treated: int
    control: int
    difference: tuple[float, float, float] | None
    adjusted: tuple[float, float, float] | None
    truth: float
    claims: bool


def live(seed: int, business: Business, customers: int, offers_work: bool) -> World:
    """Lives through the copies of a world; returns the figures. Where offers do nothing, no copy is needed."""
    start, model = first_year(seed, customers, business, offers_work)
    names = (PLAN, *OTHERS) if offers_work else (PLAN,)
    copies = {name: Copy(name, start.months.twin(), [], list(start.fits)) for name in names}
    ours = copies[PLAN]
    without = {draw_of(ours, business): copies[OFF].months} if offers_work else {}
    for _ in range(HISTORY, MONTHS - 1):
        draw = draw_of(ours, business)
        if offers_work and draw not in without:
            without[draw] = ours.months.twin()
        for copy in copies.values():
            if copy.policy != OFF:
                plan_month(copy, model, business)
        _live_month([*(copy.months for copy in copies.values()), *without.values()])
    _live_month([*(copy.months for copy in copies.values()), *without.values()])
    table = measured_table(ours, business)
    found = measure(table, ours.months.day)
    first = to_day(start.months.day) + CONTACT_AFTER
    return {
        "seed": seed,
        "customers": customers,
        "budget": business.file.campaigns.budget,
        "offers_work": offers_work,
        "policies": {name: asdict(_earned(copy, first)) for name, copy in copies.items()},
        "campaigns": [asdict(_judged(m, table, without, ours.months)) for m in found if m.scope == CAMPAIGN],
        "months": [_month(plan) for plan in ours.plans],
    }


def draw_of(copy: Copy, business: Business) -> str:
    """The id of the holdout's draw."""
    section = business.file.campaigns
    return f"{section.name}-{holdout_months(month_of(copy.months.day), section.holdout_months)[0]}"


def _live_month(worlds: list[Months]) -> None:
    for world in {id(world): world for world in worlds}.values():
        world.live_month()


def _earned(copy: Copy, first: int) -> Earned:
    slots = np.arange(copy.months.world.people.size)
    chosen, _ = copy.months.ends(slots)
    gone = slots[(chosen >= first) & (chosen < NEVER)]
    left = (len(gone), int(copy.months.agree(gone).sum()))
    if not copy.plans:
        return Earned(0, 0.0, 0.0, *left, 0.0)
    rows = pd.concat(copy.plans)
    out = rows[rows["arm"].isin(CONTACTED)]
    profit = out["true_saved"] * out["value"] - out["true_cost"]
    expected = out["expected"] * out["value"] - out["expected_cost"]
    saved = float(out["true_saved"].sum())
    return Earned(len(out), saved, float(profit.sum()), *left, float(expected.sum()))


def _month(plan: pd.DataFrame) -> World:
    """How a plan of ours came out."""
    out = plan[plan["arm"].isin(CONTACTED)]
    return {
        "as_of_date": str(plan[AS_OF].iloc[0]),
        "eligible": len(plan),
        "candidates": int((plan["arm"].notna() | plan["reason"].isin([NOT_WORTH_IT, OVER_BUDGET])).sum()),
        "planned": int((plan["arm"] == PLANNED).sum()),
        "exploration": int((plan["arm"] == EXPLORATION).sum()),
        "cost": float(out["expected_cost"].sum()),
        "expected_saved": float(out["expected"].sum()),
        "true_saved": float(out["true_saved"].sum()),
        "offers": out["offer"].value_counts().to_dict(),
    }


def measured_table(ours: Copy, business: Business) -> pd.DataFrame:
    """The customers of all plans as `measure` wants them; as in the pipeline, they are followed from the as_of_date."""
    rows = pd.concat(ours.plans, ignore_index=True)
    rows["start"] = [to_day(day) for day in rows[AS_OF]]
    rows["chosen"], rows["ended"] = ours.months.ends(rows["slot"].to_numpy())
    might = rows["arm"].notna() | rows["reason"].isin([NOT_WORTH_IT, OVER_BUDGET])
    would = (rows["arm"] != HOLDOUT) | rows["offer"].notna()
    rows = rows[might & would & (rows["ended"] >= rows["start"])].reset_index(drop=True)
    made = ours.months.contacts.rename(columns={"campaign": "campaign_id", "customer_id": KEY})
    rows = rows.merge(made[[KEY, "campaign_id", "accepted"]], on=[KEY, "campaign_id"], how="left")
    costs = {o.name: (o.contact_cost, o.cost) for o in business.file.offers}
    contacted = rows["accepted"].notna()
    spent = [
        costs[offer][0] + costs[offer][1] * bool(yes) if out else 0.0
        for offer, yes, out in zip(rows["offer"], rows["accepted"], contacted, strict=True)
    ]
    return rows.assign(
        origin="plan",
        score=rows["probability"],
        cost=spent,
        contacted=contacted,
        started_on=[to_date(day) for day in rows["start"]],
        left_on=_dates(rows["chosen"]),
        ended_on=_dates(rows["ended"]),
        returned_on=None,
        known_until=ours.months.day,
    )


def _dates(days: pd.Series) -> pd.Series:
    return pd.Series([to_date(day) if day < NEVER else None for day in days.tolist()], dtype=object)


def _judged(found: Measured, table: pd.DataFrame, without: dict[str, Months], ours: Months) -> Judged:
    return Judged(
        found.campaign_id,
        found.days,
        found.status,
        found.treated,
        found.control,
        found.difference,
        found.adjusted,
        true_difference(
            table, found.campaign_id, found.days, {d: m.world for d, m in without.items()}, ours.world
        ),
        found.claims,
    )


def told(found: list[World]) -> list[tuple[str, str]]:
    """Figures over worlds, each with its value in words."""
    real = [world for world in found if world["offers_work"]]
    dead = [world for world in found if not world["offers_work"]]
    lines = [_of_world(world) for world in real]
    for days in HORIZONS:
        for kind in ("difference", "adjusted"):
            ranges = [
                (c[kind], c["truth"])
                for world in real
                for c in world["campaigns"]
                if c["days"] == days and c[kind] and c["campaign_id"] != "all"
            ]
            if ranges:
                inside = sum(low <= truth <= high for (_, low, high), truth in ranges)
                share = f"{inside} of {len(ranges)} campaigns ({inside / len(ranges):.0%})"
                lines.append((f"interval covers the truth, {days} days, {kind}", share))
    for world in real:
        lines += [_cumulated(world, c) for c in world["campaigns"] if c["campaign_id"] == "all"]
    if dead:
        campaigns = {
            (w["seed"], c["campaign_id"]) for w in dead for c in w["campaigns"] if c["campaign_id"] != "all"
        }
        claiming = {
            (w["seed"], c["campaign_id"])
            for w in dead
            for c in w["campaigns"]
            if c["campaign_id"] != "all" and c["claims"]
        }
        lines.append(
            (
                "offers that do nothing: campaigns without a claim",
                f"{len(campaigns - claiming)} of {len(campaigns)}",
            )
        )
        for world in dead:
            planned = ", ".join(f"{m['planned']}+{m['exploration']}" for m in world["months"])
            lines.append((f"world {world['seed']}, offers that do nothing: planned + explored", planned))
    return lines


def _of_world(world: World) -> tuple[str, str]:
    policies = world["policies"]
    fall, whole = (1 - policies[PLAN][of] / policies[OFF][of] for of in ("left_eligible", "left"))
    profits = ", ".join(f"{name} {one['profit']:,.0f}" for name, one in policies.items() if name != OFF)
    share = policies[PLAN]["profit"] / policies[ORACLE]["profit"]
    value = (
        f"{policies[OFF]['left_eligible']:,} of those who may be contacted left without, "
        f"{policies[PLAN]['left_eligible']:,} with our plans ({-fall:+.1%}; of all customers {-whole:+.1%}); profit: "
        f"{profits}; {share:.0%} of the oracle's; expected {policies[PLAN]['expected']:,.0f}"
    )
    return f"world {world['seed']}", value


def _cumulated(world: World, line: World) -> tuple[str, str]:
    best = line["adjusted"] or line["difference"]
    measured = "{:+.2%} ({:+.2%} to {:+.2%})".format(*best) if best else "not decidable"
    return (
        f"world {world['seed']}, all campaigns, {line['days']} days",
        f"{measured}, truth {line['truth']:+.2%}",
    )


def main(folder: Path, seeds: list[int], customers: int = CUSTOMERS) -> None:
    """Lives, measures, writes and prints."""
    folder.mkdir(parents=True, exist_ok=True)
    business = scaled(load_business(SHIPPED_BUSINESSES / "telecom"), customers)
    found = []
    for seed in seeds:
        for works in (True, False):
            file = folder / f"{seed}{'' if works else '-nothing'}.json"
            if not file.exists():
                file.write_text(json.dumps(live(seed, business, customers, works), indent=1))
            found.append(json.loads(file.read_text()))
            (folder / TABLES).write_text(markdown(found))
            print(f"lived: {file.name}", flush=True)
    figures = told(found)
    lines = [{"figure": figure, "remark": value} for figure, value in figures]
    (folder / FIGURES).write_text(json.dumps(lines, indent=1))
    for figure, value in figures:
        print(f"{figure}: {value}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(seed) for seed in sys.argv[2:]])
