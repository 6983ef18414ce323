"""What steps and sensors work with, as Dagster resources: the settings, the lakehouse and the model tracking.

Deployment > Resources shows the values in effect, with secrets hidden. The values are those that the code location was
loaded with, from `CHURN_*`; a run cannot change them in the launchpad, since sensors and other runs would go on with
another lake. Only the day of the job `daily` can be asked for there.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, TypeVar

import dagster as dg
from pydantic import Field

from churn_assets.graph.as_of_day import AskedDay, NoSuchDay
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.log.writing import start as start_log
from churn_assets.settings import HIDDEN, Settings, without_secrets
from churn_assets.tracking.tracking import Tracking

SECRET = re.compile("secret|password|passphrase|token|credential|key", re.IGNORECASE)
BY_SIZE = "by the size of the landing zone"
NOWHERE = "nowhere"
IN_A_FILE = "in a file beside the anchor"
Made = TypeVar("Made")


class ResourceChanged(ValueError):
    """A run was launched with other values than the code location was loaded with; the message names them."""


def _told(name: str) -> Any:
    """A field with the description of the setting of that name."""
    return Field(description=Settings.model_fields[name].description)


class _Shown(dg.ConfigurableResource[Made]):
    """Fields that show what is in effect; `_require` refuses a run that was launched with others."""

    def _require(self, expected: Mapping[str, object]) -> None:
        changed = [name for name, value in expected.items() if getattr(self, name) != value]
        if changed:
            raise ResourceChanged(
                f"{type(self).__name__}: {', '.join(changed)} cannot be changed for one run. Set the CHURN_* variables "
                "and reload the code location; nothing was run."
            )


class SettingsResource(_Shown[Settings]):
    """The settings of this deployment (CHURN_*), as in effect; secrets are hidden."""

    in_effect: dg.ResourceDependency[Settings]
    home: str = _told("home")
    business: str = _told("business")
    landing: str = _told("landing")
    lake: str = _told("lake")
    tracking_uri: str = _told("tracking_uri")
    artifacts: str = _told("artifacts")
    keep_days: int = _told("keep_days")
    releases: str = _told("releases")
    keep_releases: int = _told("keep_releases")
    identity_key: str = _told("identity_key")
    api: str = _told("api")
    app: str = _told("app")
    backup: str = _told("backup")
    publish_to: str = _told("publish_to")
    jars: str = _told("jars")
    maven: str = _told("maven")
    engine: str = _told("engine")
    engine_profile: str = _told("engine_profile")
    spark_master: str = _told("spark_master")
    spark_conf: dict[str, str] = _told("spark_conf")
    driver_memory: str = _told("driver_memory")
    otlp_endpoint: str = _told("otlp_endpoint")
    audit_anchor: str = _told("audit_anchor")
    audit_key: str = _told("audit_key")

    @classmethod
    def of(cls, settings: Settings) -> "SettingsResource":
        """The resource that gives these settings."""
        return cls(in_effect=settings, **_settings(settings))

    def create_resource(self, context: dg.InitResourceContext) -> Settings:
        """The settings themselves, secrets included."""
        self._require(_settings(self.in_effect))
        start_log(self.in_effect)
        return self.in_effect


class LakehouseResource(_Shown[Lakehouse]):
    """Reads and writes the Delta tables: where they lie, and the engine that computes them."""

    in_effect: dg.ResourceDependency[Settings]
    lake: str = _told("lake")
    landing: str = _told("landing")
    keep_days: int = _told("keep_days")
    engine: str = _told("engine")
    engine_profile: str = _told("engine_profile")
    spark_master: str = _told("spark_master")
    spark_conf: dict[str, str] = _told("spark_conf")
    driver_memory: str = _told("driver_memory")

    @classmethod
    def of(cls, settings: Settings) -> "LakehouseResource":
        """The resource that gives the lakehouse of these settings."""
        return cls(in_effect=settings, **_lakehouse(settings))

    def create_resource(self, context: dg.InitResourceContext) -> Lakehouse:
        """A lakehouse that has not started its engine."""
        self._require(_lakehouse(self.in_effect))
        start_log(self.in_effect)
        return Lakehouse(self.in_effect)


class TrackingResource(_Shown[Tracking]):
    """MLflow: where training runs and registered models are kept."""

    in_effect: dg.ResourceDependency[Tracking]
    uri: str = _told("tracking_uri")
    artifacts: str = _told("artifacts")
    experiment: str = Field(description="Experiment in MLflow, one per business.")
    model_name: str = Field(description="Name in the model registry.")

    @classmethod
    def of(cls, tracking: Tracking) -> "TrackingResource":
        """The resource that gives this tracking."""
        return cls(in_effect=tracking, **_tracking(tracking))

    def create_resource(self, context: dg.InitResourceContext) -> Tracking:
        """The tracking itself; nothing is opened."""
        self._require(_tracking(self.in_effect))
        return self.in_effect


class AskedDayResource(dg.ConfigurableResource[AskedDay]):
    """The day that the job `daily` is as of; a run may ask for another one than the newest."""

    as_of: str = Field("", description="As_of_date, YYYY-MM-DD; empty: the last whole day that is known.")

    def create_resource(self, context: dg.InitResourceContext) -> AskedDay:
        """The day.

        Raises:
            NoSuchDay: it is no date.
        """
        try:
            return AskedDay(date.fromisoformat(self.as_of) if self.as_of else None)
        except ValueError:
            raise NoSuchDay(f"as_of is {self.as_of!r}; write a day as YYYY-MM-DD.") from None


def _settings(settings: Settings) -> dict[str, Any]:
    """Every setting as in effect: locations are absolute, and what is secret is hidden."""
    return {
        "home": str(settings.home_path),
        "business": str(settings.business_path),
        "landing": without_secrets(settings.landing_uri),
        "lake": without_secrets(settings.lake_uri),
        "tracking_uri": without_secrets(settings.mlflow_uri),
        "artifacts": without_secrets(settings.mlflow_artifacts),
        "keep_days": settings.keep_days,
        "releases": without_secrets(settings.releases_uri),
        "keep_releases": settings.keep_releases,
        "identity_key": HIDDEN if settings.identity_key else "identity.key in the home",
        "api": f"{settings.api.host}:{settings.api.port}",
        "app": f"{settings.app.host}:{settings.app.port}",
        "backup": settings.backup.place or NOWHERE,
        "jars": str(settings.jars_path),
        "maven": without_secrets(settings.maven),
        "engine": settings.engine,
        "engine_profile": settings.engine_profile,
        "spark_master": settings.spark_master,
        "spark_conf": {name: _conf_value(name, value) for name, value in settings.spark_conf.items()},
        "driver_memory": settings.driver_memory or BY_SIZE,
        "publish_to": without_secrets(settings.publish_to.get_secret_value())
        if settings.publish_to
        else NOWHERE,
        "otlp_endpoint": without_secrets(settings.otlp_endpoint or NOWHERE),
        "audit_anchor": str(settings.audit_anchor_path),
        "audit_key": IN_A_FILE if settings.audit_key is None else HIDDEN,
    }


def _conf_value(name: str, value: str) -> str:
    """A Spark setting; hidden when its name, or what its value sets (`-Dx.password=...`), is secret."""
    return HIDDEN if SECRET.search(name) or SECRET.search(value) else without_secrets(value)


def _lakehouse(settings: Settings) -> dict[str, Any]:
    return {
        name: value for name, value in _settings(settings).items() if name in LakehouseResource.model_fields
    }


def _tracking(tracking: Tracking) -> dict[str, Any]:
    return {
        "uri": without_secrets(tracking.uri),
        "artifacts": without_secrets(tracking.artifacts),
        "experiment": tracking.experiment,
        "model_name": tracking.model_name,
    }
