"""MLflow on a temporary SQLite file: runs end, nothing leaks, the registered model is the model."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.ml.review.examination import ExaminationSettings, examine, pictures
from churn_assets.ml.review.model_card import CardFacts, model_card
from churn_assets.ml.training.result import TrainingResult
from churn_assets.ml.training.search import Trial
from churn_assets.ml.training.settings import TrainingSettings
from churn_assets.ml.training.split import temporal_split
from churn_assets.ml.training.train import train
from churn_assets.reporting.blocks import Chapter, Document, Pictures
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.tracking.errors import VersionGone
from churn_assets.tracking.moved_home import TrackingError, former_roots
from churn_assets.tracking.studies import log_study
from churn_assets.tracking.tracking import TRAINED_AS_OF_TAG, Tracking
from churn_assets.tracking.training_run import ModelVersion
from churn_assets.tracking.uplifts import UPLIFT_CARD, log_uplift, uplift_experiment
from churn_assets_tests.ml.synthetic import COHORTS, FEATURES, training_frame

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.pyfunc import PyFuncModel

AS_OF = date(2026, 1, 31)
MANY_PARAMS = {f"offer_{n}.told": "constant effect" for n in range(150)}  # MLflow takes 100 in a request
MANY_METRICS = {f"offer_{n}.qini": n / 10 for n in range(1_001)}  # and 1,000
TELECOM = load_business(SHIPPED_BUSINESSES / "telecom")


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Tracking:
    home = tmp_path_factory.mktemp("mlflow")
    found = Tracking(f"sqlite:///{home}/mlflow.db", str(home / "mlartifacts"), "telecom", "churn-telecom")
    thread = threading.Thread(target=found.ensure_store)
    thread.start()
    thread.join()
    return found


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return training_frame(customers=400)


@pytest.fixture(scope="module")
def result(frame: pd.DataFrame) -> TrainingResult:
    split = temporal_split(COHORTS, 7, 30)
    return train(
        frame, FEATURES, split, TrainingSettings(("histogram_boosting",)), lambda: pytest.fail("Spark")
    )


@pytest.fixture(scope="module")
def logged(tracking: Tracking, result: TrainingResult, frame: pd.DataFrame) -> tuple[str, ModelVersion]:
    params = {f"window_{i}": i for i in range(150)}  # more than MLflow takes in one request
    with tracking.training_run("dagster-1", AS_OF, {"code_version": "abc"}) as run:
        run.log_training(result, params)
        found = examine(result, frame, ExaminationSettings())
        drawn = pictures(result, found, {})
        facts = CardFacts(TELECOM.file, {}, AS_OF, {"stayed": 1000}, params, run.run_id)
        card = model_card(result, found, facts, drawn)
        run.log_examination(found, card, drawn)
        tags = {"trained_as_of": AS_OF.isoformat()}
        registered = run.register(result.model, tags, description=card.short)
        tracking.set_champion(registered.version)
    return run.run_id, registered


def client_of(tracking: Tracking) -> "MlflowClient":
    from mlflow import MlflowClient

    return MlflowClient(tracking.uri, tracking.uri)


def runs_of(tracking: Tracking, as_of: date) -> "list[Run]":
    client = client_of(tracking)
    experiment = client.get_experiment_by_name(tracking.experiment)
    found = client.search_runs([experiment.experiment_id], f"tags.`{TRAINED_AS_OF_TAG}` = '{as_of}'")
    return list(found)


def artifacts_of(tracking: Tracking) -> list[Path]:
    return [path for path in Path(tracking.artifacts).rglob("*") if path.is_file()]


def test_trials_of_a_search_are_finished_runs_below_their_training(tracking: Tracking) -> None:
    as_of = date(2026, 2, 28)
    days = (date(2025, 10, 31), date(2025, 11, 30))
    settings = {"depth": 3, "learning_rate": 0.05}
    with tracking.training_run("dagster-2", as_of) as run:
        run.log_trial(
            Trial("histogram_boosting", 0, settings, dict(zip(days, (0.7, 0.8), strict=True)), False, 2.0)
        )
        run.log_trial(Trial("histogram_boosting", 1, settings, {days[0]: 0.5}, True, 1.0))
    first, second = (
        next(r for r in runs_of(tracking, as_of) if r.info.run_name == f"histogram_boosting trial {n}")
        for n in range(2)
    )
    assert len(runs_of(tracking, as_of)) == 3
    for trial in (first, second):
        assert trial.info.status == "FINISHED" and trial.data.tags["mlflow.parentRunId"] == run.run_id
        assert trial.data.params["depth"] == "3"
    assert first.data.metrics == {
        "auc.2025-10-31": 0.7, "auc.2025-11-30": 0.8, "auc": pytest.approx(0.75)
    }  # fmt: skip
    assert first.info.end_time - first.info.start_time == pytest.approx(2000, abs=1000)
    assert (first.data.tags["given_up"], second.data.tags["given_up"]) == ("False", "True")


def test_a_training_is_one_finished_run_with_everything(
    tracking: Tracking, logged: tuple[str, ModelVersion], result: TrainingResult
) -> None:
    (run,) = runs_of(tracking, AS_OF)
    assert run.info.run_id == logged[0]
    assert run.info.status == "FINISHED" and run.info.run_name == "telecom 2026-01-31"
    assert run.data.tags["dagster_run_id"] == "dagster-1" and run.data.tags["code_version"] == "abc"
    assert run.data.params["window_149"] == "149" and run.data.params["chosen"] == "histogram_boosting"
    assert run.data.params["histogram_boosting.depth"] == "2"
    assert run.data.tags["ensemble"] == "a single candidate makes no ensemble"
    assert run.data.metrics["test.auc"] == result.test.auc
    assert run.data.metrics["train.positives"] == result.rows["train"]["positives"]
    names = {str(path).split("/artifacts/", 1)[-1] for path in artifacts_of(tracking)}
    assert {"features.json", "candidates.csv", "test_by_tenure.json", "plots/roc.png"} <= names
    assert {"model_card.html", "model_card.md", "leak_report.md", "plots/partial_dependence.png"} <= names
    assert run.data.metrics["test.empc"] > 0 and run.data.metrics["leaks.shuffled_auc_low"] < 0.55


def test_the_version_is_registered_tagged_and_in_charge(
    tracking: Tracking, logged: tuple[str, ModelVersion]
) -> None:
    found = client_of(tracking).get_model_version(tracking.model_name, logged[1].version)
    assert found.run_id == logged[0] and found.tags["trained_as_of"] == "2026-01-31"
    assert "ROC-AUC" in found.description and f"run {logged[0]}" in found.description
    champion = tracking.champion()
    assert champion is not None and champion.version == logged[1].version


def test_a_loaded_version_is_the_same_model(
    tracking: Tracking, logged: tuple[str, ModelVersion], result: TrainingResult, frame: pd.DataFrame
) -> None:
    loaded = tracking.load_champion()
    assert loaded is not None and loaded[0].version == logged[1].version
    pd.testing.assert_frame_equal(loaded[1].score(frame), result.model.score(frame))


def test_the_registered_model_predicts_the_same_in_another_process(
    tracking: Tracking,
    logged: tuple[str, ModelVersion],
    result: TrainingResult,
    frame: pd.DataFrame,
    tmp_path: Path,
) -> None:
    sample = frame[FEATURES].head(50)
    sample.to_pickle(tmp_path / "frame.pkl")
    code = (
        "import mlflow, pandas, sys; mlflow.set_tracking_uri(sys.argv[1]);"
        "model = mlflow.pyfunc.load_model(sys.argv[2]); scores = model.predict(pandas.read_pickle(sys.argv[3]));"
        "scores.to_pickle(sys.argv[4])"
    )
    uri = f"models:/{tracking.model_name}@champion"
    arguments = [tracking.uri, uri, str(tmp_path / "frame.pkl"), str(tmp_path / "scores.pkl")]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, cwd=tmp_path)
    pd.testing.assert_frame_equal(pd.read_pickle(tmp_path / "scores.pkl"), result.model.score(sample))


@pytest.fixture(scope="module")
def served(tracking: Tracking, logged: tuple[str, ModelVersion]) -> "PyFuncModel":
    import mlflow

    mlflow.set_tracking_uri(tracking.uri)
    try:
        return mlflow.pyfunc.load_model(f"models:/{tracking.model_name}@champion")
    finally:
        mlflow.set_tracking_uri(None)


@pytest.mark.parametrize(
    "given",
    [
        {"tickets__count_3m": np.arange(20) % 3, "autopay": True},
        {"tickets__count_3m": np.arange(20, dtype=np.int8), "autopay": 1},
        {"tickets__count_3m": pd.array([1, None] * 10, dtype="Int64"), "autopay": [True, None] * 10},
        {"region": None, "nothing": None},
        {"region": np.nan, "usage__gb__trend": None},
        {"region": pd.Categorical(["north", None] * 10)},
    ],
)
def test_the_registered_model_takes_frames_as_pandas_makes_them(
    served: "PyFuncModel", result: TrainingResult, frame: pd.DataFrame, given: dict[str, Any]
) -> None:
    sample = frame[FEATURES].head(20).assign(**given)
    pd.testing.assert_frame_equal(served.predict(sample), result.model.score(sample))


def test_the_registered_model_names_a_feature_that_was_left_out(
    served: "PyFuncModel", frame: pd.DataFrame
) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=r"missing inputs \['region'\]"):
        served.predict(frame[FEATURES].drop(columns="region"))


def test_no_row_and_no_key_reaches_mlflow(
    tracking: Tracking, logged: tuple[str, ModelVersion], frame: pd.DataFrame
) -> None:
    for path in [*artifacts_of(tracking), Path(tracking.uri.removeprefix("sqlite:///"))]:
        content = path.read_bytes()
        assert b"key00" not in content, path
        assert b"customer_key" not in content, path
    (example,) = [path for path in artifacts_of(tracking) if path.name == "input_example.json"]
    stored = json.loads(example.read_text())
    row = dict(zip(stored["columns"], stored["data"][0], strict=True))
    assert row["usage__gb__trend"] not in set(frame["usage__gb__trend"].dropna()) or np.isclose(
        row["usage__gb__trend"], frame["usage__gb__trend"].median(), atol=0.1
    )


@pytest.mark.parametrize(("day", "error"), [(1, ValueError), (2, KeyboardInterrupt), (3, SystemExit)])
def test_an_interrupted_training_is_a_failed_run(
    tracking: Tracking, day: int, error: type[BaseException]
) -> None:
    import mlflow

    as_of = date(2025, 1, day)
    with pytest.raises(error), tracking.training_run("dagster-2", as_of):
        raise error
    (run,) = runs_of(tracking, as_of)
    assert run.info.status == "FAILED"
    assert mlflow.active_run() is None


def test_trainings_in_one_process_do_not_touch_each_other(tracking: Tracking) -> None:
    import mlflow

    before = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}
    dates = [date(2025, 3, 31), date(2025, 4, 30)]
    for number, as_of in enumerate(dates):
        with tracking.training_run("the same dagster run", as_of):
            mlflow.log_metric("number", number)
    for number, as_of in enumerate(dates):
        (run,) = runs_of(tracking, as_of)
        assert run.data.metrics == {"number": number} and run.info.status == "FINISHED"
    assert mlflow.active_run() is None
    assert {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")} == before


def test_a_run_left_by_a_killed_worker_is_ended_by_the_retry(tracking: Tracking) -> None:
    client = client_of(tracking)
    as_of = date(2025, 5, 31)
    left = client.create_run(tracking.ensure_store(), tags={TRAINED_AS_OF_TAG: as_of.isoformat()})
    other = client.create_run(tracking.ensure_store(), tags={TRAINED_AS_OF_TAG: "2025-06-30"})
    with tracking.training_run("retry", as_of):
        pass
    assert client.get_run(left.info.run_id).info.status == "FAILED"
    assert client.get_run(other.info.run_id).info.status == "RUNNING"
    client.set_terminated(other.info.run_id)


def test_a_foreign_active_run_is_not_written_to(tracking: Tracking, tmp_path: Path) -> None:
    import mlflow

    mlflow.set_tracking_uri(tracking.uri)
    try:
        with mlflow.start_run(experiment_id=tracking.ensure_store()) as foreign:
            with (
                pytest.raises(RuntimeError, match=foreign.info.run_id),
                tracking.training_run("dagster-3", date(2025, 7, 31)),
            ):
                pytest.fail("must not start")
            assert "dagster_run_id" not in mlflow.get_run(foreign.info.run_id).data.tags
    finally:
        mlflow.set_tracking_uri(None)
    assert runs_of(tracking, date(2025, 7, 31)) == []


def test_a_model_is_found_while_the_process_points_elsewhere(
    tracking: Tracking, logged: tuple[str, ModelVersion], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/other.db")
    try:
        assert tracking.load_version(logged[1].version).candidate == "histogram_boosting"
    finally:
        mlflow.set_tracking_uri(None)
    assert list(tmp_path.iterdir()) == []


def test_before_the_first_training_there_is_no_champion(tracking: Tracking) -> None:
    other = Tracking(tracking.uri, tracking.artifacts, "shop", "churn-shop")
    assert other.champion() is None and other.load_champion() is None
    other.ensure_store()
    assert other.champion() is None
    assert other.ensure_store() == other.ensure_store()


def _at(home: Path) -> Tracking:
    return Tracking(f"sqlite:///{home}/mlflow.db", str(home / "mlartifacts"), "telecom", "churn-telecom")


@pytest.fixture
def trained_home(tmp_path: Path, result: TrainingResult) -> Path:
    """A home with a registered model and a study, and blanks in its path."""
    home = tmp_path / "old home"
    home.mkdir()
    with _at(home).training_run("dagster-1", AS_OF) as run:
        run.register(result.model)
    _study(home)
    return home


def _study(home: Path) -> None:
    page = home.parent / "report.html"
    page.touch()
    log_study(_at(home).uri, _at(home).artifacts, "study", {}, {}, page)


def _files(home: Path) -> set[Path]:
    return {file.relative_to(home) for file in (home / "mlartifacts").rglob("*")}


def test_a_model_of_this_home_is_read_without_mlflow_and_a_deleted_one_is_gone(
    trained_home: Path, result: TrainingResult
) -> None:
    """MLflow's import takes seconds, which every run of `daily` would spend."""
    here = _at(trained_home)
    with closing(sqlite3.connect(trained_home / "mlflow.db")) as database:
        sql = "SELECT run_uuid, artifact_uri FROM runs JOIN model_versions ON run_uuid = run_id"
        [(run_id, place)] = database.execute(sql).fetchall()
    Path(place).mkdir(parents=True, exist_ok=True)
    (Path(place) / "model_card.md").write_text("# Card")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tracking, "_client", lambda _: pytest.fail("MLflow was asked"))
        assert here.load_version("1").candidate == result.model.candidate
        assert here.card(run_id) == {"model_card.md": "# Card"}
    here._client().delete_model_version("churn-telecom", "1")
    with pytest.raises(VersionGone):
        here.load_version("1")


