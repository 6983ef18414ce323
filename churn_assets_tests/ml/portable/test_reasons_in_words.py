"""Scores in words, and the driver that raises them most."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from churn_assets.contracts.feature import Feature
from churn_assets.contracts.phrases import Texts
from churn_assets.ml.portable.reasons_in_words import main_drivers, reasons

TICKETS = Feature(
    "tickets_count_3m", "number", "service", "support tickets, last 3 months", aggregate="count"
)
PRICE = Feature("price", "number", "price", "monthly price", aggregate="attribute")
TREND = Feature("trend", "number", "usage", "trend of data use, last month", aggregate="trend")
REGION = Feature("region", "category", "profile", "region", aggregate="attribute")
FEATURES = [TICKETS, PRICE, TREND, REGION]
TYPICAL = {"tickets_count_3m": 0.0, "price": 29.9, "trend": 0.0}


def said_by(text: str) -> Texts:
    return (("text", text),)


def words(feature: Feature, value: object, typical: dict[str, float] | None = None) -> str | None:
    """What is said about one value that raises the risk."""
    frame = pd.DataFrame({feature.name: [value]})
    return reasons(
        frame, pd.DataFrame({feature.name: [1.0]}), [feature], TYPICAL if typical is None else typical
    )[0][0]


@pytest.mark.parametrize(
    ("feature", "value", "expected"),
    [
        (TICKETS, 4.0, "support tickets, last 3 months: 4 (typical none)"),
        (PRICE, 45.25, "monthly price: 45.2 (typical 29.9)"),
        (PRICE, 0.456, "monthly price: 0.46 (typical 29.9)"),
        (PRICE, 12345.6, "monthly price: 12,346 (typical 29.9)"),
        (TREND, 0.5, "trend of data use, last month: up 200 %"),
        (TREND, -1 / 3, "trend of data use, last month: down 50 %"),
        (TREND, -1.0, "trend of data use, last month: down 100 %"),
        (TREND, 1.0, "trend of data use, last month: up from nothing"),
        (TREND, 9.0, "trend of data use, last month: unknown"),
        (TREND, -9.0, "trend of data use, last month: unknown"),
        (TREND, -1.01, "trend of data use, last month: unknown"),
        (TREND, float("inf"), "trend of data use, last month: unknown"),
        (TREND, float("nan"), "trend of data use, last month: unknown"),
        (REGION, "south", "region: south"),
        (REGION, None, "region: unknown"),
        (PRICE, float("nan"), "monthly price: unknown"),
        (PRICE, float("inf"), "monthly price: unknown"),
        (PRICE, float("-inf"), "monthly price: unknown"),
    ],
)
def test_a_reason_is_the_value_beside_the_usual_one(feature: Feature, value: object, expected: str) -> None:
    assert words(feature, value) == expected


@pytest.mark.parametrize(
    ("value", "printed"),
    [(101.46, "101"), (99.96, "100"), (1.96, "2"), (0.0996, "0.1"), (-0.001, "-0.001"), (-0.0, "0")],
)
def test_numbers_are_rounded_once(value: float, printed: str) -> None:
    assert words(PRICE, value, {}) == f"monthly price: {printed}"


def test_flags_and_counts_with_gaps_are_said_like_numbers() -> None:
    assert words(PRICE, True, {}) == "monthly price: 1"
    frame = pd.DataFrame({"price": [3.0, None, 7.0]})
    said = reasons(frame, pd.DataFrame({"price": [1.0, 1.0, 1.0]}), [PRICE], {})[:, 0].tolist()
    assert said == ["monthly price: 3", "monthly price: unknown", "monthly price: 7"]


@pytest.mark.parametrize(
    ("says", "value", "expected"),
    [
        (
            "{value} ticket{s} in the last 3 months (typical {typical})",
            4.0,
            "4 tickets in the last 3 months (typical 29.9)",
        ),
        ("{value} ticket{s}", 1.0, "1 ticket"),
        ("{value} ticket{s}", 1.04, "1 ticket"),
        ("{value} ticket{s}", 0.0, "0 tickets"),
        ("{value:%} used (typical {typical:%})", 0.0123, "1.2 % used (typical 2,990 %)"),
        ("{value:%} used", 0.23, "23 % used"),
        ("{value:%} used", 0.2304, "23 % used"),
        ("changed by {value:+} EUR", 3.0, "changed by +3 EUR"),
        ("changed by {value:+} EUR", -3.26, "changed by -3.3 EUR"),
        ("changed by {value:+} EUR", 0.0, "changed by 0 EUR"),
        ("{value} ticket{s}", float("nan"), "rolling contract"),
    ],
)
def test_a_reason_is_a_phrase_where_the_business_declares_one(says: str, value: float, expected: str) -> None:
    assert words(replace(PRICE, says=said_by(says), missing="rolling contract"), value) == expected


def test_a_phrase_without_a_usual_value_leaves_it_out() -> None:
    assert words(replace(PRICE, says=said_by("{value} EUR (typical {typical:%})")), 4.0, {}) == "4 EUR"
    told = replace(PRICE, says=said_by("{value}, where {typical} EUR is typical"))
    assert words(told, 4.0, {}) == "4, where unknown EUR is typical"


def test_all_and_single_values_have_texts_of_their_own() -> None:
    share = replace(PRICE, unit="%", says=(*said_by("{value:%} were late"), ("all", "all were late")))
    assert [words(share, v, {}) for v in (0.5, 1.0)] == ["50 % were late", "all were late"]
    region = replace(REGION, says=(*said_by("lives in the {value}"), ("if_south", "lives by the sea")))
    assert [words(region, v) for v in ("north", "south")] == ["lives in the north", "lives by the sea"]


def test_phrases_of_words_and_trends() -> None:
    assert words(replace(TREND, says=said_by("data use {value}")), -1 / 3) == "data use down 50 %"
    assert words(replace(REGION, says=said_by("lives in the {value}")), "south") == "lives in the south"
    assert words(REGION, "true") == "region: yes"


def test_a_usual_value_is_rounded_like_a_value() -> None:
    assert words(PRICE, 3.0, {"price": 23.04}) == "monthly price: 3 (typical 23)"


def test_a_feature_without_a_usual_value_is_said_alone() -> None:
    assert words(PRICE, 10.0, {}) == "monthly price: 10"


def test_only_what_raises_the_risk_is_a_reason_strongest_first() -> None:
    frame = pd.DataFrame(
        {
            "tickets_count_3m": [4.0, 0.0],
            "price": [50.0, 9.0],
            "trend": [-0.5, 0.2],
            "region": ["south", "north"],
        }
    )
    contributions = pd.DataFrame(
        {"tickets_count_3m": [0.2, -0.1], "price": [0.9, 0.0], "trend": [0.5, -0.2], "region": [0.1, -0.4]}
    )
    first, second = reasons(frame, contributions, FEATURES, TYPICAL).tolist()
    assert [str(r).split(":")[0] for r in first] == [PRICE.words, TREND.words, TICKETS.words]
    assert second == [None, None, None]


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"explainable": False}, False),
        ({"explainable": False, "actionable": True}, True),
        ({"protected": True}, False),
        ({"protected": True, "actionable": True}, False),
        ({}, True),
    ],
)
def test_only_what_may_be_named_is_a_reason(flags: dict[str, bool], named: bool) -> None:
    feature = replace(PRICE, **flags)
    assert (words(feature, 50.0) is not None) == named


def test_a_trend_may_be_unchanged() -> None:
    assert words(TREND, 0.0, {}) == "trend of data use, last month: unchanged"


def test_a_feature_that_is_not_named_leaves_its_place_to_the_next() -> None:
    frame = pd.DataFrame({"price": [50.0], "region": ["south"]})
    contributions = pd.DataFrame({"price": [0.1], "region": [3.0]})
    [row] = reasons(frame, contributions, [PRICE, replace(REGION, protected=True)], TYPICAL).tolist()
    assert row == ["monthly price: 50 (typical 29.9)", None, None]


@pytest.mark.parametrize(
    ("feature", "value", "typical", "named"),
    [
        (TICKETS, 1.0, 1.0, False),
        (TICKETS, 0.0, 1.0, True),
        (PRICE, 29.91, 29.9, False),
        (PRICE, 30.0, 29.9, True),
        (TREND, 0.0, 0.001, False),
        (TREND, 0.0, 0.5, True),
        (PRICE, float("nan"), 29.9, True),
    ],
)
def test_a_value_printed_like_the_typical_one_is_no_reason(
    feature: Feature, value: float, typical: float, named: bool
) -> None:
    frame = pd.DataFrame({feature.name: [value], "region": ["south"]})
    contributions = pd.DataFrame({feature.name: [3.0], "region": [0.1]})
    [row] = reasons(frame, contributions, [feature, REGION], {feature.name: typical}).tolist()
    assert row[0 if not named else 1] == "region: south" and (row[0] != "region: south") == named


def test_the_main_driver_is_the_strongest_sum() -> None:
    features = [*FEATURES, Feature("fees", "number", "price", "fees")]
    contributions = pd.DataFrame(
        {
            "tickets_count_3m": [0.6, 0.1],
            "price": [0.4, -0.9],
            "trend": [0.0, 0.0],
            "region": [0.0, -0.1],
            "fees": [0.3, 0.1],
        }
    )
    assert main_drivers(contributions, features).tolist() == ["price", "service"]


def test_every_row_gets_three_places() -> None:
    count = 50
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {f.name: rng.normal(size=count) for f in FEATURES[:3]} | {"region": ["east"] * count}
    )
    contributions = pd.DataFrame({f.name: rng.normal(size=count) for f in FEATURES})
    found = reasons(frame, contributions, FEATURES, TYPICAL)
    assert all(len(row) == 3 for row in found)
    for row, values in zip(found, contributions.to_numpy(), strict=True):
        assert sum(r is not None for r in row) == min(3, int((values > 0).sum()))


USED = Feature(
    "used_sum_14d", "number", "usage", "used", "usage", "sum", "mb", days=14, unit="MB", about="use",
    says=(("text", "used {value:unit} (typical {typical:unit})"), ("zero", "used nothing"),
          ("less_than_usual", "used {percent} less than usual ({value:unit} instead of {usual:unit})"),
          ("more_than_usual", "used {percent} more than usual ({value:unit}, usually {usual:unit})")),
)  # fmt: skip
HALF_YEAR = replace(USED, name="used_sum_6m", days=None, months=6, says=())
SHARE = Feature(
    "share", "number", "usage", "share", sql="used_sum_14d / used_sum_6m", unit="%", speaks_of=USED.name, about="use",
    missing="used nothing in half a year",
)  # fmt: skip
TENURE = Feature("tenure_days", "number", "loyalty", "days as a customer", "usage", "tenure")


def of_use(
    used: float, half_year: float, tenure: float = 1000.0, feature: Feature = USED, **flags: str
) -> str | None:
    """What is said about the use of the last 14 days, or about its share, of a customer."""
    share = used / half_year if half_year else float("nan")
    row = {USED.name: used, HALF_YEAR.name: half_year, SHARE.name: share, TENURE.name: tenure}
    features = [replace(f, **flags) if f == feature else f for f in (USED, HALF_YEAR, SHARE, TENURE)]
    raised = {name: float(name == feature.name) for name in row}
    typical = {USED.name: 5000.0, SHARE.name: 0.08}
    [reason] = reasons(pd.DataFrame([row]), pd.DataFrame([raised]), features, typical)[:, 0]
    return str(reason) if reason is not None else None


@pytest.mark.parametrize("feature", [USED, SHARE])
def test_a_value_is_compared_with_what_is_usual_for_the_customer(feature: Feature) -> None:
    # before the last 14 of 182.625 days: 13,000 MB, so 1.1 GB in 14 days
    assert of_use(410, 13410, feature=feature) == "used 62 % less than usual (410 MB instead of 1.1 GB)"
    assert of_use(2158, 15158, feature=feature) == "used 100 % more than usual (2.1 GB, usually 1.1 GB)"
    assert of_use(0, 13000, feature=feature) == "used nothing"


def test_what_is_usual_counts_only_days_as_a_customer() -> None:
    # 1,200 MB in the 42 days before: 400 MB in 14 days
    assert of_use(200, 1400, tenure=56) == "used 50 % less than usual (200 MB instead of 400 MB)"


@pytest.mark.parametrize(
    ("used", "half_year", "tenure"),
    [(1000, 13410, 1000), (410, 13410, 30), (410, 410, 1000), (410, 13410, float("nan"))],
    ids=["as usual", "too new", "nothing before", "unknown since when"],
)
def test_without_a_notable_difference_the_typical_value_is_told(
    used: float, half_year: float, tenure: float
) -> None:
    told = f"used {'1,000' if used == 1000 else '410'} MB (typical 4.9 GB)"
    assert of_use(used, half_year, tenure) == told
    assert of_use(used, half_year, tenure, SHARE) is None, "a share speaks only of what is unusual"


def test_a_share_of_nothing_has_its_own_words() -> None:
    assert of_use(0, 0, feature=SHARE) == "used nothing in half a year"


@pytest.mark.parametrize(
    ("feature", "values", "named"),
    [
        (SHARE, {USED.name: None, HALF_YEAR.name: None}, False),
        (SHARE, {USED.name: 0.0, HALF_YEAR.name: None}, False),
        (SHARE, {USED.name: 0.0, HALF_YEAR.name: 0.0}, True),
        (SHARE, {USED.name: 0.0}, False),
        (replace(SHARE, reason_when="lower"), {USED.name: 900.0, HALF_YEAR.name: None}, False),
        (replace(SHARE, speaks_of=None), {USED.name: 900.0, HALF_YEAR.name: None}, False),
    ],
)
def test_what_was_not_observed_is_not_said_to_be_nothing(
    feature: Feature, values: dict[str, float | None], named: bool
) -> None:
    """The sum of a window that begins before the first month of its source is null, and so is the share of it."""
    frame = pd.DataFrame([{SHARE.name: None, TENURE.name: 1000.0, **values}], dtype="float64")
    raised = pd.DataFrame([{name: float(name == SHARE.name) for name in frame.columns}])
    [reason] = reasons(frame, raised, [f for f in (USED, HALF_YEAR, feature) if f.name in frame], {})[:, 0]
    assert (reason == SHARE.missing) == named
    assert reason in (SHARE.missing, None) or reason == "share: unknown"


SENT = Feature(
    "sent_count_1m", "number", "usage", "messages", "usage", "count", months=1,
    says=(("text", "{value} messages"), ("less_than_usual", "{percent} fewer ({value} instead of {usual})")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "usual", "expected"),
    [
        (1.0, 1.9, "50 % fewer (1 instead of 2)"),
        (3.0, 5.6, "50 % fewer (3 instead of 6)"),
        (1.0, 1.4, "1 messages"),  # 1 instead of 1
    ],
)
def test_a_percentage_fits_the_counts_beside_it(sent: float, usual: float, expected: str) -> None:
    half_year = replace(SENT, name="sent_count_6m", months=6, says=())
    row = {SENT.name: sent, half_year.name: sent + 5 * usual, TENURE.name: 1000.0}
    raised = pd.DataFrame([{name: float(name == SENT.name) for name in row}])
    assert reasons(pd.DataFrame([row]), raised, [SENT, half_year, TENURE], {})[0, 0] == expected


@pytest.mark.parametrize("trend", [-0.992, -0.995, -0.9999999, -1.0])
def test_nothing_is_left_only_where_nothing_is_left(trend: float) -> None:
    told = replace(TREND, says=(("lower", "used {percent} less"), ("zero", "used nothing")))
    assert words(told, trend) == ("used nothing" if trend == -1 else "used 99 % less")
    assert words(TREND, trend) == f"trend of data use, last month: down {100 if trend == -1 else 99} %"


@pytest.mark.parametrize(("share", "named"), [(0.004, False), (0.0099, False), (0.012, True), (0.5, True)])
def test_less_than_a_percentage_point_is_no_reason(share: float, named: bool) -> None:
    rise = replace(PRICE, unit="%", reason_when="higher", says=said_by("price {value:%} higher"))
    assert (words(rise, share, {PRICE.name: 0.0}) is not None) == named


@pytest.mark.parametrize(("when", "less", "more"), [("lower", True, False), ("higher", False, True)])
@pytest.mark.parametrize("feature", [USED, SHARE])
def test_only_the_side_of_risk_is_a_reason(feature: Feature, when: str, less: bool, more: bool) -> None:
    assert (of_use(410, 13410, feature=feature, reason_when=when) is not None) == less
    assert (of_use(2158, 15158, feature=feature, reason_when=when) is not None) == more


@pytest.mark.parametrize(
    ("feature", "value", "named"),
    [
        (replace(PRICE, reason_when="higher"), 50.0, True),
        (replace(PRICE, reason_when="higher"), 10.0, False),
        (replace(PRICE, reason_when="higher"), float("nan"), False),
        (replace(PRICE, reason_when="higher", missing="no price"), float("nan"), True),
        (replace(TREND, reason_when="lower"), -0.5, True),
        (replace(TREND, reason_when="lower"), 0.5, False),
        (replace(TREND, months=1), -0.05, False),  # February against January
        (replace(TREND, months=3), -0.05, True),
        (replace(REGION, reason_values=("south",)), "south", True),
        (replace(REGION, reason_values=("south",)), "north", False),
        (replace(REGION, reason_values=("south",)), None, False),
        (replace(REGION, reason_values=("south",), missing="nowhere"), None, True),
    ],
)
def test_what_would_read_as_good_news_is_no_reason(feature: Feature, value: object, named: bool) -> None:
    assert (words(feature, value) is not None) == named


def test_features_about_the_same_give_one_reason() -> None:
    frame = pd.DataFrame({"price": [50.0], "tickets_count_3m": [4.0], "region": ["south"]})
    contributions = pd.DataFrame({"price": [0.9], "tickets_count_3m": [0.5], "region": [0.1]})
    same = [replace(PRICE, about="money"), replace(TICKETS, about="money"), REGION]
    [row] = reasons(frame, contributions, same, TYPICAL).tolist()
    assert row == ["monthly price: 50 (typical 29.9)", "region: south", None]
