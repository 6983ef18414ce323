"""A server of Sail that takes too much memory is replaced between two steps, and what follows does not differ."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_assets.alerts.store import alerts
from churn_assets.lakehouse.engine import sail
from churn_assets.lakehouse.engine.processes import module_environment
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.live import renewal
from churn_assets.live.following import Follower, LiveStep
from churn_assets.live.renewal import FEWEST_STEPS, ServerRenewal
from churn_assets_tests.lakes import settings_for
from churn_assets_tests.live.world import TODAY, World, follower_of, land_tickets, ticket_of

pytestmark = [
    pytest.mark.one_engine(reason="the heap of Spark's JVM has its limit"),
    pytest.mark.one_python(reason="a server of Sail that is replaced is the same for each Python"),
]

STEPS = 3
# in a process of its own, because the server of the other tests must go on
FOLLOWS = """
import json, os, signal, sys
from pathlib import Path
from churn_assets.lakehouse.engine import sail
from churn_assets.live import renewal
from churn_assets_tests.live.test_renewal import server, steps
from churn_assets_tests.live.world import World, follower_of

renewal.MOST_MEMORY, renewal.FEWEST_STEPS = 0, 2
world = World.opened(*map(Path, sys.argv[1:]))
follower = follower_of(world)
follower.scorer
servers = [server()]
for number, found in enumerate(steps(world, follower)):
    servers.append(server())
    if number == 1:
        os.kill(server(), signal.SIGKILL)  # between two steps
        sail._running.process.wait()
        assert follower.catch_up(print) == 0
        servers.append(server())
print(json.dumps([servers, found]))
"""


def server() -> int:
    """Process id of the server that runs."""
    assert sail._running is not None
    return sail._running.process.pid


def steps(world: World, follower: Follower) -> Iterator[list[object]]:
    """Scores and alerts so far, after each of some steps that bring one more ticket of the same customer."""
    found = list[object]()

    def tell(step: LiveStep) -> None:
        found.append([step.scores, [(row["rule"], row["customer_key"]) for row in step.alerts]])

    for number in range(STEPS):
        land_tickets(world, f"t{number}", ticket_of(10 + number, 6, f"{TODAY}T08:00:00Z"))
        assert follower.catch_up(tell) == 1
        yield [*found, len(alerts(world.house))]


def test_steps_go_on_with_the_next_server(world: World, tmp_path: Path) -> None:
    copy = world.copied_to(tmp_path / "copy")
    command = [sys.executable, "-c", FOLLOWS, str(copy.folder), str(copy.business_folder)]
    done = subprocess.run(command, env=module_environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (loaded, first, second, after_kill, third), found = json.loads(done.stdout)
    assert loaded != first != second, "one is replaced after it has loaded, and the next after two steps"
    assert second != after_kill == third, "one that was killed is replaced while nothing arrives"
    [*_, by_one_server] = steps(world, follower_of(world))
    assert found == json.loads(json.dumps(by_one_server))


def test_a_server_is_replaced_when_it_takes_too_much_and_nothing_is_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, taken, renewed = Lakehouse(settings_for(tmp_path)), 1000, list[int]()
    monkeypatch.setattr(lake, "renew_server", lambda: renewed.append(taken))
    monkeypatch.setattr(renewal, "server_memory", lambda: taken)
    monkeypatch.setattr(renewal, "MOST_MEMORY", 1000)
    server = ServerRenewal(lake)
    server.after_loading()
    server.renew_if_needed(loading=False)
    assert not renewed, "it may take this much"
    taken = 1001
    server.renew_if_needed(loading=True)
    assert not renewed, "a state is loaded by this server"
    server.renew_if_needed(loading=False)
    assert len(renewed) == 1, "also while nothing arrives"
    for _ in range(FEWEST_STEPS - 1):
        server.after_step()
        server.renew_if_needed(loading=False)
    assert len(renewed) == 1, "a server that needs as much from the start takes some steps, too"
    server.after_step()
    server.renew_if_needed(loading=False)
    assert len(renewed) == 2
    monkeypatch.setattr(renewal, "server_has_ended", lambda: True)
    server.renew_if_needed(loading=True)
    assert len(renewed) == 2, "what is loaded fails first"
    server.renew_if_needed(loading=False)
    assert len(renewed) == 3


def test_the_next_server_is_of_sail_whatever_would_be_chosen_now(tmp_path: Path) -> None:
    script = f"""
from churn_assets.lakehouse.engine import session
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.settings import Settings
from churn_assets_tests.live.test_renewal import server

lake = Lakehouse(Settings(home={str(tmp_path)!r}))
before, own = lake.spark, server()
session.choose_engine = None
lake.renew_server()
assert lake.spark is not before and server() != own
print(lake.spark.range(3).count(), session.server_memory() > 0)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=module_environment(), capture_output=True, text=True, timeout=300)
    assert done.stdout == "3 True\n", done.stderr
