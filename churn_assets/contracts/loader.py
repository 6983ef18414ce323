"""Reads a business folder, `contracts/*.yaml` and `churn.yaml`, and validates the files against each other."""

from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path

from churn_assets.contracts.business import Business, read_business
from churn_assets.contracts.contract import read_contract
from churn_assets.contracts.mistakes import DeclarationErrors, Mistake
from churn_assets.contracts.place import Place
from churn_assets.contracts.sources import Sources
from churn_assets.contracts.yaml_file import read_yaml


@cache
def load_business(folder: Path) -> Business:
    """Returns the business declared in `folder`; reads and checks its files once per process.

    Raises:
        DeclarationErrors: the folder has mistakes; lists every mistake of every file.
    """
    contracts = [read_yaml(file) for file in sorted((folder / "contracts").glob("*.yaml"))]
    if not contracts:
        missing = Mistake(
            folder / "contracts", 0, "", "there is no contract", "write one YAML file per source"
        )
        raise DeclarationErrors([missing])
    sources = Sources(tuple(read_contract(document) for document in contracts))
    _check_names(sources)
    _check_personal_types(sources)
    churn = read_yaml(folder / "churn.yaml")
    business = read_business(churn, sources)
    mistakes = [mistake for document in (*contracts, churn) for mistake in document.mistakes]
    if mistakes or business is None:
        raise DeclarationErrors(mistakes)
    texts = {document.file.relative_to(folder).as_posix(): document.text for document in (*contracts, churn)}
    return replace(
        business, digests=tuple((n, sha256(t.encode()).hexdigest()) for n, t in sorted(texts.items()))
    )


def _check_names(sources: Sources) -> None:
    """Checks that the names of contracts are unique and that relationships refer to existing columns."""
    names: set[str] = set()
    for contract in sources.contracts:
        if contract.name in names:
            contract.top.at("name").refuse(f"two contracts are called {contract.name}", "rename one")
        names |= {contract.name} if contract.name else set()
        for item in contract.top.at("schema", 0, "properties").items():
            for relationship in item.at("relationships").items():
                _check_reference(relationship.at("to"), sources)


def _check_reference(place: Place, sources: Sources) -> None:
    """Checks that the source and the column of `source.column` exist."""
    if isinstance(reference := place.content(), str):
        target, _, column = reference.partition(".")
        source = sources.find(target, place)
        if source is not None:
            sources.columns(source).find(column, place, f"{source.name} has no column {column}")


def _check_personal_types(sources: Sources) -> None:
    """Checks that personal columns of one name have one type: they share a column of silver/customer_identity."""
    first: dict[str, tuple[str, str]] = {}
    for contract in sources.contracts:
        source = contract.source
        for column in source.personal if source else ():
            other, kind = first.setdefault(column.name, (contract.name or "", column.spark_type))
            if kind != column.spark_type:
                _property(contract.top, column.name).refuse(
                    f"{column.name} is personal and of type {column.spark_type} here, but of type {kind} in {other}",
                    "give both one type, or one of them another name (keep physicalName)",
                )


def _property(top: Place, name: str) -> Place:
    items = top.at("schema", 0, "properties").items()
    return next(item.at("logicalType") for item in items if item.at("name").content() == name)
