"""How long threads of OpenMP wait in loops is set before the first fit, unless the user has set it."""

import os

import pytest

from churn_assets.ml.openmp import SPINS, share_cores


@pytest.mark.parametrize(("set_by_user", "found"), [(None, SPINS), ("7", "7")])
def test_the_user_has_the_last_word(
    monkeypatch: pytest.MonkeyPatch, set_by_user: str | None, found: str
) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", set_by_user or "")
    if set_by_user is None:
        monkeypatch.delenv("GOMP_SPINCOUNT")
    share_cores()
    assert os.environ["GOMP_SPINCOUNT"] == found
