"""What is proven equal on Spark 4.2 (ANSI on) and Sail 0.7.2, and what to write in place of what is not.

churn_assets_tests/contracts/sql/test_answers.py proves the list on both engines: whoever adds a line adds its
expressions there.

A signature names the types of the arguments and that of the result. Besides types there are: `integer` (int or
bigint), `n` (a whole number from 0 on, written out), `+n` (from 1 on), `steps` (up to 99,999), `text` (a string,
written out), `regex`, `parting` (a regex that matches no empty text), `replacement`, `format`, `part` and others
(written out, and known), `T` (any type, each time the same), `array` (of `E`), `first` (the type of the first argument)
and `...` (more of the last).
"""

SIGNATURES: dict[str, tuple[str, ...]] = {
    # text
    "upper": ("string -> string",),
    "lower": ("string -> string",),
    "trim": ("string -> string",),
    "ltrim": ("string -> string",),
    "rtrim": ("string -> string",),
    "btrim": ("string -> string",),
    "length": ("string -> int",),
    "char_length": ("string -> int",),
    "character_length": ("string -> int",),
    "left": ("string, n -> string",),
    "right": ("string, n -> string",),
    "substring": ("string, n -> string", "string, n, n -> string"),
    "substr": ("string, n -> string", "string, n, n -> string"),
    "substring_index": ("string, text, +n -> string",),
    "split_part": ("string, text, +n -> string",),
    "split": ("string, parting -> array<string>",),
    "instr": ("string, string -> int",),
    "locate": ("string, string -> int",),
    "contains": ("string, string -> boolean",),
    "startswith": ("string, string -> boolean",),
    "endswith": ("string, string -> boolean",),
    "replace": ("string, text, text -> string",),
    "translate": ("string, text, text -> string",),
    "reverse": ("string -> string",),
    "lpad": ("string, +n, text -> string",),
    "rpad": ("string, +n, text -> string",),
    "concat": ("joined... -> string",),
    "concat_ws": ("text, string... -> string",),
    "md5": ("string -> string",),
    "regexp_replace": ("string, parting, replacement -> string",),
    "regexp_extract": ("string, regex, n -> string",),
    "rlike": ("string, regex -> boolean",),
    # values that are missing
    "coalesce": ("T... -> T",),
    "ifnull": ("T, T -> T",),
    "nvl": ("T, T -> T",),
    "nullif": ("T, T -> first",),
    "isnull": ("any -> boolean",),
    "isnotnull": ("any -> boolean",),
    "equal_null": ("T, T -> boolean",),
    # numbers
    "abs": ("double -> double",),
    "greatest": ("T, T... -> T",),
    "least": ("T, T... -> T",),
    "sqrt": ("double -> double",),
    "round": ("double -> double",),
    "floor": ("double -> bigint",),
    "ceil": ("double -> bigint",),
    "ceiling": ("double -> bigint",),
    "mod": ("integer, +n -> bigint",),
    "pmod": ("integer, +n -> bigint",),
    "double": ("number -> double",),
    # time
    "year": ("moment -> int",),
    "month": ("moment -> int",),
    "day": ("moment -> int",),
    "dayofmonth": ("moment -> int",),
    "dayofweek": ("moment -> int",),
    "dayofyear": ("moment -> int",),
    "weekofyear": ("moment -> int",),
    "quarter": ("moment -> int",),
    "extract": ("part, moment -> int",),
    "hour": ("timestamp -> int",),
    "minute": ("timestamp -> int",),
    "second": ("timestamp -> int",),
    "date": ("timestamp -> date", "date -> date"),
    "to_date": ("timestamp -> date", "date -> date"),
    "date_add": ("date, steps -> date",),
    "date_sub": ("date, steps -> date",),
    "date_diff": ("moment, moment -> int",),
    "datediff": ("moment, moment -> int",),
    "add_months": ("date, steps -> date",),
    "last_day": ("date -> date",),
    "try_to_timestamp": ("string, format -> timestamp",),
    "date_format": ("moment, printed -> string",),
    # lists and documents
    "size": ("array -> int",),
    "get": ("array, n -> E",),
    "array_contains": ("array<string>, text -> boolean",),
}

# Types, by the token of a signature.
MOMENTS = ("date", "timestamp")
JOINED = ("string", "int", "bigint", "date", "boolean")  # their text is the same
PARTS = frozenset({"year", "quarter", "month", "week", "day", "hour", "minute"})  # of extract
STEPS_OF_DATES = frozenset({"DAY", "WEEK", "MONTH", "YEAR", "QUARTER"})  # of intervals
STEPS = STEPS_OF_DATES | {"HOUR", "MINUTE", "SECOND"}
MOST_STEPS = 99_999  # days or months that are added to a day; many more leave the calendar
REPLACEMENT = r"(?:[^\\$]|\$[0-9](?![0-9A-Za-z_]))*"
PRINTED = frozenset(
    {"yyyy-MM-dd", "yyyy-MM", "yyyy", "MM", "dd", "dd.MM.yyyy", "yyyy-MM-dd HH:mm:ss", "HH", "HH:mm"}
)

