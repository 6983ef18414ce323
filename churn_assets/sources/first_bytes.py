"""What kind of file some first bytes belong to, and whether a contract expects that kind.

Exports go wrong in a few usual ways: a login page in place of the file, a pointer of Git LFS, a workbook under the name
of a CSV file. A reader of rows would only find broken rows in them.
"""

import codecs
import re
from dataclasses import dataclass
from typing import Literal

from churn_assets.contracts.odcs import FileFormat
from churn_assets.inference.encodings import wide_encoding

HEAD = 4096  # bytes; enough to tell every kind
# A text with more characters that no text has is binary data. A few of them are a value that went wrong.
CONTROL_SHARE, CONTROLS = 0.05, 8

KindName = Literal[
    "empty",
    "parquet",
    "gz",
    "zst",
    "workbook",
    "archive",
    "binary",
    "pdf",
    "wide text",
    "narrow text",
    "web page",
    "xml",
    "pointer",
    "address",
    "json lines",
    "json document",
    "text",
]


@dataclass(frozen=True)
class FileKind:
    """A kind of file.

    Attributes:
        name: for programs.
        words: for messages, with the article.
        remedy: a sentence for somebody who expected another kind.
        encoding: of a text with several bytes per character; None for other kinds.
    """

    name: KindName
    words: str
    remedy: str
    encoding: str | None = None


