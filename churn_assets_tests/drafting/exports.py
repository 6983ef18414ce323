"""Writes the exports that drafts are made from, and makes drafts of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.source import Source
from churn_assets.drafting.draft import BusinessDraft, draft
from churn_assets.drafting.write import write_draft

TODAY = date(2026, 11, 28)
Rows = Iterable[Sequence[object]]


def export(path: Path, header: str, rows: Rows, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    """Writes a file; the names of the columns stand in `header`, parted by blanks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [header.split(), *rows]
    path.write_text("".join(delimiter.join(map(str, line)) + "\n" for line in lines), encoding=encoding)
    return path


def purchases(folder: Path, months: int = 16, customers: int = 60) -> list[Path]:
    """A file of purchases for each month of 2024 on, in plain CSV."""
    files = []
    for at in range(months):
        year, month = 2024 + at // 12, at % 12 + 1
        rows = [
            (
                f"C{c:03d}",
                f"{year}-{month:02d}-{1 + (7 * c + at) % 28:02d}",
                (c + at) % 9 + 1,
                f"{c % 50 + 1}.50",
            )
            for c in range(customers)
            if (c + at) % 3 or at == 0
        ]
        files.append(export(folder / f"sales_{year}-{month:02d}.csv", "customer_id day items amount", rows))
    return files


def drafted(paths: Iterable[Path], **more: object) -> BusinessDraft:
    """The draft of these files as on TODAY."""
    return draft(paths, TODAY, **more)  # type: ignore[arg-type]


def business_of(found: BusinessDraft, folder: Path) -> Business:
    """The business as loaded from the written draft."""
    write_draft(found, folder)
    return load_business(folder)


def delivered(business: Business) -> list[Source]:
    """The sources of the files; the page of the team writes app_contacts itself."""
    return [source for source in business.sources if source.name != "app_contacts"]


def places(found: BusinessDraft) -> Mapping[str, str]:
    """What is doubted -> the words about it."""
    return {doubt.place: doubt.words for doubt in found.doubts}
