"""All settings of a deployment, read from `CHURN_*` environment variables.

The settings of a *business* (windows, labels, features, segments) are in its `churn.yaml`.
"""

import os
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import unquote

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from churn_assets.service_settings import ApiSettings, AppSettings

if TYPE_CHECKING:
    import pyarrow.fs as pafs

COMING = "coming"  # in CHURN_HOME: simulated extracts of days that have not come yet
SHIPPED_BUSINESSES = Path(__file__).parent / "businesses"
MAVEN_CENTRAL = "https://repo1.maven.org/maven2"
HIDDEN = "***"
# The user and password of a URI: the part before the last @ of the host part. A password may contain a slash.
# In an Azure location that part is the container, which is no secret.
USER = re.compile(r"^((?!abfss?:|wasbs?:)[^:/]*://)(?:[^/?#]*|[^/?#@:]+:(?!\d+/)[^@]*)@")
SECRET_PARAMETER = re.compile(
    r"([?&;][^=&;]*(?:secret|password|pwd|token|key|credential|sig|odbc_connect)[^=&;]*=)[^&;]*",
    re.IGNORECASE,
)

ESCAPED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
# The kind of a restic repository, before its address; a folder has none.
RESTIC_KIND = re.compile(r"(rest:|s3:|sftp:|azure:|gs:|b2:|swift:|rclone:|)(.*)")


def is_uri(location: str) -> bool:
    """True for `s3a://bucket/x` and the like, False for a path on this machine."""
    return "://" in location


def require_unescaped(location: str) -> None:
    """Checks that no folder of this machine has a name such as `a%20b`, which Delta's library takes for `a b`.

    Raises:
        ValueError: it has.
    """
    if not is_uri(location) and (found := ESCAPED.search(location)):
        raise ValueError(
            f"{location} has {found[0]} in its name: Delta's library would take it for {unquote(found[0])!r}, and look "
            "in another folder. Rename the folder."
        )


def without_secrets(location: str) -> str:
    """The path or URI with user, password and secret parameters replaced by `***`."""
    return SECRET_PARAMETER.sub(rf"\g<1>{HIDDEN}", USER.sub(rf"\g<1>{HIDDEN}@", location))


def filesystem(location: str) -> "tuple[pafs.FileSystem, str]":
    """The Arrow filesystem of a path or URI, and the path inside that filesystem.

    Raises:
        RuntimeError: no filesystem has such URIs.
    """
    import pyarrow as pa
    import pyarrow.fs as pafs

    if not is_uri(location):
        return pafs.LocalFileSystem(), location
    try:
        found: tuple[pafs.FileSystem, str] = pafs.FileSystem.from_uri(
            re.sub(r"^s3[an]://", "s3://", location)
        )
    except pa.ArrowInvalid as error:
        raise RuntimeError(
            f"{without_secrets(location)} cannot be used as a location. Write a path, or a URI that begins with "
            "s3a://, gs://, abfss:// or hdfs://."
        ) from error
    return found


def _absolute(location: str) -> str:
    return location.rstrip("/") if is_uri(location) else str(Path(location).expanduser().resolve())


class BackupSettings(BaseSettings):
    """The backup. Every field is an environment variable, e.g. `CHURN_BACKUP_REPOSITORY`."""

    model_config = SettingsConfigDict(env_prefix="CHURN_BACKUP_", env_ignore_empty=True, frozen=True)

    repository: str | None = Field(
        None,
        repr=False,  # may contain a password
        description="Where the restic repository lies: a folder, sftp:user@host:/path, s3:host/bucket, azure:..., "
        "gs:... or rest:https://host/; default: no backup.",
    )
    password_file: Path | None = Field(
        None,
        description="File with the password of the repository, which lies neither in <home> nor in there.",
    )
    password: SecretStr | None = Field(None, description="The password itself, in place of a file.")
    keep_daily: int = Field(7, ge=1, le=35, description="Days of which the newest backup is kept.")
    keep_weekly: int = Field(
        4, ge=0, le=4, description="Weeks of which the newest backup is kept; none is older than 35 days."
    )
    wait_minutes: float = Field(
        30,
        ge=0,
        description="How long a backup waits for runs that have not ended, before it goes on without them.",
    )

    @property
    def place(self) -> str:
        """Where the repository lies, without user and password; empty if there is none."""
        kind, location = RESTIC_KIND.findall(self.repository or "")[0]
        return f"{kind}{without_secrets(location)}"

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError(
                "CHURN_BACKUP_PASSWORD and CHURN_BACKUP_PASSWORD_FILE say the same; set one of them"
            )
        return self