def test_a_home_works_where_it_was_moved_to(trained_home: Path, result: TrainingResult) -> None:
    new = trained_home.rename(trained_home.with_name("a new home"))
    before = _files(new)
    assert former_roots(_at(new).uri, _at(new).artifacts) == [f"{trained_home}/mlartifacts"]
    _at(new).ensure_store()
    assert former_roots(_at(new).uri, _at(new).artifacts) == []
    assert _at(new).load_version("1").candidate == result.model.candidate
    with _at(new).training_run("dagster-2", AS_OF) as run:
        assert run.register(result.model).version == "2"
    _study(new)
    assert len([file for file in _files(new) - before if file.name == "report.html"]) == 1
    assert not trained_home.exists()


def test_a_copy_of_a_home_leaves_the_files_of_its_original_alone(
    trained_home: Path, result: TrainingResult
) -> None:
    copy = Path(shutil.copytree(trained_home, trained_home.with_name("copy")))
    before = _files(trained_home)
    _study(copy)
    with _at(copy).training_run("dagster-2", AS_OF) as run:
        run.register(result.model)
    shutil.rmtree(trained_home / "mlartifacts" / "models")
    assert _at(copy).load_version("1").candidate == result.model.candidate, "read from the copy"
    assert len(_files(copy)) > len(before)
    assert _files(trained_home) < before


