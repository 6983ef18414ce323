"""`churn-assets replay --campaigns`: a simulated world with and without our campaigns, month by month."""

from typing import Any

from rich.console import Console

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.replay.campaign_months import CampaignLife
from churn_assets.replay.campaign_report import campaigns_page, print_campaigns
from churn_assets.replay.campaign_result import CampaignResult, JudgedCampaign, LeftUntil, brought_by
from churn_assets.replay.campaign_world import CampaignPlan, CampaignWorld, make_campaign_home
from churn_assets.replay.policies import true_difference
from churn_assets.replay.replayed_months import progress_on
from churn_assets.retention.contacts import AS_OF, KEY
from churn_assets.retention.measure import FEWER, MORE
from churn_assets.retention.results_told import ALL, CAMPAIGN, NOT_MATURED, PLAN, newest_results
from churn_assets.runs import dagster_instance
from churn_assets.settings import Settings
from churn_assets.simulator.dates import to_day


def replay_campaigns(settings: Settings, plan: CampaignPlan, console: Console) -> CampaignResult:
    """Lives through a world with campaigns in CHURN_HOME/replay; prints tables and writes campaigns.html there.

    An interrupted replay goes on where it was: the world is simulated again, and the months that the pipeline has been
    through are not run again.

    Raises:
        ReplayError: see `make_campaign_home`.
        RunError: a job failed.
        KeyboardInterrupt: it was interrupted; told on the console.
    """
    own = make_campaign_home(settings, plan)
    business = load_business(own.business_path)
    with dagster_instance(own) as instance, progress_on(console) as progress:
        task = progress.add_task("", total=plan.months, month=plan.calendar[0])
        world = CampaignWorld(own, business, plan)
        life = CampaignLife(
            own, business, world, instance, lambda what: progress.update(task, description=what)
        )
        for month in plan.calendar:
            progress.update(task, month=month)
            try:
                life.month(month)
            except KeyboardInterrupt:
                console.print(f"Stopped in {month}. The same command goes on from there.")
                raise
            progress.advance(task)
        progress.update(task, description="")
        world.telecom.finish()
        found = _result(life)
    print_campaigns(found, console)
    page = own.home_path / "campaigns.html"
    page.write_text(campaigns_page(found), encoding="utf-8")
    console.print(f"Page: {page}", markup=False)
    return found


def _result(life: CampaignLife) -> CampaignResult:
    world, business = life.world, life.business
    left = [LeftUntil(month, alone[0], ours[0], alone[1], ours[1]) for month, alone, ours in world.left]
    policies = [world.months[month].policies for month in world.plan.planned]
    return CampaignResult(
        world.plan,
        business.file.currency,
        left,
        _campaigns(life, life.lakehouse, business),
        brought_by(policies),
    )


def _campaigns(life: CampaignLife, lakehouse: Lakehouse, business: Business) -> list[JudgedCampaign]:
    """The campaigns of the newest results whose days are over, with the truth; all together at the end."""
    names = [KEY, AS_OF, "campaign_id", "holdout_id", "arm", "offer"]
    rows = lakehouse.arrow(tables.CAMPAIGN_PLAN, names).to_pandas()
    rows = rows[rows["arm"].notna() & rows["offer"].notna()].rename(columns={"holdout_id": "draw"})
    rows = rows.assign(slot=life.slots(rows[KEY]), start=rows[AS_OF].map(to_day))
    world = life.world

    def judged(told: dict[str, Any]) -> JudgedCampaign:
        days = int(told["days"])
        truth = true_difference(rows, told["campaign_id"], days, world.alone, world.world)
        measured = (told["difference"], told["difference_low"], told["difference_high"])
        return JudgedCampaign(
            told["campaign_id"],
            days,
            told["treated"],
            told["control"],
            told["status"],
            None if measured[0] is None else measured,
            None if truth != truth else truth,
            told["status"] in (FEWER, MORE),
        )

    whole = [r for r in newest_results(lakehouse) if (r["origin"], r["scope"]) == (PLAN, CAMPAIGN)]
    over = [row for row in whole if row["status"] != NOT_MATURED and row["treated"]]
    return [judged(row) for row in sorted(over, key=lambda row: row["campaign_id"] == ALL)]
