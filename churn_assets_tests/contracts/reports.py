"""What the report about wrong declarations says."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from churn_assets.contracts.mistakes import DeclarationErrors, Mistake


def mistakes_of(load: Callable[[], object]) -> tuple[Mistake, ...]:
    """All mistakes that loading reports."""
    with pytest.raises(DeclarationErrors) as caught:
        load()
    return caught.value.mistakes


def only_mistake(load: Callable[[], object]) -> tuple[Path, str, str]:
    """File, path and words of the one mistake that loading reports; of features after the ninth as `features[..]`."""
    (mistake,) = mistakes_of(load)
    meant = f"did you mean {mistake.meant}?" if mistake.meant else ""
    words = "; ".join(filter(None, (mistake.problem, meant, mistake.remedy)))
    return mistake.file, re.sub(r"features\[\d\d+\]", "features[..]", mistake.path), words
