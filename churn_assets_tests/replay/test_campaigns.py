"""A replay with campaigns: what it refuses, what it keeps, how it goes on, and what it tells."""

from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from rich.console import Console

from churn_assets.cli.main import cli
from churn_assets.contracts.loader import load_business
from churn_assets.graph.names import INGEST, SNAPSHOT, TRAIN
from churn_assets.lakehouse.stores import unregistered
from churn_assets.months import month_end
from churn_assets.replay.campaign_report import campaigns_page, print_campaigns
from churn_assets.replay.campaign_result import (
    CampaignResult,
    JudgedCampaign,
    LeftUntil,
    brought_by,
    brought_rows,
    conclusion,
    left_rows,
    measured_rows,
)
from churn_assets.replay.campaign_world import CampaignPlan, CampaignWorld, LivedMonth, make_campaign_home
from churn_assets.replay.policies import OFF, ORACLE, PLAN, POLICIES, RANDOM, RISK, true_difference
from churn_assets.replay.world import ReplayError
from churn_assets.settings import Settings
from churn_assets.simulator.dates import NEVER, to_day
from churn_assets.simulator.living import LivingWorld

SMALL = CampaignPlan(customers=1_000, months=16, seed=2)
PICTURE = '<img src="data:image/png;base64,'
NOTHING = {policy: {"contacts": 0.0, "saved": 0.0, "profit": 0.0} for policy in POLICIES}


def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"))


def lived(own: Settings, plan: CampaignPlan, months: Sequence[str]) -> CampaignWorld:
    """A world that lived these months; whoever joined first is contacted after each planned one."""
    world = CampaignWorld(own, load_business(own.business_path), plan)
    for month in months:
        world.live_month()
        if month in plan.planned:
            if month not in world.months:
                slots = np.flatnonzero(world.world.state.committed & (world.world.state.number > 0))[:5]
                world.keep(month, LivedMonth([(int(slot), "discount_10") for slot in slots], NOTHING))
            world.order(month)
    return world


def test_too_few_months_or_customers_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="ask for at least 16"):
        make_campaign_home(settings(tmp_path), replace(SMALL, months=15))
    with pytest.raises(
        ReplayError, match="999 customers are too few to train on; ask for at least 1,000 with"
    ):
        make_campaign_home(settings(tmp_path), replace(SMALL, customers=999))
    with pytest.raises(ReplayError, match="seed=-1 must not be negative"):
        make_campaign_home(settings(tmp_path), replace(SMALL, seed=-1))
    assert not (tmp_path / "home").exists()


def test_another_replay_in_the_folder_is_told_and_kept(tmp_path: Path) -> None:
    make_campaign_home(settings(tmp_path), SMALL)
    with pytest.raises(ReplayError, match=r"another replay, with seed 2\. Ask for the same"):
        make_campaign_home(settings(tmp_path), replace(SMALL, seed=3))
    make_campaign_home(settings(tmp_path), SMALL)
    plain = tmp_path / "plain"
    (plain / "replay").mkdir(parents=True)
    with pytest.raises(ReplayError, match="an earlier replay without campaigns"):
        make_campaign_home(Settings(home=str(plain)), SMALL)


def test_budget_and_capacities_fit_the_number_of_customers(tmp_path: Path) -> None:
    shipped = make_campaign_home(settings(tmp_path), SMALL)
    file = load_business(shipped.business_path).file
    assert file.campaigns is not None
    assert (file.campaigns.budget, file.campaigns.capacity[0].contacts) == (600, 60)
    assert [offer.capacity for offer in file.offers] == [None, None, 20, None]


