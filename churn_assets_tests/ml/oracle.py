"""Other implementations, in an environment of their own that `make oracle` makes and names in ORACLE_PYTHON."""

import json
import os
import subprocess
from typing import Any

import pytest

needs_oracle = pytest.mark.skipif(
    "ORACLE_PYTHON" not in os.environ, reason="asks another implementation: `make oracle`"
)


def told_by_oracle(program: str, asked: Any) -> Any:
    """What a program prints as JSON in the environment of the oracle; `asked` is JSON on its standard input."""
    done = subprocess.run(
        [os.environ["ORACLE_PYTHON"], "-W", "ignore", "-c", program],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
