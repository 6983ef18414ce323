"""Drafts on disk and files in the landing zone: complete, under the right day, and never over something else."""

import gzip
from pathlib import Path

import pytest

from churn_assets.drafting.doubt import DraftError
from churn_assets.drafting.render import encoding_name
from churn_assets.drafting.write import place_files, write_draft
from churn_assets_tests.drafting.exports import drafted, export, places, purchases


def _landed(landing: Path) -> list[str]:
    return sorted(str(file.relative_to(landing)) for file in landing.rglob("*") if file.is_file())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    found, folder = drafted(purchases(tmp_path / "in", 3)), tmp_path / "business"
    folder.mkdir()
    (folder / "churn.yaml").write_text("mine")
    with pytest.raises(DraftError, match=r"churn\.yaml exists, and nothing is overwritten"):
        write_draft(found, folder)
    assert [file.name for file in folder.rglob("*")] == ["churn.yaml"]
    assert (folder / "churn.yaml").read_text() == "mine"


def test_files_are_placed_once(tmp_path: Path) -> None:
    files = purchases(tmp_path / "in", 3)
    found, landing = drafted(files), tmp_path / "landing"
    assert place_files(found, landing) == (3, 0)
    assert _landed(landing)[0] == "sales/extract_date=2024-01-31/sales_2024-01.csv"
    assert place_files(found, landing) == (0, 3)
    (landing / "sales/extract_date=2024-02-29/sales_2024-02.csv").write_text("other")
    export(tmp_path / "in/sales_2024-04.csv", "customer_id day items amount", [("C001", "2024-04-01", 1, 2)])
    with pytest.raises(DraftError, match=r"sales_2024-02\.csv exists and is another file"):
        place_files(drafted([tmp_path / "in"]), landing)
    assert len(_landed(landing)) == 3


def test_a_day_that_cannot_be_known_is_asked_for(tmp_path: Path) -> None:
    people = export(
        tmp_path / "people.csv", "customer_id region", [(f"C{n:03d}", "NS"[n % 2]) for n in range(60)]
    )
    found = drafted([people, *purchases(tmp_path / "in", 3)])
    assert (
        "nothing tells when people.csv was extracted" in places(found)["contracts/people.yaml, extract dates"]
    )
    with pytest.raises(
        DraftError, match=r"(?s)people\.csv.*so no file was copied\. State the day with --extract-date"
    ):
        place_files(found, tmp_path / "landing")
    assert not (tmp_path / "landing").exists()


def test_a_file_that_holds_later_events_than_its_name(tmp_path: Path) -> None:
    rows = [(f"C{n % 20}", f"2024-02-{1 + n % 28:02d}", n) for n in range(60)]
    found = drafted([export(tmp_path / "log_2024-01-31.csv", "customer day n", rows)])
    assert [str(day) for day in found.sources[0].days] == ["2024-02-28"]
    assert "holds events after the day in the name" in " ".join(doubt.words for doubt in found.doubts)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_cut_file_keeps_every_row_as_it_was(tmp_path: Path, encoding: str) -> None:
    rows = [
        (f"C{n % 30}", f"{1 + n % 28:02d}.{1 + n % 5:02d}.2024", f'"für {n}; ja"', f"{n},50")
        for n in range(300)
    ]
    file = export(tmp_path / "log.csv", "Kunde Tag Größe Betrag", rows, ";", encoding)
    landing = tmp_path / "landing"
    place_files(drafted([file], by_month=True), landing)
    months = _landed(landing)
    assert [name.split("/")[1] for name in months][:2] == [
        "extract_date=2024-01-31",
        "extract_date=2024-02-29",
    ]
    parts = [(landing / name).read_text(encoding).splitlines() for name in months]
    assert {part[0] for part in parts} == {"Kunde;Tag;Größe;Betrag"}
    assert sorted(line for part in parts for line in part[1:]) == sorted(
        file.read_text(encoding).splitlines()[1:]
    )
    assert all(
        f".{name[-6:-4]}.2024;" in line for name, part in zip(months, parts, strict=True) for line in part[1:]
    )


def test_compressed_files_stay_compressed(tmp_path: Path) -> None:
    plain = purchases(tmp_path / "in", 3)
    for file in plain:
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    found = drafted([tmp_path / "in"])
    assert found.sources[0].samples[0].compression == "gz"
    place_files(found, tmp_path / "landing")
    assert _landed(tmp_path / "landing")[0] == "sales/extract_date=2024-01-31/sales_2024-01.csv.gz"


def test_encodings_by_their_usual_names() -> None:
    assert [encoding_name(name) for name in ("cp1252", "utf-16", "iso8859-1")] == [
        "windows-1252",
        "UTF-16",
        "ISO-8859-1",
    ]