@pytest.mark.slow
def test_a_world_that_goes_on_is_the_same_and_leaves_its_extracts_alone(tmp_path: Path) -> None:
    own = make_campaign_home(settings(tmp_path), SMALL)
    months = SMALL.calendar[:15]
    first = lived(own, SMALL, months)
    files = {file: file.stat().st_mtime_ns for file in Path(own.landing_uri).rglob("*") if file.is_file()}
    again = lived(own, SMALL, months)
    kept = {file: file.stat().st_mtime_ns for file in files if not file.name.startswith(".")}
    assert kept == {file: at for file, at in files.items() if file in kept}
    for name in ("alive", "ended_on", "offer_effect", "contacted_on"):
        assert (getattr(first.world.state, name) == getattr(again.world.state, name)).all(), name
    assert first.left == again.left and len(first.left) == 2
    assert unregistered(tmp_path / "home", load_business(own.business_path)) == []


@pytest.mark.slow
def test_where_offers_do_nothing_both_copies_lose_the_same_customers(tmp_path: Path) -> None:
    plan = replace(SMALL, offers_work=False)
    own = make_campaign_home(settings(tmp_path), plan)
    world = lived(own, plan, plan.calendar[:14])
    [alone] = world.alone.values()
    slots = np.flatnonzero(world.world.state.committed & (world.world.state.number > 0))
    assert not world.world.true_effects(slots, 3).change.any()
    assert (world.world.state.contacted_on != alone.state.contacted_on).any()
    assert (world.world.state.ended_on == alone.state.ended_on).all()
    [(_, left_alone, treated)] = world.left
    assert treated == left_alone


def test_the_command_asks_for_offers_that_do_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[CampaignPlan] = []
    monkeypatch.setattr(
        "churn_assets.replay.campaigns.replay_campaigns", lambda _, plan, __: asked.append(plan)
    )
    for more in ([], ["--offers-do-nothing"]):
        assert CliRunner().invoke(cli, ["replay", "--campaigns", *more]).exit_code == 0
    assert [plan.offers_work for plan in asked] == [True, False]


@pytest.mark.slow
def test_the_copy_left_alone_is_not_contacted(tmp_path: Path) -> None:
    own = make_campaign_home(settings(tmp_path), SMALL)
    world = lived(own, SMALL, SMALL.calendar[:14])
    [(draw, alone)] = world.alone.items()
    assert draw == "retention-2025-01"
    slots = [slot for slot, _ in world.months[SMALL.trained].orders]
    on = to_day(month_end(SMALL.trained)) + 3
    assert (world.world.state.contacted_on[slots] == on).any()
    assert (alone.state.contacted_on[slots] != on).all()


def test_the_true_difference_counts_each_planned_customer_once_in_a_draw() -> None:
    class Told(LivingWorld):
        def __init__(self, left: Sequence[int]) -> None:
            self.on, self.day = np.array(left), 100

        def left_by_choice(self, slots: np.ndarray) -> np.ndarray:
            return self.on[slots]

    rows = pd.DataFrame(
        {
            "customer_key": ["a", "b", "c", "d", "a", "e"],
            "campaign_id": ["one"] * 4 + ["two"] * 2,
            "draw": "x",
            "arm": ["planned", "planned", "holdout", "exploration", "planned", "planned"],
            "slot": [0, 1, 2, 3, 0, 4],
            "start": [10, 10, 10, 10, 40, 40],
        }
    )
    ours = Told([NEVER, 20, 20, 20, NEVER])
    alone = Told([20, 20, 20, 20, 90])
    assert true_difference(rows, "one", 30, {"x": alone}, ours) == -0.5
    assert true_difference(rows, "two", 30, {"x": alone}, ours) == 0.0
    assert true_difference(rows, "all", 50, {"x": alone}, ours) == pytest.approx(-2 / 3)
    assert np.isnan(true_difference(rows, "two", 90, {"x": alone}, ours))


