"""What engines read differently is told with what to write instead; what is not known counts as different."""

import pytest

from churn_assets.contracts.sql.meaning import (
    differences,
    differences_of_format,
    differences_of_pattern,
)
from churn_assets_tests.contracts.sql.answers import TYPES


@pytest.mark.parametrize(
    ("sql", "what", "instead"),
    [
        ("whole + 1", "can overflow", "2D in place of 2"),
        ("small * small", "can overflow", "cast(x as double)"),
        ("-whole", "can overflow", "cast(x as double)"),
        ("aggregate(array(1, 2), 0, (s, x) -> s + x)", "array is not on the list", ""),
        ("word rlike '^\\\\d+'", "\\d", "[0-9]"),
        ("word rlike '\\\\w'", "\\w", "[A-Za-z0-9_]"),
        ("word rlike 'x$'", "$", "\\z"),
        ("word rlike '(?=x)'", "look-ahead", ""),
        ("word rlike '(?<!x)y'", "look-behind", ""),
        ("word rlike '(a)\\\\1'", "back-reference", ""),
        ("word rlike 'x{'", "a single {", "\\{"),
        ("word rlike '(?i)x'", "flag", "lower"),
        ("word rlike other", "not proven", ""),
        ("regexp_replace(word, 'x', '\\\\$')", "not proven", ""),
        ("weekday(day)", "numbers the days differently", "dayofweek"),
        ("extract(dow from day)", "not proven", ""),
        ("rint(number)", "halves", "round"),
        ("array_contains(split(word, ','), other)", "not proven", ""),
        ("percentile_approx(number, 0.5)", "interpolates", ""),
        ("get_json_object(lines, '$.a')", "documents", "physicalName"),
        ("to_json(word)", "decimals", "concat"),
        ("cast(digits as int)", "raises", "try_cast(x as int)"),
        ("digits <> '' and cast(digits as bigint) = 1", "raises", "try_cast"),
        ("to_date(word, 'dd.MM.yyyy')", "raises", "try_to_timestamp"),
        ("try_cast(word as date)", "string to date accepts different texts", "try_to_timestamp"),
        ("try_cast(word as boolean)", "string to boolean accepts different texts", "'true'"),
        ("try_cast(digits as decimal(10,2))", "not proven", "leave it a text"),
        ("cast(digits as double)", "string to double is not proven", "leave it a text"),
        ("money / 3", "decimals", "double"),
        ("number / base", "may be 0", "nullif(b, 0)"),
        ("number % whole", "may be 0", "nullif(b, 0)"),
        ("cast(number as string)", "a double as different texts", ""),
        ("concat(word, number)", "not proven for (string, double)", ""),
        ("digits = 12", "a string is compared with an int", "try_cast"),
        ("case when yes then 1 else 0.5 end", "mixes", "0D"),
        ("coalesce(number, 0.0)", "not proven", ""),
        ("day - since", "another type", "date_diff"),
        ("left(word, small)", "not proven", ""),
        ("nobody + 1D", "nobody is not known", ""),
        ("soundex(word)", "not on the list", ""),
        ("sum(whole)", "not on the list", ""),
        ("word = 'x' -- paid", "comment", ""),
        ("word rlike r'x'", "raw string", ""),
        ("word = 'it''s'", "doubled", ""),
        ("word = '\\u0041'", "escape", ""),
        ("! yes", "precedence", ""),
        ("word || 'x' + 1", "beside", ""),
        ("word is not distinct", "could not be parsed", ""),
        ("((", "could not be parsed", ""),
        ("", "could not be parsed", ""),
        ("from_json(lines, 'array<double>')", "another form", "LIKE '[{%'"),
        (
            "case when lines like '[%' then from_json(lines, 'array<struct<a:double>>') end",
            "another form",
            "[{",
        ),
        ("case when lines like '[{%' then from_json(lines, 'array<string>') end", "another form", "struct"),
        ("number > 2.5", "double is compared with a decimal", "2.5D"),
        ("day < moment", "date is compared with a timestamp", "cast(x as date)"),
        ("cast(money as decimal(38,30)) > whole", "is compared with", "2.5D"),
        ("date_add(day, 2147483647)", "not proven for", ""),
        ("day + 2147483647", "another type", "date_add"),
        ("trunc(day, 'MM')", "9999-12-31", "date_format"),
        ("months_between(day, since)", "9999-12-31", "date_diff"),
        ("round(number, 2)", "halves", "round(x)"),
        ("word rlike '((a{100}){100}){100}'", "repeats within repeats", ""),
        ("split(word, 'x*')", "not proven for", ""),
        ("regexp_replace(word, '', '-')", "not proven for", ""),
        ("case when word like '[%' then json_array_length(lines) end", "keys", ""),
    ],
)
def test_what_may_differ_is_told(sql: str, what: str, instead: str) -> None:
    found = differences(sql, TYPES)
    assert len(found) == 1, found
    assert what in found[0][0]
    assert instead in found[0][1]