class Settings(BaseSettings):
    """Locations and Spark settings. Every field is an environment variable, e.g. `CHURN_HOME`.

    Locations are paths or URIs (`s3a://`, `gs://`, `abfss://`, `hdfs://`). Relative paths start from the working
    directory of the process.
    """

    model_config = SettingsConfigDict(env_prefix="CHURN_", env_ignore_empty=True, frozen=True)

    home: str = Field(
        ".churn", description="Folder that holds everything not placed elsewhere by the settings below."
    )
    business: str = Field(
        "telecom", description="A shipped business (telecom, shop) or the path of a business folder."
    )
    landing: str | None = Field(None, description="Landing zone of the extracts; default <home>/landing.")
    lake: str | None = Field(None, description="Root of the Delta tables; default <home>/lake.")
    tracking_uri: str | None = Field(None, description="MLflow tracking server; default SQLite under <home>.")
    artifacts: str | None = Field(None, description="MLflow artifact root; default <home>/mlartifacts.")
    keep_days: int = Field(
        30,
        ge=7,
        description="How many days earlier versions of a table can be read; then their files are deleted.",
    )
    releases: str | None = Field(
        None, description="Folder of the releases that services and reports read; default <home>/serving."
    )
    keep_releases: int = Field(3, ge=2, description="How many releases are kept, the one in force included.")
    identity_key: SecretStr | None = Field(
        None,
        description="Key of the encrypted identity file: 32 random bytes as base64. Default: the file identity.key in "
        "<home>, made at the first release.",
    )
    publish_to: SecretStr | None = Field(
        None,
        description="Database that each new release is published to: postgresql://user@host:5432/database or "
        "duckdb:FILE; default: none.",
    )
    jars: str | None = Field(
        None,
        description="Folder that keeps the jars of Spark (Delta, Kafka) and of the Kafka broker of the live demo; "
        "default ~/.cache/churn-assets.",
    )
    maven: str = Field(
        default_factory=lambda: os.environ.get("DEFAULT_ARTIFACT_REPOSITORY") or MAVEN_CENTRAL,
        repr=False,  # may contain a password
        description="Where these jars come from: a Maven mirror such as https://user:password@host/path, or a folder "
        "with the files; default: DEFAULT_ARTIFACT_REPOSITORY, which Spark reads too, else Maven Central.",
    )
    engine: Literal["auto", "sail", "spark"] = Field(
        "auto",
        description="What computes the tables. sail: without Java, for a lake on this machine; spark: in a JVM or on a "
        "cluster; auto: sail where the data are on this machine and fit its memory, else spark.",
    )
    engine_profile: Literal["auto", "small", "large"] = Field(
        "auto",
        description="small: starts fast, best below about 512 MB of extracts; large: all of Java's compilers;"
        " auto: by size.",
    )
    spark_master: str = Field(
        "local[*]", description="Spark master URL; anything but local[...] is a cluster."
    )
    spark_conf: dict[str, str] = Field(
        {}, description='More Spark settings as JSON: {"spark.executor.cores": "4"}.'
    )
    driver_memory: str | None = Field(
        None, description="Heap of the driver JVM; default 1g to 4g, by the size of the landing zone."
    )
    otlp_endpoint: str | None = Field(
        None,
        repr=False,  # may contain a password
        description="Where the log is sent, too: the full URL of a collector's OTLP/HTTP, such as "
        "http://collector:4318/v1/logs. Headers come from OTEL_EXPORTER_OTLP_HEADERS.",
    )
    audit_anchor: str | None = Field(
        None,
        description="Folder of the audit's anchor and key, best on another machine or volume than the records; "
        "default <home>/audit_anchor.",
    )
    audit_key: SecretStr | None = Field(
        None,
        description="Key that seals the audit; default: a file in the folder of the anchor, made at first use.",
    )

    api: ApiSettings = Field(
        default_factory=ApiSettings,
        description="The HTTP service; its settings are CHURN_API_HOST and so on.",
    )
    app: AppSettings = Field(
        default_factory=AppSettings,
        description="The page of the retention team; its settings are CHURN_APP_HOST and so on.",
    )
    backup: BackupSettings = Field(
        default_factory=BackupSettings,
        description="The backup; its settings are CHURN_BACKUP_REPOSITORY and so on.",
    )

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """The settings with secrets hidden; of more Spark settings only the names."""
        for name, value in super().__repr_args__():
            shown = without_secrets(value) if isinstance(value, str) else value
            yield name, sorted(self.spark_conf) if name == "spark_conf" else shown

    @cached_property
    def home_path(self) -> Path:
        """<home> as an absolute path.

        Raises:
            ValueError: `home` is a URI; it must be on this machine.
        """
        if is_uri(self.home):
            raise ValueError(
                f"CHURN_HOME={self.home} is a URI; it must be a local folder (SQLite lives there). "
                "Point CHURN_LANDING, CHURN_LAKE and CHURN_ARTIFACTS at object storage instead."
            )
        return Path(self.home).expanduser().resolve()

    @property
    def landing_uri(self) -> str:
        """Absolute root of the landing zone."""
        return _absolute(self.landing or str(self.home_path / "landing"))

    @property
    def lake_uri(self) -> str:
        """Absolute root of the Delta tables.

        Raises:
            ValueError: Delta's library would look in another folder.
        """
        root = _absolute(self.lake or str(self.home_path / "lake"))
        require_unescaped(root)
        return root

    @property
    def releases_uri(self) -> str:
        """Absolute root of the releases."""
        return _absolute(self.releases or str(self.home_path / "serving"))

    @property
    def mlflow_uri(self) -> str:
        """MLflow tracking and registry URI."""
        return self.tracking_uri or f"sqlite:///{self.home_path / 'mlflow.db'}"

    @property
    def mlflow_artifacts(self) -> str:
        """Root of the MLflow artifacts, for experiments that this project creates."""
        return _absolute(self.artifacts or str(self.home_path / "mlartifacts"))

    @property
    def log_path(self) -> Path:
        """Folder of the structured log."""
        return self.home_path / "log"

    @property
    def audit_anchor_path(self) -> Path:
        """Folder of the audit's anchor and key."""
        return Path(self.audit_anchor or self.home_path / "audit_anchor").expanduser().resolve()

    @property
    def jars_path(self) -> Path:
        """Folder of the jars. All lakes of this user share it.

        Raises:
            RuntimeError: `jars` is not set, and this user has no home folder.
        """
        if self.jars:
            return Path(self.jars).expanduser().resolve()
        try:
            return Path.home() / ".cache" / "churn-assets"
        except RuntimeError:
            raise RuntimeError(
                "This user has no home folder to keep jars in. Set CHURN_JARS to another folder."
            ) from None

    @property
    def business_path(self) -> Path:
        """The business folder: a shipped business by name, else a path.

        Raises:
            FileNotFoundError: it is neither a shipped business nor a folder with a churn.yaml.
        """
        for folder in (SHIPPED_BUSINESSES / self.business, Path(self.business).expanduser()):
            if (folder / "churn.yaml").is_file():
                return folder.resolve()
        shipped = ", ".join(sorted(p.parent.name for p in SHIPPED_BUSINESSES.glob("*/churn.yaml")))
        raise FileNotFoundError(
            f"CHURN_BUSINESS={self.business}: no churn.yaml there. Name a shipped business ({shipped}) "
            "or a folder that holds churn.yaml and contracts/*.yaml."
        )
