"""Exports as companies write them: what once was guessed wrong, left out in silence, or refused without a name."""

import errno
import json
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_assets.drafting.doubt import DraftError
from churn_assets.drafting.file_names import group_files
from churn_assets.drafting.write import place_files
from churn_assets.months import month_end
from churn_assets_tests.drafting.exports import business_of, delivered, drafted, export, places, purchases

MONTHS = [f"{2024 + at // 12}-{at % 12 + 1:02d}" for at in range(14)]


def _ends(people: int) -> dict[int, date]:
    return {n: date(2024, 1, 1) + timedelta(days=20 + n * 5) for n in range(0, people, 3)}


def test_members_with_a_day_of_cancellation_are_spells(tmp_path: Path) -> None:
    ends = _ends(60)
    for month in MONTHS:
        day = month_end(month)
        rows = [
            (f"{n:05d}", "Köln" if n % 2 else "Graz", f"$ {19 + n % 3}.90", "11/28/2023",
             f"{ends[n]:%m/%d/%Y}" if n in ends and ends[n] <= day else "",
             "Moved" if n in ends and ends[n] <= day else "")
            for n in range(60)
        ]  # fmt: skip
        export(tmp_path / f"members_{day}.tsv", "Member_No Club Fee Joined Cancelled Reason", rows, "\t")
    found = drafted([tmp_path])
    business = business_of(found, tmp_path / "business")
    spell = business.source("members").spell
    assert spell is not None
    assert (spell.started_on, spell.ended_on, spell.end_reason) == ("joined", "cancelled", "reason")
    assert [c.name for c in business.source("members").personal] == []
    assert business.file.label.policy == "cancellation"


def test_contracts_in_german_that_end_in_9999(tmp_path: Path) -> None:
    ends = _ends(60)
    for month in MONTHS:
        day = month_end(month)
        rows = [
            (f"VS-{n:04d}", f"{n % 50:06d}", "01.03.2023",
             f"{ends[n]:%d.%m.%Y}" if n in ends and ends[n] <= day else "31.12.9999",
             "Wegfall" if n in ends and ends[n] <= day else "")
            for n in range(60)
        ]  # fmt: skip
        export(
            tmp_path / f"{day}" / "Verträge.csv", "Schein Kundennummer Beginn Ablauf Stornogrund", rows, ";"
        )
    business = business_of(drafted([tmp_path]), tmp_path / "business")
    spell = business.source("vertraege").spell
    assert spell is not None
    assert (spell.ended_on, spell.expires_on, spell.end_reason) == ("ablauf", None, "stornogrund")


def test_a_day_that_means_never_counts_as_no_day(tmp_path: Path) -> None:
    rows = [
        (f"C{n:03d}", "2023-05-01", "2099-12-31" if n % 4 else f"2024-02-{1 + n % 28:02d}") for n in range(80)
    ]
    found = drafted([export(tmp_path / "contracts_2024-03.csv", "customer_id start end", rows)])
    assert found.sources[0].column("end").filled == pytest.approx(0.25)


@pytest.mark.parametrize(
    "name", ["cancelled", "class_number", "mehrwertsteuer", "industr_code", "emailed_on", "has_phone"]
)
def test_a_word_within_a_word_makes_nothing_personal(tmp_path: Path, name: str) -> None:
    value = {"cancelled": "2024-01-02", "emailed_on": "2024-01-03", "has_phone": "true"}.get(name, "12")
    other = {"cancelled": "2024-01-05", "emailed_on": "2024-01-06", "has_phone": "false"}.get(name, "17")
    rows = [(f"C{n % 20}", f"2024-01-{1 + n % 28:02d}", value if n % 3 else other) for n in range(90)]
    found = drafted([export(tmp_path / "log_2024-01.csv", f"customer day {name}", rows)])
    assert found.sources[0].column(name).personal == ""


def test_lists_in_json_are_left_out_and_told(tmp_path: Path) -> None:
    lines = [
        json.dumps({"user_id": f"u{n % 20}", "at": f"2024-01-{1 + n % 28:02d}", "a": {"tags": ["x"]}})
        for n in range(60)
    ]
    (tmp_path / "log_2024-01.jsonl").write_text("\n".join(lines))
    assert [w for w in places(drafted([tmp_path])).values() if "lists are left out" in w and "a.tags" in w]


def test_a_header_with_line_breaks_is_named_as_it_stands(tmp_path: Path) -> None:
    rows = "".join(f"C{n % 20},{n},2024-01-{1 + n % 28:02d}\n" for n in range(60))
    (tmp_path / "log_2024-01.csv").write_text('"Kunden\nnummer", Betrag ,"kauf ""tag"""\n' + rows)
    business = business_of(drafted([tmp_path]), tmp_path / "business")
    fields = {c.name: c.field for c in delivered(business)[0].columns}
    assert fields == {"kunden_nummer": "Kunden\nnummer", "betrag": "Betrag", "kauf_tag": 'kauf "tag"'}


def test_a_name_twice_in_a_header_is_refused_as_a_run_would(tmp_path: Path) -> None:
    rows = [(f"C{n}", n, n, "2024-01-31") for n in range(30)]
    with pytest.raises(DraftError, match=r"log_2024-01\.csv: the header has a name twice: Amount, amount"):
        drafted([export(tmp_path / "log_2024-01.csv", "customer amount Amount day", rows)])


