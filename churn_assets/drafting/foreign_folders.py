"""Drafts from a foreign folder: the names of its files tell the sources, and its newest files are the sample."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.folder import SCHEMES, NamePattern, SourceFolder
from churn_assets.contracts.odcs import FolderKind
from churn_assets.counts import counted
from churn_assets.drafting.dated_names import DatedName
from churn_assets.drafting.doubt import Doubt, DraftError
from churn_assets.drafting.file_names import FileGroup, FoundOrigins, GivenFile
from churn_assets.drafting.given_address import GivenAddress
from churn_assets.drafting.origin import SampledOrigin
from churn_assets.drafting.sample import read_sample
from churn_assets.progress import note
from churn_assets.sources.folders.address import FolderAddress, folder_address
from churn_assets.sources.live.errors import ExtractError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

MOST_FILES, MOST_BYTES = 60, 2**29  # of a source
SHOWN = 3  # names in a message
LOCAL = "file"


@dataclass(frozen=True)
class _Place:
    """A folder that was looked into: its files by name below it, with what the store tells of each."""

    folder: SourceFolder
    address: FolderAddress
    fs: "AbstractFileSystem"
    root: str
    files: dict[str, dict[str, Any]]


def kind_of_scheme(scheme: str) -> FolderKind | None:
    """Returns the kind of a store, by the scheme of its addresses; None for others."""
    if scheme == LOCAL:
        return "folder"
    return next((kind for kind, known in SCHEMES.items() if f"{scheme}://" in known), None)


def find_files(address: GivenAddress, folder: Path) -> FoundOrigins:
    """Copies the newest files of each source of a foreign folder into a folder; reads those of this machine in place.

    Raises:
        DraftError: the store does not answer, or no name in it tells a date.
    """
    try:
        place = _looked_into(address)
        dated, others = _dated(place)
        found = FoundOrigins([], [*address.doubts])
        for group in _sources(dated):
            _add(found, place, group, folder)
    except ExtractError as error:
        raise DraftError(str(error)) from None
    shown = place.address.shown
    if others:
        said = f"{counted(len(others), 'file')} left out, such as {others[0]}: the name tells no day or month"
        found.doubts.append(Doubt(2, shown, said))
    found.doubts.extend(_shared(found.groups, dated))
    if not found.groups:
        said = "; ".join(f"{doubt.place}: {doubt.words}" for doubt in found.doubts if doubt.rank < 3)
        raise DraftError(f"{shown} has no files to draft from. {said}")
    return found


def _looked_into(address: GivenAddress) -> _Place:
    kind = kind_of_scheme(address.scheme)
    if kind is None:
        raise DraftError(f"{address.scheme}:// is no folder that can be read.")
    if unknown := sorted({*address.parameters} - ({"endpoint"} if kind == "s3" else set())):
        raise DraftError(f"The address of a folder of {kind} has no parameter {unknown[0]}. Leave it out.")
    if address.scheme == LOCAL and address.hosts:
        raise DraftError("A folder of this machine has three slashes: file:///mnt/exports.")
    ending = "/" if kind == "http" else ""
    location = address.variable or (
        address.path
        if address.scheme == LOCAL
        else f"{address.scheme}://{address.hosts}{address.path}{ending}"
    )
    user, password = address.login or (None, None)
    any_name = NamePattern.of("{yyyyMMdd}")
    folder = SourceFolder(kind, location, any_name, user, password, address.parameters.get("endpoint"))
    reached = folder_address(folder, address.environ)
    fs, root = reached.connect()
    listed = {
        path.removeprefix(root).lstrip("/"): dict(info, path=path)
        for path, info in reached.listed(fs, root).items()
    }
    if not listed:
        raise DraftError(
            f"{reached.shown} has no files. Look whether the location is right, and whether this user may list it."
        )
    return _Place(folder, reached, fs, root, listed)


def _dated(place: _Place) -> tuple[list[DatedName], list[str]]:
    """The files whose names tell a date, and the names of the others, hidden and growing ones aside."""
    dated, others = [], []
    for name in sorted(place.files):
        if name.endswith(".part") or any(part.startswith((".", "_")) for part in name.split("/")):
            continue
        found = DatedName.of(name, place.root.rpartition("/")[2])
        if found is None:
            others.append(name)
        else:
            dated.append(found)
    return dated, others


def _sources(dated: Iterable[DatedName]) -> list[tuple[str, list[DatedName]]]:
    """Name and files of each source, oldest first; names that several share get their folders."""
    groups: dict[str, list[DatedName]] = defaultdict(list)
    for name in dated:
        groups[name.pattern].append(name)
    short = [files[0].source for files in groups.values()]
    named = [
        (files[0].longer if short.count(files[0].source) > 1 else files[0].source, files)
        for files in groups.values()
    ]
    return sorted((name, sorted(files, key=lambda f: (f.day, f.name))) for name, files in named)


def _add(found: FoundOrigins, place: _Place, group: tuple[str, Sequence[DatedName]], folder: Path) -> None:
    """Adds a source, or why it is left out."""
    name, files = group
    taken = _newest(place, files)
    given = []
    for number, file in enumerate(taken):
        note(f"{place.address.shown}: reading {file.name}")
        given.append(GivenFile(_local(place, file, folder / name / str(number)), file.day, file.period))
    try:
        read_sample(given[-1], 100)
    except DraftError as error:
        found.doubts.append(Doubt(1, name, f"left out: {error}"))
        return
    pattern = files[0].pattern
    own = {"pattern": pattern, "endpoint": place.folder.endpoint}
    own |= {"user": place.folder.user, "password": place.folder.password}
    shown = place.address.shown
    origin = SampledOrigin(
        "files",
        {"server": "folder", "type": place.folder.kind, "location": place.folder.location},
        {key: value for key, value in own.items() if value is not None},
        shown,
        len(taken) == len(files),
        {"pattern": f"guess: {_of_pattern(files)}"},
    )
    about = f"contracts/{name}.yaml, servers, pattern"
    found.doubts.append(Doubt(2, about, f"{pattern}: {_of_pattern(files)}"))
    if len(taken) < len(files):
        said = (
            f"the draft rests on the newest {len(taken)} of {len(files)} files, from {taken[0].day} on; a run copies "
            "all of the calendar: let it begin earlier if that is right"
        )
        found.doubts.append(Doubt(1, f"contracts/{name}.yaml, extracts", said))
    found.groups.append(FileGroup(name, tuple(given), origin=origin))


def _of_pattern(files: Sequence[DatedName]) -> str:
    last = "" if files[-1].period == "day" else ", the last day of its month"
    return f"{files[-1].name} is taken for the extract of {files[-1].day}{last}"


def _newest(place: _Place, files: Sequence[DatedName]) -> list[DatedName]:
    """The newest files, up to so many and so many bytes; at least one."""
    taken: list[DatedName] = []
    size = 0
    for file in reversed(files):
        size += int(place.files[file.name].get("size") or 0)
        if taken and (len(taken) == MOST_FILES or size > MOST_BYTES):
            break
        taken.insert(0, file)
    return taken


def _local(place: _Place, file: DatedName, folder: Path) -> Path:
    path = str(place.files[file.name]["path"])
    if place.folder.kind == "folder":
        return Path(path)
    folder.mkdir(parents=True)
    copy = folder / file.name.rpartition("/")[2]
    try:
        place.fs.get_file(path, str(copy))
    except Exception as error:  # noqa: BLE001 (each driver raises its own)
        raise place.address.error(error) from None
    return copy


def _shared(groups: Sequence[FileGroup], dated: Iterable[DatedName]) -> list[Doubt]:
    """Doubts about patterns that names of another source have, too."""
    doubts, names = [], list(dated)
    for group in groups:
        text = str(group.origin.properties["pattern"]) if group.origin else ""
        regex = NamePattern.of(text).regex
        both = [other.name for other in names if other.pattern != text and regex.fullmatch(other.name)]
        if both:
            said = f"{text} fits {both[0]} of another source, too: make it narrower"
            doubts.append(Doubt(1, f"contracts/{group.name}.yaml, servers, pattern", said))
    return doubts