def test_artifacts_that_shall_lie_elsewhere_from_now_on_stay_where_they_are(
    trained_home: Path, tmp_path: Path
) -> None:
    elsewhere = replace(_at(trained_home), artifacts=str(tmp_path / "elsewhere"))
    elsewhere.ensure_store()
    assert elsewhere.load_version("1").candidate


def test_a_home_that_was_moved_without_its_files_says_what_to_bring(trained_home: Path) -> None:
    new = trained_home.with_name("new home")
    trained_home.rename(new)
    kept = (new / "mlartifacts").rename(new.with_name("kept"))
    for attempt in (_at(new).ensure_store, lambda: _at(new).load_version("1"), lambda: _study(new)):
        with pytest.raises(TrackingError, match="was this home moved without them") as told:
            attempt()
    assert not trained_home.exists()
    command = str(told.value).rpartition("Bring them: ")[2].replace("OLD", str(kept))
    subprocess.run(command, shell=True, check=True)
    assert _at(new).load_version("1").candidate


def test_effects_of_offers_are_a_finished_run_with_a_card(tracking: Tracking) -> None:
    card = Document(
        "Effects of offers", "as of a day", [Chapter("One", ["Text.", Pictures({"qini": "curve"})])]
    )
    run_id = log_uplift(
        tracking, "dagster", AS_OF, MANY_PARAMS | {"told": "x" * 600}, MANY_METRICS, card, {"qini": b"png"}
    )
    run = tracking._client().get_run(run_id)
    assert run.info.status == "FINISHED" and run.data.metrics == MANY_METRICS
    assert run.data.params == MANY_PARAMS | {"told": "x" * 500}
    assert run.data.tags[TRAINED_AS_OF_TAG] == "2026-01-31" and run.data.tags["dagster_run_id"] == "dagster"
    experiment = tracking._client().get_experiment(run.info.experiment_id)
    assert experiment.name == uplift_experiment(tracking) != tracking.experiment
    files = {file.path for file in tracking._client().list_artifacts(run_id)}
    assert files == {f"{UPLIFT_CARD}.html", f"{UPLIFT_CARD}.md", "plots"}
