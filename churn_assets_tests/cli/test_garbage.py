"""Python looks for reference cycles less often, and not at all when it ends."""

import gc
import subprocess
import sys

import pytest

from churn_assets.cli.garbage import COLLECTIONS, rare_collections

ENDS = """
import sys
from churn_assets.cli.garbage import no_collection_at_exit
class Cycle:
    def __init__(self):
        self.me = self
    def __del__(self):
        print("collected")
if sys.argv[1] == "frozen":
    no_collection_at_exit()
import atexit
atexit.register(print, "ended in order")
Cycle()
"""


def test_python_looks_for_cycles_as_often_as_before_after_an_error() -> None:
    before = gc.get_threshold()
    with pytest.raises(ValueError, match="wrong"), rare_collections():
        assert gc.get_threshold() == COLLECTIONS != before
        raise ValueError("wrong")
    assert gc.get_threshold() == before


@pytest.mark.parametrize(
    ("how", "told"), [("usual", "ended in order\ncollected\n"), ("frozen", "ended in order\n")]
)
def test_nothing_is_collected_at_the_end(how: str, told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDS, how], capture_output=True, text=True, check=True, timeout=60
    )
    assert (done.stdout, done.stderr) == (told, "")