EMPTY = FileKind("empty", "an empty file", "Deliver it again.")
TEXT = FileKind("text", "a text", "Correct `format` in the contract's server, or the name of the file.")
PARQUET_MARK = b"PAR1"  # at both ends of a file
PARQUET = FileKind(
    "parquet", "a Parquet file", "Name it *.parquet, and declare `format: parquet` in the contract's server."
)
WORKBOOK = FileKind("workbook", "an Excel workbook", "Save its sheet as CSV in UTF-8, and deliver that.")
ZIP = FileKind("archive", "a zip archive", "Unpack it, and deliver the file inside.")
COMPRESSED = "End its name with .{0}, or declare `compression: {0}` in the contract's server."
UNPACK = "Unpack it, and deliver the file inside; .gz and .zst are read as they are."
SIGNATURES = (
    (PARQUET_MARK, PARQUET),
    (b"PARE", FileKind("parquet", "an encrypted Parquet file", "Deliver it without encryption.")),
    (b"\x1f\x8b", FileKind("gz", "compressed with gzip", COMPRESSED.format("gz"))),
    (b"\x28\xb5\x2f\xfd", FileKind("zst", "compressed with zstd", COMPRESSED.format("zst"))),
    (b"BZh", FileKind("archive", "compressed with bzip2", UNPACK)),
    (b"\xfd7zXZ\0", FileKind("archive", "compressed with xz", UNPACK)),
    (b"\x04\x22\x4d\x18", FileKind("archive", "compressed with lz4", UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", FileKind("archive", "a 7-Zip archive", UNPACK)),
    (b"Rar!\x1a", FileKind("archive", "a RAR archive", UNPACK)),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", WORKBOOK),
    (b"%PDF-", FileKind("pdf", "a PDF document", "Deliver the data that it was made of.")),
    (
        b"SQLite format 3\0",
        FileKind(
            "binary",
            "an SQLite database",
            "Export its table, or give its address: sqlite:////folder/file.db.",
        ),
    ),
    (b"Obj\x01", FileKind("binary", "an Avro file", "Deliver CSV, JSON lines or Parquet.")),
    (b"ORC\x03", FileKind("binary", "an ORC file", "Deliver CSV, JSON lines or Parquet.")),
    (b"ARROW1", FileKind("binary", "an Arrow file", "Deliver CSV, JSON lines or Parquet.")),
)
PAGE = FileKind(
    "web page",
    "a web page (HTML)",
    "A login or an error page was saved in its place: download the file again.",
)
XML = FileKind("xml", "an XML document", "Deliver CSV, JSON lines or Parquet.")
LFS = FileKind(
    "pointer", "a pointer of Git LFS", "Run `git lfs pull` where it comes from, and deliver the file itself."
)
ANNEX = FileKind(
    "pointer",
    "a pointer of git-annex",
    "Run `git annex get` where it comes from, and deliver the file itself.",
)
ADDRESS = FileKind("address", "the address of a file", "Download what it points to, and deliver that.")
PAGE_TAGS = r"(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|meta|title|script)\b"
TEXTS = (
    (re.compile(PAGE_TAGS, re.IGNORECASE | re.DOTALL), PAGE),
    (re.compile(r"<\?xml\b.*<html\b", re.IGNORECASE | re.DOTALL), PAGE),
    (re.compile(r"<(?:\?xml\s|error>|soap)", re.IGNORECASE), XML),
    (re.compile(r"version https://git-lfs\.github\.com/"), LFS),
    (re.compile(r"\S*/annex/objects/\S*$", re.MULTILINE), ANNEX),
    (re.compile(r"(?:[a-z][a-z0-9+.-]+://\S+(?:\s+|\Z))+\Z|\[InternetShortcut\]", re.IGNORECASE), ADDRESS),
)
ONE_LINE = "Deliver JSON lines, one object a line, as *.jsonl."
LINES = FileKind(
    "json lines", "JSON lines", "Name it *.jsonl, and declare `format: jsonl` in the contract's server."
)
ARRAY = FileKind("json document", "a JSON array", ONE_LINE)
DOCUMENT = FileKind("json document", "a JSON document over several lines", ONE_LINE)
WIDE = "Declare `encoding: {0}` in the contract's server, or deliver UTF-8."
NARROW = FileKind(
    "narrow text",
    "a text with one byte a character",
    "Correct `encoding` in the contract's server: the file may be UTF-8.",
)
# Control characters without those that separate lines, columns or values somewhere: tab, line ends, ^A, ^B, \x1b-\x1f.
CONTROL = re.compile("[\0\x03-\x08\x0e-\x1a]")


def kind_of(head: bytes, encoding: str = "UTF-8") -> FileKind:
    """The kind of a file by its first HEAD bytes (all of a shorter file); TEXT when they look like text without a mark.

    `encoding` is the expected one of a text; a text with several bytes per character is recognised in any case.
    """
    if not head:
        return EMPTY
    for signature, kind in SIGNATURES:
        if head.startswith(signature):
            return kind
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        inside = (b"[Content_Types].xml", b"xl/", b"opendocument.spreadsheet")
        return WORKBOOK if any(name in head for name in inside) else ZIP
    if head[257:262] == b"ustar":
        return FileKind("archive", "a tar archive", UNPACK)
    wide = wide_encoding(head)
    text = head.decode(wide or encoding, "replace").lstrip("\ufeff \t\r\n")
    for pattern, kind in TEXTS:
        if pattern.match(text):
            return kind
    if wide:
        return FileKind("wide text", f"a text in {wide}", WIDE.format(wide), wide)
    if len(CONTROL.findall(text)) > max(CONTROL_SHARE * len(text), CONTROLS):
        return FileKind("binary", "binary data", "Deliver CSV, JSON lines or Parquet.")
    return _json_kind(text) or TEXT


def unexpected(head: bytes, file_format: FileFormat, encoding: str) -> FileKind | None:
    """The kind of a file that is not what its contract says; None for a file that may be read.

    `head` is what remains after decompression. An empty file is left to the readers.
    """
    kind = kind_of(head, encoding)
    if kind.name == "empty":
        return None
    if file_format == "parquet":
        return None if kind is PARQUET else kind
    if kind.name == "wide text":
        return None if _decodes(head, str(kind.encoding), encoding) else kind
    if is_wide(encoding):
        return NARROW if kind in (TEXT, LINES) and b"\0" not in head else None if kind is TEXT else kind
    if file_format == "jsonl" and kind is LINES:
        return None
    return None if kind is TEXT else kind


def is_wide(encoding: str) -> bool:
    """Whether every character of the encoding has two or four bytes."""
    return codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))


def _decodes(head: bytes, found: str, encoding: str) -> bool:
    """Whether a text found to be UTF-16 or UTF-32 is one in this encoding."""
    expected, found = codecs.lookup(encoding).name, codecs.lookup(found).name
    if expected == found or not expected.startswith(
        found
    ):  # without a byte order mark, `found` names the order
        return expected == found
    little = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF32_LE))
    return expected.endswith("-le" if little else "-be")


def _json_kind(text: str) -> FileKind | None:
    """The kind of a JSON text; None for another text."""
    line = text.partition("\n")[0].rstrip()
    if line == "{":
        return DOCUMENT
    if re.match(r'\{\s*["}]', line):
        return LINES
    return ARRAY if re.match(r"\[\s*(?:\{|\Z)", line) else None
