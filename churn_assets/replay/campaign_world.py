"""The world of a replay with campaigns: a company that delivers month by month, and copies of it that are left alone.

The world is made again from its seed whenever the replay goes on, with the contacts that were ordered before. So
nothing of it is kept but the extracts and the orders.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from churn_assets.contracts.business import Business
from churn_assets.durable import replace_file
from churn_assets.months import add_months, month_end, month_of, month_range, month_start
from churn_assets.replay.policies import CONTACT_AFTER
from churn_assets.replay.world import BUSINESS, START, ReplayError, business_between, home_of, settings_in
from churn_assets.retention.draws import holdout_months
from churn_assets.settings import Settings
from churn_assets.simulator.dates import NEVER, to_day
from churn_assets.simulator.living import LivingWorld
from churn_assets.simulator.plan import SimulationPlan
from churn_assets.simulator.telecom import Telecom

HISTORY = 13  # months before the first plan: for the features, and for the cohorts of a training
LEAST_CUSTOMERS = 1_000  # of fewer, too few of the test cohort may leave to judge a model by
LAST_ONES = 2  # months after the last plan, until its first outcomes are known
FOLDER = "campaigns"
SHIPPED_CUSTOMERS = 5_000  # for whom budget and capacities of the shipped business are meant


@dataclass(frozen=True)
class CampaignPlan:
    """The world to simulate.

    Attributes:
        customers: number at the start.
        months: number of months, from START on; campaigns are planned at the ends of those after HISTORY, but for the
            last two.
        seed: the same seed gives the same world.
        offers_work: False: offers are accepted and paid, and change nothing.
        candidates: that compete in the training.
    """

    customers: int
    months: int
    seed: int
    offers_work: bool = True
    candidates: tuple[str, ...] = ("logistic_regression", "histogram_boosting")

    @property
    def calendar(self) -> list[str]:
        """All months, in order."""
        return month_range(START, add_months(START, self.months - 1))

    @property
    def simulation(self) -> SimulationPlan:
        """What is simulated; ValueError if it cannot be."""
        return SimulationPlan(
            customers=self.customers, start=month_start(START), months=self.months, seed=self.seed
        )

    @property
    def trained(self) -> str:
        """The month at whose end the model is trained and the first campaign is planned."""
        return self.calendar[HISTORY - 1]

    @property
    def planned(self) -> list[str]:
        """The months at whose ends a campaign is planned."""
        return self.calendar[HISTORY - 1 : -LAST_ONES]

    @property
    def first_contact(self) -> int:
        """Epoch day of the first contacts."""
        return to_day(month_end(self.trained)) + CONTACT_AFTER


@dataclass(frozen=True)
class LivedMonth:
    """What is kept of a month.

    Attributes:
        orders: slot and offer of each customer who is contacted.
        policies: policy -> contacts, saved and profit, by the truth; empty where nothing was planned.
    """

    orders: Sequence[tuple[int, str]] = ()
    policies: dict[str, dict[str, float]] = field(default_factory=dict)


def make_campaign_home(settings: Settings, plan: CampaignPlan) -> Settings:
    """Settings with all locations in CHURN_HOME/replay, which is made, or goes on if it holds the same replay.

    Raises:
        ReplayError: too few months or customers, or the folder holds another replay.
    """
    if plan.months < HISTORY + LAST_ONES + 1:
        least = HISTORY + LAST_ONES + 1
        raise ReplayError(
            f"{plan.months} months leave no campaign to measure; ask for at least {least} with --campaigns."
        )
    try:
        _ = plan.simulation
    except ValueError as error:
        raise ReplayError(str(error)) from error
    if plan.customers < LEAST_CUSTOMERS:
        raise ReplayError(
            f"{plan.customers:,} customers are too few to train on; ask for at least {LEAST_CUSTOMERS:,} with "
            "--campaigns."
        )
    home, told = home_of(settings), json.loads(json.dumps(asdict(plan)))
    file = home / FOLDER / "plan.json"
    if home.exists() and not file.exists():
        raise ReplayError(
            f"{home} holds an earlier replay without campaigns. Remove the folder, or choose another with CHURN_HOME."
        )
    if file.exists() and (earlier := json.loads(file.read_bytes())) != told:
        differs = ", ".join(f"{name} {earlier.get(name)}" for name in told if earlier.get(name) != told[name])
        raise ReplayError(
            f"{home} holds another replay, with {differs}. Ask for the same to go on with it, remove the folder, or "
            "choose another with CHURN_HOME."
        )
    if not file.exists():
        try:
            _business(home / BUSINESS, plan)
            file.parent.mkdir()
            replace_file(file, json.dumps(told).encode())
        except BaseException:
            shutil.rmtree(home)  # the next call would take it for an earlier replay
            raise
    return settings_in(settings, home)


def _business(folder: Path, plan: CampaignPlan) -> None:
    """The shipped business with the calendar, and with budget and capacities for so many customers."""
    times = plan.customers / SHIPPED_CUSTOMERS

    def scale(content: dict[str, Any]) -> None:
        section = content["campaigns"]
        section["budget"] = max(
            round(section["budget"] * times, 2), max(o["contact_cost"] for o in content["offers"])
        )
        for line in section["capacity"]:
            line["contacts"] = max(round(line["contacts"] * times), 1)
        for offer in content["offers"]:
            if "capacity" in offer:
                offer["capacity"] = max(round(offer["capacity"] * times), 1)

    business_between(folder, plan.calendar[0], plan.calendar[-1], plan.candidates, scale)


class CampaignWorld:
    """Lives month by month; a month that was lived before is lived again as it was.

    Attributes:
        plan: of the replay.
        months: month -> what is kept of it.
        alone: draw of the holdout -> the copy that is left alone from its first campaign on.
        left: by month since the first plan: customers who chose to leave since the first contacts, in the copy left
            alone and in this world; and of them, those who agree to contacts.
    """

    def __init__(self, settings: Settings, business: Business, plan: CampaignPlan) -> None:
        self.plan, self.business = plan, business
        self.folder = settings.home_path / FOLDER
        self.months = {
            file.stem: LivedMonth(**json.loads(file.read_bytes())) for file in self.folder.glob("20*.json")
        }
        self.telecom = Telecom(
            plan.simulation,
            Path(settings.landing_uri),
            settings.home_path / "truth",
            own_until=month_end(plan.trained),
            offers_work=plan.offers_work,
            keep=True,
        )
        self.alone: dict[str, LivingWorld] = {}
        self.left: list[tuple[str, tuple[int, int], tuple[int, int]]] = []
        self.telecom.begin()

    @property
    def world(self) -> LivingWorld:
        """The world that is treated."""
        return self.telecom.world

    def live_month(self) -> None:
        """Lives until the end of the next month, with all copies."""
        self.telecom.live_month()
        for copy in self.alone.values():
            while copy.day < self.world.day:
                copy.live()
        if self.alone:
            first = next(iter(self.alone.values()))
            self.left.append((month_of(self.day), self._left(first), self._left(self.world)))

    @property
    def day(self) -> date:
        """The last day that was lived."""
        return date(1970, 1, 1) + timedelta(days=self.world.day)

    def _left(self, world: LivingWorld) -> tuple[int, int]:
        on = world.left_by_choice(np.arange(world.people.size))
        gone = np.flatnonzero((on >= self.plan.first_contact) & (on < NEVER))
        return len(gone), int(world.agrees(gone).sum())

    def keep(self, month: str, lived: LivedMonth) -> None:
        """Keeps a month, so that it is not lived anew."""
        self.months[month] = lived
        replace_file(self.folder / f"{month}.json", json.dumps(asdict(lived)).encode())

    def order(self, month: str) -> None:
        """Orders the contacts of the campaign that was planned at the end of a month; copies the world before."""
        section = self.business.file.campaigns
        assert section is not None  # noqa: S101 (the shipped business declares campaigns)
        draw = f"{section.name}-{holdout_months(month, section.holdout_months)[0]}"
        if draw not in self.alone:
            self.alone[draw] = self.world.twin()
            self.alone[draw].keep_nothing()
        orders = self.months[month].orders
        if not orders:
            return
        self.world.order(
            pd.DataFrame(
                {
                    "customer_id": [self.world.ids[slot] for slot, _ in orders],
                    "contact_on": month_end(month) + timedelta(days=CONTACT_AFTER),
                    "campaign": f"{section.name}-{month}",
                    "offer": [offer for _, offer in orders],
                }
            )
        )

    def slots_of(self, customer_ids: pd.Series) -> np.ndarray[Any, np.dtype[np.intp]]:
        """The slots of customers."""
        slot_of = {name: slot for slot, name in enumerate(self.world.ids) if name}
        return np.asarray(customer_ids.map(slot_of), dtype=np.intp)
