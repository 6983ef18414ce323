"""Documents of a service, a collection or a topic as a file that a draft reads."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from churn_assets.drafting.file_names import FileGroup, GivenFile
from churn_assets.drafting.origin import SampledOrigin
from churn_assets.sources.json_text import json_text


def group_of(
    name: str, documents: Iterable[Mapping[str, Any]], origin: SampledOrigin, folder: Path, today: date
) -> FileGroup:
    """Writes documents as JSON lines into a folder; returns them as the group of one file."""
    file = folder / name / f"{name}.jsonl"
    file.parent.mkdir(parents=True)
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(f"{json_text(document)}\n" for document in documents)
    return FileGroup(name, (GivenFile(file, today, "sample"),), origin=origin)
