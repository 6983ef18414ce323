"""The choice of the engine: Sail for a lake on this machine, Spark for everything else."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.sql.written import EngineDifferences
from churn_assets.contracts.topic import SourceTopic
from churn_assets.lakehouse.engine.profiles import GIB, bytes_below, is_local, machine_memory
from churn_assets.settings import Settings, is_uri

# A run over all months of 94 MB of extracts takes 2.3 GB, of 0.9 GB 10.5 GB, the lake beside them about half as large.
MEMORY_PER_BYTE = 8
MISSING = "pysail is not installed"


class EngineError(RuntimeError):
    """The settings ask for an engine that cannot work with them; the message says what to change."""


@dataclass(frozen=True)
class EngineChoice:
    """An engine, and why it was chosen."""

    name: Literal["sail", "spark"]
    reason: str


def choose_engine(settings: Settings) -> EngineChoice:
    """The engine that the settings name, or for `auto` the one that fits the places and the size of the data.

    Raises:
        EngineError: `sail` is named but cannot work with the other settings.
        EngineDifferences: `sail` is named, and not all SQL of the business is proven to mean the same there.
    """
    if settings.engine == "spark":
        return EngineChoice("spark", "by CHURN_ENGINE")
    obstacle = _obstacle(settings)
    if settings.engine == "sail":
        if obstacle is not None:
            remedy = "pip install pysail==0.7.2" if obstacle == MISSING else "Set CHURN_ENGINE=spark or auto"
            raise EngineError(f"CHURN_ENGINE=sail, but {obstacle}. {remedy}.")
        if differences := load_business(settings.business_path).sql_differences:
            raise EngineDifferences(differences)
        return EngineChoice("sail", "by CHURN_ENGINE")
    doubt = obstacle or _doubt(settings) or _of_business(load_business(settings.business_path))
    if doubt is not None:
        return EngineChoice("spark", doubt)
    return EngineChoice("sail", "landing zone and lake are on this machine and fit its memory")


def _obstacle(settings: Settings) -> str | None:
    """Why Sail cannot work at all."""
    if is_uri(settings.lake_uri):
        return "the lake is not on this machine"
    if not is_local(settings.spark_master):
        return "CHURN_SPARK_MASTER names a cluster"
    return MISSING if find_spec("pysail") is None else None


def _doubt(settings: Settings) -> str | None:
    """Why Spark is the better choice."""
    if is_uri(settings.landing_uri):
        return "the landing zone is not on this machine, so its size is not looked at"
    if settings.spark_conf or settings.driver_memory:
        return "CHURN_SPARK_CONF or CHURN_DRIVER_MEMORY is set, which Spark alone uses"
    memory = machine_memory()
    enough = memory // MEMORY_PER_BYTE
    size = bytes_below(settings.landing_uri, enough) + bytes_below(settings.lake_uri, enough)
    if size < enough:
        return None
    return (
        f"landing zone and lake hold {size / GIB:.1f} GB or more, of which Sail wants {MEMORY_PER_BYTE} times as much "
        f"memory; this machine has {memory / GIB:.1f} GB"
    )


def _of_business(business: Business) -> str | None:
    """Why Sail cannot compute all of a business, or may compute another result; None if it is proven to do the same."""
    if business.file.training.engine == "spark":
        return "training.engine is spark, and Sail has no MLlib"
    if topics := topics_of_spark(business):
        return f"the topic of {topics[0]} has engine: spark, and Sail reads no topics"
    differences = business.sql_differences
    if not differences:
        return None
    first = differences[0]
    others = f" and {len(differences) - 1} more" if len(differences) > 1 else ""
    return (
        "not all SQL of the business is proven to mean the same on Sail: "
        f"{first.file.name}:{first.line}: {first.problem} ({first.remedy}){others}; `churn-assets check` names all"
    )


def topics_of_spark(business: Business) -> list[str]:
    """Names of the sources whose topic is read by a job of Spark."""
    return [
        source.name
        for source in business.sources
        if isinstance(source.origin, SourceTopic) and source.origin.engine == "spark"
    ]
