"""One process at a time follows a home."""

import subprocess
import sys
from pathlib import Path

import pytest

from churn_assets.live.alone import FollowedError, alone
from churn_assets_tests.lakes import settings_for

HOLDS = """
import sys
from pathlib import Path
from churn_assets.live.alone import alone
from churn_assets.settings import Settings

with alone(Settings(home=sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    command = [sys.executable, "-c", HOLDS, str(settings.home_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(FollowedError, match="Stop it first") as refused, alone(settings):
            pass
        assert str(refused.value).startswith(f"Another `churn-assets live`, or its demo, follows {tmp_path}")
        first.kill()
    with alone(settings), pytest.raises(BlockingIOError, match="inside"):
        raise BlockingIOError("what fails inside is not the lock")
    with alone(settings):
        pass
