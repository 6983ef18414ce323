"""From files that nobody has described to scores: the commands that `churn-assets init` prints, and nothing else.

The purchases of every fourth customer of CDNOW as another company would export them: monthly files of two sources,
separated by semicolons, with decimal commas, days as dd.MM.yyyy, German names and windows-1252.
"""

import csv
import os
import re
import shlex
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets_tests.drafting.exports import delivered as delivered_by_files
from churn_assets_tests.end_to_end.test_shop import CDNOW
from churn_assets_tests.lakes import settings_for

MOST_COMMANDS = 15
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CDNOW.is_file(), reason=f"{CDNOW.name} is not beside this checkout (shared/data)"),
]


def _export(folder: Path, name: str, header: list[str], rows: list[list[str]]) -> None:
    with (folder / name).open("w", encoding="windows-1252", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerows([header, *rows])


def _exports(folder: Path) -> list[dict[str, str]]:
    """Writes the files, and returns the purchases."""
    folder.mkdir()
    months: dict[str, list[dict[str, str]]] = defaultdict(list)
    first: dict[str, str] = {}
    with CDNOW.open() as file:
        purchases = [row for row in csv.DictReader(file) if int(row["customer_id"]) % 4 == 0]
    for row in purchases:
        months[row["date"][:7]].append(row)
        first[row["customer_id"]] = min(first.get(row["customer_id"], "9"), row["date"])
    for month, rows in months.items():
        bought = [
            [row["customer_id"], _german(row["date"]), row["quantity"], row["amount"].replace(".", ",")]
            for row in rows
        ]
        _export(
            folder, f"Einkäufe_{month}.csv", ["Kundennummer", "Kaufdatum", "Stückzahl", "Betrag (€)"], bought
        )
        known = [[c, _german(day)] for c, day in sorted(first.items()) if day[:7] <= month]
        _export(folder, f"Kunden_{month}.csv", ["Kundennummer", "Tag des ersten Käufes"], known)
    return purchases


def _german(day: str) -> str:
    return ".".join(reversed(day.split("-")))


class Shell:
    """Runs commands one after the other, as somebody types them, and counts them."""

    def __init__(self, home: Path) -> None:
        self.environment = os.environ | {"CHURN_HOME": str(home), "COLUMNS": "200"}
        self.typed: list[str] = []

    def run(self, line: str) -> str:
        self.typed.append(line)
        command, *words = shlex.split(line)
        if command == "export":
            name, _, value = words[0].partition("=")
            self.environment[name] = value
            return ""
        assert command == "churn-assets"
        code = "from churn_assets.cli.main import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def test_from_unknown_files_to_scores(tmp_path: Path) -> None:
    purchases = _exports(tmp_path / "exports")
    shell = Shell(tmp_path)
    told = shell.run(f"churn-assets init {tmp_path / 'shop'} --from {tmp_path / 'exports'} --land")
    following = re.findall(r"^  ((?:export|churn-assets) .*?) *$", told, re.MULTILINE)
    assert len(following) >= 5, told
    for line in following:
        shell.run(line)
    shell.run("churn-assets summary")
    assert len(shell.typed) <= MOST_COMMANDS

    settings = settings_for(tmp_path, tmp_path / "shop")
    lakehouse, business = Lakehouse(settings), load_business(settings.business_path)
    assert {s.name: (s.role, s.delivery) for s in delivered_by_files(business)} == {
        "einkaeufe": ("event", "changes"),
        "kunden": ("entity", "full"),
    }
    balance = lakehouse.arrow(tables.RECONCILIATION).to_pandas()
    assert balance["balances"].all() and balance["quarantined"].sum() == 0
    delivered = balance.groupby("source")["delivered"].sum()
    assert delivered["einkaeufe"] == len(purchases) > 15_000

    silver = lakehouse.arrow(tables.silver(business.source("einkaeufe"))).to_pandas()
    bought = {(r["customer_id"], r["date"], r["quantity"], r["amount"]) for r in purchases}
    assert len(silver) == len(bought) < len(purchases), "some lines are delivered twice"
    assert silver["betrag"].sum() == pytest.approx(sum(float(amount) for *_, amount in bought))
    assert silver["stueckzahl"].sum() == sum(int(quantity) for _, _, quantity, _ in bought)

    scores = lakehouse.arrow(tables.CHURN_SCORES).to_pandas()
    assert set(scores["as_of_date"].astype(str)) == {"1998-06-30"}
    assert len(scores) > 500 and scores["probability"].between(0, 1).all()
    training = lakehouse.arrow(tables.TRAINING_RUNS).to_pandas().iloc[0]
    assert training["auc"] > 0.65
