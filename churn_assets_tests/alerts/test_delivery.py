"""Alerts whose channel takes nothing for days: what goes out when it does again."""

from datetime import UTC, datetime
from pathlib import Path

from churn_assets.alerts.delivery import note_deliveries, outdated
from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.channels.delivery import deliver
from churn_assets.operations.channels.outbox import Outbox
from churn_assets_tests.alerts.days import day, score
from churn_assets_tests.alerts.lake import RULES, business_of, lake, put_scores, raised, states


def _delivered(house: Lakehouse, business: Business) -> list[str]:
    """The customers whom the channel is told of now, in order."""
    outbox, folder = Outbox(house.settings.home_path), house.settings.home_path / "messages/f"
    deliver(outbox, business.file.channels, house.settings, outdated=outdated(house, business))
    note_deliveries(house, business, outbox, datetime.now(UTC), "test")
    rows = [line.split(",") for file in folder.glob("*.csv") for line in file.read_text().splitlines()]
    return [next(cell for cell in row if cell in {*"abcdef"}) for row in rows if {*row} & {*"abcdef"}]


def test_alerts_that_wait_for_days_all_go_out_and_take_no_place_of_a_later_day(tmp_path: Path) -> None:
    """Each was among the most important of its day. The caps are those of a day of scores, not of a delivery."""
    business = business_of(tmp_path, alerts=RULES | {"cap": 2})
    house = lake(tmp_path, [score(name, 0) for name in "abcdef"])
    risen = {"a": (1, 0.5), "b": (1, 0.6), "c": (1, 0.4), "d": (2, 0.7), "e": (2, 0.3)}
    for number in (1, 2):
        now = {name: chance for name, (day, chance) in risen.items() if day <= number}
        put_scores(house, [score(name, number, now.get(name, 0.1)) for name in "abcdef"])
        raised(house, business)
    assert states(house) == {("d", "rose"): ("new", None), ("e", "rose"): ("new", None)}
    assert _delivered(house, business) == ["b", "a", "d", "e"]
    assert _delivered(house, business) == ["b", "a", "d", "e"], "once"


def test_nobody_is_told_of_who_has_left_while_the_alert_waited(tmp_path: Path) -> None:
    business = business_of(tmp_path)
    house = lake(tmp_path, [score(name, 0) for name in "abc"])
    put_scores(house, [score("a", 1, 0.5), score("b", 1, 0.6), score("c", 1)])
    raised(house, business)
    before = states(house)
    put_scores(house, [score("b", 2, 0.6), score("c", 2)])
    raised(house, business)
    assert states(house) == before
    assert _delivered(house, business) == ["b"]
    assert states(house) == {
        ("b", "rose"): ("delivered", None),
        ("a", "rose"): ("suppressed", "gone: the customer was no longer scored when it could be delivered"),
    }


def test_an_alert_of_today_is_not_judged_by_older_scores(tmp_path: Path) -> None:
    """`churn-assets live` raises alerts of a day whose scores the lake gets in the morning."""
    business = business_of(tmp_path)
    house = lake(tmp_path, [score("a", 0), score("b", 0)])
    put_scores(house, [score("a", 1, 0.5), score("b", 1)])
    raised(house, business)
    table = tables.CURRENT_SCORES
    rows = table.rows([score("b", 0)])
    house.replace_rows(table, rows, "as_of_date", [day(0), day(1)], run_id="test")
    assert _delivered(house, business) == ["a"]
