"""There is one list of notations: what the study and `init` recognise, `check` suggests."""

from datetime import datetime
from itertools import product

import pytest

from churn_assets.inference.notations import DAY_FORMATS, TIME_FORMATS, in_spark_letters
from churn_assets.sources.preview.day_patterns import pattern_reader
from churn_assets.sources.preview.values import fitting_formats

MOMENT = datetime(2025, 1, 23, 14, 30)  # noqa: DTZ001
FORMS = [day + time for (day, _), time in product(DAY_FORMATS, TIME_FORMATS)]


@pytest.mark.parametrize("form", FORMS)
def test_a_format_in_the_letters_of_spark_reads_what_strptime_reads(form: str) -> None:
    text = MOMENT.strftime(form)
    assert pattern_reader(in_spark_letters(form))(text) == datetime.strptime(text, form)  # noqa: DTZ007


@pytest.mark.parametrize("form", FORMS)
def test_check_suggests_a_format_for_every_notation_that_init_knows(form: str) -> None:
    text = MOMENT.strftime(form)
    fits = fitting_formats({text}, moments="%M" in form)
    assert [pattern_reader(fit)(text) for fit in fits[:1]] == [datetime.strptime(text, form)]  # noqa: DTZ007


def test_of_two_formats_that_exchange_day_and_month_both_are_suggested_the_day_first() -> None:
    assert fitting_formats({"03/04/2025"}, moments=False) == ["dd/MM/yyyy", "MM/dd/yyyy"]