# Type -> types that it can be cast to, so that no value raises and all are equal.
CASTS: dict[str, frozenset[str]] = {
    "int": frozenset({"int", "bigint", "double", "string"}),
    "bigint": frozenset({"bigint", "double", "string"}),
    "double": frozenset({"double"}),
    "float": frozenset({"float", "double"}),
    "decimal": frozenset({"double", "string"}),
    "string": frozenset({"string"}),
    "boolean": frozenset({"boolean", "int", "bigint", "double", "string"}),
    "date": frozenset({"date", "timestamp", "string"}),
    "timestamp": frozenset({"timestamp", "date"}),
}
# The same of try_cast.
TRY_CASTS: dict[str, frozenset[str]] = {
    **CASTS,
    "bigint": CASTS["bigint"] | {"int"},
    "double": CASTS["double"] | {"int", "bigint"},
    "string": CASTS["string"] | {"int", "bigint"},
}

FAR_DAYS = "days before 1678 and after 2261, such as 9999-12-31"
# Function -> (what differs, what to write instead).
OTHERWISE: dict[str, tuple[str, str]] = {
    "weekday": ("numbers the days differently", "use dayofweek: 1 is Sunday, 7 is Saturday"),
    "round": ("with digits rounds some halves differently, such as 1.005", "use round(x), or leave it out"),
    "rint": ("rounds halves differently", "use round(x)"),
    "bround": ("is not proven", "use round(x)"),
    "percentile_approx": ("interpolates", "count or sum in a feature"),
    "get_json_object": (
        "writes numbers and nested documents differently",
        "name the path as physicalName of a column: issue.category",
    ),
    "json_array_length": (
        "also counts the keys of an object",
        "write CASE WHEN x LIKE '[%' THEN json_array_length(x) END",
    ),
    "to_json": ("writes decimals and timestamps differently", "put the text together with concat"),
    "initcap": ("splits words differently", "use upper or lower"),
    "isnan": ("is null where the value is null", "leave it out: numbers are never NaN here"),
    "trunc": (f"fails for {FAR_DAYS}", "use date_format(x, 'yyyy-MM') for a month, year(x) for a year"),
    "date_trunc": (f"fails for {FAR_DAYS}", "use cast(x as date), or date_format(x, 'yyyy-MM')"),
    "months_between": (f"fails for {FAR_DAYS}", "use date_diff(later, earlier) for days"),
    "timestampdiff": ("counts units that have only begun", "use date_diff for days"),
    "try_divide": ("fails for numbers of other types", "write a / nullif(b, 0)"),
    "try_add": ("fails for numbers of other types", "write cast(a as double) + b"),
    "try_subtract": ("fails for numbers of other types", "write cast(a as double) - b"),
    "try_multiply": ("fails for numbers of other types", "write cast(a as double) * b"),
    "try_to_date": ("is missing", "write cast(try_to_timestamp(x, 'dd.MM.yyyy') as date)"),
    "to_date": ("of text raises", "write cast(try_to_timestamp(x, 'dd.MM.yyyy') as date)"),
    "to_timestamp": ("raises", "write try_to_timestamp(x, 'dd.MM.yyyy HH:mm')"),
    "unix_timestamp": ("of text raises", "use date_diff for days"),
    "to_number": ("raises", "use regexp_replace and try_cast"),
    "element_at": ("raises", "use get(list, 0); its first element is 0"),
    "nvl2": ("makes text of numbers", "write CASE WHEN x IS NOT NULL THEN a ELSE b END"),
    "decode": ("takes two arguments only", "write CASE x WHEN a THEN b END"),
    "ln": ("differs in the last bits", "leave the logarithm out; models need none"),
    "log": ("differs in the last bits", "leave the logarithm out; models need none"),
    "log2": ("differs in the last bits", "leave the logarithm out; models need none"),
    "log10": ("differs in the last bits", "leave the logarithm out; models need none"),
    "log1p": ("differs in the last bits", "leave the logarithm out; models need none"),
    "exp": ("may differ in the last bits", "leave it out; models need none"),
    "power": ("may differ in the last bits", "write x * x"),
    "pow": ("may differ in the last bits", "write x * x"),
    "cbrt": ("differs in the last bits", "use sqrt"),
    "from_json": (
        "reads documents of another form differently",
        "write CASE WHEN x LIKE '[{%' THEN from_json(x, 'array<struct<...>>') END",
    ),
    "aggregate": ("is not proven for these", "add numbers as double: aggregate(list, 0D, (s, x) -> s + x)"),
    "reduce": ("is not proven", "use aggregate"),
}
