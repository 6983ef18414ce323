"""What the months of a source were judged by is told apart by its digest, in every process alike."""

import os
import subprocess
import sys

import pytest

DIGESTS = """
from churn_assets.contracts.loader import load_business
from churn_assets.settings import Settings
from churn_assets.silver.reconciliation_rows import rules_digest

business = load_business(Settings(business={name!r}).business_path)
print([rules_digest(business, source) for source in business.sources])
"""


@pytest.mark.parametrize("name", ["telecom", "shop"])
def test_another_process_makes_the_same_digest(name: str) -> None:
    told = {
        subprocess.run(
            [sys.executable, "-c", DIGESTS.format(name=name)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3", "4")
    }
    assert len(told) == 1
