"""The usual notations of days, times and months, in the letters of strptime and in those of Spark."""

# If day and month are ambiguous, the first format that fits is used.
DAY_FORMATS = (
    ("%Y/%m/%d", "year/month/day"),
    ("%Y%m%d", "yearmonthday"),
    ("%d.%m.%Y", "day.month.year"),
    ("%d.%m.%y", "day.month.year"),
    ("%m/%d/%Y", "month/day/year"),
    ("%d/%m/%Y", "day/month/year"),
    ("%m/%d/%y", "month/day/year"),
    ("%d/%m/%y", "day/month/year"),
    ("%d-%m-%Y", "day-month-year"),
    ("%m-%d-%Y", "month-day-year"),
    ("%d-%b-%Y", "day-month-year"),
    ("%d-%b-%y", "day-month-year"),
    ("%d %b %Y", "day month year"),
    ("%d %B %Y", "day month year"),
    ("%b %d, %Y", "month day, year"),
    ("%B %d, %Y", "month day, year"),
)
TIME_FORMATS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
MONTH_FORMATS = (
    ("%m/%Y", "month/year"),
    ("%m-%Y", "month-year"),
    ("%b %Y", "month year"),
    ("%B %Y", "month year"),
    ("%b-%Y", "month-year"),
    ("%b-%y", "month-year"),
)
_SPARK = {
    "%Y": "yyyy", "%y": "yy", "%m": "MM", "%d": "dd", "%b": "MMM", "%B": "MMMM",
    "%H": "HH", "%I": "hh", "%M": "mm", "%S": "ss", "%p": "a",
}  # fmt: skip


def in_spark_letters(form: str) -> str:
    """Returns a format of strptime in the letters that a contract uses."""
    for letters, spark in _SPARK.items():
        form = form.replace(letters, spark)
    return form


def without_zeros(pattern: str) -> str:
    """Returns the format, in Spark's letters, for days and months without leading zeros."""
    pattern = pattern.replace("dd", "d")
    return pattern if "MMM" in pattern else pattern.replace("MM", "M")
