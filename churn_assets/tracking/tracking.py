"""Training runs and the model registry in MLflow.

dagster-mlflow's `MlFlow` serves here as what binds the process to one run (tracking URI, experiment, active run, the
`dagster_run_id` tag) and for parameters in chunks. Left to itself it would find or start one run per *Dagster* run,
keep it open, and never end it when a step fails; so each training creates its own run first, hands it over by
`mlflow_run_id`, and ends it here, whatever happens. Its context is an adapter: `dg.build_init_resource_context` carries
no Dagster run, and MlFlow renames the run to that run's job. MLflow's active run and URI are process-wide: one training
at a time, and afterwards the process is as it was.
"""

import logging
import os
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
from churn_assets.settings import without_secrets
from churn_assets.tracking.quiet import bind_run, prepare_mlflow, restored_environment
from churn_assets.tracking.training_run import PORTABLE, ModelVersion, TrainingRun

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

CHAMPION = "champion"
TRAINED_AS_OF_TAG = "churn.trained_as_of"
DAGSTER_RUN_TAG = "dagster_run_id"
RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_one_training = threading.RLock()


class TrackingError(RuntimeError):
    """MLflow or its files cannot be reached; the message says where they were looked for and what to do."""


def require_files(location: str, artifacts: str) -> None:
    """MLflow keeps absolute paths: in a home that was moved it would read and write where the home once was.

    Args:
        location: where MLflow keeps the files of an experiment.
        artifacts: where they are kept now.

    Raises:
        TrackingError: the home was moved.
    """
    place = Path(location)
    if place.is_absolute() and location != artifacts and not place.exists():
        raise TrackingError(
            f"MLflow keeps its files in {location}, which is not there: this home was moved or copied. "
            f"Move it back, or let the old path lead here: mkdir -p {place.parent} && "
            f"ln -s {artifacts} {location}"
        )


@dataclass(frozen=True)
class Tracking:
    """One business in one MLflow.

    Attributes:
        uri: tracking and registry URI.
        artifacts: artifact root of the experiment, used when it is created here.
        experiment: experiment name, one per business.
        model_name: name in the registry.
    """

    uri: str
    artifacts: str
    experiment: str
    model_name: str

    def ensure_store(self) -> str:
        """Create database, experiment and registered model where they are missing; return the experiment's id.

        A new SQLite file costs about 5 CPU seconds with the import of MLflow: call this from a background thread
        while data is loaded.

        Raises:
            TrackingError: MLflow does not answer, told within seconds; or its files lie elsewhere.
            MlflowException: it refuses; the experiment was deleted.
        """
        client = self._client()
        from mlflow.exceptions import MlflowException

        if self._experiment_id(client) is None:
            try:
                client.create_experiment(self.experiment, artifact_location=self.artifacts)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another process was quicker
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

    def _experiment_id(self, client: "MlflowClient") -> str | None:
        """The experiment's id, None before it is created.

        The first question to MLflow. Who waits minutes for an answer here has not trained anything yet.
        """
        from mlflow.exceptions import MlflowException

        with restored_environment(RETRIES):
            os.environ.setdefault(RETRIES, "2")
            try:
                found = client.get_experiment_by_name(self.experiment)
            except MlflowException as error:
                raise TrackingError(
                    f"MLflow at {without_secrets(self.uri)} does not answer, so nothing was trained. Start it or mend "
                    f"CHURN_TRACKING_URI, then run again. ({error.message})"
                ) from None
        return str(found.experiment_id) if found else None

    @contextmanager
    def training_run(
        self, dagster_run_id: str, trained_as_of: date, tags: Mapping[str, str] | None = None
    ) -> "Iterator[TrainingRun]":
        """Exactly one MLflow run for one training: FINISHED if the block ends, FAILED if anything interrupts it.

        Runs of the same trained_as_of that a killed worker left RUNNING are ended FAILED first.

        Args:
            dagster_run_id: run that trains; becomes the tag `dagster_run_id`.
            trained_as_of: what the training was allowed to know.
            tags: further tags: versions of data and code, windows. Never personal data.

        Raises:
            TrackingError: MLflow does not answer.
            RuntimeError: this process has another active MLflow run, which would be written to.
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
            # dagster-mlflow sets the second too, but later, and not on trials
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
                # None means: not set. The annotation of MLflow does not know it, its code does.
                mlflow.set_tracking_uri(uri_before)  # type: ignore[arg-type]

    def end_run_of(self, dagster_run_id: str) -> None:
        """End FAILED the runs that a Dagster run has open: for who interrupts it, as its own thread will not.

        Raises:
            TrackingError: MLflow does not answer.
        """
        client = self._client()
        if experiment := self._experiment_id(client):
            self._end_open(client, experiment, DAGSTER_RUN_TAG, dagster_run_id)

    def set_champion(self, model_version: str) -> None:
        """Point the alias `champion` to a version.

        Raises:
            MlflowException: no such version.
        """
        self._client().set_registered_model_alias(self.model_name, CHAMPION, model_version)

    def tag_version(self, model_version: str, tags: Mapping[str, str]) -> None:
        """Add tags to a registered version.

        Raises:
            MlflowException: no such version.
        """
        client = self._client()
        for name, value in tags.items():
            client.set_model_version_tag(self.model_name, model_version, name, value)

    def champion(self) -> ModelVersion | None:
        """The version in charge, or None before the first one."""
        client = self._client()
        from mlflow.exceptions import MlflowException

        try:
            found = client.get_model_version_by_alias(self.model_name, CHAMPION)
        except MlflowException as error:
            # An unknown alias is reported as an invalid parameter, an unknown model as not existing.
            if error.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
                return None
            raise
        return ModelVersion(str(found.version), found.run_id or "", dict(found.tags))

    def load_champion(self) -> tuple[ModelVersion, PortableModel] | None:
        """The version in charge with its model, or None before the first one."""
        found = self.champion()
        return None if found is None else (found, self.load_version(found.version))

    def load_version(self, model_version: str) -> PortableModel:
        """Fetch a registered version as a portable model, without pyfunc.

        Raises:
            TrackingError: its files lie elsewhere, as the home was moved.
            MlflowException: no such version, or its files are gone.
            ValueError: it was written in another format.
        """
        client = self._client()
        from mlflow.artifacts import download_artifacts

        if experiment := client.get_experiment_by_name(self.experiment):
            require_files(experiment.artifact_location, self.artifacts)
        # Resolved here: `models:/` addresses are looked up in the process-wide tracking server, not in this one.
        location = client.get_model_version_download_uri(self.model_name, model_version)
        with tempfile.TemporaryDirectory(prefix="churn_model_") as folder:
            local = download_artifacts(
                artifact_uri=f"{location}/artifacts/{PORTABLE}", dst_path=folder, tracking_uri=self.uri
            )
            return PortableModel.load(Path(local))

    def _client(self) -> "MlflowClient":
        prepare_mlflow()
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def _context(self, dagster_run_id: str, run_id: str, run_name: str) -> SimpleNamespace:
        """What MlFlow reads of a Dagster resource context."""
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
