"""Sail's server: how it starts, what it says when it ends, and that it leaves nothing behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from churn_assets.lakehouse.engine.processes import module_environment
from churn_assets.lakehouse.engine.profiles import GIB, machine_memory
from churn_assets.lakehouse.engine.sail import PLAIN_PATH, query_memory, server_environment
from churn_assets.settings import Settings

pytestmark = pytest.mark.one_python(reason="kills and limits servers of Sail; others ask one on each Python")

BEGIN = """
import os, signal, threading
from churn_assets.lakehouse.engine import sail, session
from churn_assets.settings import Settings
spark = session.start_session(Settings(home={home!r}, engine="sail"))
server, scratch = sail._running.process.pid, sail._running.scratch
print(server, scratch, flush=True)
"""
LONG = 'spark.range(100000).crossJoin(spark.range(1000000).toDF("other")).where("id * other % 7 = 3").count()'


def run(script: str, home: Path, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", BEGIN.format(home=str(home)) + script],
        env=module_environment(**environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def started(process: "subprocess.Popen[str]") -> tuple[int, Path]:
    """Process id and scratch folder of its server."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    server, _, scratch = line.strip().partition(" ")
    return int(server), Path(scratch)


def ended(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """What a process prints until it ends; `communicate` would lose what `started` has read beyond its line."""
    assert process.stdout is not None and process.stderr is not None
    watch = threading.Timer(60, process.kill)
    watch.start()
    out, err = process.stdout.read(), process.stderr.read()
    process.wait()
    watch.cancel()
    return out, err


def is_gone(pid: int, within_seconds: float = 30) -> bool:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_queries_get_a_limit_and_the_users_variables_win(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = server_environment(Settings(home=str(tmp_path), spark_master="local[3]"), tmp_path, 7 * GIB)
    assert environment["SAIL_RUNTIME__MEMORY_POOL__TYPE"] == "fair"
    assert environment["SAIL_RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE"] == str(7 * GIB)
    assert environment["SAIL_EXECUTION__DEFAULT_PARALLELISM"] == "3"
    assert query_memory() == max(GIB, machine_memory() // 2)
    monkeypatch.setenv("SAIL_RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE", "5")
    again = server_environment(Settings(home=str(tmp_path)), tmp_path, 7 * GIB)
    assert again["SAIL_RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE"] == "5"


def test_a_server_that_is_killed_in_mid_query_is_told_and_replaced(tmp_path: Path) -> None:
    process = run(
        f"""
threading.Timer(1, os.kill, (server, signal.SIGKILL)).start()
try:
    {LONG}
except Exception as error:
    print("told:", session.why_engine_ended(error), flush=True)
again = session.start_session(Settings(home={str(tmp_path)!r}, engine="sail"))
print(again.range(3).localCheckpoint().count(), flush=True)  # a checkpoint asks for the active session
""",
        tmp_path,
    )
    server, scratch = started(process)
    out, err = ended(process)
    assert (
        "told: The server of Sail was killed by signal 9. If nobody stopped it, the machine was short" in out
    ), err
    assert out.splitlines()[-1] == "3"
    assert is_gone(server)
    assert not scratch.exists()


def test_a_query_beyond_the_memory_limit_is_told_and_the_server_lives(tmp_path: Path) -> None:
    process = run(
        """
try:
    wide = spark.range(2_000_000).selectExpr("id", "repeat(cast(id as string), 20) as text")
    other = spark.range(2_000_000).selectExpr("id", "repeat(cast(id as string), 20) as word")
    print(wide.join(other, "id").selectExpr("sum(length(text) + length(word))").collect())
except Exception as error:
    print("told:", session.why_engine_ended(error), flush=True)
print(spark.range(3).count(), flush=True)
""",
        tmp_path,
        SAIL_RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE=str(20 * 1024**2),
    )
    started(process)
    out, err = ended(process)
    assert "told: Sail ran out of the" in out, out + err
    assert out.splitlines()[-1] == "3"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_no_process_and_no_folder_outlives_the_one_that_began(tmp_path: Path, how: signal.Signals) -> None:
    """Ctrl-C, an end by the operating system's wish, and one without any: all in the middle of a query."""
    process = run(f"signal.signal(signal.SIGINT, signal.default_int_handler)\n{LONG}", tmp_path)
    server, scratch = started(process)
    time.sleep(1)
    assert scratch.is_dir()
    process.send_signal(how)
    process.communicate(timeout=60)
    assert is_gone(server)
    deadline = time.monotonic() + 30
    while scratch.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not scratch.exists()


def test_a_ctrl_c_of_the_terminal_does_not_reach_the_server(tmp_path: Path) -> None:
    process = run("print(spark.range(3).count(), os.getpgid(server) == os.getpgid(0), flush=True)", tmp_path)
    started(process)
    out, err = ended(process)
    assert out.split() == ["3", "False"], err


def test_nothing_is_printed_and_no_value_is_logged(tmp_path: Path) -> None:
    process = run(
        """
try:
    spark.sql("select cast(concat('canary ', id) as int) from range(3)").collect()
except Exception as error:
    from churn_assets.lakehouse.engine.frames import tells_values
    print("tells values:", tells_values(error))
try:
    spark.range(3).select("no_such_column").schema
except Exception as error:
    print("tells values:", tells_values(error))
session.stop_session()
""",
        tmp_path,
    )
    started(process)
    out, err = ended(process)
    assert out.splitlines() == ["tells values: True", "tells values: False"]
    assert err == ""


def test_no_column_looks_for_the_lines_that_made_it(tmp_path: Path) -> None:
    """PySpark would look for them, and for IPython on the whole path, in each call; a fifth of all Python time."""
    process = run(
        """
import sys
from pyspark.sql import functions as F
class Watch:
    looked = 0
    def find_spec(self, name, *_):
        self.looked += name == "IPython"
sys.meta_path.insert(0, Watch())
print(spark.range(3).select(F.col("id") + F.lit(1)).count(), sys.meta_path[0].looked, flush=True)
""",
        tmp_path,
    )
    started(process)
    out, err = ended(process)
    assert out.split() == ["3", "0"], out + err


def test_two_homes_have_a_server_each_and_odd_letters_in_a_path_do_no_harm(tmp_path: Path) -> None:
    homes = [tmp_path / "plain", tmp_path / "größe 100% [a] #1"]
    script = """
import pathlib
from churn_assets.lakehouse.engine.frames import read_folder, write_parquet
folder = pathlib.Path({folder!r}) / "rows"
write_parquet(spark.range(6).selectExpr("id", "cast(id % 2 as string) as half"), folder, ["half"])
kept = read_folder(spark, str(folder), "id long").localCheckpoint()
print(kept.count(), flush=True)
"""
    processes = []
    for home in homes:
        home.mkdir()
        processes.append(run(script.format(folder=str(home)), home))
    servers = [started(process) for process in processes]
    ends = [ended(process) for process in processes]
    assert [out.strip() for out, _ in ends] == ["6", "6"], ends
    assert len({server for server, _ in servers}) == 2
    assert [PLAIN_PATH.fullmatch(str(scratch)) is not None for _, scratch in servers] == [True, True]
    assert [scratch.is_relative_to(home) for home, (_, scratch) in zip(homes, servers, strict=True)] == [
        True,
        False,
    ]
