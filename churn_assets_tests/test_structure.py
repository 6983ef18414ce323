"""Holds the structure: a package imports only what its `__init__` allows, and modules import each other in no cycle.

Every import counts: at the top of a module, inside a function, and for type checking.
"""

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import churn_assets

pytestmark = pytest.mark.one_python(
    reason="reads the source of the package, which is the same on each Python"
)

ROOT = Path(churn_assets.__file__).parent
# Every package may read the settings, speak of months and counts, note its progress, name its trace, write files
# that survive a crash, and write cells of CSV files; the top package is empty.
EVERYWHERE = frozenset(
    f"{ROOT.name}{name}"
    for name in (
        "",
        ".counts",
        ".durable",
        ".months",
        ".progress",
        ".service_settings",
        ".settings",
        ".spreadsheets",
        ".trace",
    )
)


def _name(file: Path) -> str:
    parts = [ROOT.name, *file.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_name(file): file for file in sorted(ROOT.rglob("*.py"))}
PACKAGES = sorted(name for name, file in FILES.items() if file.name == "__init__.py")


def _imports(module: str) -> set[str]:
    """The modules and packages of this project that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            source = str(node.module)
            found |= {
                inner if (inner := f"{source}.{alias.name}") in FILES else source for alias in node.names
            }
    return {name for name in found if name in FILES}


@cache
def _all_imports() -> dict[str, set[str]]:
    """Module -> what it imports; read when a test asks, since each process collects this file."""
    return {module: _imports(module) for module in FILES}


def _package(module: str) -> str:
    return module if module in PACKAGES else module.rpartition(".")[0]


def _charter(package: str) -> str:
    return ast.get_docstring(ast.parse(FILES[package].read_text(encoding="utf-8"))) or ""


def _allowed(package: str) -> list[str]:
    """The packages that the list of a package's charter names, as full names."""
    *_, listed = _charter(package).partition("May import:")
    if "nothing of this project" in listed:
        return []
    names = re.findall(r"[a-z_.]*[a-z_]", listed)
    return [name if name == ROOT.name else f"{ROOT.name}.{name}" for name in names]


def _is_within(module: str, package: str) -> bool:
    """The top package stands for its own modules only, any other for everything below it."""
    if package == ROOT.name:
        return _package(module) == package or module == package
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_what_belongs_in_it_and_what_it_may_import(package: str) -> None:
    belongs, listed, _ = _charter(package).partition("May import:")
    assert listed, f"{package}/__init__.py lacks its list `May import:`"
    assert belongs.count(". ") + belongs.count(".\n") >= 2, f"{package}: two sentences say what belongs there"
    unknown = [name for name in _allowed(package) if name not in PACKAGES]
    assert not unknown, f"{package} lists packages that do not exist: {unknown}"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_it_lists(package: str) -> None:
    allowed = [*_allowed(package), package]
    forbidden = [
        f"{module} imports {target}"
        for module, targets in _all_imports().items()
        if _package(module) == package
        for target in sorted(targets - EVERYWHERE)
        if not any(_is_within(target, name) for name in allowed)
    ]
    assert not forbidden, f"not in the list of {package}/__init__.py: {forbidden}"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_lists_nothing_that_it_does_not_import(package: str) -> None:
    imported = {t for m, targets in _all_imports().items() if _package(m) == package for t in targets}
    idle = [name for name in _allowed(package) if not any(_is_within(t, name) for t in imported)]
    assert not idle, f"{package}/__init__.py lists what nothing imports: {idle}"


TESTS = Path(__file__).parent
TESTED = sorted(folder for folder in TESTS.iterdir() if any(folder.rglob("test_*.py")))


def _marks(file: Path) -> str:
    """What marks all tests of a module."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            return ast.unparse(node.value)
    return ""


@pytest.mark.parametrize("folder", TESTED, ids=lambda folder: folder.name)
def test_no_package_is_left_out_on_a_second_python(folder: Path) -> None:
    assert not all("one_python" in _marks(file) for file in folder.rglob("test_*.py"))


def test_no_modules_import_each_other_in_a_cycle() -> None:
    try:
        TopologicalSorter(_all_imports()).prepare()
    except CycleError as error:
        pytest.fail(f"a cycle of imports: {' -> '.join(error.args[1])}")


def test_packages_stand_in_layers() -> None:
    """What a package may import does not lead back to it: the lists describe layers."""
    layers = {p: {a for a in _allowed(p) if a != ROOT.name} for p in PACKAGES if p != ROOT.name}
    layers[ROOT.name] = set(_allowed(ROOT.name))
    for package in ("churn_assets.cli", "churn_assets.replay"):
        layers[package].add(ROOT.name)  # its modules definitions and runs
    try:
        TopologicalSorter(layers).prepare()
    except CycleError as error:
        pytest.fail(f"packages list each other: {' -> '.join(error.args[1])}")


def test_a_class_name_has_one_meaning() -> None:
    """A reader may then look for a class by its name alone."""
    meanings: dict[str, set[str]] = {}
    for module, file in FILES.items():
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                meanings.setdefault(node.name, set()).add(module)
    assert not {name: modules for name, modules in meanings.items() if len(modules) > 1}
