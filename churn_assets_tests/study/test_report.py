"""Any name may stand in the report of a study."""

import numpy as np
import pytest

from churn_assets.study.preparation import Request
from churn_assets.study.report import document, report
from churn_assets.study.study import Study, run_study
from churn_assets_tests.study.files import customers, write

NAME = "<script>alert(1)</script>|x"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A column, its values, a leak and the file are called NAME."""
    table = customers(400).rename(columns={"contract": NAME})
    table[NAME] = table[NAME].astype(str) + NAME
    table[f"leak {NAME}"] = np.where(table["left"] == "Yes", "y", "n")
    folder = tmp_path_factory.mktemp("study")
    return run_study(Request(write(folder, table.to_csv(index=False), "<b>.csv"), "left", id="id"))


def test_names_of_the_file_are_words_and_no_markup(study: Study) -> None:
    page = report(study)
    assert "<script" not in page and "<b>.csv" not in page
    for said in ("&lt;script&gt;alert(1)&lt;/script&gt;|x", "Churn study of &lt;b&gt;.csv", "Left out."):
        assert said in page, said


def test_every_picture_of_the_report_is_drawn(study: Study) -> None:
    assert report(study).count('<img src="data:image/png;base64,') == 8
    assert [chapter.anchor for chapter in document(study).chapters][:2] == [
        "how-good-it-is",
        "leaks-and-warnings",
    ]
