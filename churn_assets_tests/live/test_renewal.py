"""A server of Sail that takes too much memory is replaced between two steps, and nothing else changes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_assets.lakehouse.engine.processes import module_environment
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.live import renewal
from churn_assets.live.renewal import FEWEST_STEPS, MOST_MEMORY, ServerRenewal
from churn_assets_tests.lakes import settings_for
from churn_assets_tests.live.world import TODAY, World, follower_of, land_tickets, ticket_of

pytestmark = pytest.mark.one_engine(reason="the heap of Spark's JVM has its limit")

STEPS = 4
# in a process of its own, because the server of the other tests must go on
FOLLOWS = """
import json, sys
from pathlib import Path
from churn_assets.lakehouse.engine import sail
from churn_assets.live import renewal
from churn_assets_tests.live.test_renewal import scores_of_steps
from churn_assets_tests.live.world import World

renewal.MOST_MEMORY, renewal.FEWEST_STEPS = 0, 2
for scores in scores_of_steps(World.opened(*map(Path, sys.argv[1:]))):
    print(json.dumps([sail._running.process.pid, scores]), flush=True)
"""


def scores_of_steps(world: World) -> Iterator[dict[str, float]]:
    """Scores of steps that each bring one more ticket of the same customer."""
    follower = follower_of(world)
    for number in range(STEPS):
        land_tickets(world, f"t{number}", ticket_of(10 + number, 6, f"{TODAY}T08:00:00Z"))
        done = follower.step()
        assert done is not None
        yield dict(done.scores)


def test_steps_go_on_with_the_next_server(world: World, tmp_path: Path) -> None:
    copy = world.copied_to(tmp_path / "copy")
    command = [sys.executable, "-c", FOLLOWS, str(copy.folder), str(copy.business_folder)]
    done = subprocess.run(command, env=module_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    servers, scores = zip(*(json.loads(line) for line in done.stdout.splitlines()), strict=True)
    assert list(scores) == list(scores_of_steps(world)), "those of a single server"
    first, second, third, fourth = servers
    assert first == second, "one after loading serves two steps"
    assert second != third and third == fourth


def test_a_server_is_replaced_when_it_takes_too_much_and_nothing_is_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, taken, renewed = Lakehouse(settings_for(tmp_path)), MOST_MEMORY, list[int]()
    monkeypatch.setattr(lake, "renew_engine", lambda: renewed.append(taken))
    monkeypatch.setattr(renewal, "server_memory", lambda: taken)
    server = ServerRenewal(lake)
    server.after_loading()
    server.after_step(loading=False)
    assert not renewed, "it may take this much"
    taken = MOST_MEMORY + 1
    server.after_step(loading=True)
    assert not renewed, "a state is loaded by this server"
    server.after_step(loading=False)
    assert len(renewed) == 1
    for _ in range(FEWEST_STEPS - 1):
        server.after_step(loading=False)
    assert len(renewed) == 1, "a server that needs as much from the start serves some steps, too"
    server.after_step(loading=False)
    assert len(renewed) == 2
