"""Parses an expression into a tree of sqlglot in which each function keeps the name that was written."""

import logging
import re
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.spark import Spark
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.parsers.spark import SparkParser

_PART = re.compile(
    r"(?P<name>`(?:``|[^`])*`)|(?P<comment>--|/\*)|(?P<raw>\b[rR](?=['\"]))?"
    r"(?P<text>'(?:\\.|''|[^'\\])*'|\"(?:\\.|\"\"|[^\"\\])*\")",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)|''|\"\"", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_NOT_OF_BOTH = re.compile(r"!(?!=)|\|\|[^()|]*[+-]|[+-][^()|]*\|\|")
MARK = "literal "  # and its number: what stands in the tree in place of a literal


class UnreadableSqlError(ValueError):
    """The expression cannot be read here; Spark may be able to."""


def parse(sql: str) -> tuple[exp.Expr, list[str]]:
    """Returns the tree of an expression, and the texts of its string literals.

    In the tree, `literal 0` stands for the first text, and so on: sqlglot reads some escapes other than Spark does.

    Raises:
        UnreadableSqlError: says why it cannot be read.
    """
    texts: list[str] = []

    def numbered(found: "re.Match[str]") -> str:
        if found["name"]:
            return found[0]
        if found["comment"]:
            raise UnreadableSqlError("it has a comment")
        if found["raw"]:
            raise UnreadableSqlError("it has a raw string")
        texts.append(_unescaped(found["text"]))
        return f"'{MARK}{len(texts) - 1}'"

    plain = _PART.sub(numbered, sql)
    if found := _NOT_OF_BOTH.search(_PART.sub("''", plain)):
        raise UnreadableSqlError(
            "`!` has another precedence than `not`" if found[0] == "!" else "`||` stands beside `+` or `-`"
        )
    try:
        tree = sqlglot.parse_one(plain, dialect=_PlainSpark)
    except (SqlglotError, RecursionError) as error:
        raise UnreadableSqlError("the parser does not know its syntax") from error
    return tree, texts


def why_unparsed(sql: str) -> str | None:
    """Why SQL is no expression of Spark, with the word at which its parser stops; None if it is one.

    More is accepted than `parse` reads: comments and functions with words between their arguments, for example.
    """
    log = logging.getLogger("sqlglot")
    before, log.disabled = log.disabled, True  # it warns of statements that it does not know
    try:
        tree = sqlglot.parse_one(sql, dialect="spark")
    except ParseError as error:
        word = error.errors[0].get("highlight") if error.errors else None
        return f"it cannot be parsed at `{word}`" if word else "it cannot be parsed"
    except (SqlglotError, RecursionError):
        return "it cannot be parsed"
    finally:
        log.disabled = before
    return None if isinstance(tree, exp.Condition) else "it is no single expression"


def _unescaped(literal: str) -> str:
    """Returns the text of a string literal; raises for an escape that is read in several ways."""

    def plain(found: "re.Match[str]") -> str:
        if found[1] is None:
            if found[0][0] != literal[0]:
                return found[0]
            raise UnreadableSqlError("a quote is doubled inside of a string; write \\' or \\\"")
        if found[1] not in _ESCAPED:
            raise UnreadableSqlError(f"a string has the escape {found[0]}; for a backslash write \\\\")
        return _ESCAPED[found[1]]

    return _ESCAPE.sub(plain, literal[1:-1])


class _PlainParser(SparkParser):
    FUNCTIONS: ClassVar[dict[str, Any]] = {}
    FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
        name: SparkParser.FUNCTION_PARSERS[name] for name in ("CAST", "TRY_CAST", "EXTRACT")
    }
    NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}
    NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
        name: SparkParser.NO_PAREN_FUNCTION_PARSERS[name] for name in ("CASE", "IF")
    }


class _PlainSpark(Spark):
    """Spark's dialect without the functions that sqlglot would rename."""

    Parser = _PlainParser
