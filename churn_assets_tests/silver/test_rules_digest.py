"""What the months of a source were judged by is told apart by its digest, in every process alike."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from churn_assets.contracts.contradictions import Contradictions
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.merges import Merges
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.silver.reconciliation_rows import rules_digest

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


@pytest.mark.parametrize("rule", [Merges(severity="block"), Contradictions(max_share=0.2)])
def test_an_edited_cross_check_makes_another_digest(rule: Merges | Contradictions) -> None:
    business = load_business(SHIPPED_BUSINESSES / "telecom")
    section = type(rule).__name__.lower()
    edited = replace(business, file=business.file.model_copy(update={section: rule}))
    before, after = (rules_digest(b, b.sources[0]) for b in (business, edited))
    assert before != after