def _result(works: bool = True, **more: object) -> CampaignResult:
    campaigns = [
        JudgedCampaign("retention-2025-01", 30, 900, 100, "fewer left", (-0.04, -0.07, -0.01), -0.03, True),
        JudgedCampaign(
            "retention-2025-02", 30, 800, 90, "not decidable yet", (-0.01, -0.02, 0.0), 0.01, False
        ),
        JudgedCampaign("retention-2025-03", 30, 20, 2, "not decidable yet", None, -0.01, False),
        JudgedCampaign("all", 30, 1700, 190, "fewer left", (-0.03, -0.05, -0.01), -0.02, True),
    ]
    months = [
        {policy: {"contacts": 10.0, "saved": 1.5, "profit": 40.0 * n} for n, policy in enumerate(POLICIES)}
    ]
    found = CampaignResult(
        replace(SMALL, offers_work=works),
        "EUR",
        [LeftUntil("2025-02", 0, 0, 0, 0), LeftUntil("2025-03", 50, 45, 20, 16)],
        campaigns,
        brought_by(months * 2),
    )
    return replace(found, **more)  # type: ignore[arg-type]


def test_the_figures_are_told_as_they_are() -> None:
    found = _result()
    assert [one.holds for one in found.campaigns] == [True, False, None, True]
    assert (found.of(PLAN).profit, found.of(OFF).profit, found.of(RISK).profit) == (0, 80, 160)
    assert (found.of(RANDOM).contacts, found.of(ORACLE).saved) == (20, 3.0)
    said = conclusion(found)
    assert "50 customers left without campaigns and 45 with them (-10.0%)" in said
    assert "holds the truth in 1 of 2 measurements" in said and "do nothing" not in said
    assert "an effect is claimed for 1 campaign, by chance" in conclusion(_result(works=False))
    assert left_rows(found)[1] == ("2025-03", "50", "45", "-10.0%", "20", "16", "-20.0%")
    assert left_rows(found)[0][3] == "", "of nobody there is no share"
    assert measured_rows(found)[2][4:] == ("not decidable yet", "", "-1.0%", "")
    assert measured_rows(found)[1][-1] == "no" and len(brought_rows(found)) == len(POLICIES)


def test_where_nothing_can_be_measured_nothing_is_claimed() -> None:
    found = _result(works=False, campaigns=[], left=[])
    said = conclusion(found)
    assert "No campaign can be measured yet" in said and "no effect is claimed" in said
    page = campaigns_page(found)
    assert "What campaigns did" in page and page.count(PICTURE) == 2, "none of effects"


def test_tables_and_page_tell_the_same() -> None:
    found, console = _result(), Console(width=160, record=True, file=StringIO())
    print_campaigns(found, console)
    told, page = console.export_text(), campaigns_page(found)
    for said in ("retention-2025-02", "highest risk first", "-7.0% to -1.0%"):
        assert said in told and said in page, said
    assert page.count(PICTURE) == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--campaigns", "--no-drift"], "--no-drift means nothing with --campaigns"),
        (["--campaigns", "--drift-from", "2025-06"], "--drift-from means nothing with --campaigns"),
        (["--offers-do-nothing"], "--offers-do-nothing means nothing without --campaigns"),
        (["--campaigns", "--months", "9"], "ask for at least 16 with --campaigns"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "home"))
    done = CliRunner().invoke(cli, ["replay", *options])
    assert done.exit_code == 2 and said in done.output
    assert not (tmp_path / "home").exists()


@pytest.mark.slow
def test_the_command_goes_on_after_an_interruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, str, str]] = []

    def until_the_training(_: object, own: Settings, job: str, months: Sequence[str], *__: object) -> None:
        ran.append((job, months[0], months[-1]))
        if job == TRAIN:
            raise KeyboardInterrupt

    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("churn_assets.replay.campaign_months.run_job", until_the_training)
    command = ["replay", "--campaigns", "--customers", "1000", "--months", "16"]
    for _ in ("at first", "again"):
        done = CliRunner().invoke(cli, command)
        assert done.exit_code == 1 and "Aborted!" in done.output
        assert "Stopped in 2025-01. The same command goes on from there." in done.output
    first = [
        (INGEST, "2024-01", "2025-01"),
        (SNAPSHOT, "2024-06", "2025-01"),
        (TRAIN, "2025-01", "2025-01"),
    ]
    assert ran == first * 2, "a month that did not end is run again"
    other = CliRunner().invoke(cli, [*command, "--seed", "5"])
    assert other.exit_code == 2 and "holds another replay, with seed" in other.output
    assert len(ran) == 6
