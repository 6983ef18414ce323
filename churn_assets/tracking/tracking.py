"""Training runs and the model registry in MLflow.

dagster-mlflow's `MlFlow` binds the process to one run (tracking URI, experiment, active run, the tag `dagster_run_id`)
and logs parameters in chunks. By default it finds or starts one run per *Dagster* run, keeps it open, and does not end
it if a step fails. So each training creates its own run first, passes it as `mlflow_run_id`, and always ends it here.
The context of `MlFlow` is an adapter: `dg.build_init_resource_context` contains no Dagster run, and `MlFlow` renames
the run to the job of that run. MLflow's active run and URI are process-wide, so only one training runs at a time, and
the process state is restored afterwards.
"""

import logging
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from churn_assets.ml.portable.model import PortableModel
from churn_assets.tracking.errors import VersionGone
from churn_assets.tracking.moved_home import follow, require_files
from churn_assets.tracking.own_files import model_folder, run_folder
from churn_assets.tracking.quiet import bind_run, restored_environment
from churn_assets.tracking.reached import reached
from churn_assets.tracking.training_run import CARD_FILES, PORTABLE, ModelVersion, TrainingRun

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment
    from mlflow.exceptions import MlflowException

log = logging.getLogger(__name__)

CHAMPION = "champion"
TRAINED_AS_OF_TAG = "churn.trained_as_of"
DAGSTER_RUN_TAG = "dagster_run_id"
_one_training = threading.RLock()


