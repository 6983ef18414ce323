"""Reads a business folder: every `contracts/*.yaml` and `churn.yaml`, validated against each other."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from churn_assets.contracts.business import Business, BusinessFile
from churn_assets.contracts.contract import load_source
from churn_assets.contracts.place import Place
from churn_assets.contracts.source import Source
from churn_assets.contracts.sources import Sources
from churn_assets.contracts.validation import validated
from churn_assets.contracts.yaml_file import read_yaml


@cache
def load_business(folder: Path) -> Business:
    """The business in `folder`: its churn.yaml and contracts, checked against each other; read once per process.

    Raises:
        DeclarationError: anything in the folder is wrong; names file, path and remedy.
    """
    files = sorted((folder / "contracts").glob("*.yaml"))
    if not files:
        Place(folder / "contracts").refuse("there is no contract.", "write one YAML file a source.")
    sources = Sources(tuple(load_source(file) for file in files))
    _check_names(files, sources.all)
    _check_personal_types(files, sources.all)
    file = folder / "churn.yaml"
    return validated(BusinessFile, read_yaml(file), file).with_sources(sources, Place(file))


def _check_names(files: Sequence[Path], sources: Sequence[Source]) -> None:
    """A name is used once, and a relationship names a source."""
    names = [s.name for s in sources]
    for file, source in zip(files, sources, strict=True):
        if names.count(source.name) > 1:
            Place(file, "name").refuse(f"two contracts are called {source.name}", "rename one.")
        for column in source.columns:
            target = (column.refers_to or "").partition(".")[0]
            if target and target not in names:
                Place(file, f"property {column.name}.relationships").refuse(
                    f"there is no source {target}", f"use one of {', '.join(names)}."
                )


def _check_personal_types(files: Sequence[Path], sources: Sequence[Source]) -> None:
    """Personal columns of one name share a column of silver/customer_identity."""
    first: dict[str, tuple[str, str]] = {}
    for file, source in zip(files, sources, strict=True):
        for column in source.personal:
            other, kind = first.setdefault(column.name, (source.name, column.spark_type))
            if kind != column.spark_type:
                Place(file, f"property {column.name}").refuse(
                    f"it is personal and a {column.spark_type} here, but a {kind} in {other}",
                    "give both one type, or one of them another name (keep physicalName).",
                )
