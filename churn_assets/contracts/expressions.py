"""SQL that a contract or churn.yaml holds, as far as it can be judged without Spark, which will compute it."""

import difflib
import re
from collections.abc import Collection

# What two runs over the same extracts would not compute alike; in backticks it is a column.
_OF_THE_RUN = re.compile(
    r"(?<!`)\b(?:current_(?:date|time|timestamp|user)\b|localtime(?:stamp)?\b"
    r"|(?:now|curdate|randn?|random|uuid|shuffle|monotonically_increasing_id|spark_partition_id|input_file_name"
    r"|user|session_user)\s*\(|unix_timestamp\s*\(\s*\))",
    re.IGNORECASE,
)
_LITERAL = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
# Words of SQL hold no underscore, names of functions end in a bracket, names of fields follow a point.
_NAME = re.compile(r"(?<![\w.`])`?([A-Za-z]\w*_\w*)`?(?!\w)(?!\s*\()")


def wrong_expression(sql: str, names: Collection[str] | None = None) -> str | None:
    """What is wrong with an expression, in words with the remedy; None when nothing is.

    Args:
        sql: an expression or a condition.
        names: all that it may read; None: not to be judged.
    """
    plain = _LITERAL.sub("''", sql)
    if found := _OF_THE_RUN.search(plain):
        word = found[0].rstrip("( )").lower()
        return (
            f"{word} differs from run to run, and a month computed again must come out the same; take it out: what "
            "is older than something, an aggregate like recency tells"
        )
    if names is None:
        return None
    known = {name.lower() for name in names}
    for name in _NAME.findall(plain):
        if name.lower() not in known:
            near = difflib.get_close_matches(name, names, 1)
            return f"there is no {name} to read" + (f"; {near[0]} is meant, perhaps" if near else "")
    return None
