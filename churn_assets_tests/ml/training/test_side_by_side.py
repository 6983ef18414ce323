"""Calls beside each other: all are made, an error comes out, and an interrupted process does not wait for them."""

import subprocess
import sys
import threading

import pytest

from churn_assets.lakehouse.engine.processes import module_environment
from churn_assets.ml.training.side_by_side import side_by_side

LEAVES = """
import threading, time
from churn_assets.ml.training.side_by_side import side_by_side
begun = threading.Barrier(3)

def slow(_: int) -> None:
    begun.wait()
    time.sleep(60)

threading.Thread(target=side_by_side, args=(slow, range(6), 2), daemon=True).start()
begun.wait()
"""


def test_so_many_at_once_and_each_once() -> None:
    together, done = threading.Barrier(2, timeout=20), list[int]()

    def call(item: int) -> None:
        together.wait()  # passes only if two wait
        done.append(item)

    side_by_side(call, range(6), 2)
    assert sorted(done) == [*range(6)]


def test_one_at_once_stays_in_this_thread() -> None:
    where: list[threading.Thread] = []
    side_by_side(lambda _: where.append(threading.current_thread()), range(3), 1)
    assert where == [threading.current_thread()] * 3


@pytest.mark.parametrize("at_once", [1, 2])
def test_an_error_comes_out_and_nothing_begins_after_it(at_once: int) -> None:
    done: list[int] = []

    def call(item: int) -> None:
        done.append(item)
        raise ValueError(f"fit {item}")

    with pytest.raises(ValueError, match=r"^fit [01]$"):
        side_by_side(call, range(9), at_once)
    assert len(done) <= at_once


def test_a_process_ends_without_waiting_for_them() -> None:
    """Ctrl-C: the thread of the run is a daemon, and the fits that it has begun or planned took minutes to wait for."""
    subprocess.run([sys.executable, "-c", LEAVES], env=module_environment(), check=True, timeout=20)
