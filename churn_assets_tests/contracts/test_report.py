"""One report tells all mistakes of all files of a business, and nothing that only follows from them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.contracts.mistakes import DeclarationErrors
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.contracts.reports import mistakes_of

# file -> what stands there, what is written instead; where that is told and what is probably meant
BROKEN: dict[str, list[tuple[str, str, str, str]]] = {
    "churn.yaml": [
        ("windows:", "windos:", "windos", "windows"),
        ("policy: cancellation", "policy: cancelation", "label.policy", "cancellation"),
        (
            "measure: data_mb, months: [1, 3, 6]",
            "measure: data_mbb, months: [1, 3, 6]",
            "features[16].measure",
            "data_mb",
        ),
        ("months: [3], driver: usage", "months: [12], driver: usage", "features[21].months[0]", ""),
        ("arm = 'treated'", "arm = 'traeted'", "features[38].where", "treated"),
        (
            "usage_data_mb_sum_1m / nullif",
            "usage_data_mb_sum_2m / nullif",
            "features[43].sql",
            "usage_data_mb_sum_6m",
        ),
        ("random_forest", "random_forrest", "training.candidates[2]", "random_forest"),
        ("seed: 7", "seed: seven", "training.seed", ""),
        ("driver: [price]", "driver: [prize]", "segments.rules[0].when.driver[0]", "price"),
    ],
    "contracts/customers.yaml": [
        ("property: frequency", "property: frequncy", "slaProperties[0].property", "frequency")
    ],
    "contracts/invoices.yaml": [("status: active", "status: [active", "", "")],
    "contracts/subscriptions.yaml": [
        ("customers.customer_id", "customer.customer_id", "", "customers"),
        ("logicalType: integer", "logicalType: integr", "", "integer"),
        ("value: [dd.MM.yyyy]", "value: [dd-MM-yyyy, MM-dd-yyyy]", "", ""),
        ("startedOn: started_on", "startedOn: startd_on", "", "started_on"),
    ],
    "contracts/tickets.yaml": [
        ("property: eventTime", "property: eventTme", "customProperties[eventTme].property", "eventTime")
    ],
    "contracts/usage.yaml": [
        ("property: role", "property: rolle", "customProperties[rolle].property", "role"),
        ("value: changes", "value: chnges", "customProperties[delivery].value", "changes"),
    ],
}


@pytest.fixture
def telecom(tmp_path: Path) -> Path:
    """A copy of the shipped business, comments and all."""
    return shutil.copytree(SHIPPED_BUSINESSES / "telecom", tmp_path / "telecom")


def _replace(file: Path, old: str, new: str) -> int:
    """The line of the first place where `new` now stands for `old`."""
    text = file.read_text(encoding="utf-8")
    assert old in text, old
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_all_mistakes_of_all_files_are_told_by_file_and_line(telecom: Path) -> None:
    expected = []
    for name, edits in BROKEN.items():
        for old, new, path, meant in edits:
            expected.append((telecom / name, _replace(telecom / name, old, new), path, meant))
    told = [(m.file, m.line, m.path, m.meant) for m in mistakes_of(lambda: load_business(telecom))]
    unsure = {telecom / "contracts" / f"{name}.yaml" for name in ("invoices", "subscriptions")}
    assert [t for t in told if t[0] not in unsure] == [e for e in expected if e[0] not in unsure]
    assert [(t[0], t[3]) for t in told] == [(e[0], e[3]) for e in expected]
    assert told == sorted(told, key=lambda t: (str(t[0]), t[1]))


def test_the_report_is_read_at_100_columns(telecom: Path) -> None:
    for old, new, _, _ in BROKEN["churn.yaml"]:
        _replace(telecom / "churn.yaml", old, new)
    with pytest.raises(DeclarationErrors) as caught:
        load_business(telecom)
    lines = str(caught.value).splitlines()
    assert lines[0] == "9 mistakes in the declarations of the business"
    assert lines[1:4] == ["", f"{telecom / 'churn.yaml'}:5: windos", "    there is no key 'windos'"]
    assert max(len(line) for line in lines if not line.startswith(str(telecom))) <= 100


def test_each_customProperty_that_is_misspelt_is_told_with_what_is_meant(telecom: Path) -> None:  # noqa: N802
    names = {
        "contracts/subscriptions.yaml": ("role", "delivery", "customer", "spell", "alternativeFormats"),
        "contracts/tickets.yaml": ("eventTime",),
        "contracts/customers.yaml": ("aliases",),
    }
    for file, properties in names.items():
        text = (telecom / file).read_text(encoding="utf-8")
        for name in properties:
            line = _replace(telecom / file, f"property: {name}", f"property: {name[:-2]}{name[-1]}")
            (mistake,) = mistakes_of(lambda: load_business.__wrapped__(telecom))
            assert (mistake.file, mistake.line, mistake.meant) == (telecom / file, line, name)
            assert mistake.remedy.startswith("allowed: ") and name in mistake.remedy
            (telecom / file).write_text(text, encoding="utf-8")


Break = Callable[[Path], object]
UNREADABLE: dict[str, Break] = {
    "not YAML": lambda file: file.write_text("name: usage\nschema: [", encoding="utf-8"),
    "not YAML, and no name": lambda file: file.write_text("schema: [", encoding="utf-8"),
    "no mapping": lambda file: file.write_text("- usage", encoding="utf-8"),
    "not UTF-8": lambda file: file.write_bytes(b"name: usage\n# K\xe4ufe"),
    "no name": lambda file: _replace(file, "name: usage\n", ""),
    "no role": lambda file: _replace(file, "  - {property: role, value: event}\n", ""),
    "no columns": lambda file: _replace(file, "    properties:", "    proprietors:"),
    "a column without name": lambda file: _replace(file, "{name: data_mb, ", "{"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_contract_that_cannot_be_read_is_not_held_against_churn_yaml(telecom: Path, case: str) -> None:
    file = telecom / "contracts" / "usage.yaml"
    UNREADABLE[case](file)
    line = _replace(telecom / "churn.yaml", "measure: late_fee", "measure: late_fees")
    told = mistakes_of(lambda: load_business(telecom))
    assert [(m.file, m.line) for m in told if m.file != file] == [(telecom / "churn.yaml", line)]
    assert len(told) == 2


def test_a_section_that_cannot_be_read_is_not_held_against_others(telecom: Path) -> None:
    for old, new in (
        ("observation_months: 6", "observation_months: six"),
        ("policy: cancellation", "policy: none of these"),
        ("aggregate: tenure", "aggregate: age of the customer"),
    ):
        _replace(telecom / "churn.yaml", old, new)
    told = [m.path for m in mistakes_of(lambda: load_business(telecom))]
    assert told == ["windows.observation_months", "label.policy", "features[0].aggregate"]


def test_a_name_whose_contract_is_called_otherwise_is_told_where_it_is_used(telecom: Path) -> None:
    _replace(telecom / "contracts" / "tickets.yaml", "name: tickets\n", "name: complaints\n")
    told = mistakes_of(lambda: load_business(telecom))
    assert {(m.file.name, m.problem) for m in told} == {("churn.yaml", "there is no source tickets")}