@dataclass(frozen=True)
class Tracking:
    """One business in one MLflow.

    Attributes:
        uri: tracking and registry URI.
        artifacts: artifact root, used when this class creates the experiment.
        experiment: experiment name, one per business.
        model_name: name in the registry.
    """

    uri: str
    artifacts: str
    experiment: str
    model_name: str

    def ensure_store(self) -> str:
        """Creates the database, the experiment and the registered model if missing; returns the experiment's id.

        Importing MLflow and creating a SQLite file take about 5 CPU seconds: call this from a background thread while
        data is loaded.

        Raises:
            TrackingError: MLflow does not answer (raised within seconds), or its files are elsewhere.
            MlflowException: MLflow rejects a request, or the experiment was deleted.
        """
        client, found = self._reached()
        from mlflow.exceptions import MlflowException

        if found is None:
            try:
                client.create_experiment(self.experiment, artifact_location=self.artifacts)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another process created it meanwhile
                    raise
        try:
            client.create_registered_model(self.model_name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        experiment = client.get_experiment_by_name(self.experiment)
        if experiment is None:
            raise RuntimeError(
                f"MLflow at {self.uri} lost the experiment {self.experiment!r} while it was created"
            )
        require_files(experiment.artifact_location, self.artifacts)
        return str(experiment.experiment_id)

    @contextmanager
    def training_run(
        self, dagster_run_id: str, trained_as_of: date, tags: Mapping[str, str] | None = None
    ) -> "Iterator[TrainingRun]":
        """Opens one MLflow run for one training: FINISHED if the block ends, FAILED if it raises or is interrupted.

        First ends as FAILED all runs of the same trained_as_of that a killed worker left RUNNING.

        Args:
            dagster_run_id: the Dagster run of the training; becomes the tag `dagster_run_id`.
            trained_as_of: date that the training may use data up to.
            tags: further tags: versions of data and code, windows. Never personal data.

        Raises:
            TrackingError: MLflow does not answer.
            RuntimeError: this process has another active MLflow run; the training would be logged into that run.
        """
        with (
            _one_training,
            restored_environment("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"),
        ):
            experiment_id = self.ensure_store()
            import mlflow

            if active := mlflow.active_run():
                raise RuntimeError(
                    f"MLflow run {active.info.run_id} is active in this process; end it with mlflow.end_run() before "
                    "a training starts, or the training would be logged into it"
                )
            client = self._client()
            self._end_open(client, experiment_id, TRAINED_AS_OF_TAG, trained_as_of.isoformat())
            uri_before = mlflow.get_tracking_uri() if mlflow.tracking.is_tracking_uri_set() else None  # type: ignore[no-untyped-call]
            # dagster-mlflow sets DAGSTER_RUN_TAG too, but later, and not on trials
            own = {TRAINED_AS_OF_TAG: trained_as_of.isoformat(), DAGSTER_RUN_TAG: dagster_run_id}
            every_tag = own | dict(tags or {})
            run_name = f"{self.experiment} {trained_as_of.isoformat()}"
            run = client.create_run(experiment_id, tags=every_tag, run_name=run_name)
            run_id: str = run.info.run_id
            status = "FAILED"
            try:
                binding = bind_run(self._context(dagster_run_id, run_id, run_name))
                yield TrainingRun(client, self.model_name, run_id, binding, every_tag)
                status = "FINISHED"
            finally:
                if mlflow.active_run() is not None:
                    mlflow.end_run(status)
                else:
                    client.set_terminated(run_id, status)
                # None resets the URI: MLflow's code accepts it, its annotation does not.
                mlflow.set_tracking_uri(uri_before)  # type: ignore[arg-type]

    def end_run_of(self, dagster_run_id: str) -> None:
        """Ends as FAILED the open MLflow runs of a Dagster run.

        The caller is whoever interrupts that run, because the interrupted thread does not end its MLflow run.

        Raises:
            TrackingError: MLflow does not answer.
        """
        client, experiment = self._reached()
        if experiment:
            self._end_open(client, str(experiment.experiment_id), DAGSTER_RUN_TAG, dagster_run_id)

    def set_champion(self, model_version: str) -> None:
        """Points the alias `champion` to a version.

        Raises:
            TrackingError: MLflow does not answer.
            MlflowException: no such version.
        """
        self._client().set_registered_model_alias(self.model_name, CHAMPION, model_version)

    def copy_version(self, model_version: str) -> str:
        """Registers the files of a version as a new version; returns its number.

        Raises:
            TrackingError: MLflow does not answer.
            MlflowException: no such version.
        """
        client = self._client()
        location = client.get_model_version_download_uri(self.model_name, model_version)
        return str(client.create_model_version(self.model_name, location).version)

    def tag_version(self, model_version: str, tags: Mapping[str, str]) -> None:
        """Adds tags to a registered version.

        Raises:
            TrackingError: MLflow does not answer.
            MlflowException: no such version.
        """
        client = self._client()
        for name, value in tags.items():
            client.set_model_version_tag(self.model_name, model_version, name, value)

    def champion(self) -> ModelVersion | None:
        """Returns the version with the alias `champion`, None before the first one."""
        client = self._client()
        from mlflow.exceptions import MlflowException

        try:
            found = client.get_model_version_by_alias(self.model_name, CHAMPION)
        except MlflowException as error:
            # MLflow reports an unknown alias as an invalid parameter, and an unknown model as not existing.
            if error.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
                return None
            raise
        return ModelVersion(str(found.version), found.run_id or "", dict(found.tags))

    def load_champion(self) -> tuple[ModelVersion, PortableModel] | None:
        """Returns the champion and its model, None before the first champion."""
        found = self.champion()
        return None if found is None else (found, self.load_version(found.version))

    def load_version(self, model_version: str) -> PortableModel:
        """Reads a registered version as a portable model, without pyfunc; from a local home without MLflow, too.

        Raises:
            TrackingError: MLflow does not answer, or the home was moved without its files.
            VersionGone: there is no such version, or MLflow no longer knows its files.
            ValueError: it was saved in another format.
        """
        follow(self.uri, self.artifacts)
        own = model_folder(self.uri, self.model_name, model_version)
        if own is not None and (own / "artifacts" / PORTABLE).is_dir():
            return PortableModel.load(own / "artifacts" / PORTABLE)
        client, experiment = self._reached()
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        if experiment:
            require_files(experiment.artifact_location, self.artifacts)
        with tempfile.TemporaryDirectory(prefix="churn_model_") as folder:
            try:
                # MLflow would look up `models:/` addresses in the process-wide tracking server, not in `self.uri`.
                location = client.get_model_version_download_uri(self.model_name, model_version)
                local = download_artifacts(
                    artifact_uri=f"{location}/artifacts/{PORTABLE}", dst_path=folder, tracking_uri=self.uri
                )
            except MlflowException as error:
                if _is_gone(error):
                    raise VersionGone(self.model_name, model_version) from None
                raise
            return PortableModel.load(Path(local))

    def card(self, mlflow_run_id: str) -> dict[str, str]:
        """The model card of a training: file name -> text; empty when its run has none or is gone."""
        follow(self.uri, self.artifacts)
        if (own := run_folder(self.uri, mlflow_run_id)) is not None:
            there = [own / name for name in CARD_FILES if (own / name).is_file()]
            return {file.name: file.read_text(encoding="utf-8") for file in there}
        client = self._client()
        from mlflow.exceptions import MlflowException

        with tempfile.TemporaryDirectory(prefix="churn_card_") as folder:
            try:
                listed = {file.path for file in client.list_artifacts(mlflow_run_id)}
                files = [
                    client.download_artifacts(mlflow_run_id, n, folder) for n in CARD_FILES if n in listed
                ]
            except MlflowException as error:
                if _is_gone(error):
                    return {}
                raise
            return {Path(file).name: Path(file).read_text(encoding="utf-8") for file in files}

    def has_version(self, model_version: str) -> bool:
        """Whether MLflow still has this registered version."""
        client = self._client()
        from mlflow.exceptions import MlflowException

        try:
            client.get_model_version(self.model_name, model_version)
        except MlflowException as error:
            if _is_gone(error):
                return False
            raise
        return True

    def _reached(self) -> "tuple[MlflowClient, Experiment | None]":
        return reached(self.uri, self.artifacts, self.experiment)

    def _client(self) -> "MlflowClient":
        return self._reached()[0]

    def _context(self, dagster_run_id: str, run_id: str, run_name: str) -> SimpleNamespace:
        """Returns the attributes of a Dagster resource context that `MlFlow` reads."""
        return SimpleNamespace(
            log=logging.getLogger(f"{__name__}.dagster_mlflow"),
            dagster_run=SimpleNamespace(job_name=run_name),
            run_id=dagster_run_id,
            resource_config={
                "mlflow_tracking_uri": self.uri,
                "experiment_name": self.experiment,
                "mlflow_run_id": run_id,
            },
        )

    def _end_open(self, client: "MlflowClient", experiment_id: str, tag: str, value: str) -> None:
        wanted = f"attributes.status = 'RUNNING' and tags.`{tag}` = '{value}'"
        for run in client.search_runs([experiment_id], wanted):
            log.warning("MLflow run %s of %s never ended; marked FAILED", run.info.run_id, value)
            client.set_terminated(run.info.run_id, "FAILED")


def _is_gone(error: "MlflowException") -> bool:
    """Whether MLflow has no such thing, rather than no answer."""
    return bool(error.error_code == "RESOURCE_DOES_NOT_EXIST")