HEADER, ROWS = "customer_id,day,note,amount", ["1,2025-01-03,a,5", "2,2025-01-04,b,6", "3,2025-02-01,c,7"]


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ([f'"{HEADER}', *ROWS], 1),
        ([HEADER, '1,2025-01-03,"a,5', *ROWS], 2),
        ([HEADER, *ROWS, '"4,2025-02-03,a,5', *ROWS], 5),
        (["customer_id,day,amount,note", "1,2025-01-03,5,a", '2,2025-01-03,5,"a', "3,2025-02-01,7,c"], 3),
        ([HEADER, '1,2025-01-03,"two', 'lines","5', *ROWS], 3),
        ([HEADER, *ROWS * 100, '9,2025-03-01,"a,5', *ROWS * 30_000], 302),
    ],
)
def test_a_quote_that_never_closes_is_named_with_its_line(
    tmp_path: Path, lines: list[str], line: int
) -> None:
    """It once hid rows: the file had no rows, or a column less, or nothing was said."""
    file = tmp_path / "sales_2025-01.csv"
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(
        DraftError, match=rf"sales_2025-01\.csv, line {line}: a quote opens a field that never"
    ):
        drafted([file])


def test_quotes_inside_of_text_and_values_of_several_lines_are_no_open_quotes(tmp_path: Path) -> None:
    file = tmp_path / "sales_2025-01.csv"
    rows = ['1,2025-01-03,"a', 'second line",5', '2,2025-01-04,5" pipe,6', '1,2025-02-01,"say ""yes""",7']
    file.write_text("\n".join([HEADER, *rows]))
    assert drafted([file]).sources[0].samples[0].table.num_rows == 3


def test_numbered_parts_are_one_source(tmp_path: Path) -> None:
    names = [
        "sales_00.csv",
        "sales_01.csv",
        "bills/part-00000-3f0d3c1e-9d2b-4c53-8f6b-0b8a9b0c1d2e-c000.snappy.parquet",
        "bills/part-00001-3f0d3c1e-9d2b-4c53-8f6b-0b8a9b0c1d2e-c000.snappy.parquet",
        "crm/part_1.csv",
        "crm/2.csv",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    found = {group.name: len(group.files) for group in group_files([tmp_path])}
    assert found == {"sales": 2, "bills": 2, "crm": 2}


def test_two_files_for_one_place_are_named(tmp_path: Path) -> None:
    first, *_ = purchases(tmp_path / "in", months=1)
    second = tmp_path / "other" / first.name
    second.parent.mkdir()
    second.write_text(first.read_text().replace(".50", ".70"))
    with pytest.raises(
        DraftError, match=r"in/sales_2024-01\.csv and .*other/sales_2024-01\.csv would both become"
    ):
        place_files(drafted([first, second]), tmp_path / "landing")
    assert not (tmp_path / "landing").exists()


@pytest.mark.filterwarnings("error")
def test_a_file_with_a_header_alone_beside_others(tmp_path: Path) -> None:
    empty = export(tmp_path / "sales_2023-12.csv", "customer_id day items amount", [])
    found = drafted([empty, *purchases(tmp_path / "in")])
    assert str(found.sources[0].days[0]) == "2023-12-31"


def test_categories_are_named_like_columns(tmp_path: Path) -> None:
    for month in MONTHS:
        rows = [
            (f"C{n % 40:02d}", f"{month}-{1 + n % 28:02d}", "Köln" if n % 2 else "Graz") for n in range(90)
        ]
        export(tmp_path / f"visits_{month}.csv", "customer day club", rows)
    business = business_of(drafted([tmp_path]), tmp_path / "business")
    assert "visits_club_koeln_share_6m" in {f.name for f in business.features}


def test_a_source_with_one_extract_beside_monthly_ones(tmp_path: Path) -> None:
    """It is taken for an export that was delivered once, and the limits of that are told."""
    files = purchases(tmp_path / "in")
    people = [(f"C{n:03d}", "NS"[n % 2]) for n in range(60)]
    crm = export(tmp_path / "crm_2024-05-31.csv", "customer_id region", people)
    found = drafted([crm, *files])
    told = places(found)["contracts/crm.yaml, extracts"]
    assert (
        told == "one export, which holds from 2024-05-31 on; nothing is known before, nor what changed since"
    )
    crm_source = business_of(found, tmp_path / "business").source("crm")
    assert (crm_source.delivery, crm_source.first_month) == ("once", "2024-05")
    assert "contracts/sales.yaml, extracts" not in places(found)


def test_a_folder_that_cannot_be_opened_is_not_left_out_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operating system is replaced, because a test may run as root, to whom no folder is closed."""
    (tmp_path / "in" / "closed").mkdir(parents=True)
    purchases(tmp_path / "in")
    scandir = os.scandir

    def closed(folder: str) -> Any:
        if str(folder).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(
        DraftError, match=r"in/closed cannot be opened: Permission denied\. Change its rights"
    ):
        group_files([tmp_path / "in"])


def test_a_loop_of_links_is_walked_once(tmp_path: Path) -> None:
    [file] = purchases(tmp_path, months=1)
    (tmp_path / "self").symlink_to(tmp_path)
    (tmp_path / "nothing").symlink_to("nothing")
    assert [f.path for group in group_files([tmp_path]) for f in group.files] == [file]


def test_crooked_rows_are_told_in_any_encoding(tmp_path: Path) -> None:
    rows = [(f"C{n % 20}", "Köln", f"2024-01-{1 + n % 28:02d}") for n in range(60)] + [("C1", "2024-01-31")]
    found = drafted([export(tmp_path / "log_2024-01.csv", "customer city day", rows, ";", "windows-1252")])
    assert "1 row has another number of fields" in places(found)["contracts/log.yaml, log_2024-01.csv"]
