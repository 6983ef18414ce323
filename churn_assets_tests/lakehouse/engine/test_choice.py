"""Which engine computes which lake."""

from pathlib import Path

import pytest

from churn_assets.contracts.sql.written import EngineDifferences
from churn_assets.lakehouse.engine import choice
from churn_assets.lakehouse.engine.choice import EngineError, choose_engine
from churn_assets.lakehouse.engine.profiles import GIB
from churn_assets.settings import Settings
from churn_assets_tests.lakes import business_copy, edit_yaml


@pytest.mark.parametrize(
    ("settings", "engine", "reason"),
    [
        ({}, "sail", "are on this machine and fit its memory"),
        ({"engine": "spark"}, "spark", "by CHURN_ENGINE"),
        ({"engine": "sail"}, "sail", "by CHURN_ENGINE"),
        ({"engine": "sail", "landing": "s3a://extracts"}, "sail", "by CHURN_ENGINE"),
        ({"lake": "s3a://lake"}, "spark", "the lake is not on this machine"),
        ({"landing": "s3a://extracts"}, "spark", "the landing zone is not on this machine"),
        ({"spark_master": "spark://cluster:7077"}, "spark", "names a cluster"),
        ({"spark_master": "local[1]"}, "sail", "fit its memory"),
        ({"spark_conf": {"spark.sql.shuffle.partitions": "7"}}, "spark", "which Spark alone uses"),
        ({"driver_memory": "6g"}, "spark", "which Spark alone uses"),
    ],
)
def test_the_engine_follows_from_places_and_settings(
    tmp_path: Path, settings: dict[str, object], engine: str, reason: str
) -> None:
    chosen = choose_engine(Settings(**{"home": str(tmp_path), "engine": "auto"} | settings))  # type: ignore[arg-type]
    assert chosen.name == engine
    assert reason in chosen.reason


@pytest.mark.parametrize(
    ("landing", "lake", "engine"), [(99, 0, "sail"), (99, 1, "spark"), (0, 100, "spark")]
)
def test_data_beyond_an_eighth_of_the_memory_go_to_spark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, landing: int, lake: int, engine: str
) -> None:
    monkeypatch.setattr(choice, "machine_memory", lambda: 8 * 100 * 1024)
    for folder, size in {"landing/customers": landing, "lake/bronze": lake}.items():
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file").write_bytes(b"x" * size * 1024)
    assert choose_engine(Settings(home=str(tmp_path), engine="auto")).name == engine


def test_the_reason_tells_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "machine_memory", lambda: 4 * GIB)
    monkeypatch.setattr(choice, "bytes_below", lambda *_: GIB)
    chosen = choose_engine(Settings(home=str(tmp_path), engine="auto"))
    assert (chosen.name, "hold 2.0 GB" in chosen.reason, "has 4.0 GB" in chosen.reason) == (
        "spark",
        True,
        True,
    )


def test_a_business_that_wants_mllib_goes_to_spark(tmp_path: Path) -> None:
    folder = business_copy(tmp_path)
    edit_yaml(folder / "churn.yaml", lambda content: content["training"].update(engine="spark"))
    chosen = choose_engine(Settings(home=str(tmp_path), business=str(folder), engine="auto"))
    assert (chosen.name, chosen.reason) == ("spark", "training.engine is spark, and Sail has no MLlib")


def test_a_topic_that_a_job_reads_goes_to_spark(tmp_path: Path) -> None:
    folder = business_copy(tmp_path)
    own = [{"property": "topic", "value": "tickets"}, {"property": "engine", "value": "spark"}]
    server = {"server": "events", "type": "kafka", "host": "h:9092", "customProperties": own}
    edit_yaml(folder / "contracts" / "tickets.yaml", lambda content: content.update(servers=[server]))
    chosen = choose_engine(Settings(home=str(tmp_path), business=str(folder), engine="auto"))
    assert chosen.reason == "the topic of tickets has engine: spark, and Sail reads no topics"


def test_without_its_package_sail_is_not_chosen_and_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "find_spec", lambda _: None)
    assert choose_engine(Settings(home=str(tmp_path), engine="auto")).reason == "pysail is not installed"
    with pytest.raises(EngineError, match=r"pysail is not installed\. pip install pysail"):
        choose_engine(Settings(home=str(tmp_path), engine="sail"))


@pytest.mark.parametrize("settings", [{"lake": "s3a://lake"}, {"spark_master": "yarn"}])
def test_sail_refuses_what_it_cannot_do(tmp_path: Path, settings: dict[str, str]) -> None:
    with pytest.raises(EngineError, match=r"CHURN_ENGINE=sail, but .* Set CHURN_ENGINE=spark or auto\."):
        choose_engine(Settings(home=str(tmp_path), engine="sail", **settings))  # type: ignore[arg-type]


def test_sql_that_sail_may_compute_otherwise_goes_to_spark_and_is_refused_by_sail(tmp_path: Path) -> None:
    folder = business_copy(tmp_path)
    expressions = [
        {"name": "rounded", "sql": "rint(tenure_days)"},
        {"name": "day", "sql": "weekday(tenure_days)"},
    ]
    edit_yaml(folder / "churn.yaml", lambda content: content["features"].extend(expressions))
    settings = {"home": str(tmp_path), "business": str(folder)}
    chosen = choose_engine(Settings(**settings, engine="auto"))  # type: ignore[arg-type]
    assert chosen.name == "spark"
    assert "rint rounds halves differently (use round(x)) and 1 more; `churn-assets check`" in chosen.reason
    with pytest.raises(EngineDifferences, match="2 expressions are not proven") as refused:
        choose_engine(Settings(**settings, engine="sail"))  # type: ignore[arg-type]
    assert len(refused.value.mistakes) == 2
    assert choose_engine(Settings(**settings, engine="spark")).name == "spark"  # type: ignore[arg-type]
