"""Logs a training into its MLflow run and registers its model."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_assets.ml.portable.model import PortableModel
from churn_assets.ml.review.examination import Examination
from churn_assets.ml.review.model_card import ModelCard
from churn_assets.ml.training.result import TrainingResult
from churn_assets.ml.training.search import Trial
from churn_assets.reporting.blocks import Code, Document
from churn_assets.reporting.markdown import markdown_page
from churn_assets.tracking.trials import log_trial

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

PORTABLE = "portable"
CARD_FILES = CARD_HTML, CARD_MARKDOWN = "model_card.html", "model_card.md"


@dataclass(frozen=True)
class ModelVersion:
    """A registered model version.

    Attributes:
        version: its number in the registry, as MLflow writes it ("3").
        run_id: MLflow run of its training; empty if someone registered the model by hand.
        tags: of the version.
    """

    version: str
    run_id: str
    tags: dict[str, str]


class TrainingRun:
    """An open MLflow run of one training; `Tracking.training_run` creates it.

    `binding` is dagster-mlflow's resource, which writes to the run.

    Attributes:
        run_id: MLflow's id.
    """

    def __init__(
        self, client: "MlflowClient", model_name: str, run_id: str, binding: Any, tags: Mapping[str, str]
    ) -> None:
        self._client = client
        self._model_name = model_name
        self._mlflow = binding
        self._tags = tags
        self.run_id = run_id

    def log_trial(self, trial: Trial) -> None:
        """Logs a trial of the hyper-parameter search as a separate run, nested below this one."""
        log_trial(self._client, self.run_id, self._tags, trial)

    def log_training(self, result: TrainingResult, params: Mapping[str, Any]) -> None:
        """Logs the result of a training: parameters, metrics, tables as JSON and CSV.

        Args:
            params: windows, settings, versions and other inputs of this model; values are logged as text.
        """
        features = result.model.transformation.features
        self._mlflow.log_params(
            {
                "chosen": result.chosen,
                "calibration": result.model.calibration.method,
                "features": len(features),
                "test_out_of_time": result.split.out_of_time,
                **{
                    f"{candidate}.{name}": value
                    for candidate, settings in result.model.about["hyper_parameters"].items()
                    for name, value in settings.items()
                },
                **{f"cohorts.{part}": " ".join(days) for part, days in result.split.as_dict().items()},
                **{str(name): str(value) for name, value in params.items()},
            }
        )
        metrics = _numbers("test", result.test.as_dict())
        for line in result.candidates:
            metrics[f"fit_seconds.{line.candidate}"] = line.fit_seconds
            metrics |= _numbers(f"selection.{line.candidate}", line.selection.as_dict())
        for part, counts in result.rows.items():
            metrics |= _numbers(part, counts)
        self._mlflow.log_metrics(metrics)
        search = {f"search.{found.candidate}": found.why for found in result.searched}
        self._mlflow.set_tags({"test_status": result.test.status, "ensemble": result.ensemble, **search})
        self._mlflow.log_dict({"features": features}, "features.json")
        self._mlflow.log_dict({"importance": result.importance}, "importance.json")
        self._mlflow.log_text(result.candidates_table().to_csv(index=False), "candidates.csv")
        bands = {band: metrics.as_dict() for band, metrics in result.test_by_tenure.items()}
        self._mlflow.log_text(json.dumps(bands, indent=1), "test_by_tenure.json")

    def log_examination(
        self, examination: Examination, card: ModelCard, pictures: Mapping[str, bytes]
    ) -> None:
        """Logs the examination of the model: metrics, model card, leak report, and pictures as plots/<name>.png."""
        self._mlflow.log_metrics(examination.metrics())
        report = Document("Leak report", ("Run ", Code(self.run_id), "."), [examination.leaks.chapter()])
        leaks = markdown_page(report, {})
        texts = {CARD_HTML: card.html, CARD_MARKDOWN: card.markdown, "leak_report.md": leaks}
        with tempfile.TemporaryDirectory(prefix="churn_card_") as folder:
            plots = Path(folder) / "plots"
            plots.mkdir()
            for name, text in texts.items():
                (Path(folder) / name).write_text(text, encoding="utf-8")
            for name, png in pictures.items():
                (plots / f"{name}.png").write_bytes(png)
            self._mlflow.log_artifacts(folder)

    def register(
        self,
        model: PortableModel,
        tags: Mapping[str, str] | None = None,
        description: str | None = None,
    ) -> ModelVersion:
        """Logs the model as a pyfunc and registers it as a new version.

        The input example is one synthetic customer (medians and most frequent categories).

        Args:
            tags: of the version.
            description: of the version, as Markdown.
        """
        from mlflow import pyfunc

        example = model.transformation.example()
        with tempfile.TemporaryDirectory(prefix="churn_model_") as folder:
            portable = Path(folder) / PORTABLE
            model.save(portable)
            logged = pyfunc.log_model(
                name="model",
                python_model=str(Path(__file__).with_name("served_model.py")),
                artifacts={PORTABLE: str(portable)},
                signature=_signature(model),
                input_example=example,
                # Listed, because MLflow would start a process that loads the model to infer them.
                pip_requirements=[f"{name}=={version(name)}" for name in ("churn-assets", "numpy", "pandas")],
            )
        every_tag = {"candidate": model.candidate, **(tags or {})}
        created = self._client.create_model_version(
            self._model_name,
            source=logged.model_uri,
            run_id=self.run_id,
            tags=every_tag,
            model_id=logged.model_id,
            description=description,
        )
        return ModelVersion(str(created.version), self.run_id, every_tag)


def _numbers(prefix: str, values: Mapping[str, Any]) -> dict[str, float]:
    """Returns the numbers among `values` as metrics; drops texts such as a status, booleans and None."""
    return {
        f"{prefix}.{name}": float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _signature(model: PortableModel) -> "ModelSignature":
    """Returns the signature: all declared features as inputs, `raw` and `probability` as outputs.

    No feature may be left out, but any value may be missing. Features have the type AnyType: for a declared double
    MLflow would reject whole numbers and booleans, and for declared text a column without any value. The transformation
    accepts all of these. The drawback: MLflow's server accepts JSON only, because it parses CSV by declared types.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec
    from mlflow.types.schema import AnyType

    anything = AnyType()  # type: ignore[no-untyped-call]
    inputs: list[ColSpec | TensorSpec] = [ColSpec(anything, name) for name in model.transformation.features]
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.double, "raw"),
        ColSpec(DataType.double, "probability"),
    ]
    return ModelSignature(Schema(inputs), Schema(outputs))