def test_all_that_differs_in_one_expression_is_told() -> None:
    found = differences("weekday(day) = 1 and word rlike '\\\\d$' and rint(number) > whole * 2", TYPES)
    assert [what.split(" ")[0] for what, _ in found] == ["weekday", "rlike", "rlike", "rint", "*"]


@pytest.mark.parametrize(
    "sql",
    [
        "closed_at is null",
        "status in ('open', 'overdue', 'failed')",
        "100 * Calls / nullif(`voice minutes`, 0)",
        "price / nullif(price - rise, 0)",
        "lpad(id, 7, '0')",
        "case when trim(`a b`) in ('n/a', '-') then null else trim(`a b`) end",
        "replace(regexp_replace(id, '[^0-9,+-]', ''), ',', '.')",
        "cast(try_to_timestamp(id, 'dd.MM.yyyy') as date) > date '2025-01-31'",
        "cast(try_cast(id as bigint) as string)",
        "quantity > 0 and not id like 'X%'",
    ],
)
def test_usual_expressions_mean_the_same(sql: str) -> None:
    names = {
        "closed_at": "timestamp",
        "status": "string",
        "calls": "double",
        "voice minutes": "double",
        "price": "double",
        "rise": "double",
        "id": "string",
        "a b": "string",
        "quantity": "bigint",
    }
    assert differences(sql, names) == []


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("^[A-Z]{2}[0-9]+\\z", []),
        ("(a|b)*?[^\\n]x\\.y", []),
        ("^[A-Z]{2}$", ["$"]),
        ("\\d{5}", ["\\d"]),
        ("[\\d-]+", ["\\d in [ ]"]),
        ("a.b", ["."]),
        ("[a-z&&[^b]]", ["&& in [ ]"]),
        ("[[:alpha:]]", ["[ in [ ]"]),
        ("a++", ["the possessive ++"]),
        ("\\p{L}", ["\\p"]),
        ("a{200}", ["more than 100 repeats"]),
        ("a{2}b{1,}c{,3}", ["a single {"]),
        ("(?<n>a)", ["a named group"]),
    ],
)
def test_a_pattern(pattern: str, found: list[str]) -> None:
    told = differences_of_pattern(pattern, "string")
    assert len(told) == len(found)
    assert all(
        what.startswith(f"the pattern has {start}") for (what, _), start in zip(told, found, strict=True)
    )


def test_a_pattern_of_numbers() -> None:
    assert differences_of_pattern("^1", "bigint") == []
    assert "a double as text" in differences_of_pattern("^1", "double")[0][0]


def test_a_format() -> None:
    assert differences_of_format("dd.MM.yyyy HH:mm:ss") == []
    assert differences_of_format("yyyy-MM-dd'T'HH:mm") == []
    assert [what for what, _ in differences_of_format("EEE dd [MM]")] == [
        "the format has EEE",
        "the format has [",
        "the format has ]",
    ]
