"""Writes metric families as Prometheus text."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import GaugeMetricFamily


class _Collected:
    """Families that were collected already, as a collector of a registry."""

    def __init__(self, found: "Sequence[GaugeMetricFamily]") -> None:
        self._found = found

    def collect(self) -> "Sequence[GaugeMetricFamily]":
        return self._found


def as_text(found: "Iterable[GaugeMetricFamily]") -> str:
    """The families in the text format."""
    from prometheus_client import generate_latest

    return generate_latest(_registry(found)).decode()


def to_file(found: "Iterable[GaugeMetricFamily]", file: Path) -> None:
    """Replaces a file, so that a reader sees the old text or the new one as a whole."""
    from prometheus_client import write_to_textfile

    write_to_textfile(str(file), _registry(found))


def _registry(found: "Iterable[GaugeMetricFamily]") -> "CollectorRegistry":
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    registry.register(_Collected(list(found)))
    return registry
