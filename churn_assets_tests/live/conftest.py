"""A home on the morning of 11 March, made once; each test has a copy."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from churn_assets.scores import current_scores
from churn_assets_tests.live.world import World, model

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def morning(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> World:
    """Scored as of 10 March by version 7."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(current_scores, "model_of", lambda *_: model())
        return World(tmp_path_factory.mktemp("live"))


@pytest.fixture
def world(morning: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A copy of it, whose nightly runs score with version 7, too."""
    monkeypatch.setattr(current_scores, "model_of", lambda *_: model())
    return morning.copied_to(tmp_path / "home")
