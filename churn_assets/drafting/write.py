"""Writes a draft into a folder, and places its files into the landing zone; overwrites nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from churn_assets.contracts.loader import load_business
from churn_assets.drafting.cut_by_month import part_bytes
from churn_assets.drafting.doubt import DraftError
from churn_assets.drafting.draft import BusinessDraft
from churn_assets.drafting.file_names import stem_of
from churn_assets.drafting.names import slug
from churn_assets.drafting.render import APP_CONTACTS, app_contacts_yaml, churn_yaml, contract_yaml
from churn_assets.drafting.sample import FileSample
from churn_assets.drafting.source import DraftSource
from churn_assets.months import month_of

ENDINGS = {"gz": ".gz", "zst": ".zst", None: ""}


class Placed(NamedTuple):
    """How many files were copied, and how many were there already."""

    copied: int
    present: int


def business_in(folder: Path) -> Path | None:
    """Returns a file of the business that the folder has already; None for none."""
    files = [folder / "churn.yaml", *sorted((folder / "contracts").glob("*.yaml"))]
    return next((file for file in files if file.exists()), None)


def write_draft(draft: BusinessDraft, folder: Path) -> list[Path]:
    """Writes churn.yaml and the contracts, and loads them once; returns the files.

    Raises:
        DraftError: the folder has a business.
        DeclarationErrors: the draft has a mistake; its files are there to be read.
    """
    if existing := business_in(folder):
        raise DraftError(f"{existing} exists, and nothing is overwritten. Name another folder, or remove it.")
    name = slug(folder.absolute().name)
    texts = {folder / "churn.yaml": churn_yaml(draft, name)}
    texts |= {folder / "contracts" / f"{s.name}.yaml": contract_yaml(s, name) for s in draft.sources}
    if APP_CONTACTS not in {s.name for s in draft.sources}:
        texts[folder / "contracts" / f"{APP_CONTACTS}.yaml"] = app_contacts_yaml(name)
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    load_business(folder)
    return list(texts)


def place_files(draft: BusinessDraft, landing: Path) -> Placed:
    """Copies the files to `landing/<source>/extract_date=YYYY-MM-DD/`; a file that is there already stays.

    Raises:
        DraftError: the day of an extract is unknown, or another file stands in a place; then nothing is copied.
    """
    copies: list[tuple[FileSample, Path]] = []
    present = 0
    for source in draft.sources:
        for sample, target in _targets(source, landing):
            if target.exists() and not _same(sample, target):
                raise DraftError(
                    f"{target} exists and is another file than {sample.file.name}. Nothing was copied."
                )
            present += target.exists()
            copies += [] if target.exists() else [(sample, target)]
    taken: dict[Path, FileSample] = {}
    for sample, target in copies:
        if (other := taken.setdefault(target, sample)) is not sample:
            raise DraftError(
                f"{other.file.path} and {sample.file.path} would both become {target}. "
                "Give them names that differ. Nothing was copied."
            )
    for sample, target in copies:
        target.parent.mkdir(parents=True, exist_ok=True)
        growing = target.with_name(f"{target.name}.part")  # a reader leaves it alone until it is whole
        if sample.file.is_cut:
            growing.write_bytes(part_bytes(sample))
        else:
            shutil.copy2(sample.file.path, growing)
        growing.rename(target)
    return Placed(len(copies), present)


def _targets(source: DraftSource, landing: Path) -> Iterator[tuple[FileSample, Path]]:
    for sample, day in zip(source.samples, source.days, strict=True):
        if day is None:
            raise DraftError(
                f"Nothing tells when {sample.file.name} was extracted, so no file was copied. "
                "State the day with --extract-date YYYY-MM-DD, or put it into the file's name."
            )
        month = f"_{month_of(day)}" if sample.file.is_cut else ""
        name = f"{stem_of(sample.file.path)}{month}.{sample.format}{ENDINGS[sample.compression]}"
        yield sample, landing / (source.group.folder or source.name) / f"extract_date={day}" / name


def _same(sample: FileSample, target: Path) -> bool:
    if sample.file.is_cut:
        return target.read_bytes() == part_bytes(sample)
    path = sample.file.path
    return path.samefile(target) or (
        path.stat().st_size == target.stat().st_size and path.read_bytes() == target.read_bytes()
    )
